"""Connections: the few settings that every one of them needs, and plain words when there is none.

All are in autocommit: a transaction is opened where it is meant, so a lock is never held over a
call to Zoho. No prepared statements: a transaction pooler between us and the server may give the
next statement to another session.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import conninfo as libpq
from psycopg_pool import ConnectionPool, PoolTimeout

from trueup.domain.errors import DatabaseUnavailableError

CONNECT_SECONDS = 10

_DEFAULTS = {
    "application_name": "trueup",
    "connect_timeout": str(CONNECT_SECONDS),
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
_AS_WE_NEED: dict[str, Any] = {"autocommit": True, "prepare_threshold": None}

_REMEDIES = (
    # Only the advice depends on these words, never what the program does.
    ("password", "Check the user and the password in DATABASE_URL."),
    ("authentication", "Check the user and the password in DATABASE_URL."),
    ("role", "Check the user in DATABASE_URL."),
    ("database", "Create the database, or check its name in DATABASE_URL."),
    ("too many", "Close other connections, or use a pooler."),
    ("translate host", "Check the host in DATABASE_URL."),
    ("resolve host", "Check the host in DATABASE_URL."),
    ("ssl", "Check sslmode in DATABASE_URL."),
)
_NO_SERVER = "Start the server, or check DATABASE_URL."


def connect(conninfo: str) -> psycopg.Connection:
    """One connection in autocommit, its session in UTC.

    Raises `DatabaseUnavailableError` when there is none to be had.
    """
    try:
        conn = psycopg.connect(_complete(conninfo), **_AS_WE_NEED)
        _configure(conn)
    except psycopg.Error as error:
        raise unavailable(error) from error
    return conn


def open_pool(conninfo: str, max_size: int) -> ConnectionPool[psycopg.Connection]:
    """A pool of such connections, with one open already; close it when done.

    Raises `DatabaseUnavailableError` when the database cannot be reached.
    """
    connect(conninfo).close()  # a pool says only that it waited in vain; this says why
    pool = ConnectionPool(
        _complete(conninfo),
        kwargs=_AS_WE_NEED,
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        configure=_configure,
        check=ConnectionPool.check_connection,
        open=False,
        name="trueup",
    )
    try:
        pool.open(wait=True, timeout=CONNECT_SECONDS)
    except PoolTimeout as error:
        pool.close()
        raise unavailable(error) from error
    return pool


def unavailable(error: psycopg.Error) -> DatabaseUnavailableError:
    """The error of a lost or refused connection in our words, with what to do about it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines) or type(error).__name__
    lowered = said.lower().replace("database system", "server")
    remedy = next((advice for word, advice in _REMEDIES if word in lowered), _NO_SERVER)
    return DatabaseUnavailableError(f"The database cannot be reached: {said}", remedy)


def _complete(conninfo: str) -> str:
    try:
        given = libpq.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        # What libpq says about it may repeat the password.
        raise DatabaseUnavailableError(
            "DATABASE_URL cannot be read.",
            "It looks like postgresql://user:password@host:5432/name?sslmode=require; special "
            "characters in a password are percent-encoded.",
        ) from None
    missing = {name: text for name, text in _DEFAULTS.items() if name not in given}
    return libpq.make_conninfo(conninfo, **missing)


def _configure(conn: psycopg.Connection) -> None:
    # Not as a start-up option: poolers refuse those they do not know.
    if conn.info.parameter_status("TimeZone") != "UTC":
        conn.execute("set timezone to 'UTC'")


def explain_database_error(error: Exception) -> DatabaseUnavailableError:
    """An error of the database driver that reached a command, with what to do about it."""
    if isinstance(error, psycopg.errors.DiskFull):
        return DatabaseUnavailableError(
            "the database's disk is full", "free some space and run again"
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return unavailable(error)
    # It is there, and will not have what was said: not the moment to look for the server.
    first_line = str(error).partition("\n")[0]
    return DatabaseUnavailableError(
        f"the database refused a statement: {first_line}",
        "`trueup db status` tells whether the schema is as it should be",
    )
