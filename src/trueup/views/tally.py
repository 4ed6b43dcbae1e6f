"""All products counted, which takes a while when they are many: pages count again after seconds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trueup.postgres.reports import StandingCount

GOOD_FOR: Final = 10.0  # seconds, unless a run begins or ends


@dataclass(frozen=True, slots=True)
class Tally:
    """How all products stand, as it was counted `at` a moment."""

    standings: tuple[StandingCount, ...]
    oldest_verification: datetime | None
    never_compared: int
    at: datetime


@dataclass
class LastTally:
    """The last tally of a workspace. One visitor counts, those who come meanwhile wait for it."""

    monotonic: Callable[[], float]
    _tally: Tally | None = None
    _while: Hashable = None
    _until: float = 0.0
    _guard: Lock = field(default_factory=Lock)

    def good(self, circumstances: Hashable, count: Callable[[], Tally]) -> Tally:
        """The last one if it is young and these are still the circumstances, else a new one."""
        with self._guard:
            young = self.monotonic() < self._until and self._while == circumstances
            if self._tally is None or not young:
                self._tally = count()
                self._while, self._until = circumstances, self.monotonic() + GOOD_FOR
            return self._tally
