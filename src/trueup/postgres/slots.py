"""What became of the slots of schedules, read for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from trueup.domain.jobs import Job
from trueup.postgres.queries import load_queries
from trueup.postgres.queue import to_job

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("slots")


def last_slots(
    connection: psycopg.Connection[Any], workspace: str, schedules: Sequence[str]
) -> Mapping[str, Job]:
    """The latest slot of each of these schedules that is over, as far as there was one."""
    jobs = _jobs(connection, "ended", workspace, schedules)
    return {job.request.schedule: job for job in jobs}


def open_slots(
    connection: psycopg.Connection[Any], workspace: str, schedules: Sequence[str]
) -> Sequence[Job]:
    """The slots of these schedules that run or wait, those that run first."""
    return _jobs(connection, "open", workspace, schedules)


def _jobs(
    connection: psycopg.Connection[Any], query: str, workspace: str, schedules: Sequence[str]
) -> Sequence[Job]:
    given = {"workspace": workspace, "schedules": list(schedules)}
    rows = connection.cursor(row_factory=dict_row).execute(_SQL[query], given)
    return [to_job(row) for row in rows]
