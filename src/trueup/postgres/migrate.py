"""Forward-only migrations: numbered SQL files, applied once, in order, in one transaction.

Any number of processes may upgrade at once: one of them works, the others wait and find nothing
left to do. A file that was edited after it was applied is an error, not a surprise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg import errors

from trueup.domain.errors import SchemaError

LOCK = 7_210_202_626  # any number that nobody else uses for an advisory lock
LOCK_TIMEOUT = "30s"  # for a table that somebody else holds
UPGRADE = "Run `trueup db upgrade`."

_LEDGER = """
create schema if not exists trueup;
create table if not exists trueup.migration (
    version    integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default clock_timestamp()
);
alter table trueup.migration enable row level security;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file; `checksum` is that of its text."""

    version: int
    name: str
    sql: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that this upgrade has carried out."""

    version: int
    name: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How a database stands; `newer` are migrations that only a later Trueup knows."""

    current: int
    latest: int
    pending: tuple[str, ...]
    drifted: tuple[str, ...]
    newer: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether this Trueup can work with it."""
        return not (self.pending or self.drifted or self.newer)


def migrations() -> list[Migration]:
    """The files `migrations/NNNN_name.sql`, in order."""
    folder = files("trueup.postgres").joinpath("migrations")
    return sorted(
        (
            _read(entry.name, entry.read_text(encoding="utf-8"))
            for entry in folder.iterdir()
            if entry.name.endswith(".sql")
        ),
        key=lambda migration: migration.version,
    )


def state(conn: psycopg.Connection) -> SchemaState:
    """How the database stands, without changing it."""
    known = conn.execute("select to_regclass('trueup.migration') is not null").fetchone()
    return _compare(_applied(conn) if known and known[0] else {})


def require_current(conn: psycopg.Connection) -> None:
    """Raise `SchemaError` unless the database has exactly the schema that this Trueup needs."""
    found = state(conn)
    _refuse_strange(found)
    if found.pending:
        raise SchemaError(
            f"The database is at version {found.current}, this Trueup needs {found.latest}.",
            UPGRADE,
        )


def upgrade(conn: psycopg.Connection) -> list[Applied]:
    """Apply what is missing, all or nothing; returns what was applied, perhaps nothing.

    Raises `SchemaError` when an applied file was edited, when the database is newer than this
    program, when another program holds a table, or when the role may not create what is needed.
    """
    try:
        with conn.transaction():
            conn.execute("set local statement_timeout = 0")
            conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            conn.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
            conn.execute(_LEDGER)
            return _apply_pending(conn)
    except errors.LockNotAvailable as error:
        raise SchemaError(
            f"Another program has held a table for {LOCK_TIMEOUT}: {_first_line(error)}",
            "Stop the old job, then run `trueup db upgrade` again.",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise SchemaError(
            f"The database role may not upgrade the schema: {_first_line(error)}",
            "Use the role that owns the tables in the schema public and may create schemas.",
        ) from error


def _apply_pending(conn: psycopg.Connection) -> list[Applied]:
    applied = _applied(conn)
    _refuse_strange(_compare(applied))
    done = []
    for migration in migrations():
        if migration.version in applied:
            continue
        try:
            conn.execute(migration.sql.encode())
        except (errors.LockNotAvailable, errors.InsufficientPrivilege):
            raise
        except errors.DependentObjectsStillExist as error:
            raise SchemaError(
                f"{migration.name} replaces a function that something else is built on: "
                f"{error.diag.message_detail or _first_line(error)}",
                "Drop what depends on it, upgrade, then make it again on the new function.",
            ) from error
        except psycopg.Error as error:
            raise SchemaError(
                f"{migration.name} failed, nothing was changed: {_first_line(error)}",
                "Report this together with the version of Postgres.",
            ) from error
        conn.execute(
            "insert into trueup.migration (version, name, checksum) values (%s, %s, %s)",
            [migration.version, migration.name, migration.checksum],
        )
        done.append(Applied(migration.version, migration.name))
    return done


def _applied(conn: psycopg.Connection) -> dict[int, tuple[str, str]]:
    rows = conn.execute("select version, name, checksum from trueup.migration order by version")
    return {version: (name, checksum) for version, name, checksum in rows}


def _compare(applied: dict[int, tuple[str, str]]) -> SchemaState:
    known = {migration.version: migration for migration in migrations()}
    return SchemaState(
        current=max(applied, default=0),
        latest=max(known, default=0),
        pending=tuple(m.name for m in known.values() if m.version not in applied),
        drifted=tuple(
            name
            for version, (name, checksum) in applied.items()
            if version in known and known[version].checksum != checksum
        ),
        newer=tuple(name for version, (name, _) in applied.items() if version not in known),
    )


def _refuse_strange(found: SchemaState) -> None:
    if found.drifted:
        raise SchemaError(
            f"Edited after it was applied: {', '.join(found.drifted)}.",
            "Install the version of Trueup that applied it; changes belong in a new migration.",
        )
    if found.newer:
        raise SchemaError(
            f"The database was upgraded by a newer Trueup: {', '.join(found.newer)}.",
            "Install that version of Trueup.",
        )


def _read(file_name: str, text: str) -> Migration:
    name = file_name.removesuffix(".sql")
    checksum = hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()
    return Migration(int(name.partition("_")[0]), name, text, checksum)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
