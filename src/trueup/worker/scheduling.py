"""Ask for what is due: every schedule of every workspace, looked at a few times a second.

Every worker does so, and none needs to know of another: a slot can be asked for once, ever. What
comes next is remembered in the process, so that a look at nothing costs no query.

After downtime the latest slot is asked for, and none before it. A schedule that is new, or written
otherwise than before, has missed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from trueup.deployment import Deployment
from trueup.domain.jobs import Job, JobKind, JobRequest, JobState, Priority
from trueup.domain.runs import Trigger
from trueup.domain.schedule import Occurrence, Schedule
from trueup.planner.schedule import latest_due, next_occurrences
from trueup.ports.queue import Queue

LOOK_EVERY = 0.25  # seconds; a simulated night may pass in one
_MOST_AT_ONCE = 100  # slots of one schedule that a simulated clock passed between two looks
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Followed:
    """A schedule whose slots up to `until` have been asked for; without `next_at` it is over."""

    schedule: Schedule
    until: datetime
    next_at: datetime | None


@dataclass(slots=True)
class Memory:
    """What this process knows of the schedules, by workspace and name, and when it last looked."""

    followed: dict[tuple[str, str], _Followed] = field(default_factory=dict)
    looked_at: datetime = _LONG_AGO


_MEMORIES: WeakKeyDictionary[Queue, Memory] = WeakKeyDictionary()


def ask_what_is_due(deployment: Deployment) -> list[Job]:
    """Write down a job for every slot that is due and that nobody asked for before."""
    memory = _MEMORIES.setdefault(deployment.queue, Memory())
    now = deployment.clock.now()
    if now < memory.looked_at:
        # The clock was set back. What is due from now on is found anew, and asked for once.
        memory.followed.clear()
    memory.looked_at = now
    asked: list[Job] = []
    for workspace, settings in deployment.workspaces.items():
        for schedule in settings.schedules:
            asked += _look(deployment, memory, workspace, schedule)
    return asked


def look_at_schedules(deployment: Deployment) -> None:
    """The chore of a worker."""
    ask_what_is_due(deployment)


def _look(deployment: Deployment, memory: Memory, workspace: str, schedule: Schedule) -> list[Job]:
    now, key = memory.looked_at, (workspace, schedule.name)
    known = memory.followed.get(key)
    if known is not None and known.schedule == schedule:
        if known.next_at is None or now < known.next_at:
            return []
        slots = _passed(deployment, schedule, known.until, now)
    else:
        since = deployment.queue.since(workspace, schedule.name, schedule.cron, schedule.zone, now)
        # A clock that was once ahead may have written down a time that is still to come: since then
        # nothing was missed, and what is due from now on is asked for.
        slots = _latest(schedule, since, now)
    jobs = [_ask(deployment.queue, workspace, schedule, slot) for slot in slots]
    # Only now: where the database did not answer, the next look asks again.
    until = slots[-1].at if slots else now
    coming = next_occurrences(schedule, until, 1)
    memory.followed[key] = _Followed(schedule, until, coming[0].at if coming else None)
    return [job for job in jobs if job is not None]


def _passed(
    deployment: Deployment, schedule: Schedule, until: datetime, now: datetime
) -> Sequence[Occurrence]:
    """The slots to ask for after those up to `until`: the latest; of a simulated clock, all.

    A simulated clock passes several nights in a moment in which nothing was down.
    """
    if deployment.clock.simulation is None:
        return _latest(schedule, until, now)
    return [o for o in next_occurrences(schedule, until, _MOST_AT_ONCE) if o.at <= now]


def _latest(schedule: Schedule, since: datetime, now: datetime) -> Sequence[Occurrence]:
    found = latest_due(schedule, since, now)
    return [] if found is None else [found]


def _ask(queue: Queue, workspace: str, schedule: Schedule, slot: Occurrence) -> Job | None:
    """None when the slot was asked for before, or an earlier one of its date still waits."""
    if any(_will_do(job, schedule, slot) for job in queue.open_jobs(workspace)):
        return None
    idle = schedule.kind is JobKind.PRUNE
    request = JobRequest(
        workspace,
        schedule.kind,
        Trigger.SCHEDULE,
        Priority.HOUSEKEEPING if idle else Priority.SCHEDULE,
        schedule=schedule.name,
        slot=slot.slot,
        planned_at=slot.at,
    )
    return queue.ask(request)


def _will_do(job: Job, schedule: Schedule, slot: Occurrence) -> bool:
    """Whether a job that has not begun will find all that this slot would find.

    So an hourly job that takes two hours does not pile up; each date keeps a slot of its own.
    """
    asked = job.request
    return (
        job.state is JobState.WAITING
        and asked.schedule == schedule.name
        and asked.slot[:10] == slot.slot[:10]
    )
