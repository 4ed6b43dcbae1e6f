"""What takes a while to find out when products are many: pages ask for it again after seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from trueup.postgres.reports import StandingCount

GOOD_FOR: Final = 10.0  # seconds, unless a run begins or ends
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Tally:
    """How all products stand, as it was counted `at` a moment."""

    standings: tuple[StandingCount, ...]
    oldest_verification: datetime | None
    never_compared: int
    at: datetime


@dataclass
class _Answer:
    """The last answer to a question, and under which circumstances it is good until when."""

    found: Any = None
    circumstances: Hashable = None
    until: float = float("-inf")
    asking: Lock = field(default_factory=Lock)


@dataclass
class Lately:
    """The last answers about a workspace. One visitor asks, those who come meanwhile wait."""

    monotonic: Callable[[], float]
    _answers: defaultdict[str, _Answer] = field(default_factory=lambda: defaultdict(_Answer))
    _guard: Lock = field(default_factory=Lock)

    def good(self, question: str, circumstances: Hashable, ask: Callable[[], Found]) -> Found:
        """The last answer if it is young and these are still the circumstances, else a new one."""
        with self._guard:
            answer = self._answers[question]
        with answer.asking:
            if self.monotonic() >= answer.until or answer.circumstances != circumstances:
                answer.found = ask()
                answer.circumstances = circumstances
                answer.until = self.monotonic() + GOOD_FOR
            found: Found = answer.found
            return found
