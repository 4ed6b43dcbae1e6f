"""A worker: threads that hand out jobs, carry them out, and do the chores of a deployment.

Any number of workers, on as many machines as wanted, share one home database. A worker may die at
any instant: what it was at is given up after a while and goes on elsewhere.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog

from trueup.bootstrap import App
from trueup.deployment import Deployment
from trueup.domain.errors import TrueupError
from trueup.jobs.carrying import carry_out
from trueup.postgres.dispatch import Dispatch
from trueup.postgres.embedded import ensure_running
from trueup.postgres.engine_rooms import engine_state, install_engine, require_engine
from trueup.postgres.migrate import upgrade
from trueup.postgres.trouble import database_trouble
from trueup.postgres.workers import Roster
from trueup.worker.carrying_on import Attempt, Hands
from trueup.worker.chores import CHORES, SCHEDULER, Chore
from trueup.worker.dispatching import Dispatcher
from trueup.worker.engine import Engine
from trueup.worker.engine_tables import engine_tables
from trueup.worker.minding import Minder
from trueup.worker.reaping import silence, word_every

_BEAT_SECONDS = 5.0
_TAIL = 3.0  # seconds that the threads of a stopping worker have when its jobs have ended


def make_ready(home: App) -> None:
    """See that the home database has what a worker needs.

    The embedded one is brought up to date, as is what the engine lacks. Raises `SchemaError`,
    naming `trueup db upgrade`, for a server whose schema is another version's.
    """
    embedded, tables = not home.settings.database_url, engine_tables()
    if embedded:
        with home.bare_pool.connection() as connection:
            upgrade(connection)
    with home.pool.connection() as connection:
        if embedded or engine_state(connection, tables) is None:
            install_engine(connection, tables)
        require_engine(connection, tables)


class Worker:
    """Works from the beginning of a `with` block until it is stopped, in threads of its own.

    `scheduler`: it asks for what schedules say; `jobs`: it carries jobs out. The chores are done by
    both. `attempt` and `chores` are what it does; a trial may give others. `left` are the jobs that
    did not end when it was stopped.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        scheduler: bool = True,
        jobs: bool = True,
        attempt: Attempt | None = None,
        chores: tuple[Chore, ...] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deployment = deployment
        self._monotonic = monotonic
        self._jobs = jobs
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._log = structlog.get_logger("trueup.worker").bind(worker=self.name)
        self._stopped, self._beating = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        known = CHORES if chores is None else chores
        chosen = [one for one in known if scheduler or one.name != SCHEDULER]
        self._minder = Minder(deployment, chosen)
        self.left: list[int] = []
        self._attempt: Attempt = attempt or (lambda job, brake: carry_out(deployment, job, brake))

    def start(self) -> None:
        """Begin to work. Raises `SchemaError` and `DatabaseUnavailableError`."""
        home = self._deployment.home
        make_ready(home)
        settings, pool = home.settings, home.pool
        self._slots = settings.worker_jobs if self._jobs else 0
        self._roster = Roster(pool)
        self._roster.beat(self.name, self._slots)
        self._hands = Hands(self._deployment.queue, self.name, self._attempt, word_every(settings))
        self._dispatch = Dispatch(pool)
        quiet = silence(settings)
        conninfo = str(pool.conninfo)
        self._engine = Engine(conninfo, self._carry, slots=settings.worker_jobs, silence=quiet)
        self._dispatcher = Dispatcher(self._dispatch, self._engine, home.database_url, quiet)
        self._heart = threading.Thread(target=self._beat, name="worker-heart", daemon=True)
        self._heart.start()
        if self._jobs:
            self._engine.start()
            self._dispatcher.start()
        self._minder.start()
        self._log.info("worker_started", jobs=self._slots)

    def stop(self, reason: str = "the worker was stopped") -> None:
        """Finish the requests in flight, hand the jobs over and end; returns when it has ended.

        What does not end within the grace period is handed over as it is. A second call returns
        at once.
        """
        with self._guard:
            if self._beating.is_set():
                return
            self._beating.set()
        until = self._monotonic() + self._deployment.home.settings.worker_grace
        self._log.info("worker_stopping", reason=reason, jobs=self._hands.busy)
        # First no more numbers: what is handed over must not come back to this worker.
        self._dispatcher.stop(0)
        self._engine.stop(0)
        self._hands.hand_over(reason)
        if not self._hands.wait(max(0.0, until - self._monotonic())):
            with suppress(Exception):  # with the database away they are given up by the others
                self.left = self._hands.drop()
        if self._jobs:
            self._dispatcher.stop(_TAIL)
            self._engine.stop(_TAIL)
        self._minder.stop(_TAIL)
        with suppress(Exception):
            self._roster.forget(self.name)
        self._log.info("worker_stopped", left=self.left)
        self._stopped.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended; False when that takes longer."""
        return self._stopped.wait(seconds)

    @property
    def busy(self) -> int:
        """How many jobs it is carrying out."""
        return self._hands.busy

    def _carry(self, job_id: int) -> None:
        """What the engine calls, in a thread for each number."""
        try:
            if not self._hands.carry(job_id):
                self._dispatch.take_back(job_id)
        except Exception as error:  # noqa: BLE001 (it waits and is handed out again, or is given up)
            if database_trouble(error) is None:
                self._log.exception("worker_fault", job_id=job_id)

    def _beat(self) -> None:
        while not self._beating.wait(_BEAT_SECONDS):
            try:
                self._roster.beat(self.name, self._slots)
            except Exception as error:  # noqa: BLE001 (the dispatcher says what is wrong)
                self._revive(error)

    def _revive(self, error: Exception) -> None:
        """Bring the embedded server back: nobody else looks after it."""
        settings = self._deployment.home.settings
        if not settings.database_url and database_trouble(error) is not None:
            with suppress(TrueupError):
                ensure_running(settings.data_dir)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
