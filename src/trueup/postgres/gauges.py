"""What a workspace's ledger and the queue of jobs say right now, in numbers, for monitoring.

Everything is read in one short transaction with a time limit of its own: whoever asks every few
seconds must never be what keeps a database busy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import conninfo, sql
from psycopg_pool import ConnectionPool

from trueup.postgres.migrate import SchemaState, state
from trueup.postgres.pool import connect
from trueup.postgres.queries import load_queries
from trueup.postgres.workers import ALIVE_SECONDS

SECONDS: Final = 3  # for a connection, and for a statement
_SQL: Final[Mapping[str, sql.SQL]] = load_queries("gauges")

Row = tuple[Any, ...]
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the figures depend on.

    `key` is the budget's and token's, `window` the rate window in seconds, `now` what time it is
    where runs happen, `allowed` how often a product may fail within 24 hours.
    """

    key: str
    window: float
    now: datetime
    allowed: int


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run that came to an end; seconds since it began, and that it took."""

    state: str
    age: float
    duration: float
    summary: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Token:
    """The shared access token; `age` and `left` are None without one, `cooldown` 0 without any."""

    minted: int = 0
    age: float | None = None
    left: float | None = None
    cooldown: float = 0.0


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """One workspace's database. The rows are those of the statements in `sql/gauges.sql`."""

    schema: SchemaState
    products: Sequence[Row] = ()
    failing_often: int = 0
    runs: Sequence[Row] = ()
    last_run: LastRun | None = None
    since_success: float = 0.0
    running: float | None = None
    last_exits: Sequence[Row] = ()
    held: Sequence[Row] = ()
    alerts: Sequence[Row] = ()
    gates: Sequence[Row] = ()
    in_flight: int = 0
    throttles: Sequence[Row] = ()
    token: Token = Token()
    verification: Row | None = None


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The jobs of all workspaces, and who is there to do them."""

    jobs: Sequence[Row]
    done: Sequence[Row]
    workers: int
    slots: int


@contextmanager
def glance(url: str) -> Iterator[Connection]:
    """A connection of one's own for one look, which gives up soon.

    Raises `DatabaseUnavailableError`.
    """
    patience = {"connect_timeout": str(SECONDS), "tcp_user_timeout": str(2000 * SECONDS)}
    connection = connect(conninfo.make_conninfo(url, **patience))
    try:
        with connection:
            yield connection
    finally:
        connection.close()


@contextmanager
def borrowed(pool: ConnectionPool[Any]) -> Iterator[Connection]:
    """The same from a pool."""
    with pool.connection(timeout=SECONDS) as connection:
        yield connection


def read_ledger(connection: Connection, asked: Asked) -> LedgerFigures:
    """A workspace's figures; only its schema where that is not the one that we know."""
    with _briefly(connection):
        schema = state(connection)
        if not schema.ready:
            return LedgerFigures(schema)
        given = {"key": asked.key, "window": asked.window, "now": asked.now}
        given["allowed"] = asked.allowed

        def rows(name: str) -> list[Row]:
            return connection.execute(_SQL[name], given).fetchall()

        def first(name: str) -> Row | None:
            return next(iter(rows(name)), None)

        return LedgerFigures(
            schema,
            products=rows("products"),
            failing_often=_number(first("failing_often")),
            runs=rows("runs"),
            last_run=_last_run(first("last_run")),
            since_success=_number(first("last_success")),
            running=(first("running") or (None,))[0],
            last_exits=rows("last_exits"),
            held=rows("held"),
            alerts=rows("alerts"),
            gates=rows("gates"),
            in_flight=_number(first("in_flight")),
            throttles=rows("throttles"),
            token=_token(first("token")),
            verification=first("verification"),
        )


def read_queue(connection: Connection) -> QueueFigures:
    """The figures of the home database."""
    with _briefly(connection):
        jobs = connection.execute(_SQL["jobs"]).fetchall()
        done = connection.execute(_SQL["jobs_done"]).fetchall()
        found = connection.execute(_SQL["workers"], {"alive": ALIVE_SECONDS}).fetchone()
    workers, slots = found or (0, 0)
    return QueueFigures(jobs, done, workers, slots)


@contextmanager
def _briefly(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute(f"set local statement_timeout = '{SECONDS}s'")
        connection.execute("set transaction read only")
        yield


def _last_run(row: Row | None) -> LastRun | None:
    if row is None:
        return None
    state_word, age, duration, summary = row
    return LastRun(state_word, age, duration, json.loads(summary))


def _token(row: Row | None) -> Token:
    if row is None:
        return Token()
    minted, age, left, cooldown = row
    return Token(minted, age, left, cooldown or 0.0)


def _number(row: Row | None) -> Any:
    return row[0] if row and row[0] is not None else 0
