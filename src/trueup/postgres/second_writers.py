"""Fields that somebody else writes too: we put them back, and they are changed again.

Another program that keeps the same fields, Zoho's own copy between CRM and Billing, or a person
with another opinion. This is the warning; the guard against it is in `planner/guard.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL

from trueup.domain.guards import GuardLimits
from trueup.domain.records import Kind, TargetName
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("second_writers")


@dataclass(frozen=True, slots=True)
class SecondWriter:
    """A field that had to be put back again and again, on how many records and how often.

    `times` is that of the record where it happened most; `editors` is who changed it, as far as the
    target tells; `skus` is a sample, the worst first.
    """

    target: TargetName
    kind: Kind
    field: str
    records: int
    times: int
    skus: tuple[str, ...]
    editors: tuple[str, ...]
    last_at: datetime


def second_writers(
    connection: Connection[Any], now: datetime, limits: GuardLimits
) -> list[SecondWriter]:
    """Fields that were put back `limits.flips` times within `limits.flip_days`, the worst first."""
    given = {"since": now - timedelta(days=limits.flip_days), "flips": limits.flips}
    return [_to_writer(row) for row in connection.execute(_SQL["second_writers"], given)]


def _to_writer(row: tuple[Any, ...]) -> SecondWriter:
    target, kind, field, records, times, skus, editors, last_at = row
    place = TargetName(target), Kind(kind), field
    return SecondWriter(*place, records, times, tuple(skus), tuple(editors), last_at)
