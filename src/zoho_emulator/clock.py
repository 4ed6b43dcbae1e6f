"""Emulated time: everything that ages (tokens, windows, index delays) asks one of these clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Emulated time. All durations are emulated seconds unless a name says `wall`."""

    def now(self) -> datetime:
        """The emulated instant, aware, in UTC."""

    def monotonic(self) -> float:
        """Emulated seconds since some fixed point; never goes back."""

    def wall(self, seconds: float) -> float:
        """How many real seconds `seconds` emulated ones last."""

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""


class ScaledClock:
    """Runs `scale` times as fast as the wall: with scale 60 an emulated minute lasts a second."""

    def __init__(
        self,
        scale: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        start: datetime | None = None,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"the time scale must be above 0, not {scale}")
        self.scale = scale
        self._monotonic = monotonic
        self._began = monotonic()
        self._start = start or datetime.now(UTC)
        self._skipped = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (self._monotonic() - self._began) * self.scale + self._skipped

    def wall(self, seconds: float) -> float:
        return seconds / self.scale

    def advance(self, seconds: float) -> None:
        self._skipped += _forward(seconds)


class ManualClock:
    """Stands still until told otherwise: time in tests is a value."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def wall(self, seconds: float) -> float:
        return seconds

    def advance(self, seconds: float) -> None:
        self._elapsed += _forward(seconds)


def _forward(seconds: float) -> float:
    if seconds < 0:
        raise ValueError(f"time runs forward only, not by {seconds} seconds")
    return seconds
