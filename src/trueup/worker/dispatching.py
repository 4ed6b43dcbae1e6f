"""From the queue to the engine: what waits, and may begin, is handed out.

The dispatcher hears of new jobs at once, and looks by itself every second: for those whose time
comes, and for what was said while nobody listened. Every worker has one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.dispatch import Dispatch
from trueup.postgres.listening import Listener
from trueup.postgres.queue import CHANNEL
from trueup.postgres.trouble import database_trouble
from trueup.worker.engine import Engine
from trueup.worker.pauses import FIRST, LONGEST

LOOK_EVERY = 1.0


@dataclass
class Dispatcher:
    """Hands jobs to an engine. `silence` is how long one may be in its hands without beginning."""

    dispatch: Dispatch
    engine: Engine
    url: str
    silence: float
    monotonic: Callable[[], float] = time.monotonic
    _stopping: threading.Event = field(default_factory=threading.Event)
    _checked_at: float = 0.0
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to hand out."""
        self._thread = threading.Thread(target=self._live, name="dispatcher", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Hand out nothing more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def look(self) -> int:
        """Hand out what may begin; how many jobs that were."""
        now = self.monotonic()
        if now - self._checked_at > self.silence:
            self._checked_at = now
            self._check()
        chosen = self.dispatch.take()
        for one in chosen:
            try:
                engine_id = self.engine.hand_out(one.job_id, one.priority)
            except DatabaseUnavailableError:
                self.dispatch.take_back(one.job_id)
                raise
            self.dispatch.handed_out(one.job_id, engine_id)
        return len(chosen)

    def _check(self) -> None:
        """Take back what the engine no longer has: a worker fetched it and died."""
        self.engine.bury()
        for one in self.dispatch.doubtful(self.silence):
            if not self.engine.has(one.engine_id):
                self.dispatch.take_back(one.job_id)

    def _live(self) -> None:
        log = structlog.get_logger("trueup.worker")
        pause, trouble = 0.0, ""
        with Listener(self.url, [CHANNEL]) as listener:
            while not self._stopping.is_set():
                try:
                    self.look()
                    if trouble:
                        log.info("database_back")
                    pause, trouble = 0.0, ""
                    if not self._stopping.is_set():
                        listener.wait(LOOK_EVERY)
                except Exception as error:  # noqa: BLE001 (without a dispatcher nothing begins)
                    known = database_trouble(error)
                    said = known.message if known else f"{type(error).__name__}: {error}"
                    if not trouble:
                        log.warning("database_away" if known else "dispatch_failed", error=said)
                    trouble = said
                    pause = min(LONGEST, pause * 2 or FIRST)
                    self._stopping.wait(pause)
