"""Where the engine keeps its tables: a schema of their own, apart from ours and from `public`.

Nothing in it is worth keeping. What was asked for is in `trueup.job`; the engine only carries the
numbers to workers. So its tables are not migrated: where their text is another one, they are made
anew, and what waits is handed out again.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import errors, sql
from psycopg_pool import AsyncConnectionPool

from trueup.domain.errors import SchemaError
from trueup.postgres.migrate import LOCK, LOCK_TIMEOUT, UPGRADE

SCHEMA: Final = "trueup_engine"
_NAME: Final = sql.Identifier(SCHEMA)
_MARK: Final = "select obj_description(to_regnamespace(%s), 'pg_namespace')"
_TABLES: Final = "select tablename from pg_tables where schemaname = %s"
_HAND_OUT_AGAIN: Final = (
    "update trueup.job set engine_id = null, engine_at = null where state = 'waiting'"
)


def engine_state(conn: psycopg.Connection, tables: str) -> bool | None:
    """Whether the engine's tables are as this text makes them; None when there are none."""
    [found] = conn.execute(_MARK, [SCHEMA]).fetchone() or [None]
    return None if found is None else bool(found == _mark(tables))


def require_engine(conn: psycopg.Connection, tables: str) -> None:
    """Raise `SchemaError` unless the engine's tables are there and of this version."""
    found = engine_state(conn, tables)
    if found is None:
        raise SchemaError("The tables of the job engine are not there.", UPGRADE)
    if not found:
        raise SchemaError("The tables of the job engine are of another version.", UPGRADE)


def install_engine(conn: psycopg.Connection, tables: str) -> bool:
    """Make the engine's tables from their text, unless they are; whether anything was done.

    Any number of processes may do so at once. Raises `SchemaError` when the role may not.
    """
    try:
        with conn.transaction():
            conn.execute(sql.SQL("set local lock_timeout = {}").format(LOCK_TIMEOUT))
            conn.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            if engine_state(conn, tables):
                return False
            _make_anew(conn, tables)
    except errors.InsufficientPrivilege as error:
        said = str(error).partition("\n")[0]
        raise SchemaError(
            f"The database role may not create the schema {SCHEMA}: {said}",
            f"{UPGRADE} Use a role that may create schemas.",
        ) from error
    return True


def _make_anew(conn: psycopg.Connection, tables: str) -> None:
    conn.execute(sql.SQL("drop schema if exists {} cascade").format(_NAME))
    conn.execute(sql.SQL("create schema {}").format(_NAME))
    # No other schema in the path: a table of that name in `public` must not be mistaken for it.
    conn.execute(sql.SQL("set local search_path = {}").format(_NAME))
    conn.execute(tables.encode())
    for (table,) in conn.execute(_TABLES, [SCHEMA]).fetchall():
        change = "alter table {} enable row level security"
        conn.execute(sql.SQL(change).format(sql.Identifier(SCHEMA, table)))
    conn.execute(sql.SQL("comment on schema {} is {}").format(_NAME, _mark(tables)))
    conn.execute(_HAND_OUT_AGAIN)


def _mark(tables: str) -> str:
    return hashlib.sha256(tables.encode()).hexdigest()


class EnginePool(AsyncConnectionPool[psycopg.AsyncConnection[Any]]):
    """Connections on which the engine sees its own schema.

    The path is set in each transaction. Poolers refuse it as a start-up option, and one that
    pools transactions would give a session's setting to whoever comes next.
    """

    def __init__(self, conninfo: str, **given: Any) -> None:
        # The engine opens its listening connection with the same arguments, in autocommit.
        super().__init__(conninfo, kwargs={"prepare_threshold": None}, **given)

    @asynccontextmanager
    async def connection(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 (the engine calls it so)
    ) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection in a transaction, for the length of a block."""
        async with super().connection(timeout) as connection:
            await connection.execute(sql.SQL("set local search_path = {}").format(_NAME))
            yield connection
