"""Pauses between tries, for as long as somebody has patience."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

FIRST = 0.25
LONGEST = 10.0


def growing(patience: float, *, monotonic: Callable[[], float] = time.monotonic) -> Iterator[float]:
    """The seconds to wait after each try that fails: twice as long each time, up to `LONGEST`.

    Ends when `patience` seconds have passed since the first try.
    """
    until, pause = monotonic() + patience, FIRST
    while monotonic() < until:
        yield pause
        pause = min(LONGEST, pause * 2)
