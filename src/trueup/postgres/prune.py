"""Remove what is past its time, and nothing that is still needed (docs/watch.md).

In small pieces, each a transaction of its own: nobody waits for it, memory does not grow with what
is removed, and it may be killed at any instant; the next time goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.postgres.queries import load_queries

BATCH: Final = 5_000
_SQL: Final[Mapping[str, sql.SQL]] = load_queries("prune")

# In this order: what says that something else is to go goes after it.
_TABLES: Final = {
    "trueup.change_history": "change_history",
    "trueup.held_change": "held_change",
    "public.zoho_sync_logs": "zoho_sync_logs",
    "public.cron_execution_log": "cron_execution_log",
    "trueup.call_by_run": "call_by_run",
    "trueup.run": "run",
    "trueup.job": "job",
    "trueup.alert": "alert",
    "trueup.observed": "observed",
    "trueup.reading": "reading",
    "trueup.touched": "touched",
}
_JOBS: Final = "trueup.job"


@dataclass(frozen=True, slots=True)
class Ages:
    """How long things are kept, and the clock by which runs go.

    Guards look back over `flips`, so history is kept at least as long; runs at least as long as
    their history.
    """

    now: datetime
    history: timedelta
    runs: timedelta
    flips: timedelta = timedelta()

    @property
    def history_before(self) -> datetime:
        """Changes of runs that began before this go."""
        return self.now - max(self.history, self.flips)

    @property
    def runs_before(self) -> datetime:
        """Runs that began before this go."""
        return min(self.now - self.runs, self.history_before)


def past_its_time(pool: ConnectionPool[Any], ages: Ages) -> dict[str, int]:
    """How many rows of each table are past their time; removes nothing."""
    with pool.connection() as connection:
        given = _moments(connection, ages)
        return {table: _one(connection, _statement("count", table), given) for table in _TABLES}


def prune(
    pool: ConnectionPool[Any],
    ages: Ages,
    *,
    batch: int = BATCH,
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, int]:
    """Remove what is past its time; how many rows of each table. Ends early when `stopped`."""
    with pool.connection() as connection:
        given = _moments(connection, ages) | {"batch": batch}
        connection.execute(_SQL["mark"], given)
    removed = {
        table: _repeat(pool, _statement("remove", table), given, stopped) for table in _TABLES
    }
    _repeat(pool, _SQL["reports"], given, stopped)
    return removed


def prune_jobs(pool: ConnectionPool[Any], ages: Ages) -> int:
    """The same for jobs alone: in a home database whose jobs are those of other workspaces."""
    with pool.connection() as connection:
        given = _moments(connection, ages) | {"batch": BATCH}
    _repeat(pool, _SQL["reports"], given, lambda: False)
    return _repeat(pool, _statement("remove", _JOBS), given, lambda: False)


def changes_removed_at(connection: psycopg.Connection[Any], run_id: str) -> datetime | None:
    """When the changes of a run were removed; None for a run that has them all."""
    row = connection.execute(_SQL["changes_removed_at"], {"run_id": run_id}).fetchone()
    found: datetime | None = row[0] if row else None
    return found


def _repeat(
    pool: ConnectionPool[Any],
    statement: sql.SQL | sql.Composed,
    given: Mapping[str, Any],
    stopped: Callable[[], bool],
) -> int:
    """Carry out a statement until it finds less than a batch."""
    total = 0
    while not stopped():
        with pool.connection() as connection:
            found = connection.execute(statement, given).rowcount
        total += found
        if found < given["batch"]:
            break
    return total


def _statement(name: str, table: str) -> sql.Composed:
    condition = _SQL[_TABLES[table]].format(doomed_runs=_SQL["doomed_runs"])
    place = sql.Identifier(*table.split("."))
    return _SQL[name].format(table=place, condition=condition)


def _moments(connection: psycopg.Connection[Any], ages: Ages) -> dict[str, Any]:
    """The moments by both clocks. One that is simulated and ahead must not remove what is new."""
    row = connection.execute("select clock_timestamp()").fetchone()
    here = min(row[0], ages.now) if row else ages.now
    return {
        "history": ages.history_before,
        "runs": ages.runs_before,
        "history_here": here - (ages.now - ages.history_before),
        "runs_here": here - (ages.now - ages.runs_before),
    }


def _one(
    connection: psycopg.Connection[Any], statement: sql.Composed, given: Mapping[str, Any]
) -> int:
    row = connection.execute(statement, given).fetchone()
    return int(row[0]) if row else 0
