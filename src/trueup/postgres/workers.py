"""The roster: which workers are alive, as the home database has heard of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from trueup import __version__

ALIVE_SECONDS: Final = 30.0  # who was heard of within them counts as alive
_BEAT: Final = """
    insert into trueup.worker (name, host, pid, version, slots)
    values (%(name)s, %(host)s, %(pid)s, %(version)s, %(slots)s)
    on conflict (name) do update set seen_at = clock_timestamp()"""
_ALIVE: Final = """
    select name, host, pid, version, slots, started_at, seen_at from trueup.worker
    where seen_at > clock_timestamp() - make_interval(secs => %(seconds)s::float8)
    order by started_at, name"""
_FORGET: Final = "delete from trueup.worker where name = %(name)s"
_BURY: Final = "delete from trueup.worker where seen_at < clock_timestamp() - interval '1 day'"


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker, and when it was last heard of; it carries out at most `slots` jobs at once."""

    name: str
    host: str
    pid: int
    version: str
    slots: int
    started_at: datetime
    seen_at: datetime


class Roster:
    """The workers of a deployment, in its home database."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool

    def beat(self, name: str, slots: int) -> None:
        """This worker is alive; the first time it is also written down."""
        given = {
            "name": name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": __version__,
            "slots": slots,
        }
        with self._pool.connection() as connection:
            connection.execute(_BEAT, given)

    def alive(self, seconds: float = ALIVE_SECONDS) -> Sequence[WorkerSeen]:
        """Who was heard of lately, the oldest first."""
        with self._pool.connection() as connection:
            rows = connection.cursor(row_factory=class_row(WorkerSeen))
            found: list[WorkerSeen] = rows.execute(_ALIVE, {"seconds": seconds}).fetchall()
        return found

    def forget(self, name: str) -> None:
        """This worker has ended; so have those that were not heard of for a day."""
        with self._pool.connection() as connection:
            connection.execute(_FORGET, {"name": name})
            connection.execute(_BURY)
