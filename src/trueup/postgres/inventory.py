"""What a database is and holds, for people to read: server, size, tables, rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

# The tables that the predecessor used; ours carry the same names (spec §3.4).
PREDECESSOR_TABLES = (
    "service_packages",
    "product_integrations",
    "zoho_sync_logs",
    "cron_execution_log",
)

_SERVER = """
    select current_setting('server_version'), pg_database_size(current_database()),
           clock_timestamp()"""
_PRESENT = (
    "select name from unnest(%s::text[]) as name where to_regclass('public.' || name) is not null"
)
_OURS = "select to_regclass('trueup.migration') is not null"


@dataclass(frozen=True, slots=True)
class Server:
    """The server and the database; `address` holds no password, `size` is in bytes."""

    address: str
    version: str
    size: int
    now: datetime


def describe_server(connection: Connection[Any]) -> Server:
    """What is at the other end of this connection."""
    [(version, size, now)] = connection.execute(_SERVER).fetchall()
    return Server(_address(connection), str(version).split(" ", maxsplit=1)[0], size, now)


def predecessor_tables(connection: Connection[Any]) -> tuple[str, ...]:
    """The predecessor's tables in a database that Trueup has never upgraded; else none."""
    [(ours,)] = connection.execute(_OURS).fetchall()
    if ours:
        return ()
    rows = connection.execute(_PRESENT, [list(PREDECESSOR_TABLES)]).fetchall()
    return tuple(name for (name,) in rows)


def count_rows(connection: Connection[Any], tables: Sequence[str]) -> dict[str, int | None]:
    """How many rows each table has, `schema.table` or a name; None where there is no such table."""
    return {table: _count(connection, table) for table in tables}


def _count(connection: Connection[Any], table: str) -> int | None:
    name = sql.Identifier(*table.split("."))
    known = connection.execute("select to_regclass(%s)", [name.as_string(connection)]).fetchone()
    if known is None or known[0] is None:
        return None
    [(count,)] = connection.execute(sql.SQL("select count(*) from {}").format(name)).fetchall()
    return int(count)


def _address(connection: Connection[Any]) -> str:
    info = connection.info
    if info.host.startswith("/"):
        return make_conninfo(host=info.host, port=info.port, dbname=info.dbname, user=info.user)
    host = f"[{info.host}]" if ":" in info.host else info.host
    return f"postgresql://{info.user}@{host}:{info.port}/{info.dbname}"
