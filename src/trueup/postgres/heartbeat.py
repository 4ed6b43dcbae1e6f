"""Keeps a lease alive, and says in time when it may be gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg

from trueup.domain.errors import DatabaseUnavailableError, LeaseLostError
from trueup.ports import Fence

# The lease counts as lost this share of its life before it can have expired: long enough for the
# threads that write to notice.
SAFETY_SHARE: Final = 0.1


def since_boot() -> float:
    """Seconds that also pass while the machine is suspended, where the platform can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Heartbeat:
    """A held lease: renews it every third of its life, and sets `lost` when it may be gone.

    The deadline counts from the moment before a renewal was asked for, so by the local clock it
    comes before the database's. One thread renews and may hang in a dead connection; another
    watches the deadline and does nothing that could hang.
    """

    def __init__(
        self,
        fence: Fence,
        renew: Callable[[Fence], bool],
        *,
        seconds: float,
        since: float,
        monotonic: Callable[[], float] = since_boot,
    ) -> None:
        self.fence = fence
        self.lost = threading.Event()
        self._renew = renew
        self._seconds = seconds
        self._monotonic = monotonic
        self._deadline = self._deadline_from(since)
        self._stopped = threading.Event()
        name = f"{fence.name}-{fence.epoch}"
        self._threads = [
            threading.Thread(target=self._keep_renewing, name=f"renew-{name}", daemon=True),
            threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True),
        ]

    def check(self) -> None:
        """Raise `LeaseLostError` when the lease may be somebody else's by now.

        Looks at the clock itself: a process that was stopped runs this before the watching
        thread has woken up.
        """
        if self._monotonic() >= self._deadline:
            self.lost.set()
        if self.lost.is_set():
            raise LeaseLostError(
                f"the lock {self.fence.name} was lost",
                remedy="nothing is damaged; the next run continues",
            )

    def start(self) -> None:
        """Begin to renew and to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop both; a renewal that hangs is left behind."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=self._seconds * SAFETY_SHARE)

    def _keep_renewing(self) -> None:
        pause = self._seconds / 3
        while not self._stopped.wait(pause) and not self.lost.is_set():
            asked = self._monotonic()
            try:
                renewed = self._renew(self.fence)
            except (psycopg.Error, DatabaseUnavailableError):
                pause = self._seconds / 20  # the database is away: until the deadline, try again
                continue
            if not renewed:
                self.lost.set()
                return
            self._deadline = self._deadline_from(asked)
            pause = self._seconds / 3

    def _watch(self) -> None:
        # In short steps: a wait may not count the time in which the machine was suspended.
        step = self._seconds / 60
        while (left := self._deadline - self._monotonic()) > 0:
            if self._stopped.wait(min(left, step)):
                return
        self.lost.set()

    def _deadline_from(self, asked: float) -> float:
        return asked + self._seconds * (1 - SAFETY_SHARE)
