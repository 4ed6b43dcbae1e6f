"""A Postgres that needs no installation: started on demand, living in the data directory.

Any number of processes may use one data directory. The first one starts the server, the last one
to leave stops it; one that is killed leaves a server that the next one attaches to. Whether the
server is up is asked by connecting, never by looking at a pid.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from psycopg.pq import PGconn, Ping

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres import embedded_locks as locks
from trueup.postgres.embedded_account import Account
from trueup.postgres.embedded_debris import clear_debris, live_pid
from trueup.postgres.embedded_paths import DATABASE, USE_A_SERVER, Layout
from trueup.postgres.embedded_programs import Programs, failed

PATIENCE = 30.0  # seconds for a server that is recovering, or for a dead one's last processes
UNREACHABLE = 5.0  # seconds after which a live server that does not answer is replaced
PAUSE = 0.05


class EmbeddedPostgres:
    """The server of one data directory, as seen by one of the processes that use it."""

    def __init__(
        self,
        data_dir: Path,
        *,
        database: str = DATABASE,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._layout = Layout.of(data_dir)
        self._database = database
        self._binaries = binaries
        self._settings = dict(settings or {})
        self._sleep = sleep
        self._using: int | None = None  # our descriptor of the shared `users` lock
        self._owner = 0

    @property
    def url(self) -> str:
        """Where the database is, once started."""
        return self._layout.url(self._database)

    def start(self) -> str:
        """Start the server, or attach to it; returns the URL of the database, made when missing.

        Raises `DatabaseUnavailableError` with what to do about it. May be called again: a server
        that was killed in the meantime is brought back.
        """
        try:
            account = Account.current()
            self._make_home(account)
            with locks.exclusive(self._layout.lock("start")):
                self._join()
                try:
                    self._bring_up(account)
                except BaseException:
                    self._leave()
                    raise
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DatabaseUnavailableError(
                f"The embedded Postgres cannot be started: {error}",
                "See that TRUEUP_DATA_DIR names a folder that can be written and has space. "
                + USE_A_SERVER,
            ) from error
        return self.url

    def stop(self) -> None:
        """Leave; the last one to leave stops the server. Does nothing when not started."""
        if self._using is None:
            return
        if self._owner != os.getpid():
            self._using = None  # inherited through a fork: the parent is the one who uses it
            return
        with locks.exclusive(self._layout.lock("start")):
            try:
                if locks.become_sole(self._using):
                    self._shut_down(Account.current())
            finally:
                self._leave()

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

    # --- being one of the users ------------------------------------------------------------

    def _make_home(self, account: Account) -> None:
        home = self._layout.home
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o711 if account.switched else 0o700, exist_ok=True)

    def _join(self) -> None:
        if self._using is None or self._owner != os.getpid():
            self._using = locks.shared(self._layout.lock("users"))
            self._owner = os.getpid()

    def _leave(self) -> None:
        if self._using is not None:
            os.close(self._using)
            self._using = None

    # --- the server ------------------------------------------------------------------------

    def _bring_up(self, account: Account) -> None:
        if self._ping() is not Ping.OK:
            programs = Programs.find(self._binaries, self._layout, account)
            programs.create_cluster()
            self._start_or_wait(programs)
        self._create_database()

    def _ping(self) -> Ping:
        target = self._layout.url("postgres") + "&connect_timeout=3"
        return Ping(PGconn.ping(target.encode()))  # the C implementation answers with a number

    def _start_or_wait(self, programs: Programs) -> None:
        """Start the server, once every process of the one before has ended."""
        begun = time.monotonic()
        while True:
            alive = locks.try_exclusive(self._layout.lock("alive"))
            if alive is not None:
                break
            answer = self._ping()
            if answer is Ping.OK:
                return
            waited = time.monotonic() - begun
            if answer is not Ping.REJECT and waited > UNREACHABLE:
                self._retire_unreachable(programs)
            if waited > PATIENCE:
                raise DatabaseUnavailableError(
                    f"The server of {self._layout.cluster} is alive but does not answer.",
                    f"See {self._layout.log}.",
                )
            self._sleep(PAUSE)
        try:
            clear_debris(self._layout)
            programs.start(self._settings, alive)
        finally:
            os.close(alive)  # the server's processes keep their copies

    def _retire_unreachable(self, programs: Programs) -> None:
        """Stop a live server whose socket is gone, unless somebody still uses it."""
        if live_pid(self._layout) is None:
            return  # the last processes of a killed server: they are about to end
        if self._using is not None and locks.become_sole(self._using):
            programs.stop()
            return
        raise DatabaseUnavailableError(
            f"The server of {self._layout.cluster} is used by another program, but its socket in "
            f"{self._layout.runtime} cannot be reached from here.",
            "Run both programs with the same /tmp, or set DATABASE_URL for both.",
        )

    def _shut_down(self, account: Account) -> None:
        if live_pid(self._layout) is not None:
            complaint = Programs.find(self._binaries, self._layout, account).stop()
            if complaint and self._ping() is not Ping.NO_RESPONSE:
                raise failed("pg_ctl stop", complaint)
        if live_pid(self._layout) is None:
            clear_debris(self._layout)
        with contextlib.suppress(OSError):
            self._layout.runtime.rmdir()

    def _create_database(self) -> None:
        with psycopg.connect(self._layout.url("postgres"), autocommit=True) as conn:
            known = conn.execute("select 1 from pg_database where datname = %s", [self._database])
            if known.fetchone() is None:
                conn.execute(sql.SQL("create database {}").format(sql.Identifier(self._database)))


_running: dict[Path, EmbeddedPostgres] = {}
_running_guard = threading.Lock()


def ensure_running(data_dir: Path, *, binaries: Path | None = None) -> str:
    """The URL of the embedded server, started if need be and used until this process ends."""
    key = data_dir.expanduser().resolve()
    with _running_guard:
        server = _running.get(key)
        if server is None:
            server = EmbeddedPostgres(key, binaries=binaries)
        url = server.start()
        if key not in _running:
            _running[key] = server
            atexit.register(server.stop)
        return url
