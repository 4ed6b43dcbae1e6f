"""The workers' side of the queue: what is handed to the engine, and whose worker is dead.

Any number of workers may do it at once, and twice: whoever claims a job first has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from trueup.domain.jobs import Job
from trueup.postgres.queries import load_queries
from trueup.postgres.queue import CHANNEL, to_job

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("dispatch")
_ANNOUNCE: Final = "select pg_notify(%s, %s)"


@dataclass(frozen=True, slots=True)
class Handout:
    """A waiting job that is, or is to be, in the engine's hands; `engine_id` 0: not yet."""

    job_id: int
    priority: int = 0
    engine_id: int = 0


class Dispatch:
    """Jobs on their way from the queue to a worker, in the home database."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool

    def take(self) -> Sequence[Handout]:
        """What this worker is to hand to the engine now: one job of each workspace at most."""
        with self._pool.connection() as connection:
            found = connection.execute(_SQL["take"]).fetchall()
        ranked = sorted(found, key=lambda row: (-row[1], row[0]))
        return [Handout(job_id, priority) for job_id, priority in ranked]

    def handed_out(self, job_id: int, engine_id: int) -> None:
        """The engine has it, under this number."""
        given = {"job_id": job_id, "engine_id": engine_id}
        with self._pool.connection() as connection:
            connection.execute(_SQL["handed_out"], given)

    def take_back(self, job_id: int) -> None:
        """The engine no longer has it, or in vain: it is handed out again."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["take_back"], {"job_id": job_id})

    def doubtful(self, seconds: float) -> Sequence[Handout]:
        """What the engine was given so long ago and nobody has begun."""
        with self._pool.connection() as connection:
            found = connection.execute(_SQL["doubtful"], {"seconds": seconds}).fetchall()
        return [Handout(job_id, engine_id=engine_id) for job_id, engine_id in found]

    def reap(self, seconds: float, losses: int) -> Sequence[Job]:
        """Give up the jobs of workers that were not heard of for so many seconds.

        They wait for the next worker; one at which so many workers died has failed.
        """
        given = {"seconds": seconds, "losses": losses}
        with self._pool.connection() as connection, connection.transaction():
            rows = connection.cursor(row_factory=dict_row)
            found = [to_job(row) for row in rows.execute(_SQL["reap"], given).fetchall()]
            for job in found:
                connection.execute(_ANNOUNCE, [CHANNEL, str(job.job_id)])
        return found
