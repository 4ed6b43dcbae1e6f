"""Waiting for a job: a bell that rings when it moves on, and a look now and then.

The bell is the notification of the job queue, heard by one thread for all requests that wait. It
is a hint only: behind a pooler that passes no notifications on, the look alone finds the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.listening import Listener

_WAIT = 0.25  # seconds until the thread looks whether anybody still waits
_PAUSE = 1.0  # seconds between two attempts to connect

_Waiting = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Bell:
    """Rings for those who wait for a job; there is a thread, with its connection, while some do."""

    def __init__(self, open_listener: Callable[[], Listener]) -> None:
        self._open = open_listener
        self._waiting: dict[str, list[_Waiting]] = {}
        self._guard = Lock()
        self._closed = Event()
        self._thread: Thread | None = None

    @contextmanager
    def rings_for(self, job_id: int) -> Iterator[asyncio.Event]:
        """An event that is set whenever this job moves on."""
        one = (asyncio.get_running_loop(), asyncio.Event())
        with self._guard:
            self._waiting.setdefault(str(job_id), []).append(one)
            if self._thread is None:
                self._thread = Thread(target=self._listen, name="bell", daemon=True)
                self._thread.start()
        try:
            yield one[1]
        finally:
            with self._guard:
                self._waiting[str(job_id)].remove(one)
                if not self._waiting[str(job_id)]:
                    del self._waiting[str(job_id)]

    def close(self) -> None:
        """Wait for the end of the thread and its connection."""
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _listen(self) -> None:
        wait = 0.0
        with self._open() as listener:
            while self._somebody_waits():
                try:
                    heard = listener.wait(wait)
                except DatabaseUnavailableError:
                    wait = 0.0
                    self._closed.wait(_PAUSE)
                    continue
                # What was said before anybody listened is gone: then each has to look.
                self._ring(None if wait == 0.0 else {job for _, job in heard})
                wait = _WAIT

    def _somebody_waits(self) -> bool:
        with self._guard:
            if self._waiting and not self._closed.is_set():
                return True
            self._thread = None  # the next who waits begins another
            return False

    def _ring(self, jobs: set[str] | None) -> None:
        """Ring for these jobs; None: for all."""
        with self._guard:
            known = self._waiting if jobs is None else jobs & self._waiting.keys()
            found = [one for job in known for one in self._waiting[job]]
        for loop, event in found:
            with suppress(RuntimeError):  # its loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(event.set)
