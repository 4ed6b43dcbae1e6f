"""Looks at everything, as the database keeps them, and what was written since."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.jobs import JobKind
from trueup.domain.looks import Look
from trueup.domain.progress import RunProgress
from trueup.domain.records import Kind, RecordKey
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("looks")
_KEPT: Final = 100  # looks of a kind, for their figures

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a record's last change; `status` as the history of changes has it."""

    status: str
    at: datetime
    run_id: str


def keep(connection: Connection, look: Look) -> None:
    """Write a look down; earlier ones of its kind lose their lists."""
    given = {
        "what": look.what.value,
        "began_at": look.began_at,
        "ended_at": look.ended_at,
        "looked": look.looked,
        "found": look.found,
        "asked_by": look.asked_by,
        "document": json.dumps(dict(look.document)),
    }
    with connection.transaction():
        [look_id] = connection.execute(_SQL["keep"], given).fetchone() or (0,)
        told = {"what": look.what.value, "look_id": look_id, "kept": _KEPT}
        connection.execute(_SQL["thin_out"], told)


def last(connection: Connection, what: JobKind) -> Look | None:
    """The newest look of a kind, with its list."""
    found = connection.execute(_SQL["last"], {"what": what.value}).fetchone()
    return None if found is None else _look(found)


def newest(connection: Connection) -> int:
    """The number of the newest look of any kind."""
    [(look_id,)] = connection.execute(_SQL["newest"]).fetchall()
    return int(look_id)


def earlier(connection: Connection, what: JobKind, limit: int) -> list[Look]:
    """Those before the newest, without lists, the newest first."""
    given = {"what": what.value, "limit": limit}
    return [_look(row) for row in connection.execute(_SQL["earlier"], given)]


def written_since(
    connection: Connection, keys: Collection[RecordKey], since: datetime
) -> dict[RecordKey, Written]:
    """The last change after a moment of each of these records that had any."""
    given = {
        "kinds": [key.kind.value for key in keys],
        "codes": [key.code for key in keys],
        "since": since,
    }
    rows = connection.execute(_SQL["written_since"], given)
    return {RecordKey(Kind(kind), code): Written(*rest) for kind, code, *rest in rows}


def progress_keeper(pool: ConnectionPool[Any]) -> Callable[[str, RunProgress], None]:
    """Writes down how far a look has come, by the number of its job; for looking at only."""

    def keep_it(job: str, told: RunProgress) -> None:
        records = sum(told.read.values())
        given = {"job_id": int(job), "phase": told.phase, "records": records}
        with suppress(psycopg.Error), pool.connection() as connection:
            connection.execute(_SQL["keep_progress"], given)

    return keep_it


def progress(connection: Connection, job_id: int) -> tuple[str, int] | None:
    """What a look is doing and how many records it has read; None where it has told nothing."""
    return connection.execute(_SQL["progress"], {"job_id": job_id}).fetchone()


def _look(row: Sequence[Any]) -> Look:
    what, *rest = row
    return Look(JobKind(what), *rest)


def bound_now(
    connection: Connection, ids: Collection[tuple[Kind, str]]
) -> dict[tuple[Kind, str], str]:
    """The codes that these records are bound to, those that are."""
    given = {"kinds": [kind.value for kind, _ in ids], "ids": [one for _, one in ids]}
    rows = connection.execute(_SQL["bound_now"], given)
    return {(Kind(kind), remote_id): code for kind, remote_id, code in rows}
