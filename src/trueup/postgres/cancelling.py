"""Telling a run that it is to stop, wherever it runs, and hearing of it."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool

_CANCEL: Final = """
    update trueup.run set cancelled_by = %(by)s
    where state = 'running' and run_id = %(run_id)s
    returning run_id"""
# A run that died is called running until the next one begins: who holds the lock is the living one.
_HEAR: Final = """
    select run.cancelled_by from trueup.run
    join trueup.lease on lease.run_id = run.run_id
    where lease.owner = %(owner)s and lease.expires_at > clock_timestamp()
      and run.state = 'running' and run.cancelled_by <> ''"""


def cancel_run(pool: ConnectionPool[Any], run_id: str, by: str) -> bool:
    """Tell a run to stop; False when no run of that name is running."""
    with pool.connection() as connection:
        given = {"run_id": run_id, "by": by}
        return connection.execute(_CANCEL, given).fetchone() is not None


def who_cancels(pool: ConnectionPool[Any], owner: str) -> str:
    """Who wants the run stopped for which this owner holds the lock; empty: nobody.

    A database that cannot be asked says nothing: the lock has a heartbeat of its own.
    """
    try:
        with pool.connection() as connection:
            [name] = connection.execute(_HEAR, {"owner": owner}).fetchone() or [""]
    except psycopg.OperationalError:
        return ""
    return str(name)
