"""What waits for a person, a piece at a time: for pages, of however much there is. Read-only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL

from trueup.domain.guards import Rule
from trueup.domain.records import TargetName
from trueup.domain.waiting import Waiting
from trueup.postgres.decisions import COLUMNS, to_waiting
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("held")
_NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """How much one guard holds at one target, since when; `newest` numbers the last change.

    `last_run` is the run that held it last, `why` its words; `subscriptions` are those that are
    known to be touched.
    """

    rule: Rule
    target: TargetName
    changes: int
    products: int
    since: datetime
    newest: int
    last_run: str
    why: str
    subscriptions: int


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A product that is held by what its row says, and where."""

    offering_id: str
    sku: str
    name: str
    targets: tuple[TargetName, ...]
    why: str
    looked_at: datetime | None


def groups(connection: Connection[Any], now: datetime) -> list[HeldGroup]:
    """What asks for a decision, by guard and target, in the order of the guards."""
    rows = connection.execute(_SQL["groups"], {"now": now})
    found = [HeldGroup(Rule(rule), TargetName(target), *rest) for rule, target, *rest in rows]
    return sorted(found, key=lambda one: (list(Rule).index(one.rule), one.target.value))


def of_group(
    connection: Connection[Any],
    rule: Rule,
    target: TargetName,
    now: datetime,
    *,
    limit: int | None = None,
    skip: int = 0,
    upto: int = _NEWEST,
) -> list[Waiting]:
    """The changes of a group by product, those with numbers up to `upto`."""
    given = {"rule": rule.value, "target": target.value, "now": now}
    return _read(connection, "of_group", given | {"limit": limit, "skip": skip, "upto": upto})


def approved(connection: Connection[Any], now: datetime, limit: int) -> list[Waiting]:
    """What a person let pass and no run has made yet, the latest first."""
    return _read(connection, "approved", {"now": now, "limit": limit})


def rejected(connection: Connection[Any], limit: int) -> list[Waiting]:
    """What a person does not want and the catalogue still does, the latest first."""
    return _read(connection, "rejected", {"limit": limit})


def beside(connection: Connection[Any], numbers: Collection[int], now: datetime) -> list[Waiting]:
    """What waits only for another change, of the products of these changes."""
    return _read(connection, "beside", {"numbers": list(numbers), "now": now})


def refused_rows(connection: Connection[Any], limit: int) -> list[RefusedRow]:
    """Products that are held by what their rows say, by SKU."""
    rows = connection.execute(_SQL["refused_rows"], {"limit": limit})
    return [
        RefusedRow(offering_id, sku, name, tuple(TargetName(t) for t in targets), why, at)
        for offering_id, sku, name, targets, why, at in rows
    ]


def _read(connection: Connection[Any], name: str, given: Mapping[str, Any]) -> list[Waiting]:
    query = _SQL[name].format(columns=COLUMNS)
    return [to_waiting(row) for row in connection.execute(query, given)]
