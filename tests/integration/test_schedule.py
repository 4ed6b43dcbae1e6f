"""Slots become jobs: each once, whoever looks, however often, whatever the clock does."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from trueup.bootstrap import App
from trueup.clock import Simulation, SystemClock
from trueup.deployment import Deployment
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome, Priority
from trueup.domain.runs import Trigger
from trueup.domain.schedule import Schedule
from trueup.settings import Settings, load
from trueup.worker.scheduling import ask_what_is_due

BERLIN = "Europe/Berlin"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = Schedule("nightly", JobKind.SYNC, "0 2 * * *", BERLIN)


@dataclass
class Watch(SystemClock):
    """A clock that a test sets."""

    shows: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.shows


class Counted:
    """The queue, counting calls; the next `failing` ones do not arrive."""

    def __init__(self, queue: Any) -> None:
        self._queue, self.calls, self.failing = queue, 0, 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        if self.failing:
            self.failing -= 1
            raise psycopg.OperationalError("the connection is lost")
        return getattr(self._queue, name)


def settings_of(url: str, *schedules: Schedule) -> Settings:
    found = load(environment={"DATABASE_URL": url}, use_file=False)
    return replace(found, schedules=schedules or (NIGHTLY,))


@contextmanager
def deployed(
    url: str, *schedules: Schedule, clock: SystemClock | None = None, workspaces: Sequence[str] = ()
) -> Iterator[Deployment]:
    """A process of a deployment, seen by its scheduler."""
    settings = settings_of(url, *schedules)
    known = dict.fromkeys(workspaces or ("default",), settings)
    with ExitStack() as stack:
        yield Deployment(App(settings, stack, clock=clock or Watch()), known)


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture
def deployment(database_url: str, clock: Watch) -> Iterator[Deployment]:
    with deployed(database_url, clock=clock) as opened:
        yield opened


def slots(jobs: Sequence[Job]) -> list[str]:
    return [job.request.slot for job in jobs]


def all_slots(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select slot from trueup.job order by job_id").fetchall()
    return [slot for (slot,) in rows]


def end_all(deployment: Deployment) -> None:
    """A worker does what waits."""
    for job in deployment.queue.open_jobs():
        claimed = deployment.queue.claim(job.job_id, "a worker")
        assert claimed is not None
        assert deployment.queue.finish(claimed, JobOutcome(Ending.SUCCEEDED))


def test_a_slot_is_asked_for_when_it_is_due_and_never_again(
    deployment: Deployment, clock: Watch, database_url: str
) -> None:
    assert ask_what_is_due(deployment) == []  # of the past nothing was missed
    clock.shows = datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC)
    assert ask_what_is_due(deployment) == []
    clock.shows += timedelta(seconds=1)
    [job] = ask_what_is_due(deployment)
    asked = job.request
    assert (asked.workspace, asked.kind, asked.trigger) == (
        "default",
        JobKind.SYNC,
        Trigger.SCHEDULE,
    )
    assert (asked.schedule, asked.slot) == ("nightly", "2026-06-02T02:00")
    assert (asked.planned_at, asked.priority) == (clock.shows, Priority.SCHEDULE)
    # Looked at again: by this process, by a second one, and when the job is done.
    assert ask_what_is_due(deployment) == []
    with deployed(database_url, clock=clock) as other:
        assert ask_what_is_due(other) == []
        end_all(other)
    with deployed(database_url, clock=clock) as restarted:
        assert ask_what_is_due(restarted) == []


def test_a_look_at_nothing_asks_the_database_nothing(deployment: Deployment, clock: Watch) -> None:
    ask_what_is_due(deployment)
    counted = Counted(deployment.queue)
    deployment.__dict__["queue"] = counted
    ask_what_is_due(deployment)
    before = counted.calls
    for _ in range(1000):
        clock.shows += timedelta(seconds=30)
        ask_what_is_due(deployment)
    assert counted.calls == before
    clock.shows += 12 * HOUR
    assert len(ask_what_is_due(deployment)) == 1
    assert counted.calls > before


def test_processes_that_look_at_one_instant_ask_once(database_url: str, clock: Watch) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(deployed(database_url, clock=clock)) for _ in range(4)]
        for one in processes:
            ask_what_is_due(one)
        clock.shows += DAY
        with ThreadPoolExecutor(4) as threads:
            asked = [job for jobs in threads.map(ask_what_is_due, processes) for job in jobs]
    assert slots(asked) == ["2026-06-02T02:00"] == all_slots(database_url)


def test_after_downtime_the_latest_slot_and_none_before_it(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    ask_what_is_due(deployment)
    clock.shows += DAY
    ask_what_is_due(deployment)
    end_all(deployment)
    clock.shows += 200 * DAY
    with deployed(database_url, clock=clock) as restarted:
        assert slots(ask_what_is_due(restarted)) == ["2026-12-19T02:00"]
        end_all(restarted)
        assert ask_what_is_due(restarted) == []
    # So does a machine that was only asleep.
    assert slots(ask_what_is_due(deployment)) == []
    clock.shows += 9 * DAY
    assert slots(ask_what_is_due(deployment)) == ["2026-12-28T02:00"]


def test_a_process_may_learn_of_another_schedule(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    ask_what_is_due(deployment)
    early = replace(NIGHTLY, cron="0 23 * * *")
    deployment.workspaces = {"default": settings_of(database_url, early)}
    clock.shows += 11 * HOUR  # 01:00 in Berlin
    assert ask_what_is_due(deployment) == []
    clock.shows += 2 * HOUR
    assert ask_what_is_due(deployment) == []
    clock.shows += 20 * HOUR
    assert slots(ask_what_is_due(deployment)) == ["2026-06-02T23:00"]


def test_a_schedule_that_is_written_otherwise_has_missed_nothing(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    ask_what_is_due(deployment)
    clock.shows += DAY  # 14:00 in Berlin
    assert len(ask_what_is_due(deployment)) == 1
    with deployed(database_url, replace(NIGHTLY, cron="0 9 * * *"), clock=clock) as changed:
        assert ask_what_is_due(changed) == []
        clock.shows += DAY
        assert slots(ask_what_is_due(changed)) == ["2026-06-03T09:00"]
    # A date that had its slot in one zone has no second one in another.
    with deployed(database_url, clock=clock) as back:
        assert ask_what_is_due(back) == []
    with deployed(database_url, replace(NIGHTLY, zone="Pacific/Honolulu"), clock=clock) as moved:
        assert ask_what_is_due(moved) == []
        clock.shows += DAY
        assert slots(ask_what_is_due(moved)) == ["2026-06-04T02:00"]


@pytest.mark.parametrize("seed", range(3))
def test_steps_of_the_clock_neither_lose_a_night_nor_double_it(
    seed: int, database_url: str, clock: Watch
) -> None:
    """A week around the end of summer time; the clock jumps up to an hour, processes restart."""
    rng = random.Random(seed)
    true, off = datetime(2026, 10, 21, 12, tzinfo=UTC), timedelta()
    clock.shows = true
    with ExitStack() as stack:
        process = stack.enter_context(deployed(database_url, clock=clock))
        ask_what_is_due(process)
        while true < datetime(2026, 10, 28, 12, tzinfo=UTC):
            true += timedelta(minutes=rng.randint(1, 20))
            if rng.random() < 0.15:
                off = timedelta(minutes=rng.choice([-60, -30, 0, 30, 60]))
            clock.shows = true + off
            if rng.random() < 0.01:
                process = stack.enter_context(deployed(database_url, clock=clock))
            if ask_what_is_due(process) and rng.random() < 0.8:
                end_all(process)
    assert all_slots(database_url) == [f"2026-10-{day}T02:00" for day in range(22, 29)]


def test_a_clock_that_was_years_ahead_loses_no_night(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    right = clock.shows
    clock.shows = right + 1500 * DAY
    ask_what_is_due(deployment)  # watched since a day that is still to come
    clock.shows += DAY
    ask_what_is_due(deployment)
    clock.shows = right
    for process in (deployment, None):
        with deployed(database_url, clock=clock) as restarted:
            looking = process or restarted
            assert ask_what_is_due(looking) == []
            clock.shows += DAY
            assert len(ask_what_is_due(looking)) == 1
    assert all_slots(database_url)[1:] == ["2026-06-02T02:00", "2026-06-03T02:00"]


def test_a_simulated_clock_passes_no_night_over(database_url: str) -> None:
    """Two looks lie further apart than its nights: it raced, and nothing was down."""
    start = datetime(2026, 6, 1, 12, tzinfo=UTC)
    clock = Watch(simulation=Simulation(86_400, start, start), shows=start)
    with deployed(database_url, clock=clock) as process:
        ask_what_is_due(process)
        clock.shows += 5 * DAY
        assert len(ask_what_is_due(process)) == 5
        clock.shows += 110 * DAY
        seen = [len(ask_what_is_due(process)) for _ in range(3)]
    assert seen == [100, 10, 0]
    assert len(set(all_slots(database_url))) == 115


def test_what_a_waiting_slot_will_find_is_not_asked_for_again(
    database_url: str, clock: Watch
) -> None:
    hourly = Schedule("check", JobKind.VERIFY, "0 * * * *", BERLIN)
    with deployed(database_url, NIGHTLY, hourly, clock=clock) as process:
        ask_what_is_due(process)
        for _ in range(30):
            clock.shows += HOUR
            ask_what_is_due(process)
        # Nobody worked: one of each date waits.
        assert all_slots(database_url) == [
            "2026-06-01T15:00",
            "2026-06-02T00:00",
            "2026-06-02T02:00",
        ]
        end_all(process)
        clock.shows += HOUR
        assert slots(ask_what_is_due(process)) == ["2026-06-02T21:00"]


def test_a_database_that_is_away_is_asked_again(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    ask_what_is_due(deployment)
    counted = Counted(deployment.queue)
    deployment.__dict__["queue"] = counted
    counted.failing = 1
    with pytest.raises(psycopg.OperationalError):
        ask_what_is_due(deployment)
    clock.shows += DAY
    for failing in (1, 2):
        counted.failing = failing
        with pytest.raises(psycopg.OperationalError):
            ask_what_is_due(deployment)
        counted.failing = 0
    assert slots(ask_what_is_due(deployment)) == ["2026-06-02T02:00"] == all_slots(database_url)


def test_workspaces_and_kinds(database_url: str, clock: Watch) -> None:
    """Each workspace has slots of its own; housekeeping goes last."""
    prune = Schedule("housekeeping", JobKind.PRUNE, "0 2 * * *", BERLIN)
    with deployed(database_url, NIGHTLY, prune, clock=clock, workspaces=("a", "b")) as process:
        ask_what_is_due(process)
        clock.shows += DAY
        asked = ask_what_is_due(process)
        assert {(j.request.workspace, j.request.kind, j.request.priority) for j in asked} == {
            (name, *what)
            for name in ("a", "b")
            for what in (
                (JobKind.SYNC, Priority.SCHEDULE),
                (JobKind.PRUNE, Priority.HOUSEKEEPING),
            )
        }
        assert ask_what_is_due(process) == []
