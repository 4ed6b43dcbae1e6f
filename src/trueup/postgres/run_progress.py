"""How far a run has come, wherever it is made; and afterwards what it said last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from trueup.domain.progress import RunProgress
from trueup.domain.records import TargetName
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("run_progress")
_PATIENCE: Final = 5.0  # seconds: a run must not wait for what is only looked at
_decoder: Final = msgspec.json.Decoder(RunProgress)


@dataclass(frozen=True, slots=True)
class Told:
    """What a run told about itself, and when."""

    at: datetime
    progress: RunProgress


@dataclass(frozen=True, slots=True)
class LateChange:
    """One of the last changes of a run: `status` is that of an outcome or of a decision."""

    sku: str
    target: TargetName
    status: str
    error_code: str
    detail: str


def keeper(pool: ConnectionPool[Any]) -> Callable[[str, RunProgress], None]:
    """Writes the progress of a run down. What cannot be written is left: it is for looking only."""

    def keep(run_id: str, progress: RunProgress) -> None:
        given = {"run_id": run_id, "progress": msgspec.json.encode(progress).decode()}
        with suppress(psycopg.Error), pool.connection(_PATIENCE) as connection:
            connection.execute(_SQL["keep"], given)

    return keep


def told(connection: Connection[Any], run_id: str) -> Told | None:
    """What this run told last; None for one that told nothing.

    What another version of the program wrote counts as nothing.
    """
    row = connection.execute(_SQL["find"], {"run_id": run_id}).fetchone()
    if row is None:
        return None
    with suppress(msgspec.DecodeError):
        return Told(row[0], _decoder.decode(row[1]))
    return None


def latest(connection: Connection[Any], run_id: str, limit: int = 20) -> list[LateChange]:
    """The last changes that a run wrote down, the newest first."""
    rows = connection.execute(_SQL["latest"], {"run_id": run_id, "limit": limit})
    return [LateChange(sku, TargetName(where), *rest) for sku, where, *rest in rows]


def cancelled_by(connection: Connection[Any], run_id: str) -> str:
    """Who told a run to stop; empty: nobody."""
    row = connection.execute(_SQL["cancelled_by"], {"run_id": run_id}).fetchone()
    return str(row[0]) if row else ""
