"""How long to wait: capped full jitter between attempts, and the streaks that mean more."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: anything between nothing and a growing, capped limit. Seconds."""

    rng: random.Random
    base: float = 0.5
    cap: float = 30.0

    def delay(self, failures: int) -> float:
        """The wait after so many failures in a row."""
        return self.rng.uniform(0.0, min(self.cap, self.base * 2.0**failures))


class Streak:
    """Failures in a row at one target. Requests that were in flight together count as one.

    Concurrency is why: one closing of the target refuses every request that is under way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._length = 0
        self._last = float("-inf")

    def add(self, *, sent_at: float, now: float) -> int:
        """Count a failure of a request that was sent at `sent_at`; returns the length so far."""
        with self._lock:
            if self._length == 0 or sent_at >= self._last:
                self._length += 1
                self._last = now
            return self._length

    def end(self) -> None:
        """Something passed."""
        with self._lock:
            self._length = 0

    def open(self, longest: int, *, now: float, life: float) -> bool:
        """Whether the streak has reached `longest` and its last failure is younger than `life`."""
        with self._lock:
            return self._length >= longest and now - self._last < life
