"""Products in a list: what each costs, how it stands at both targets and since when."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from trueup.domain.cells import harmless
from trueup.domain.package import PackageRow
from trueup.domain.records import TargetName
from trueup.domain.states import ProductState, Standing
from trueup.planner.dated import list_price
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.product_lists import (
    After,
    Listed,
    Search,
    find_undecided,
    page,
    whole_rows,
)

if TYPE_CHECKING:
    from trueup.domain.calendar import Today
    from trueup.domain.package import UnreadableRow
    from trueup.settings import Settings
    from trueup.views.desk import Desk

_PIECE = 1_000  # products of an export that are read at a time
_FEW = 5_000  # undecided products whose ids are kept in memory for a while
CSV_COLUMNS = (
    "sku", "name", "status", "price", "currency", "crm", "crm_checked", "crm_error",
    "billing", "billing_checked", "billing_error", "id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stand:
    """How a product stands at one target. Without a `standing` no run has decided about it.

    `since` is when it was last compared, or, where it does not agree, last tried.
    """

    standing: Standing | None = None
    since: datetime | None = None
    error: str = ""
    quarantined: bool = False
    next_attempt_at: datetime | None = None

    @property
    def word(self) -> str:
        """The standing as people read it."""
        if self.standing is None:
            return "not compared"
        return "quarantined" if self.quarantined else self.standing.value


@dataclass(frozen=True, slots=True)
class Line:
    """One product in a list; without a price where its row states none that can be read."""

    offering_id: str
    sku: str
    name: str
    status: str
    price: Decimal | None
    stands: Mapping[TargetName, Stand]

    @property
    def trouble(self) -> str:
        """What keeps it from agreeing, in the words of the first target that says so."""
        return next((stand.error for stand in self.stands.values() if stand.error), "")


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of products, and where the next one begins."""

    lines: Sequence[Line]
    after: After | None = None


def source_of(settings: Settings) -> CatalogueSource:
    """The catalogue of a workspace."""
    return CatalogueSource(settings.catalogue_table, dict(settings.columns))


def dated_of(settings: Settings) -> DatedSource:
    """Where its dated prices come from."""
    return DatedSource(settings.dated_prices, settings.dated_columns)


def listing(desk: Desk, search: Search, most: int) -> Listing:
    """One page. Raises `CatalogueError` when the catalogue's table or columns are missing."""
    settings = desk.app.settings
    undecided = _undecided(desk) if search.asks_never else None
    found = page(desk.connection, source_of(settings), search, most + 1, undecided)
    shown = found[:most]
    ids = [one.offering_id for one in shown if not one.gone]
    rows = whole_rows(desk.connection, source_of(settings), dated_of(settings), ids)
    today = desk.app.rules.today(desk.time.now)
    lines = [_line(one, rows.get(one.offering_id), today) for one in shown]
    last = shown[-1] if len(found) > most else None
    return Listing(lines, None if last is None else After(last.sort_key, last.offering_id))


def _undecided(desk: Desk) -> Sequence[str] | None:
    """The few products that no run has decided about, on pages as they were some seconds ago.

    None, where they are many or nobody else asks: they are found as the list goes by.
    """
    if desk.lately is None:
        return None
    source = source_of(desk.app.settings)
    return desk.good(
        "undecided", desk.moves(), lambda: find_undecided(desk.connection, source, _FEW)
    )


def stand_of(state: ProductState | None) -> Stand:
    """How a product stands, from what the ledger remembers."""
    if state is None:
        return Stand()
    agrees = state.standing is Standing.OK
    since = state.verified_at if agrees else state.last_attempt_at or state.verified_at
    error = "" if agrees else state.last_error or ""
    return Stand(state.standing, since, error, state.quarantined, state.next_attempt_at)


def _line(one: Listed, row: PackageRow | UnreadableRow | None, today: Today) -> Line:
    price = list_price(row, today) if isinstance(row, PackageRow) else None
    stands = {target: stand_of(one.states.get(target)) for target in TargetName}
    return Line(one.offering_id, one.sku.strip(), one.name.strip(), one.status, price, stands)


def csv_pieces(desk: Desk, search: Search) -> Iterator[str]:
    """The whole list as CSV, some thousand lines at a time; memory does not grow with it."""
    # Spreadsheets take text for UTF-8 only with the mark in front.
    yield "\ufeff" + _csv([CSV_COLUMNS])
    rest: Search | None = replace(search, after=None)
    while rest is not None:
        found = listing(desk, rest, _PIECE)
        if found.lines:
            yield _csv(_cells(line, desk) for line in found.lines)
        rest = None if found.after is None else replace(search, after=found.after)


def _cells(line: Line, desk: Desk) -> list[str]:
    sides: list[str] = []
    for target in TargetName:
        stand = line.stands[target]
        sides += [stand.word, desk.time.iso(stand.since) or "", stand.error]
    price = "" if line.price is None else str(line.price)
    currency = desk.app.settings.currency
    return [line.sku, line.name, line.status, price, currency, *sides, line.offering_id]


def _csv(rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
    return written.getvalue()
