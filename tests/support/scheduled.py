"""Processes of a deployment as its scheduler sees them: schedules, a clock, and a queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from support.memory_queue import MemoryQueue
from trueup.bootstrap import App
from trueup.clock import SystemClock
from trueup.deployment import Deployment
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome
from trueup.domain.schedule import Schedule
from trueup.settings import Settings, load

BERLIN = "Europe/Berlin"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = Schedule("nightly", JobKind.SYNC, "0 2 * * *", BERLIN)


@dataclass
class Watch(SystemClock):
    """A clock that a test sets."""

    shows: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.shows


class SharedQueue(MemoryQueue):
    """The queue in memory, as several processes see it."""

    def slots(self) -> list[str]:
        """Every slot that was asked for, in that order."""
        return [job.request.slot for job in self.jobs.values()]


class Way:
    """One process's way to a queue."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def settings_of(url: str, *schedules: Schedule) -> Settings:
    """Settings with these schedules, or with the nightly one."""
    found = load(environment={"DATABASE_URL": url}, use_file=False)
    return replace(found, schedules=schedules or (NIGHTLY,))


@contextmanager
def deployed(
    queue: str | Any, clock: Watch, *schedules: Schedule, workspaces: Sequence[str] = ("default",)
) -> Iterator[Deployment]:
    """A process that has just started; `queue` is one, or the URL of the home database."""
    settings = settings_of(queue if isinstance(queue, str) else "", *schedules)
    with ExitStack() as stack:
        opened = Deployment(App(settings, stack, clock=clock), dict.fromkeys(workspaces, settings))
        if not isinstance(queue, str):
            opened.__dict__["queue"] = Way(queue)
        yield opened


def slots(jobs: Sequence[Job]) -> list[str]:
    return [job.request.slot for job in jobs]


def end_all(deployment: Deployment) -> None:
    """A worker does what waits."""
    for job in deployment.queue.open_jobs():
        claimed = deployment.queue.claim(job.job_id, "a worker")
        assert claimed is not None
        assert deployment.queue.finish(claimed, JobOutcome(Ending.SUCCEEDED))
