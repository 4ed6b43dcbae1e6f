"""The facts that alerts are derived from: the workspace's own, and those of the queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection, sql

from trueup.domain.alert_facts import Ended, Facts, Failing, Held, Pause, Verified, Waiting
from trueup.domain.jobs import Ending, JobKind
from trueup.domain.runs import Trigger
from trueup.domain.schedule import NIGHTLY
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("alerts")
_DAY: Final = timedelta(hours=24)
# Runs over all that is due. The others are about some products, and say nothing about the whole.
_WHOLE: Final = [
    trigger.value for trigger in (Trigger.SCHEDULE, Trigger.CRON, Trigger.CLI, Trigger.BACKFILL)
]


def queue_facts(home: Connection[Any], now: datetime, workspace: str) -> Facts:
    """What the home database says of the workspace's jobs.

    Machines go by the database's clock, the company by `now`: what machines did is told by its age.
    """
    watched = {"workspace": workspace, "schedule": NIGHTLY}
    [since] = home.execute(_SQL["watched_since"], watched).fetchone() or (None,)
    jobs = home.execute(_SQL["jobs"], {"workspace": workspace}).fetchone() or (0, None, False)
    [workers] = home.execute(_SQL["workers"]).fetchone() or (0,)
    waiting, age, busy = jobs
    return Facts(
        now,
        watched_since=since,
        waiting=Waiting(waiting, now - _seconds(age)) if waiting else None,
        busy=busy,
        workers=workers,
    )


def with_workspace(
    facts: Facts, connection: Connection[Any], *, budget: str, failures_allowed: int
) -> Facts:
    """The same with what the workspace's own database says.

    `budget` is the name of its budget and its token there.
    """
    whole = {"triggers": _WHOLE}
    good = connection.execute(_SQL["good_at"], whole).fetchone()
    jobs = _last_jobs(connection)
    since = {"since": facts.now - _DAY, "allowed": failures_allowed}
    verified = connection.execute(_SQL["verified"]).fetchone()
    return replace(
        facts,
        last=_later(jobs.pop(JobKind.SYNC, None), _last_run(connection, whole)),
        others=jobs,
        good_at=good[0] if good else None,
        held=_held(connection, facts.now),
        pauses=tuple(_pauses(connection, facts.now, budget)),
        failing=tuple(Failing(*row) for row in connection.execute(_SQL["failing"], since)),
        verified=Verified(*verified) if verified else None,
    )


def _last_run(connection: Connection[Any], whole: Mapping[str, Any]) -> Ended | None:
    row = connection.execute(_SQL["last_run"], whole).fetchone()
    if row is None:
        return None
    state, at, error, run_id = row
    return Ended(Ending(state), at, error, run_id)


def _last_jobs(connection: Connection[Any]) -> dict[JobKind, Ended]:
    return {
        JobKind(kind): Ended(Ending(ending), *rest)
        for kind, ending, *rest in connection.execute(_SQL["last_jobs"])
    }


def _later(job: Ended | None, run: Ended | None) -> Ended | None:
    """The job knows more about its own run than the run does."""
    if job is None or run is None:
        return job or run
    return job if job.run_id == run.run_id or job.at >= run.at else run


def _held(connection: Connection[Any], now: datetime) -> Held | None:
    products, age = connection.execute(_SQL["held"], {"now": now}).fetchone() or (0, None)
    return Held(products, now - _seconds(age)) if products else None


def _pauses(connection: Connection[Any], now: datetime, budget: str) -> list[Pause]:
    rows = connection.execute(_SQL["pauses"], {"workspace": budget})
    return [
        Pause(target, now - _seconds(age), now + _seconds(left), why)
        for target, age, left, why in rows
    ]


def _seconds(number: float | None) -> timedelta:
    return timedelta(seconds=number or 0)
