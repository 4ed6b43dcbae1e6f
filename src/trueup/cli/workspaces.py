"""`trueup workspaces`: which there are, and how each stands."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from trueup.cli import output
from trueup.cli.selectors import Json
from trueup.domain.errors import TrueupError
from trueup.domain.schedule import NIGHTLY, Schedule
from trueup.views.times import local

if TYPE_CHECKING:
    from trueup.domain.runs import Run
    from trueup.settings import Settings

_AT_ONCE = 8  # databases that are asked at the same time: one that is down takes its time


@dataclass(frozen=True, slots=True)
class Standing:
    """A workspace as it is now; `trouble` says why its database tells nothing."""

    settings: Settings
    database: str
    schedule: Schedule
    next_run: datetime | None
    last_run: Run | None = None
    trouble: str = ""


def workspaces(*, json: Json = False) -> int:
    """List the workspaces: organisation, database, schedule, next run, last run.

    A workspace is a catalogue with its ledger in a database of its own, an
    organisation at Zoho, schedules and a mapping. Without any in trueup.toml
    there is one, `default`. Ends with 0, also when a database is down.

    For example:
      trueup workspaces
      trueup workspaces --json | jq '.workspaces[] | select(.trouble != null)'
      trueup run --workspace acme
    """
    from trueup.settings import chosen, load, load_all

    named = chosen()
    known = [load()] if named is not None else list(load_all()[1].values())
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        standings = list(threads.map(_standing, known))
    if json:
        output.print_json({"workspaces": [_document(standing) for standing in standings]})
    else:
        _show(standings)
    return 0


def _standing(settings: Settings) -> Standing:
    from trueup.bootstrap import clock_of
    from trueup.planner.schedule import next_occurrences
    from trueup.postgres.addresses import address_of
    from trueup.settings.workspaces import embedded_database

    database = address_of(settings.database_url)
    database = database or f"embedded/{embedded_database(settings.workspace)}"
    nightly = next(schedule for schedule in settings.schedules if schedule.name == NIGHTLY)
    coming = next_occurrences(nightly, clock_of(settings).now(), 1)
    found = Standing(settings, database, nightly, coming[0].at if coming else None)
    try:
        return replace(found, last_run=_last_run(settings))
    except TrueupError as error:
        return replace(found, trouble=error.message)


def _last_run(settings: Settings) -> Run | None:
    from trueup.bootstrap import open_app
    from trueup.postgres.migrate import require_current
    from trueup.postgres.pool import connect
    from trueup.postgres.reports import last_runs

    with open_app(settings) as app, connect(app.database_url) as connection:
        require_current(connection)
        return next(iter(last_runs(connection, 1)), None)


def _document(standing: Standing) -> dict[str, Any]:
    settings, run = standing.settings, standing.last_run
    zone = ZoneInfo(standing.schedule.zone)
    return {
        "workspace": settings.workspace,
        "organisation": settings.org_id or None,
        "region": settings.region,
        "database": standing.database,
        "schedule": standing.schedule.cron,
        "time_zone": standing.schedule.zone,
        "next_run": standing.next_run and standing.next_run.astimezone(zone),
        "last_run": None
        if run is None
        else {
            "run_id": run.run_id,
            "state": run.state.value,
            "started_at": run.started_at.astimezone(zone),
        },
        "trouble": standing.trouble or None,
    }


def _show(standings: Sequence[Standing]) -> None:
    columns = ("workspace", "organisation", "database", "schedule", "next run", "last run", "state")
    rows = []
    for standing in standings:
        settings, run = standing.settings, standing.last_run
        zone = standing.schedule.zone
        rows.append(
            (
                settings.workspace,
                f"{settings.org_id or '-'} ({settings.region})",
                standing.database,
                f"{standing.schedule.cron} {zone}",
                local(standing.next_run, zone),
                local(run.started_at if run else None, zone),
                run.state.value if run else "-",
            )
        )
    output.table(columns, rows)
    for standing in standings:
        if standing.trouble:
            output.say(f"{standing.settings.workspace}: {standing.trouble}", "bold red")
