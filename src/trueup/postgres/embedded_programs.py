"""The three programs of Postgres, run on one cluster: initdb, pg_ctl start, pg_ctl stop."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.embedded_account import Account, claim_runtime, reachable_binaries
from trueup.postgres.embedded_paths import USE_A_SERVER, USER, Binaries, Layout, find_binaries

NEEDED_BYTES = 100_000_000  # a fresh cluster takes 40 MB, and must be able to write
ENOUGH_SHARED_MEMORY = 256_000_000  # bytes
START_SECONDS = 30
STOP_SECONDS = 60
BUILTIN_LOCALE_SINCE = 17
# For a few workers with all their jobs in hand: each job has a pool of its own, grown as needed.
MOST_CONNECTIONS = 400


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs, where the account that runs the server can reach them."""

    binaries: Binaries
    layout: Layout
    account: Account

    @classmethod
    def find(cls, setting: Path | None, layout: Layout, account: Account) -> Programs:
        """Raises `DatabaseUnavailableError` when there are none."""
        binaries = find_binaries(setting)
        claim_runtime(layout, account)
        return cls(reachable_binaries(binaries, layout, account), layout, account)

    def create_cluster(self) -> None:
        """Make the cluster unless it is there; a half-made one is never used.

        Raises `DatabaseUnavailableError` when it cannot be made, or was made by another version.
        """
        version = self._major_version()
        if self.layout.cluster.exists():
            _require_version(self.layout.cluster, version)
            return
        _require_space(self.layout.home)
        shutil.rmtree(self.layout.unfinished, ignore_errors=True)
        self.layout.unfinished.mkdir(mode=0o700)
        self.account.own(self.layout.unfinished)
        made = self.account.run_on(
            self.layout.unfinished,
            lambda folder: [
                self.binaries.program("initdb"),
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
            raise failed("initdb", made.stdout)
        self.layout.unfinished.rename(self.layout.cluster)

    def start(self, settings: Mapping[str, str], alive: int) -> None:
        """Start the server and wait until it answers; it keeps the descriptor `alive` open."""
        options = _options(self.layout, self.account, settings)
        started = self.account.run_on(
            self.layout.cluster,
            lambda folder: [
                *(self.binaries.program("pg_ctl"), "start", "-D", folder, "-o", options),
                *("-l", f"{folder}/{self.layout.log.name}", "-w", "-t", str(START_SECONDS)),
            ],
            keep=[alive],
        )
        if started.returncode != 0:
            raise failed("pg_ctl start", started.stdout + _tail(self.layout.log))

    def stop(self) -> str:
        """Stop the server and wait for it; returns what was said when that failed."""
        stopped = self.account.run_on(
            self.layout.cluster,
            lambda folder: [
                *(self.binaries.program("pg_ctl"), "stop", "-D", folder),
                *("-m", "fast", "-w", "-t", str(STOP_SECONDS)),
            ],
        )
        return stopped.stdout if stopped.returncode != 0 else ""

    def _major_version(self) -> int:
        said = self.account.run([self.binaries.program("initdb"), "--version"])
        version = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
        if said.returncode != 0 or version is None:
            raise DatabaseUnavailableError(
                f"The Postgres programs in {self.binaries.folder} do not run on this platform.",
                USE_A_SERVER,
            )
        return int(version[1])


def failed(step: str, said: str) -> DatabaseUnavailableError:
    """The error for a program that failed, with the end of what it said."""
    tail = "\n".join(said.strip().splitlines()[-12:])
    remedy = USE_A_SERVER
    if "No space left on device" in said:
        remedy = "Free some disk space, or set TRUEUP_DATA_DIR to another disk."
    return DatabaseUnavailableError(f"{step} failed: {tail}", remedy)


def _options(layout: Layout, account: Account, settings: Mapping[str, str]) -> str:
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(layout.runtime),
        "unix_socket_permissions": "0777" if account.switched else "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "max_connections": str(MOST_CONNECTIONS),
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


def _require_version(cluster: Path, version: int) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by != str(version):
        raise DatabaseUnavailableError(
            f"{cluster} was made by Postgres {made_by}; the programs here are {version}.",
            f"Dump it with Postgres {made_by} and load it into a new data directory.",
        )


def _require_space(home: Path) -> None:
    if shutil.disk_usage(home).free < NEEDED_BYTES:
        raise DatabaseUnavailableError(
            f"The disk of {home} is full.",
            f"Free {NEEDED_BYTES // 1_000_000} MB, or set TRUEUP_DATA_DIR to another disk.",
        )


def _tail(log: Path) -> str:
    try:
        return log.read_text(errors="replace")[-2000:]
    except OSError:
        return ""
