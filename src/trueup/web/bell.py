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

_PATIENCE = 1.0  # seconds for one wait, and between two attempts to connect

_Waiting = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Bell:
    """Rings for those who wait for a job. The connection is opened for the first of them."""

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
            if self._thread is None and not self._closed.is_set():
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
        """End the thread and its connection, within the time of one wait."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _listen(self) -> None:
        with self._open() as listener:
            while not self._closed.is_set():
                try:
                    heard = listener.wait(_PATIENCE)
                except DatabaseUnavailableError:
                    self._closed.wait(_PATIENCE)
                    continue
                self._ring({job for _, job in heard})

    def _ring(self, jobs: set[str]) -> None:
        with self._guard:
            found = [one for job in jobs for one in self._waiting.get(job, ())]
        for loop, event in found:
            with suppress(RuntimeError):  # its loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(event.set)
