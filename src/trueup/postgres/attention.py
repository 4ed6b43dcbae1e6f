"""What a person should know now: what is held and why, who writes, what is paused; read-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection, ProgrammingError
from psycopg.sql import SQL

from trueup.domain.guards import Rule
from trueup.domain.records import TargetName
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("attention")
_LIVE: Final = ("id", "status", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class HeldReason:
    """Why products are held, where, and how many."""

    targets: tuple[TargetName, ...]
    why: str
    products: int


@dataclass(frozen=True, slots=True)
class Writer:
    """The run that is writing now."""

    run_id: str | None
    host: str
    pid: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """A target, or the token endpoint (`token`), that is left alone for a while."""

    target: str
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class ThrottledProduct:
    """A product whose requests were refused for being too many; `hits` counts the last 20."""

    sku: str
    name: str
    last_at: datetime
    hits: int


def never_compared(connection: Connection, source: CatalogueSource) -> int:
    """Rows of the catalogue that are on sale and were not looked at by any run yet.

    Raises `CatalogueError` when the catalogue's table or columns are missing.
    """
    query = _SQL["never_compared"].format(
        ids=source.select(("id",)), catalogue=source.select(_LIVE)
    )
    try:
        [(products,)] = connection.execute(query).fetchall()
    except ProgrammingError:
        source.check(connection)
        raise
    return int(products)


def held_reasons(connection: Connection, *, limit: int = 5) -> list[HeldReason]:
    """Why rows are held, the most frequent reason first; not what waits for a decision.

    Reasons that say the same with other numbers are one, with `…` in place of the numbers.
    """
    rows = connection.execute(_SQL["reasons"], {"limit": limit})
    return [HeldReason(tuple(TargetName(t) for t in targets), *rest) for targets, *rest in rows]


def held_by_guards(connection: Connection) -> dict[Rule, int]:
    """How many products wait for a decision, by the first guard that holds them."""
    return {Rule(rule): n for rule, n in connection.execute(_SQL["held_by_guards"])}


def writer(connection: Connection, lease: str) -> Writer | None:
    """The run that holds the lease of this name now."""
    row = connection.execute(_SQL["writer"], {"lease": lease}).fetchone()
    return Writer(*row) if row else None


def pauses(connection: Connection, workspace: str) -> list[Pause]:
    """What is left alone now: targets that throttled us, the token endpoint in its cooldown."""
    rows = connection.execute(_SQL["pauses"], {"workspace": workspace})
    return [Pause(*row) for row in rows]


def throttled_products(connection: Connection, *, limit: int = 10) -> list[ThrottledProduct]:
    """The products that met a rate limit, the latest first."""
    rows = connection.execute(_SQL["throttled_products"], {"limit": limit})
    return [ThrottledProduct(*row) for row in rows]
