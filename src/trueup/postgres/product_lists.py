"""Products page by page: what the catalogue has and what left it, with how each of them stands.

A page begins where the one before ended (`After`), so that the thousandth costs what the first
does; nothing is counted. Each condition is written so that an index can answer it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
_SOUGHT: Final = ("id", "sku", "name", "service_type", "product_category", "pricing")
_SHOWN: Final = ("id", "sku", "name", "status")
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

    @property
    def asks_never(self) -> bool:
        """Whether it looks for what was never decided."""
        pending = Standing.PENDING
        return self.why is Why.NEVER or pending in (self.standing, *self.at.values())


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
    connection: Connection,
    source: CatalogueSource,
    search: Search,
    limit: int,
    undecided: Sequence[str] | None = None,
) -> list[Listed]:
    """At most so many products. Raises `CatalogueError` when the catalogue's table is missing.

    With `undecided` only these are looked through for what was never decided (`find_undecided`).
    """
    asked = _Asked(search, source, undecided)
    query = _SQL["listed"].format(
        listed=asked.branch(source.select(_SOUGHT), gone=False),
        gone=asked.branch(_SQL["gone_rows"], gone=True),
        rows=source.select(_SHOWN),
        states=SQL(", ").join(
            Identifier(target.value, column) for target in TargetName for column in _STATE
        ),
        direction=asked.direction,
    )
    with along_indexes(connection):
        found = connection.execute(query, asked.given | {"limit": limit}).fetchall()
    return [_to_listed(row) for row in found]


@contextmanager
def along_indexes(connection: Connection) -> Iterator[None]:
    """A block that reads the narrow index of all products, and not their wide rows.

    By default Postgres thinks of disks on which a page here and a page there cost four times as
    much as pages in a row.
    """
    with connection.transaction():
        connection.execute("set local random_page_cost = 1.1")
        yield


def find_undecided(connection: Connection, source: CatalogueSource, most: int) -> list[str] | None:
    """The products that no run has decided about at one of the targets; None for more than `most`.

    Reads an index of all products, which takes a while.
    """
    query = _SQL["undecided"].format(ids=source.select(("id",)))
    with along_indexes(connection):
        found = connection.execute(query, {"limit": most + 1}).fetchall()
    return None if len(found) > most else [offering_id for (offering_id,) in found]


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
        join_dated=SQL("") if prices is None else _SQL["dated_of"].format(prices=prices),
    )
    found = connection.execute(query, {"ids": list(ids)})
    return {row.id: row for row in _read_rows(text for (text,) in found)}


class _Asked:
    """A search as SQL: its conditions, and the values in them."""

    def __init__(
        self, search: Search, source: CatalogueSource, undecided: Sequence[str] | None
    ) -> None:
        self.given: dict[str, Any] = {}
        self._search = search
        self._ids = source.select(("id",))
        if undecided is not None:
            self.given["undecided"] = list(undecided)
            self._ids = SQL("select unnest(%(undecided)s::uuid[]) as id")
        self.direction = SQL("desc" if search.descending else "asc")

    def branch(self, rows: Composable, *, gone: bool) -> Composable:
        """The products of one kind: in the catalogue, or gone from it."""
        ids = _SQL["gone_ids"] if gone else self._ids
        conditions = [*self._place(), *self._words(), *self._standings(ids)]
        if (why := self._search.why) is not None:
            conditions.append(_why(why, ids, gone=gone))
        return _SQL["branch"].format(
            is_gone=SQL("true" if gone else "false"),
            sku=SQL("p.sku" if gone else "null"),
            sort_key=_SORT_KEYS[self._search.order],
            rows=rows,
            joins=SQL(" ").join(_JOIN[target] for target in self._agreeing()),
            conditions=SQL(" and ").join(conditions or [SQL("true")]),
            direction=self.direction,
        )

    def _agreeing(self) -> list[TargetName]:
        """Where it must agree: most do, so each is looked up as the list goes by."""
        search = self._search
        everywhere = search.standing is Standing.OK
        return [t for t in TargetName if everywhere or search.at.get(t) is Standing.OK]

    def _place(self) -> Iterator[Composable]:
        """Behind the page before."""
        search = self._search
        if search.after is not None:
            self.given |= {"after": search.after.key, "after_id": search.after.offering_id}
            key = _SORT_KEYS[search.order]
            sign = SQL("<" if search.descending else ">")
            place = SQL("(%(after)s::numeric" if search.order is Order.PRICE else "(%(after)s")
            yield SQL("({}, p.id) {} {}, %(after_id)s::uuid)").format(key, sign, place)

    def _words(self) -> Iterator[Composable]:
        """What was typed or chosen from a list."""
        search = self._search
        if search.text:
            self.given["text"] = _contains(search.text)
            yield SQL("(p.sku ilike %(text)s or p.name ilike %(text)s)")
        if search.family:
            self.given["family"] = search.family
            yield SQL("%(family)s in (p.service_type, p.product_category)")
        if search.error:
            self.given["error"] = _contains(search.error)
            yield _among(_FEW.format(SQL("last_error ilike %(error)s")))

    def _standings(self, ids: Composable) -> Iterator[Composable]:
        """How they stand; `ids` are of all that may never have been decided."""
        search = self._search
        for target in self._agreeing():
            yield SQL("{} = 'ok'").format(Identifier(target.value, "status"))
        for target, standing in search.at.items():
            if standing is not Standing.OK:
                yield _stands(standing, (target,), ids)
        if search.standing is not None and search.standing is not Standing.OK:
            yield _stands(search.standing, tuple(TargetName), ids)


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
_FEW: Final = SQL("select offering_id from trueup.product_state where status <> 'ok' and {}")
_WHY: Final[Mapping[Why, Composable]] = {
    Why.QUARANTINED: _FEW.format(SQL("quarantined")),
    Why.BACKING_OFF: _FEW.format(
        SQL("status = 'failed' and not quarantined and next_attempt_at > clock_timestamp()")
    ),
    Why.DECISION: _SQL["waiting"],
    Why.REFUSED: _FEW.format(SQL("status = 'skipped'")),
}


def _why(why: Why, ids: Composable, *, gone: bool) -> Composable:
    if why is Why.GONE:
        return SQL("true" if gone else "false")
    never = _SQL["lacking"].format(ids=ids, there=SQL("true"))
    return _among(never if why is Why.NEVER else _WHY[why])


def _stands(standing: Standing, targets: Collection[TargetName], ids: Composable) -> Composable:
    """Whether a product stands so, other than agreeing, at any of these targets."""
    there = [SQL("target = {}").format(Literal(target.value)) for target in targets]
    at_any = SQL("status = {} and ({})").format(Literal(standing.value), SQL(" or ").join(there))
    sets = [_FEW.format(at_any)]
    if standing is Standing.PENDING:  # decided to wait, or never decided
        sets += [_SQL["lacking"].format(ids=ids, there=one) for one in there]
    return _among(SQL(" union all ").join(sets))


def _among(ids: Composable) -> Composable:
    return SQL("p.id in ({})").format(ids)


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
