"""Whose turn a chore is: of all workers of a deployment one does it, once in a while."""

from __future__ import annotations

from typing import Any, Final

from psycopg_pool import ConnectionPool

_CLAIM: Final = """
    insert into trueup.chore as known (name, next_at)
    values (%(name)s, clock_timestamp() + make_interval(secs => %(every)s::float8))
    on conflict (name) do update set next_at = excluded.next_at
    where known.next_at <= clock_timestamp()
    returning true"""


def claim_chore(pool: ConnectionPool[Any], name: str, every: float) -> bool:
    """Whether this worker is to do it now; nobody else is for `every` seconds."""
    with pool.connection() as connection:
        return connection.execute(_CLAIM, {"name": name, "every": every}).fetchone() is not None
