"""When each schedule is due, and what became of its last slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from trueup.domain.schedule import Occurrence, Schedule
from trueup.planner.schedule import next_occurrences
from trueup.views.documents import job_as_json
from trueup.views.times import BusinessTime

if TYPE_CHECKING:
    from trueup.domain.jobs import Job
    from trueup.postgres.reports import Reader

# By workspace and schedule the last slot, and those that wait or run.
Past = dict[tuple[str, str], tuple["Job | None", Sequence["Job"]]]


@dataclass(frozen=True, slots=True)
class Page:
    """One schedule: what comes, the last slot that is over, and those that wait or run."""

    workspace: str
    schedule: Schedule
    time: BusinessTime
    coming: Sequence[Occurrence]
    last: Job | None = None
    unfinished: Sequence[Job] = field(default=())


def page_of(
    workspace: str, one: Schedule, now: datetime, after: datetime, count: int, past: Past
) -> Page:
    """A schedule with so many of its occurrences after a moment."""
    coming = next_occurrences(one, after, count)
    last, unfinished = past.get((workspace, one.name), (None, ()))
    time = BusinessTime(ZoneInfo(one.zone), now)
    return Page(workspace, one, time, coming, last, unfinished)


def read_past(connection: Reader, shown: Iterable[tuple[str, Sequence[Schedule]]]) -> Past:
    """What is known of these schedules of workspaces; the connection is to the home database."""
    from trueup.postgres.slots import last_slots, open_slots

    found: Past = {}
    for workspace, schedules in shown:
        names = [one.name for one in schedules]
        last = last_slots(connection, workspace, names)
        unfinished = open_slots(connection, workspace, names)
        for name in names:
            mine = [job for job in unfinished if job.request.schedule == name]
            found[workspace, name] = last.get(name), mine
    return found


def schedule_as_json(page: Page) -> dict[str, Any]:
    """One schedule as a document, in its own zone."""
    one, time = page.schedule, page.time
    return {
        "workspace": page.workspace,
        "name": one.name,
        "job": one.kind.value,
        "cron": one.cron,
        "time_zone": one.zone,
        "next": [
            {
                "slot": coming.slot,
                "at": time.iso(coming.at),
                "utc": coming.at,
                "skipped": coming.shifted,
                "repeated": coming.repeated,
            }
            for coming in page.coming
        ],
        "last": job_as_json(page.last, time) if page.last else None,
        "open": [job_as_json(job, time) for job in page.unfinished],
    }
