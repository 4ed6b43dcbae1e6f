"""The engine: Procrastinate, which carries the numbers of jobs to workers with a free hand.

Nothing is entrusted to it. What was asked for, who is at it and how it ended is in `trueup.job`:
an engine that loses or doubles a number costs a few seconds or a refused claim. So none of its
guards is used (no `lock`, no `queueing_lock`, no retries, no cron), and whatever trouble it has
with its database, it is ended and begun anew, under another number of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import procrastinate
import structlog
from procrastinate.jobs import Status

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.engine_rooms import EnginePool

TASK: Final = "carry"
_CONNECTIONS: Final = 4
_ANSWER_SECONDS: Final = 15.0  # the engine's own thread answers within, or the database is away
_WAKING_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 5.0  # between looks for a number, where nothing was heard
_LONGEST_PAUSE: Final = 10.0

Answer = TypeVar("Answer")


class Engine:
    """Hands out numbers of jobs, and calls `carry` with each in a thread of its own.

    `slots` is how many it carries at once; `silence` the seconds after which an engine elsewhere
    that was not heard of counts as dead.
    """

    def __init__(
        self, conninfo: str, carry: Callable[[int], None], *, slots: int, silence: float
    ) -> None:
        self._conninfo = conninfo
        self._carry = carry
        self._slots = slots
        self._silence = silence
        self._log = structlog.get_logger("trueup.engine")
        self._app: procrastinate.App | None = None
        self._awake = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._hands = asyncio.Semaphore(slots)
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to carry."""
        _redirect_logs()
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Carry nothing more; what is being carried is left to its thread."""
        if self._thread.ident is None:
            self._loop.close()
            return
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.is_alive():
            self._thread.join(seconds)

    def hand_out(self, job_id: int, priority: int) -> int:
        """Give a number to whichever worker is free; returns the engine's own number for it.

        Raises `DatabaseUnavailableError`; then it may have been handed out or not.
        """

        async def defer(app: procrastinate.App) -> int:
            return await app.configure_task(TASK, priority=priority).defer_async(job_id=job_id)

        return self._ask(defer)

    def has(self, engine_id: int) -> bool:
        """Whether a number still waits for a worker."""

        async def waits(app: procrastinate.App) -> bool:
            found = await app.job_manager.list_jobs_async(id=engine_id)
            return any(job.status == Status.TODO.value for job in found)

        return self._ask(waits)

    def bury(self) -> int:
        """Forget what engines that died were carrying; how many that were."""

        async def clear(app: procrastinate.App) -> int:
            jobs = app.job_manager
            dead = list(await jobs.get_stalled_jobs(seconds_since_heartbeat=self._silence))
            for job in dead:
                # Somebody else may have been quicker.
                with contextlib.suppress(procrastinate.exceptions.ConnectorException):
                    await jobs.finish_job(job, Status.FAILED, delete_job=True)
            await jobs.prune_stalled_workers(self._silence)
            return len(dead)

        return self._ask(clear)

    # --- its own thread ----------------------------------------------------------------------

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._left_over)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        """Be an engine until stopped; after trouble be another one."""
        pause, troubled = 0.0, False
        while not self._stopping.is_set():
            app = self._new_app()
            begun = self._loop.time()
            try:
                trouble = await self._serve(app)
            except Exception as error:  # noqa: BLE001 (whatever it was, the next engine is a new one)
                trouble = error
            if self._stopping.is_set():
                break
            if self._loop.time() - begun > _LONGEST_PAUSE:
                pause, troubled = 0.0, False
            if not troubled:
                said = str((trouble and trouble.__cause__) or trouble or "it ended by itself")
                self._log.warning("engine_interrupted", error=said.strip())
                troubled = True
            pause = min(_LONGEST_PAUSE, pause * 2 or 0.25)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _serve(self, app: procrastinate.App) -> BaseException | None:
        try:
            await app.open_async()
            self._app = app
            self._awake.set()
            working = asyncio.create_task(
                app.run_worker_async(
                    concurrency=self._slots,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=_POLL_SECONDS,
                    update_heartbeat_interval=self._silence / 3,
                    stalled_worker_timeout=self._silence,
                    # It waits for nobody: who carries, carries on in his own thread.
                    shutdown_graceful_timeout=0,
                    delete_jobs="always",
                )
            )
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, stopping):
                task.cancel()
            [ended, _] = await asyncio.gather(working, stopping, return_exceptions=True)
        finally:
            self._awake.clear()
            self._app = None
            with contextlib.suppress(Exception):
                await app.close_async()
        return ended if isinstance(ended, BaseException) else None

    def _new_app(self) -> procrastinate.App:
        connector = procrastinate.PsycopgConnector(
            pool_factory=EnginePool,
            conninfo=self._conninfo,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_ANSWER_SECONDS,
            name="engine",
        )
        app = procrastinate.App(connector=connector)
        app.task(name=TASK)(self._carry_apart)
        return app

    async def _carry_apart(self, job_id: int) -> None:
        """Carry a number in a thread of its own, which no trouble of the engine's ends.

        Not in the executor of the loop: its threads would keep the process from ending.
        """
        await self._hands.acquire()
        done = asyncio.Event()

        def let_go() -> None:
            self._hands.release()
            done.set()

        def carry() -> None:
            try:
                self._carry(job_id)
            finally:
                with contextlib.suppress(RuntimeError):  # the engine has ended meanwhile
                    self._loop.call_soon_threadsafe(let_go)

        threading.Thread(target=carry, name=f"job-{job_id}", daemon=True).start()
        await done.wait()

    def _ask(self, question: Callable[[procrastinate.App], Coroutine[Any, Any, Answer]]) -> Answer:
        """Put a question to the engine's own thread, from another one."""
        self._awake.wait(_WAKING_SECONDS)
        app = self._app
        if app is None:
            raise DatabaseUnavailableError("the engine does not reach its database")
        try:
            asked = asyncio.run_coroutine_threadsafe(question(app), self._loop)
            return asked.result(_ANSWER_SECONDS)
        except (procrastinate.exceptions.ProcrastinateException, RuntimeError) as error:
            raise DatabaseUnavailableError(f"the engine has no database: {error}") from error
        except TimeoutError as error:
            raise DatabaseUnavailableError("the engine does not answer") from error

    def _left_over(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A number whose end could not be written down: nobody waits for that answer."""
        error = context.get("exception")
        self._log.debug("engine_left_over", error=str(error or context.get("message")))


class _Told(logging.Handler):
    """What the engine and its pool say for themselves, as events of ours.

    One trouble makes many of them, and what follows from it is logged where it is dealt with.
    """

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger("trueup.engine").debug("engine_says", text=record.getMessage())


def _redirect_logs() -> None:
    for name in ("procrastinate", "psycopg.pool"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(_Told())
