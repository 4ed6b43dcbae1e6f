"""Whether everything that works by itself does: checks, budget, token, workers, schedules, jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from trueup.domain.alerts import Alert
from trueup.domain.jobs import Job
from trueup.domain.schedule import Occurrence, Schedule
from trueup.planner.schedule import next_occurrences
from trueup.views.checking import ask_here
from trueup.views.preflight import Findings

if TYPE_CHECKING:
    from trueup.deployment import Deployment
    from trueup.ports import BudgetUsage
    from trueup.postgres.tokens import TokenStatus
    from trueup.postgres.workers import WorkerSeen
    from trueup.views.desk import Desk

COMING = 5  # runs shown of each schedule
_RECENT = 10  # jobs that are over


@dataclass(frozen=True, slots=True)
class Coming:
    """A schedule, its next runs, and how its last one ended."""

    schedule: Schedule
    next: Sequence[Occurrence]
    last: Job | None


@dataclass(frozen=True, slots=True)
class Health:
    """All of it. `told` says when each alert was announced, by its key."""

    checks: Findings
    usage: BudgetUsage
    token: TokenStatus
    workers: Sequence[WorkerSeen]
    schedules: Sequence[Coming]
    open_jobs: Sequence[Job]
    recent: Sequence[Job]
    alerts: Sequence[Alert]
    told: dict[str, datetime]


def gather(desk: Desk, deployment: Deployment) -> Health:
    """Ask the databases; no request is sent to Zoho, and nothing is written."""
    from trueup.postgres import alerts
    from trueup.postgres.workers import Roster

    app, workspace = desk.app, desk.app.settings.workspace
    checks = Findings(lambda _: None)
    ask_here(app, checks)
    known = alerts.known(desk.connection).values()
    return Health(
        checks,
        app.budget.usage(),
        app.tokens.status(),
        Roster(deployment.home.pool).alive(),
        list(_schedules(desk, deployment)),
        deployment.queue.open_jobs(workspace),
        deployment.queue.recent(_RECENT, workspace),
        [one for one in known if one.closed_at is None],
        alerts.announced(desk.connection),
    )


def _schedules(desk: Desk, deployment: Deployment) -> Sequence[Coming]:
    from trueup.postgres.slots import last_slots

    settings = desk.app.settings
    names = [one.name for one in settings.schedules]
    with deployment.home.pool.connection() as connection:
        last = last_slots(connection, settings.workspace, names)
    return [
        Coming(one, next_occurrences(one, desk.time.now, COMING), last.get(one.name))
        for one in settings.schedules
    ]
