"""The machine's time; or, for trials, a simulated one that runs faster.

Only what happens in the company's life follows the simulated clock: schedules, due dates,
back-off, what was verified when. Leases, rate windows and tokens keep the real one: they are
between machines.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Self

from trueup.domain.errors import TargetStoppedError, UsageError


@dataclass(frozen=True, slots=True)
class Simulation:
    """Since the real instant `since` it is `start`, and time passes `speed` times as fast."""

    speed: float
    start: datetime
    since: datetime

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `SPEED@START@SINCE`, both instants in ISO 8601 with their offset."""
        try:
            speed, start, since = text.split("@")
            found = cls(float(speed), datetime.fromisoformat(start), datetime.fromisoformat(since))
            naive = found.start.tzinfo is None or found.since.tzinfo is None
        except ValueError:
            naive = True
            found = None
        if found is None or naive or found.speed <= 0:
            raise UsageError(
                f"TRUEUP_CLOCK: expected SPEED@START@SINCE, not {text!r}",
                "such as 2880@2026-03-01T00:00:00Z@2026-02-01T12:00:00Z",
            )
        return found

    def at(self, real: datetime) -> datetime:
        """What the simulated clock shows at a real instant."""
        return self.start + timedelta(seconds=(real - self.since).total_seconds() * self.speed)


@dataclass
class SystemClock:
    """Time as this process goes by it; a wait ends early when somebody sets `stopped`."""

    stopped: Event = field(default_factory=Event)
    simulation: Simulation | None = None

    def now(self) -> datetime:
        """The current instant in UTC."""
        real = datetime.now(UTC)
        return real if self.simulation is None else self.simulation.at(real)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises `TargetStoppedError` when the run is stopped meanwhile."""
        if self.stopped.wait(seconds):
            raise TargetStoppedError("stopped while waiting for the rate limit")
