"""Drift over time, as far back as changes are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("trends")


@dataclass(frozen=True, slots=True)
class DayOfDrift:
    """Records that were put back on a local day."""

    day: date
    records: int


def drift_by_day(
    connection: psycopg.Connection[Any], since: datetime, zone: str
) -> list[DayOfDrift]:
    """What was put back since a moment, by day in a time zone; days without any are left out."""
    rows = connection.execute(_SQL["drift"], {"since": since, "zone": zone})
    return [DayOfDrift(*row) for row in rows]
