"""Both budgets keep the same promises: the one in Postgres and its twin in memory."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from support.budget import DAY, EPOCH, MemoryBucket, MemoryBudget, VirtualTime
from trueup.domain.errors import PausedError
from trueup.ports import Budget
from trueup.postgres.budget import PostgresBudget

RULES: dict[str, Any] = {"limit": 90, "window": 60.0, "concurrency": 4}
MARGIN = 0.24
NewBudget = Callable[..., Budget]
# Callers that share a bucket: `open_bucket(time)` gives the factory for them.
OpenBucket = Callable[[VirtualTime], NewBudget]


@pytest.fixture(params=["memory", "postgres"])
def open_bucket(request: pytest.FixtureRequest) -> Iterator[OpenBucket]:
    if request.param == "memory":
        yield _in_memory
        return
    url = request.getfixturevalue("database_url")
    with ConnectionPool(url, min_size=1, max_size=2, kwargs={"autocommit": True}) as pool:
        yield lambda time: _in_postgres(pool, time)


def _in_memory(time: VirtualTime) -> NewBudget:
    bucket = MemoryBucket()

    def new(**rules: Any) -> Budget:
        rules = RULES | {"sleep": time.sleep, "monotonic": time.monotonic} | rules
        return MemoryBudget(bucket, **rules)

    return new


def _in_postgres(pool: ConnectionPool, time: VirtualTime) -> NewBudget:
    workspace = uuid.uuid4().hex

    def new(**rules: Any) -> Budget:
        clock = {"sleep": time.sleep, "monotonic": time.monotonic, "now": time.instant}
        return PostgresBudget(pool, workspace=workspace, **(RULES | clock | rules))

    return new


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def new_budget(open_bucket: OpenBucket, time: VirtualTime) -> NewBudget:
    return open_bucket(time)


def spend(budget: Budget, target: str, calls: int, patience: float = 0.0) -> None:
    for _ in range(calls):
        budget.release(budget.acquire(target, patience=patience))


def spend_all(budget: Budget, target: str) -> int:
    """Calls that are possible right now."""
    for calls in itertools.count():
        try:
            spend(budget, target, 1)
        except PausedError:
            return calls
    raise AssertionError


def test_the_window_holds_the_limit_and_opens_again(
    new_budget: NewBudget, time: VirtualTime
) -> None:
    """All of the limit is there at once; the next call waits for the first to leave."""
    budget = new_budget()
    assert spend_all(budget, "crm") == 90

    budget.acquire("billing", patience=61)
    assert time.now == pytest.approx(60 + MARGIN, abs=1e-4)


def test_a_call_counts_until_its_answer(new_budget: NewBudget, time: VirtualTime) -> None:
    """A request reaches Zoho some time before its answer: the window starts where it may end."""
    budget = new_budget(limit=1)
    slow = budget.acquire("crm", patience=0)
    time.sleep(20)
    budget.release(slow)

    budget.acquire("crm", patience=100)
    assert time.now == pytest.approx(20 + 60 + MARGIN, abs=1e-4)


def test_a_booking_gives_way_to_a_slow_call(new_budget: NewBudget, time: VirtualTime) -> None:
    """A call still in flight may arrive now, so a slot that was booked behind it moves."""
    budget = new_budget(limit=1, concurrency=2)
    budget.acquire("crm", patience=0)
    with pytest.raises(PausedError):
        budget.acquire("crm", patience=61)
    assert time.now > 59


def test_too_little_patience_uses_nothing_up(new_budget: NewBudget, time: VirtualTime) -> None:
    """A refused caller learns when the slot would have been, and leaves no booking."""
    budget = new_budget(limit=1)
    spend(budget, "crm", 1)
    with pytest.raises(PausedError) as paused:
        budget.acquire("crm", patience=30)
    assert paused.value.until is not None
    assert (paused.value.until - EPOCH).total_seconds() == pytest.approx(60 + MARGIN, abs=1e-4)

    usage = budget.usage()
    assert (usage.in_window, usage.in_flight, usage.today, time.now) == (1, 0, 1, 0)


def test_only_so_many_are_in_flight(new_budget: NewBudget) -> None:
    """A seat is free again when a call ends."""
    budget = new_budget()
    tickets = [budget.acquire("crm", patience=0) for _ in range(4)]
    with pytest.raises(PausedError):
        budget.acquire("billing", patience=1)

    budget.release(tickets[2])
    assert budget.acquire("billing", patience=0).target == "billing"
    assert budget.usage().in_flight == 4


def test_a_killed_callers_seat_is_free_after_its_lease(
    new_budget: NewBudget, time: VirtualTime
) -> None:
    """Nobody releases for the dead."""
    budget = new_budget(concurrency=1, lease=30.0)
    budget.acquire("crm", patience=0)
    budget.acquire("crm", patience=31)
    assert 29.99 < time.now < 30.3


def test_the_day_has_a_budget_and_a_reserve_for_people(
    new_budget: NewBudget, time: VirtualTime
) -> None:
    """The nightly run stops short of the budget, a person may use all of it, nobody more."""
    nightly = new_budget(daily_budget=10, daily_reserve=3)
    person = new_budget(daily_budget=10, daily_reserve=3, person=True)
    assert spend_all(nightly, "crm") == 7
    assert spend_all(person, "billing") == 3
    assert spend_all(person, "crm") == 0

    time.now = DAY - 1
    assert spend_all(person, "crm") == 0
    time.now = DAY + 900
    assert spend_all(nightly, "crm") == 7


def test_a_spent_day_names_the_time_when_it_goes_on(
    new_budget: NewBudget, time: VirtualTime
) -> None:
    """The rolling day frees what was spent first, first."""
    budget = new_budget(daily_budget=3)
    for time.now in (0.0, 7200.0, 7300.0):
        spend(budget, "crm", 1)
    with pytest.raises(PausedError) as paused:
        budget.acquire("crm", patience=3600)
    assert paused.value.until == EPOCH + timedelta(seconds=DAY + 900)


def test_tokens_are_scarcer_than_other_calls(new_budget: NewBudget, time: VirtualTime) -> None:
    """Eight token requests in ten minutes, and they count for the window of all."""
    budget = new_budget(limit=20)
    assert spend_all(budget, "oauth") == 8
    assert spend_all(budget, "crm") == 12
    time.now = 599.0
    assert spend_all(budget, "oauth") == 0
    time.now = 601.0
    assert spend_all(budget, "oauth") == 8


def test_a_refusal_halves_the_rate_and_it_recovers_slowly(
    new_budget: NewBudget, time: VirtualTime
) -> None:
    """After Retry-After half the rate is left; each quiet window gives a sixteenth back."""
    budget = new_budget(limit=160)
    budget.throttled("crm", 10)
    assert spend_all(budget, "crm") == 0

    time.now = 10.001
    assert spend_all(budget, "crm") == 80
    time.now = 10.001 + 3 * 60.5
    assert spend_all(budget, "crm") == 110
    time.now = 10.001 + 8 * 60.5
    assert spend_all(budget, "crm") == 160


def test_calls_refused_together_halve_once(new_budget: NewBudget, time: VirtualTime) -> None:
    """Four answers of calls in flight are one piece of news; the longest closure counts."""
    budget = new_budget()
    for retry_after in (5, None, 1, 20):
        budget.throttled("crm", retry_after)
    usage = budget.usage().targets["crm"]
    assert usage.factor == 0.5
    assert usage.closed_until == EPOCH + timedelta(seconds=60)
    assert usage.last_throttled_at == EPOCH


def test_the_rate_never_falls_below_a_sixteenth(new_budget: NewBudget, time: VirtualTime) -> None:
    """However often a target refuses, some calls pass."""
    budget = new_budget()
    for _ in range(7):
        budget.throttled("crm", 1)
        time.now += 1.001
    assert budget.usage().targets["crm"].factor == 1 / 16
    assert spend_all(budget, "crm") == 5


def test_a_closed_target_does_not_delay_the_other(new_budget: NewBudget, time: VirtualTime) -> None:
    """One target's refusal says nothing about the other."""
    budget = new_budget(limit=20)
    budget.throttled("crm", None)
    assert spend_all(budget, "billing") == 20
    with pytest.raises(PausedError) as paused:
        budget.acquire("crm", patience=59)
    assert paused.value.until == EPOCH + timedelta(seconds=60)


def test_an_exhausted_target_closes_and_keeps_its_rate(
    new_budget: NewBudget, time: VirtualTime
) -> None:
    """A used-up quota is not a sign of going too fast."""
    budget = new_budget()
    budget.exhausted("billing", 3600)
    assert spend_all(budget, "billing") == 0
    time.now = 3600.001
    assert spend_all(budget, "billing") == 90


def test_calls_can_be_spaced(new_budget: NewBudget, time: VirtualTime) -> None:
    """With a spacing the calls do not come in a burst."""
    budget = new_budget(spacing=2.0)
    spend(budget, "crm", 5, patience=10)
    assert time.now == pytest.approx(8, abs=1e-3)


def test_those_who_wait_for_a_slow_target_keep_no_seats(open_bucket: OpenBucket) -> None:
    """While four callers wait for a throttled target, the other target's calls go through."""
    time = Interrupted()
    budget = open_bucket(time)(limit=32)
    for _ in range(4):
        budget.throttled("crm", 1)
        time.now += 1.001
    assert spend_all(budget, "crm") == 2

    free: list[int] = []

    def wait() -> None:
        budget.release(budget.acquire("crm", patience=600))

    time.script = [wait, wait, wait, lambda: free.append(spend_all(budget, "billing"))]
    wait()
    assert free == [30]


def test_a_refusal_withdraws_bookings_ahead(open_bucket: OpenBucket) -> None:
    """Who waits for a slot when a 429 arrives waits for the target to open again."""
    time = Interrupted()
    budget = open_bucket(time)(limit=1)
    spend(budget, "crm", 1)
    time.script = [lambda: budget.throttled("crm", 100)]
    budget.acquire("crm", patience=300)
    assert time.now >= 100


def test_an_overslept_slot_is_given_back(open_bucket: OpenBucket) -> None:
    """A caller that wakes up late gets another slot instead of calling out of turn."""
    time = Interrupted()
    budget = open_bucket(time)(limit=2)
    spend(budget, "crm", 2)
    time.script = [lambda: time.sleep(90)]
    spend(budget, "crm", 1, patience=300)
    assert time.now == 90
    assert budget.usage().in_window == 1


class Interrupted(VirtualTime):
    """While one caller sleeps, others act: each sleep first plays the next step of the script."""

    def __init__(self) -> None:
        super().__init__()
        self.script: list[Callable[[], object]] = []

    def sleep(self, seconds: float) -> None:
        wakes_at = self.now + seconds
        if self.script:
            self.script.pop(0)()
        self.now = max(self.now, wakes_at)


Step = tuple[str, str, float]
_targets = st.sampled_from(["crm", "billing", "oauth"])
_steps = st.one_of(
    st.tuples(st.just("call"), _targets, st.sampled_from([0.0, 0.3, 5.0, 70.0])),
    st.tuples(st.just("call"), st.just("crm"), st.sampled_from([5.0, 30.0])),
    st.tuples(st.just("release"), _targets, st.just(0.0)),
    st.tuples(st.just("pass"), _targets, st.sampled_from([0.01, 1.0, 7.0, 61.0, 1200.0])),
    st.tuples(st.just("throttled"), _targets, st.sampled_from([0.0, 2.0, 15.0])),
    st.tuples(st.just("exhausted"), _targets, st.sampled_from([3.0, 100.0])),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(_steps, min_size=5, max_size=40),
    limit=st.integers(1, 6),
    concurrency=st.integers(1, 4),
    daily=st.one_of(st.none(), st.integers(1, 12)),
)
def test_no_schedule_breaks_a_limit(
    open_bucket: OpenBucket, steps: list[Step], limit: int, concurrency: int, daily: int | None
) -> None:
    """Whatever happens, also while others wait: windows, seats, day and token quota hold."""
    time = Interrupted()
    budget = open_bucket(time)(
        limit=limit, window=10.0, concurrency=concurrency, daily_budget=daily, lease=1e6
    )
    arrivals: list[tuple[float, str]] = []
    in_flight: list[Any] = []

    def act(step: Step) -> None:
        what, target, seconds = step
        if what == "call":
            try:
                ticket = budget.acquire(target, patience=seconds)
            except PausedError:
                return
            arrivals.append((time.now, target))
            in_flight.append(ticket)
            assert len(in_flight) <= concurrency
        elif what == "release" and in_flight:
            budget.release(in_flight.pop(0))
        elif what == "pass":
            time.now += seconds
        elif what == "throttled":
            budget.throttled(target, seconds)
        elif what == "exhausted":
            budget.exhausted(target, seconds)

    time.script = [partial(act, step) for step in steps]
    while time.script:
        time.script.pop(0)()

    times = sorted(at for at, _ in arrivals)
    assert_at_most(limit, 10.0, times)
    assert_at_most(daily or len(times), DAY, times)
    assert_at_most(8, 600.0, sorted(at for at, target in arrivals if target == "oauth"))


def assert_at_most(most: int, window: float, times: list[float]) -> None:
    for first, over in zip(times, times[most:], strict=False):
        assert over - first >= window


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    calls=st.lists(st.tuples(_targets, st.floats(0, 20, allow_nan=False)), min_size=1, max_size=25),
    limit=st.integers(1, 5),
    refusals=st.sets(st.integers(0, 24), max_size=4),
)
def test_both_grant_the_same_times(
    database_url: str, calls: list[tuple[str, float]], limit: int, refusals: set[int]
) -> None:
    """The SQL walks over forbidden stretches, the twin tries every candidate: same answers."""
    granted: list[list[float]] = []
    with ConnectionPool(database_url, min_size=1, kwargs={"autocommit": True}) as pool:
        for open_one in (_in_memory, lambda time: _in_postgres(pool, time)):
            time = VirtualTime()
            budget = open_one(time)(limit=limit, window=10.0)
            moments = []
            for number, (target, pause) in enumerate(calls):
                time.now = round(time.now + pause, 3)
                spend(budget, target, 1, patience=1e5)
                moments.append(round(time.now, 3))
                if number in refusals:
                    budget.throttled(target, 3)
            granted.append(moments)
    assert granted[0] == pytest.approx(granted[1], abs=0.003)
