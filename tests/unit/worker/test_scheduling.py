"""What a process asks for as its clock goes on, jumps and races."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.scheduled import (
    BERLIN,
    DAY,
    HOUR,
    NIGHTLY,
    SharedQueue,
    Watch,
    deployed,
    end_all,
    settings_of,
    slots,
)
from trueup.clock import Simulation
from trueup.deployment import Deployment
from trueup.domain.errors import DatabaseUnavailableError
from trueup.domain.jobs import JobKind, Priority
from trueup.domain.schedule import Schedule
from trueup.worker.scheduling import ask_what_is_due


class Counted:
    """The queue, counting calls; the next `failing` ones do not arrive."""

    def __init__(self, queue: Any) -> None:
        self._queue, self.calls, self.failing = queue, 0, 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        if self.failing:
            self.failing -= 1
            raise DatabaseUnavailableError("the connection is lost")
        return getattr(self._queue, name)


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture
def queue(clock: Watch) -> SharedQueue:
    return SharedQueue(clock.now)


@pytest.fixture
def deployment(queue: SharedQueue, clock: Watch) -> Iterator[Deployment]:
    with deployed(queue, clock) as opened:
        yield opened


def test_a_look_at_nothing_asks_the_database_nothing(queue: SharedQueue, clock: Watch) -> None:
    counted = Counted(queue)
    with deployed(counted, clock) as process:
        ask_what_is_due(process)
        before = counted.calls
        for _ in range(1000):
            clock.shows += timedelta(seconds=30)
            ask_what_is_due(process)
        assert counted.calls == before > 0
        clock.shows += 12 * HOUR
        assert slots(ask_what_is_due(process)) == ["2026-06-02T02:00"]
    assert counted.calls > before


def test_a_database_that_is_away_is_asked_again(queue: SharedQueue, clock: Watch) -> None:
    counted = Counted(queue)
    with deployed(counted, clock) as process:
        ask_what_is_due(process)
        clock.shows += DAY
        for number_of_calls in (1, 2):
            counted.failing = number_of_calls
            with pytest.raises(DatabaseUnavailableError):
                ask_what_is_due(process)
            counted.failing = 0
        assert slots(ask_what_is_due(process)) == ["2026-06-02T02:00"] == queue.slots()


@pytest.mark.parametrize("seed", range(10))
def test_steps_of_the_clock_neither_lose_a_night_nor_double_it(
    seed: int, queue: SharedQueue, clock: Watch
) -> None:
    """A week around the end of summer time; the clock jumps up to an hour, processes restart."""
    rng = random.Random(seed)
    true, off = datetime(2026, 10, 21, 12, tzinfo=UTC), timedelta()
    clock.shows = true
    with ExitStack() as stack:
        process = stack.enter_context(deployed(queue, clock))
        ask_what_is_due(process)
        while true < datetime(2026, 10, 28, 12, tzinfo=UTC):
            true += timedelta(minutes=rng.randint(1, 20))
            if rng.random() < 0.15:
                off = timedelta(minutes=rng.choice([-60, -30, 0, 30, 60]))
            clock.shows = true + off
            if rng.random() < 0.02:
                process = stack.enter_context(deployed(queue, clock))
            if ask_what_is_due(process) and rng.random() < 0.8:
                end_all(process)
    assert queue.slots() == [f"2026-10-{day}T02:00" for day in range(22, 29)]


def test_a_simulated_clock_passes_no_night_over(queue: SharedQueue) -> None:
    """Two looks lie further apart than its nights: it raced, and nothing was down."""
    start = datetime(2026, 6, 1, 12, tzinfo=UTC)
    clock = Watch(simulation=Simulation(86_400, start, start), shows=start)
    with deployed(queue, clock) as process:
        ask_what_is_due(process)
        clock.shows += 5 * DAY
        assert len(ask_what_is_due(process)) == 5
        clock.shows += 210 * DAY
        assert [len(ask_what_is_due(process)) for _ in range(4)] == [100, 100, 10, 0]
    assert len(set(queue.slots())) == 215
    # Down is down: of what was missed before this start, the latest.
    clock.shows += 5 * DAY
    with deployed(queue, clock) as restarted:
        assert len(ask_what_is_due(restarted)) == 1


def test_what_a_waiting_slot_will_find_is_not_asked_for_again(
    queue: SharedQueue, clock: Watch
) -> None:
    hourly = Schedule("check", JobKind.VERIFY, "0 * * * *", BERLIN)
    with deployed(queue, clock, NIGHTLY, hourly) as process:
        ask_what_is_due(process)
        for _ in range(30):
            clock.shows += HOUR
            ask_what_is_due(process)
        # Nobody worked: one of each date waits.
        assert queue.slots() == ["2026-06-01T15:00", "2026-06-02T00:00", "2026-06-02T02:00"]
        end_all(process)
        clock.shows += HOUR
        assert slots(ask_what_is_due(process)) == ["2026-06-02T21:00"]


def test_a_process_may_learn_of_another_schedule(deployment: Deployment, clock: Watch) -> None:
    ask_what_is_due(deployment)
    early = Schedule("nightly", JobKind.SYNC, "0 23 * * *", BERLIN)
    deployment.workspaces = {"default": settings_of("", early)}
    clock.shows += 11 * HOUR  # 01:00 in Berlin
    assert ask_what_is_due(deployment) == []
    clock.shows += 2 * HOUR
    assert ask_what_is_due(deployment) == []
    clock.shows += 20 * HOUR
    assert slots(ask_what_is_due(deployment)) == ["2026-06-02T23:00"]


def test_workspaces_and_kinds(queue: SharedQueue, clock: Watch) -> None:
    """Each workspace has slots of its own; housekeeping goes last."""
    prune = Schedule("housekeeping", JobKind.PRUNE, "0 2 * * *", BERLIN)
    with deployed(queue, clock, NIGHTLY, prune, workspaces=("a", "b")) as process:
        ask_what_is_due(process)
        clock.shows += DAY
        asked = [job.request for job in ask_what_is_due(process)]
        assert {(one.workspace, one.kind, one.priority) for one in asked} == {
            ("a", JobKind.SYNC, Priority.SCHEDULE),
            ("a", JobKind.PRUNE, Priority.HOUSEKEEPING),
            ("b", JobKind.SYNC, Priority.SCHEDULE),
            ("b", JobKind.PRUNE, Priority.HOUSEKEEPING),
        }
        assert ask_what_is_due(process) == []
