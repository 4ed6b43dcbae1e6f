"""The shared budget without a database: the twin of `PostgresBudget` for unit tests.

Same rules, other arithmetic (it tries every candidate time), so that the contract suite compares
two ways of getting to the same answer. Callers share a `MemoryBucket`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta

from trueup.domain.errors import PausedError
from trueup.ports import BudgetUsage, TargetUsage, Ticket

QUARTER = 900.0
DAY = 86_400.0
TOKEN_LIMIT, TOKEN_WINDOW = 8, 600.0
HORIZON = 0.25
# Where these clocks start; divides by a quarter of an hour.
EPOCH = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass
class VirtualTime:
    """A clock that only moves when somebody sleeps."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def instant(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now)


@dataclass
class Gate:
    factor: float = 1.0
    recovers_from: float = 0.0
    closed_until: float | None = None
    last_throttled_at: float | None = None

    def share(self, now: float, window: float) -> float:
        quiet = math.floor(max(0.0, now - self.recovers_from) / window)
        return min(1.0, self.factor + quiet / 16)


@dataclass
class MemoryBucket:
    """What the callers of one workspace share."""

    slots: dict[int, tuple[float, str]] = field(default_factory=dict)
    arrived: dict[int, float] = field(default_factory=dict)  # no later than then
    seats: dict[int, float] = field(default_factory=dict)
    queue: dict[int, float] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    issued: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self, number: int | None) -> None:
        if number is not None:
            self.slots.pop(number, None)
            self.arrived.pop(number, None)
            self.seats.pop(number, None)
            self.queue.pop(number, None)


@dataclass(frozen=True)
class MemoryBudget:
    """The `Budget` in memory; the parameters are those of `PostgresBudget`."""

    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    _: KW_ONLY
    limit: int
    window: float
    concurrency: int
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    daily_budget: int | None = None
    daily_reserve: int = 0
    margin: float | None = None
    person: bool = False
    closure: float | None = None
    spacing: float = 0.0
    lease: float = 120.0

    def acquire(self, target: str, *, patience: float) -> Ticket:
        deadline = self.monotonic() + patience
        number: int | None = None
        try:
            while True:
                with self.bucket.lock:
                    if number is None:
                        self.bucket.issued += 1
                        number = self.bucket.issued
                    verdict, wait = self._step(target, number, deadline)
                started = self.monotonic()
                if wait > 0:
                    self.sleep(wait)
                late = self.monotonic() - started - wait
                if verdict == "go" and late <= self._margin / 2:
                    return Ticket(number=number, target=target)
        except BaseException:
            with self.bucket.lock:
                self.bucket.forget(number)
            raise

    def release(self, ticket: Ticket) -> None:
        now = self.monotonic()
        with self.bucket.lock:
            if ticket.number in self.bucket.slots:
                self.bucket.arrived[ticket.number] = max(self._arrived(ticket.number), now)
            self.bucket.seats.pop(ticket.number, None)

    def throttled(self, target: str, retry_after: float | None) -> None:
        closure = self.window if self.closure is None else self.closure
        self._close(target, closure if retry_after is None else retry_after, halve=True)

    def exhausted(self, target: str, seconds: float) -> None:
        self._close(target, seconds, halve=False)

    def usage(self) -> BudgetUsage:
        now = self.monotonic()
        with self.bucket.lock:
            calls = list(self.bucket.slots.values())
            names = {name for _, name in calls} | set(self.bucket.gates)
            targets = {name: self._target_usage(name, now) for name in sorted(names)}
            return BudgetUsage(
                limit=self.limit,
                window=self.window,
                in_window=sum(usage.in_window for usage in targets.values()),
                in_flight=sum(expires > now for expires in self.bucket.seats.values()),
                today=self._day(now),
                daily_budget=self.daily_budget,
                targets=targets,
            )

    def _step(self, target: str, number: int, deadline: float) -> tuple[str, float]:
        now, bucket = self.monotonic(), self.bucket
        for other in bucket.seats:
            if other != number and other in bucket.slots:
                bucket.arrived[other] = max(self._arrived(other), now)
        bucket.seats = {n: expires for n, expires in bucket.seats.items() if expires > now}
        bucket.queue = {n: until for n, until in bucket.queue.items() if until > now}
        if number in bucket.slots and bucket.slots[number][0] < now - self._margin / 2:
            bucket.forget(number)
        gate = bucket.gates.get(target, Gate())
        if gate.closed_until is not None and gate.closed_until > now:
            return "closed", self._far(number, now, gate.closed_until, deadline)
        slot = self._rebooked(target, number, gate, now)
        booked = number in bucket.slots
        if not booked and (full_until := self._day_full_until(slot)) is not None:
            return "spent", self._far(number, now, full_until, deadline)
        if not booked and slot > deadline:
            self._far(number, now, slot, deadline)
        if slot > now + HORIZON:
            bucket.slots[number] = (slot, target)
            return "booked", slot - now - HORIZON
        ahead = sum(other < number for other in bucket.queue)
        if ahead + sum(other != number for other in bucket.seats) >= self.concurrency:
            bucket.forget(number)
            if now >= deadline:
                raise PausedError("too many requests are in flight")
            bucket.queue[number] = now + 1
            return "busy", min(0.25, 0.01 * (1 + ahead))
        bucket.queue.pop(number, None)
        bucket.slots[number] = (slot, target)
        bucket.seats[number] = slot + self.lease
        return "go", slot - now

    def _rebooked(self, target: str, number: int, gate: Gate, now: float) -> float:
        """Its slot: the booked one, unless earlier calls took so long that it is too soon."""
        booked = self.bucket.slots.get(number)
        earliest = max(booked[0], now) if booked else now
        slot = self._slot(target, gate.share(now, self.window), earliest, number)
        if booked and (slot <= now or slot <= booked[0]):
            return booked[0]
        if booked:
            self.bucket.forget(number)
        return slot

    def _arrived(self, number: int) -> float:
        return self.bucket.arrived.get(number, self.bucket.slots[number][0])

    def _slot(self, target: str, part: float, earliest: float, number: int) -> float:
        width = self.window + self._margin
        others = {n: name for n, (_, name) in self.bucket.slots.items() if n != number}
        everyone = sorted(self._arrived(n) for n in others)
        own = sorted(self._arrived(n) for n, name in others.items() if name == target)
        share = max(1, math.floor(self.limit * part))
        quotas = [(everyone, self.limit, width), (own, share, width)]
        if target == "oauth":
            quotas.append((own, TOKEN_LIMIT, TOKEN_WINDOW + self._margin))
        if self.spacing:
            quotas.append((everyone, 1, self.spacing))
        ends = {at + span for calls, _, span in quotas for at in calls}
        candidates = [earliest, *sorted(end for end in ends if end > earliest)]
        return next(at for at in candidates if all(_fits(at, *quota) for quota in quotas))

    def _day(self, at: float) -> int:
        return sum(_counts_until(slot) > at for slot, _ in self.bucket.slots.values())

    def _day_full_until(self, at: float) -> float | None:
        if self.daily_budget is None:
            return None
        allowance = self.daily_budget - (0 if self.person else self.daily_reserve)
        if allowance <= 0:
            return at + DAY
        ends = sorted(_counts_until(slot) for slot, _ in self.bucket.slots.values())
        alive = [end for end in ends if end > at]
        return None if len(alive) < allowance else alive[-allowance]

    def _far(self, number: int, now: float, until: float, deadline: float) -> float:
        self.bucket.forget(number)
        if until > deadline:
            raise PausedError(f"paused for {until - now:.3f} s", EPOCH + timedelta(seconds=until))
        return until - now

    def _close(self, target: str, seconds: float, *, halve: bool) -> None:
        now = self.monotonic()
        with self.bucket.lock:
            gate = self.bucket.gates.setdefault(target, Gate())
            gate.factor = gate.share(now, self.window)
            if halve and (gate.closed_until is None or gate.closed_until <= now):
                gate.factor = max(1 / 16, gate.factor / 2)
            gate.closed_until = max(gate.closed_until or 0.0, now + max(0.0, seconds))
            gate.recovers_from = gate.closed_until
            gate.last_throttled_at = now
            for number, (slot, name) in list(self.bucket.slots.items()):
                if name == target and slot > now and number not in self.bucket.seats:
                    self.bucket.forget(number)

    def _target_usage(self, target: str, now: float) -> TargetUsage:
        gate = self.bucket.gates.get(target, Gate())
        closed = gate.closed_until is not None and gate.closed_until > now
        return TargetUsage(
            factor=gate.share(now, self.window),
            closed_until=_instant(gate.closed_until) if closed else None,
            in_window=sum(
                name == target and now - self.window < at <= now
                for at, name in self.bucket.slots.values()
            ),
            last_throttled_at=_instant(gate.last_throttled_at),
        )

    @property
    def _margin(self) -> float:
        return max(0.02, 0.004 * self.window) if self.margin is None else self.margin


def _fits(at: float, calls: list[float], most: int, width: float) -> bool:
    """No window of `width` would hold more than `most` calls, with one more at `at`."""
    apart = width - 1e-9  # a sum of floats is a little more or less than it should be
    near = sorted([*(call for call in calls if abs(call - at) < apart), at])
    return all(last - first >= apart for first, last in zip(near, near[most:], strict=False))


def _counts_until(slot: float) -> float:
    """A call counts for the day until its quarter of an hour is a day old."""
    return (slot // QUARTER + 1) * QUARTER + DAY


def _instant(at: float | None) -> datetime | None:
    return None if at is None else EPOCH + timedelta(seconds=at)
