"""`trueup schedule`: when what is due, in the company's own time; and how the last slots went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import Json, at_least_one, whole
from trueup.domain.errors import TrueupError, UsageError
from trueup.domain.jobs import JobState
from trueup.domain.schedule import Occurrence, Schedule
from trueup.views.schedules import Page, Past, page_of, read_past, schedule_as_json
from trueup.views.times import BusinessTime

if TYPE_CHECKING:
    from trueup.domain.jobs import Job
    from trueup.settings import Settings

_COUNT = 5
_MOST = 1000

Count = Annotated[
    int,
    Parameter(
        name="--count",
        converter=whole,
        validator=at_least_one,
        help="Show so many of each schedule.",
    ),
]
After = Annotated[
    str | None,
    Parameter(
        name="--after",
        help="Show those after this local date or time, such as 2026-10-24, instead of after now.",
    ),
]


def schedule(*, count: Count = _COUNT, after: After = None, json: Json = False) -> None:
    """When each schedule is due next, in local time and UTC, and how its last slot ended.

    A local time that the clocks skip happens at the first instant after it,
    one that they show twice happens the first time. Without a database the
    coming ones are shown all the same.

    For example:
      trueup schedule
      trueup schedule --count 3 --after 2026-10-24
      trueup schedule --json | jq '.schedules[] | {name, next: .next[0].at}'
    """
    from trueup.bootstrap import clock_of
    from trueup.settings import chosen, load, load_all

    home, known = load_all()
    shown = [load()] if chosen() is not None else list(known.values())
    now = clock_of(home).now()
    past, trouble = _past(home, shown)
    pages = [
        page_of(settings.workspace, one, now, _begin(after, one, now), min(count, _MOST), past)
        for settings in shown
        for one in settings.schedules
    ]
    if json:
        output.print_json(
            {
                "now": now,
                "trouble": trouble,
                "schedules": [schedule_as_json(page) for page in pages],
            }
        )
        return
    for page in pages:
        _show(page, named=len(known) > 1)
    if trouble:
        output.say()
        output.say(f"How the last ones went is not known: {trouble}", "yellow")


def _begin(after: str | None, one: Schedule, now: datetime) -> datetime:
    if after is None:
        return now
    try:
        given = datetime.fromisoformat(after)
    except ValueError:
        raise UsageError(
            f"--after: expected a date or time such as 2026-10-24T18:00, not {after!r}"
        ) from None
    return given if given.tzinfo else given.replace(tzinfo=ZoneInfo(one.zone))


# --- what became of the slots before --------------------------------------------------------------


def _past(home: Settings, shown: Sequence[Settings]) -> tuple[Past, str | None]:
    """By workspace and schedule the last slot and the open ones; or why nothing is known."""
    from trueup.bootstrap import open_app
    from trueup.postgres.embedded_paths import Layout
    from trueup.postgres.migrate import require_current
    from trueup.postgres.pool import connect

    if not home.database_url and not Layout.of(home.data_dir).cluster.exists():
        return {}, "there is no database yet"
    try:
        with open_app(home, person=True) as app, connect(app.database_url) as connection:
            require_current(connection)
            return read_past(connection, ((one.workspace, one.schedules) for one in shown)), None
    except TrueupError as error:
        return {}, error.message


# --- for people ------------------------------------------------------------------


def _show(page: Page, *, named: bool) -> None:
    one, time = page.schedule, page.time
    of = f" of {page.workspace}" if named else ""
    output.heading(f"{one.name}{of}: {one.kind.value} at `{one.cron}`, {one.zone}")
    rows = [
        (_local(coming, time), f"{coming.at:%Y-%m-%d %H:%M}", time.ago(coming.at), _words(coming))
        for coming in page.coming
    ]
    output.table(("next", "UTC", "", ""), rows, empty="never: no such date in the next 50 years")
    if page.last is not None:
        output.say(f"last: {_ended(page.last, time)}", "dim")
    for job in page.unfinished:
        state = "runs" if job.state is JobState.RUNNING else "waits for a worker"
        output.say(f"{job.request.slot} {state}, job {job.job_id}", "cyan")


def _local(coming: Occurrence, time: BusinessTime) -> str:
    there = coming.at.astimezone(time.zone)
    offset = f"{there:%z}"
    return f"{there:%a %Y-%m-%d %H:%M} {offset[:3]}:{offset[3:5]}"


def _words(coming: Occurrence) -> str:
    clock = coming.slot.partition("T")[2]
    if coming.shifted:
        return f"! the clocks skip {clock}: the first instant after"
    return f"! the clocks show {clock} twice: the first time" if coming.repeated else ""


def _ended(job: Job, time: BusinessTime) -> str:
    parts = [f"{job.request.slot} {job.ending.value if job.ending else ''}"]
    if job.finished_at is not None:
        parts.append(f"ended {time.at(job.finished_at)}")
    parts.append(job.run_id or f"job {job.job_id}")
    if job.message:
        parts.append(job.message)
    return ", ".join(parts)
