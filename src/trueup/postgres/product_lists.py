"""Products page by page: what the catalogue has and what left it, with how each of them stands.

A page begins where the one before ended (`After`), so that the thousandth costs what the first
does; nothing is counted. Each condition is written so that an index can answer it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec
from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier, Literal

from trueup.domain.package import DATED, PackageRow, UnreadableRow
from trueup.domain.records import TargetName
from trueup.domain.states import ProductState, Standing
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("product_lists")
_COLUMNS: Final = ("id", "sku", "name", "status", "service_type", "product_category", "pricing")
_STATE: Final = (
    "status",
    "row_revision",
    "verified_at",
    "last_success_at",
    "last_attempt_at",
    "failures",
    "next_attempt_at",
    "quarantined",
    "last_error",
)
_AMOUNTS: Final = ("price", "base_price_zar", "promotion_price")
_row: Final = msgspec.json.Decoder(PackageRow, float_hook=Decimal)
_loose: Final = msgspec.json.Decoder()


class Order(StrEnum):
    """What a list is sorted by."""

    SKU = "sku"
    NAME = "name"
    PRICE = "price"  # as the catalogue states it, whatever dated price is in force


class Why(StrEnum):
    """Why somebody looks for products."""

    QUARANTINED = "quarantined"  # refused by a target; tried again when something changes
    BACKING_OFF = "backing_off"  # failed, and tried again later
    DECISION = "decision"  # a guard holds a change
    REFUSED = "refused"  # a finding about the row
    NEVER = "never"  # no run has looked at it
    GONE = "gone"  # left the catalogue, and records of it are there


@dataclass(frozen=True, slots=True)
class After:
    """Where the page before ended: its last product, and what that was sorted by."""

    key: str
    offering_id: str


@dataclass(frozen=True, slots=True)
class Search:
    """Which products; what is empty does not narrow.

    `standing` is at either target, but for `ok`, which means both; `text` is part of a SKU or a
    name, `error` part of what a target or a finding said, `family` a service type or a category.
    """

    text: str = ""
    standing: Standing | None = None
    at: Mapping[TargetName, Standing] = field(default_factory=dict)
    family: str = ""
    why: Why | None = None
    error: str = ""
    order: Order = Order.SKU
    descending: bool = False
    after: After | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A product, and how it stands where it was ever decided. `sort_key` continues the list."""

    offering_id: str
    sku: str
    name: str
    status: str
    gone: bool
    sort_key: str
    states: Mapping[TargetName, ProductState]


def page(
    connection: Connection, source: CatalogueSource, search: Search, limit: int
) -> list[Listed]:
    """At most so many products. Raises `CatalogueError` when the catalogue's table is missing."""
    asked = _Asked(search)
    query = _SQL["listed"].format(
        listed=asked.branch(source.select(_COLUMNS), gone=False),
        gone=asked.branch(_SQL["gone_rows"], gone=True),
        states=SQL(", ").join(
            Identifier(target.value, column) for target in TargetName for column in _STATE
        ),
        direction=asked.direction,
    )
    found = connection.execute(query, asked.given | {"limit": limit}).fetchall()
    return [_to_listed(row) for row in found]


def families(connection: Connection, source: CatalogueSource) -> list[str]:
    """The service types and categories that products have."""
    found: set[str] = set()
    for column in ("service_type", "product_category"):
        query = _SQL["families"].format(column=Identifier(column), rows=source.select((column,)))
        found.update(family for (family,) in connection.execute(query) if family)
    return sorted(found)


def whole_rows(
    connection: Connection, source: CatalogueSource, dated: DatedSource, ids: Collection[str]
) -> dict[str, PackageRow | UnreadableRow]:
    """The whole rows of these products, with their dated prices; those that are gone are left out.

    A row that cannot be read is told as such.
    """
    prices = dated.select(connection)
    query = _SQL["whole_rows"].format(
        rows=source.select(),
        dated=SQL("null::json") if prices is None else SQL("dated.prices"),
        join_dated=SQL("")
        if prices is None
        else SQL("left join ({}) as dated on dated.id = listed.id").format(prices),
    )
    found = connection.execute(query, {"ids": list(ids)})
    return {row.id: row for row in _read_rows(text for (text,) in found)}


class _Asked:
    """A search as SQL: its conditions, and the values in them."""

    def __init__(self, search: Search) -> None:
        self.given: dict[str, Any] = {}
        self._search = search
        self.direction = SQL("desc" if search.descending else "asc")

    def branch(self, rows: Composable, *, gone: bool) -> Composable:
        """The products of one kind: in the catalogue, or gone from it."""
        conditions = list(self._conditions(gone=gone))
        return _SQL["branch"].format(
            is_gone=SQL("true" if gone else "false"),
            sort_key=_SORT_KEYS[self._search.order],
            rows=rows,
            joins=SQL(" ").join(_JOIN[target] for target in self._search.at)
            if not self._needs_both()
            else SQL(" ").join(_JOIN.values()),
            conditions=SQL(" and ").join(conditions or [SQL("true")]),
            direction=self.direction,
        )

    def _needs_both(self) -> bool:
        """Whether a condition asks about both targets."""
        standing, why = self._search.standing, self._search.why
        return standing in (Standing.OK, Standing.PENDING) or why is Why.NEVER

    def _conditions(self, *, gone: bool) -> Iterator[Composable]:
        search = self._search
        if search.after is not None:
            self.given |= {"after": search.after.key, "after_id": search.after.offering_id}
            key = _SORT_KEYS[search.order]
            sign = SQL("<" if search.descending else ">")
            place = SQL("(%(after)s::numeric" if search.order is Order.PRICE else "(%(after)s")
            yield SQL("({}, p.id) {} {}, %(after_id)s::uuid)").format(key, sign, place)
        if search.text:
            self.given["text"] = _contains(search.text)
            yield SQL("(p.sku ilike %(text)s or p.name ilike %(text)s)")
        if search.family:
            self.given["family"] = search.family
            yield SQL("%(family)s in (p.service_type, p.product_category)")
        if search.error:
            self.given["error"] = _contains(search.error)
            yield _AMONG.format(SQL("last_error ilike %(error)s"))
        for target, standing in search.at.items():
            yield _stands(target, standing)
        if search.standing is not None:
            yield self._anywhere(search.standing)
        if search.why is not None:
            yield SQL("true" if gone else "false") if search.why is Why.GONE else _WHY[search.why]

    def _anywhere(self, standing: Standing) -> Composable:
        if standing in (Standing.OK, Standing.PENDING):
            both = [_stands(target, standing) for target in TargetName]
            word = SQL(" and " if standing is Standing.OK else " or ")
            return SQL("({})").format(word.join(both))
        self.given["standing"] = standing.value
        return _AMONG.format(SQL("status = %(standing)s"))


_SORT_KEYS: Final[Mapping[Order, SQL]] = {
    Order.SKU: SQL("coalesce(p.sku, '')"),
    Order.NAME: SQL("coalesce(p.name, '')"),
    # What is no amount comes first: somebody should look at it.
    Order.PRICE: SQL(
        "case when p.pricing ->> 'monthly' ~ '^[0-9]{1,12}(\\.[0-9]{1,6})?$'"
        " then (p.pricing ->> 'monthly')::numeric else -1 end"
    ),
}
_JOIN: Final[Mapping[TargetName, SQL]] = {
    TargetName.CRM: SQL(
        "left join trueup.product_state as crm on crm.offering_id = p.id and crm.target = 'crm'"
    ),
    TargetName.BILLING: SQL(
        "left join trueup.product_state as billing"
        " on billing.offering_id = p.id and billing.target = 'billing'"
    ),
}
# What does not agree is few of many, and has an index of its own.
_AMONG: Final = SQL(
    "p.id in (select offering_id from trueup.product_state where status <> 'ok' and {})"
)
_WHY: Final[Mapping[Why, Composable]] = {
    Why.QUARANTINED: _AMONG.format(SQL("quarantined")),
    Why.BACKING_OFF: _AMONG.format(
        SQL("status = 'failed' and not quarantined and next_attempt_at > clock_timestamp()")
    ),
    Why.DECISION: SQL(
        "p.id::text in (select owner from trueup.held_change where state = 'open'"
        " or (state = 'approved' and expires_at <= clock_timestamp()))"
    ),
    Why.REFUSED: _AMONG.format(SQL("status = 'skipped'")),
    Why.NEVER: SQL("crm.offering_id is null and billing.offering_id is null"),
}


def _stands(target: TargetName, standing: Standing) -> Composable:
    """Whether a product stands so at a target; one that was never decided is pending."""
    status = Identifier(target.value, "status")
    told = SQL("{} = {}").format(status, Literal(standing.value))
    if standing is not Standing.PENDING:
        return told
    return SQL("({} or {} is null)").format(told, status)


def _contains(text: str) -> str:
    """A pattern for ILIKE that takes every sign as it is."""
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("\x00", "")
    return f"%{plain}%"


def _to_listed(row: tuple[Any, ...]) -> Listed:
    offering_id, sku, name, status, gone, key, *states = row
    sides = {
        target: ProductState(Standing(of[0]), *of[1:])
        for place, target in enumerate(TargetName)
        if (of := states[place * len(_STATE) : (place + 1) * len(_STATE)])[0] is not None
    }
    return Listed(offering_id, sku or "", name or "", status or "", gone, key, sides)


def _read_rows(documents: Iterator[str]) -> Iterator[PackageRow | UnreadableRow]:
    for text in documents:
        try:
            row = _row.decode(text)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `$.")
            yield _unreadable(text, path.rstrip("`").split(".")[0].split("[")[0] or "?", problem)
            continue
        odd = next((n for n in _AMOUNTS if not _is_finite(getattr(row, n))), None)
        prices = [p for d in row.dated_prices or () for p in (d.old_price, d.new_price)]
        odd = odd or (None if all(map(_is_finite, prices)) else DATED)
        yield row if odd is None else _unreadable(text, odd, "it is not an amount")


def _is_finite(amount: Decimal | None) -> bool:
    return amount is None or amount.is_finite()


def _unreadable(text: str, column: str, problem: str) -> UnreadableRow:
    document: dict[str, Any] = _loose.decode(text)
    told = {name: document.get(name) for name in ("sku", "name", "status")}
    return UnreadableRow(id=str(document["id"]), **told, column=column, problem=problem)
