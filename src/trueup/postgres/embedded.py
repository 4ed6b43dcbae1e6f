"""A Postgres that needs no installation: started on demand, living in the data directory.

Any number of processes may use one data directory. The first one starts the server, the last one
to leave stops it; one that is killed leaves a server that the next one attaches to. Whether the
server is up is asked by connecting, never by looking at a pid.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg.pq import PGconn, Ping

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres import embedded_locks as locks
from trueup.postgres.embedded_account import Account, claim_runtime, reachable_binaries
from trueup.postgres.embedded_debris import clear_debris, live_pid
from trueup.postgres.embedded_paths import (
    DATABASE,
    USE_A_SERVER,
    USER,
    Binaries,
    Layout,
    find_binaries,
)

NEEDED_BYTES = 100_000_000  # a fresh cluster takes 40 MB, and must be able to write
PATIENCE = 30.0  # seconds for a server that is recovering, or for a dead one's last processes
UNREACHABLE = 5.0  # seconds after which a live server that does not answer is replaced
PAUSE = 0.05
ENOUGH_SHARED_MEMORY = 256_000_000  # bytes
BUILTIN_LOCALE_SINCE = 17


class EmbeddedPostgres:
    """The server of one data directory, as seen by one of the processes that use it."""

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._layout = Layout.of(data_dir)
        self._binaries = binaries
        self._settings = dict(settings or {})
        self._sleep = sleep
        self._using: int | None = None  # our descriptor of the shared `users` lock
        self._owner = 0

    @property
    def url(self) -> str:
        """Where the database `trueup` is, once started."""
        return self._layout.url()

    def start(self) -> str:
        """Start the server, or attach to it; returns the URL of the database `trueup`.

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
            binaries = self._programs(account)
            self._create_cluster(binaries, account)
            self._start_or_wait(binaries, account)
        self._create_database()

    def _programs(self, account: Account) -> Binaries:
        claim_runtime(self._layout, account)
        return reachable_binaries(find_binaries(self._binaries), self._layout, account)

    def _ping(self) -> Ping:
        target = self._layout.url("postgres") + "&connect_timeout=3"
        return Ping(PGconn.ping(target.encode()))  # the C implementation answers with a number

    def _create_cluster(self, binaries: Binaries, account: Account) -> None:
        layout = self._layout
        version = _major_version(binaries, account)
        if layout.cluster.exists():
            _require_version(layout.cluster, version)
            return
        if shutil.disk_usage(layout.home).free < NEEDED_BYTES:
            raise DatabaseUnavailableError(
                f"The disk of {layout.home} is full.",
                f"Free {NEEDED_BYTES // 1_000_000} MB, or set TRUEUP_DATA_DIR to another disk.",
            )
        shutil.rmtree(layout.unfinished, ignore_errors=True)
        layout.unfinished.mkdir(mode=0o700)
        account.own(layout.unfinished)
        made = account.run_on(
            layout.unfinished,
            lambda folder: [
                binaries.program("initdb"),
                f"--pgdata={folder}",
                f"--username={USER}",
                "--encoding=UTF8",
                *_locale(version),
                "--auth-local=trust",  # the socket's folder lets nobody else in
                "--auth-host=reject",
                "--no-sync",
            ],
        )
        if made.returncode != 0:
            raise _failed("initdb", made.stdout)
        layout.unfinished.rename(layout.cluster)

    def _start_or_wait(self, binaries: Binaries, account: Account) -> None:
        deadline = time.monotonic() + PATIENCE
        unreachable = time.monotonic() + UNREACHABLE
        while True:
            alive = locks.try_exclusive(self._layout.lock("alive"))
            if alive is not None:
                break
            answer = self._ping()
            if answer is Ping.OK:
                return
            if answer is not Ping.REJECT and time.monotonic() > unreachable:
                self._retire_unreachable(binaries, account)
            if time.monotonic() > deadline:
                raise DatabaseUnavailableError(
                    f"The server of {self._layout.cluster} is alive but does not answer.",
                    f"See {self._layout.log}.",
                )
            self._sleep(PAUSE)
        try:
            clear_debris(self._layout)
            self._launch(binaries, account, alive)
        finally:
            os.close(alive)  # the server's processes keep their copies

    def _launch(self, binaries: Binaries, account: Account, alive: int) -> None:
        options = _options(self._layout, account, self._settings)
        started = account.run_on(
            self._layout.cluster,
            lambda folder: [
                *(binaries.program("pg_ctl"), "start", "-D", folder, "-o", options),
                *("-l", f"{folder}/{self._layout.log.name}", "-w", "-t", str(int(PATIENCE))),
            ],
            keep=[alive],
        )
        if started.returncode != 0 or self._ping() is not Ping.OK:
            raise _failed("pg_ctl start", started.stdout + _tail(self._layout.log))

    def _retire_unreachable(self, binaries: Binaries, account: Account) -> None:
        """Stop a live server whose socket is gone, unless somebody still uses it."""
        if live_pid(self._layout) is None:
            return  # the last processes of a killed server: they are about to end
        if self._using is not None and locks.become_sole(self._using):
            self._pg_ctl_stop(binaries, account)
            return
        raise DatabaseUnavailableError(
            f"The server of {self._layout.cluster} is used by another program, but its socket in "
            f"{self._layout.runtime} cannot be reached from here.",
            "Run both programs with the same /tmp, or set DATABASE_URL for both.",
        )

    def _shut_down(self, account: Account) -> None:
        if live_pid(self._layout) is not None:
            stopped = self._pg_ctl_stop(self._programs(account), account)
            if stopped.returncode != 0 and self._ping() is not Ping.NO_RESPONSE:
                raise _failed("pg_ctl stop", stopped.stdout)
        if live_pid(self._layout) is None:
            clear_debris(self._layout)
        with contextlib.suppress(OSError):
            self._layout.runtime.rmdir()

    def _pg_ctl_stop(
        self, binaries: Binaries, account: Account
    ) -> subprocess.CompletedProcess[str]:
        return account.run_on(
            self._layout.cluster,
            lambda folder: [
                *(binaries.program("pg_ctl"), "stop", "-D", folder),
                *("-m", "fast", "-w", "-t", "60"),
            ],
        )

    def _create_database(self) -> None:
        with psycopg.connect(self._layout.url("postgres"), autocommit=True) as conn:
            known = conn.execute("select 1 from pg_database where datname = %s", [DATABASE])
            if known.fetchone() is None:
                conn.execute(f"create database {DATABASE}")


_running: dict[Path, EmbeddedPostgres] = {}
_running_guard = threading.Lock()


def ensure_running(data_dir: Path) -> str:
    """The URL of the embedded server, started if need be and used until this process ends."""
    key = data_dir.expanduser().resolve()
    with _running_guard:
        server = _running.get(key)
        if server is None:
            server = EmbeddedPostgres(key)
        url = server.start()
        if key not in _running:
            _running[key] = server
            atexit.register(server.stop)
        return url


def _options(layout: Layout, account: Account, settings: Mapping[str, str]) -> str:
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(layout.runtime),
        "unix_socket_permissions": "0777" if account.switched else "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if _small_shared_memory():
        # Parallel queries share memory there; a container usually gives it 64 MB.
        chosen["max_parallel_workers_per_gather"] = "0"
    pairs = (chosen | dict(settings)).items()
    return " ".join(f"-c {shlex.quote(f'{name}={text}')}" for name, text in pairs)


def _small_shared_memory() -> bool:
    try:
        return shutil.disk_usage("/dev/shm").total < ENOUGH_SHARED_MEMORY  # noqa: S108 - only measured
    except OSError:
        return False


def _locale(version: int) -> list[str]:
    # A builtin locale sorts alike on every operating system.
    if version >= BUILTIN_LOCALE_SINCE:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C"]


def _major_version(binaries: Binaries, account: Account) -> int:
    said = account.run([binaries.program("initdb"), "--version"])
    version = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if said.returncode != 0 or version is None:
        raise DatabaseUnavailableError(
            f"The Postgres programs in {binaries.folder} do not run on this platform.", USE_A_SERVER
        )
    return int(version[1])


def _require_version(cluster: Path, version: int) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by != str(version):
        raise DatabaseUnavailableError(
            f"{cluster} was made by Postgres {made_by}; the programs here are {version}.",
            f"Dump it with Postgres {made_by} and load it into a new data directory.",
        )


def _failed(step: str, said: str) -> DatabaseUnavailableError:
    tail = "\n".join(said.strip().splitlines()[-12:])
    remedy = USE_A_SERVER
    if "No space left on device" in said:
        remedy = "Free some disk space, or set TRUEUP_DATA_DIR to another disk."
    return DatabaseUnavailableError(f"{step} failed: {tail}", remedy)


def _tail(log: Path) -> str:
    try:
        return log.read_text(errors="replace")[-2000:]
    except OSError:
        return ""
