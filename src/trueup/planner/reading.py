"""A catalogue row becomes an `Offering`, a `Withdrawn`, a `Dormant`, or findings.

A row that is on sale is read whole or not at all: whatever is wrong with it is said in findings
and nothing is written for it. What is only withdrawn needs no price and is never blocked by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal

from trueup.domain.calendar import Today
from trueup.domain.changes import Finding, FindingKind
from trueup.domain.errors import CatalogueError
from trueup.domain.money import HIGHEST_PRICE, Money, cents
from trueup.domain.offering import Dormant, Ended, Offering, Reading, Withdrawn
from trueup.domain.package import DATED, OutlineRow, PackageRow, UnreadableRow
from trueup.planner.dated import dated_trouble, list_price, stated_price
from trueup.planner.places import included_devices, setup_fee, term_months

_LOWEST_PRICE = Decimal("0.005")
# Unicode's category Cc, whole and without the line feed and the tabulator.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MONEY_COLUMNS = frozenset({"price", "base_price_zar", "promotion_price", "pricing", DATED})


@dataclass(frozen=True, slots=True)
class CatalogueRules:
    """How prices in the catalogue are to be understood.

    `vat_basis` says in which basis prices are sent; None sends them as stated. `vat_rate` is a
    fraction (0.15 for fifteen per cent). `zone` is the business's own time zone.
    """

    currency: str
    zone: tzinfo
    vat_basis: Literal["exclusive", "inclusive"] | None = None
    vat_rate: Decimal = Decimal("0.15")

    def today(self, now: datetime) -> Today:
        """The business's own date at `now`."""
        return Today.at(now, self.zone)


def clean_sku(sku: str | None) -> str:
    """A SKU without the white space around it; empty when there is none."""
    return (sku or "").strip()


def key_of(text: str) -> str:
    """What makes two SKUs or two names the same: trimmed, case-folded."""
    return text.strip().casefold()


def read_lifecycle(
    row: PackageRow | OutlineRow, today: Today
) -> Ended | Literal["live", "dormant"]:
    """Where a row stands today; raises `CatalogueError` for a status that nobody defined.

    A product is sold from the local date of `valid_from` through that of `valid_to`, both whole
    days, whatever the time of day in the columns.
    """
    match row.status:
        case "active":
            if row.valid_to is not None and today.date_of(row.valid_to) < today.day:
                return Ended.OVER
            begun = row.valid_from is None or today.date_of(row.valid_from) <= today.day
            return "live" if begun else "dormant"
        case "inactive":
            return Ended.INACTIVE
        case "archived":
            return Ended.ARCHIVED
        case "draft":
            return "dormant"
    raise CatalogueError(
        f"status {row.status!r} is not one of active, inactive, archived and draft"
    )


def read_row(
    row: PackageRow | UnreadableRow, rules: CatalogueRules, now: datetime
) -> tuple[Reading | None, list[Finding]]:
    """Read one row; None when it cannot be read, with the findings that say why."""
    sku, name = clean_sku(row.sku), (row.name or "").strip()
    today = rules.today(now)

    def finding(code: str, kind: FindingKind, message: str) -> Finding:
        return Finding(code, kind, sku or "(none)", message, owner=row.id)

    if isinstance(row, UnreadableRow):
        kind = FindingKind.MONEY if row.column in _MONEY_COLUMNS else FindingKind.TEXT
        return None, [finding("row_unreadable", kind, f"column {row.column}: {row.problem}")]
    try:
        # A window that contradicts itself does not end a product: all its troubles are said.
        stands = "live" if _window_contradicts(row, today) else read_lifecycle(row, today)
    except CatalogueError as error:
        return None, [finding("status_unknown", FindingKind.TEXT, error.message)]
    if isinstance(stands, Ended):
        return Withdrawn(row.id, sku, name, stands), []
    if stands == "dormant":
        return Dormant(row.id, sku, name), []

    findings = [finding(*trouble) for trouble in _text_troubles(row, sku, name, today)]
    findings += [finding(*trouble) for trouble in _money_troubles(row, today)]
    term: int | None = None
    try:
        term = term_months(row)
    except CatalogueError as error:
        findings.append(finding("term_contradiction", FindingKind.TERM, error.message))
    if findings:
        return None, findings
    return _offering(row, sku, name, term, rules, today), []


def promotion_trouble(row: PackageRow | UnreadableRow, today: Today) -> Finding | None:
    """A promotion that makes no sense; promotions are never sent, so it blocks nothing."""
    if isinstance(row, UnreadableRow):
        return None
    promo, price = row.promotion_price, list_price(row, today)
    if promo is None or price is None or Decimal(0) < promo < price:
        return None
    message = f"the promotion price {promo} is not between 0 and the list price {price}"
    sku = clean_sku(row.sku) or "(none)"
    return Finding(
        "promotion_senseless", FindingKind.PROMOTION, sku, message, owner=row.id, blocks=frozenset()
    )


def _offering(
    row: PackageRow, sku: str, name: str, term: int | None, rules: CatalogueRules, today: Today
) -> Offering:
    monthly, setup = list_price(row, today), setup_fee(row)
    if monthly is None or setup is None:
        raise AssertionError("an offering was built from a row with findings")
    return Offering(
        offering_id=row.id,
        sku=sku,
        name=name,
        description=_lines(row.description or ""),
        product_category=(row.product_category or "").strip(),
        service_type=(row.service_type or "").strip(),
        market_segment=(row.market_segment or "").strip(),
        provider=(row.provider or "").strip(),
        source_product_id=row.source_admin_product_id or "",
        recurring=Money(in_basis(monthly, row, rules), rules.currency),
        setup=Money(in_basis(setup, row, rules), rules.currency),
        term_months=term,
        down_mbps=row.speed_down,
        up_mbps=row.speed_up,
        valid_from=_local_date(row.valid_from, today),
        valid_to=_local_date(row.valid_to, today),
        devices=included_devices(row),
        vat_inclusive=_stated_inclusive(row),
    )


def in_basis(amount: Decimal, row: PackageRow, rules: CatalogueRules) -> Decimal:
    """An amount in the VAT basis in which prices are sent, half up to the cent."""
    stated = _stated_inclusive(row)
    if rules.vat_basis is None or stated is None or stated is (rules.vat_basis == "inclusive"):
        return cents(amount)
    factor = 1 + rules.vat_rate
    return cents(amount / factor if stated else amount * factor)


def _window_contradicts(row: PackageRow, today: Today) -> bool:
    return row.status == "active" and _ends_before_it_begins(row, today)


def _ends_before_it_begins(row: PackageRow, today: Today) -> bool:
    return (
        row.valid_from is not None
        and row.valid_to is not None
        and today.date_of(row.valid_to) < today.date_of(row.valid_from)
    )


Trouble = tuple[str, FindingKind, str]


def _text_troubles(row: PackageRow, sku: str, name: str, today: Today) -> Iterator[Trouble]:
    if not sku:
        missing = "no SKU" if row.sku is None else "an empty SKU"
        yield "sku_missing", FindingKind.SKU, f"the row {name or row.id!r} has {missing}"
    if not name:
        yield "name_missing", FindingKind.TEXT, "the product has no name"
    for label, text, kind in (
        ("SKU", sku, FindingKind.SKU),
        ("name", name, FindingKind.TEXT),
        ("description", _lines(row.description or ""), FindingKind.TEXT),
    ):
        if found := _control_character(text, lines=label == "description"):
            message = f"the {label} holds the control character {found}; remove it"
            yield f"{label.lower()}_control_character", kind, message
    if _ends_before_it_begins(row, today):
        begins, ends = _local_date(row.valid_from, today), _local_date(row.valid_to, today)
        message = f"valid until {ends}, before valid from {begins}"
        yield "dates_contradiction", FindingKind.DATES, message


def _money_troubles(row: PackageRow, today: Today) -> Iterator[Trouble]:
    money = FindingKind.MONEY
    stated, price = stated_price(row), list_price(row, today)
    if stated is None or price is None:
        seen = "" if row.price is None else f" (the column price says {row.price})"
        yield "price_missing", money, f"pricing.monthly is not set{seen}; no price is sent"
        return
    if price < 0:
        yield "price_negative", money, f"the monthly price is {price}; no such price is sent"
    elif price < _LOWEST_PRICE:  # less than half a cent would be rounded to nothing
        yield "price_zero", money, f"the monthly price is {price}; no such price is sent"
    if price > HIGHEST_PRICE:
        yield "price_too_high", money, f"the monthly price {price} is above {HIGHEST_PRICE}"
    if (trouble := dated_trouble(row, stated, today)) is not None:
        yield "dated_price_contradiction", money, trouble
    for column, other in (("price", row.price), ("base_price_zar", row.base_price_zar)):
        if other is not None and other not in (stated, price):
            message = f"pricing.monthly says {stated} but {column} says {other}"
            yield "price_contradiction", money, message
    yield from _setup_troubles(row)
    yield from _device_troubles(row)
    pricing, metadata = row.pricing or {}, row.metadata or {}
    bases = {
        v for v in (pricing.get("vat_inclusive"), metadata.get("vat_inclusive")) if v is not None
    }
    if len(bases) > 1 or not all(isinstance(v, bool) for v in bases):
        yield "vat_contradiction", money, "pricing and metadata disagree on whether VAT is included"


def _setup_troubles(row: PackageRow) -> Iterator[Trouble]:
    try:
        setup = setup_fee(row)
    except CatalogueError as error:
        yield "setup_unreadable", FindingKind.MONEY, error.message
        return
    if setup is None:
        yield "setup_missing", FindingKind.MONEY, "pricing.setup is not set; no fee is sent"
    elif setup < 0:
        yield "setup_negative", FindingKind.MONEY, f"the setup fee is {setup}"
    elif setup > HIGHEST_PRICE:
        yield "setup_too_high", FindingKind.MONEY, f"the setup fee {setup} is above {HIGHEST_PRICE}"


def _device_troubles(row: PackageRow) -> Iterator[Trouble]:
    try:
        included_devices(row)
    except CatalogueError as error:
        yield "device_cost_unreadable", FindingKind.MONEY, error.message


def _stated_inclusive(row: PackageRow) -> bool | None:
    pricing: dict[str, Any] = row.pricing or {}
    stated = pricing.get("vat_inclusive", (row.metadata or {}).get("vat_inclusive"))
    return stated if isinstance(stated, bool) else None


def _lines(text: str) -> str:
    """Text with one kind of line end and no white space around it, as targets give it back."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _control_character(text: str, *, lines: bool) -> str:
    found = (_CONTROL_BUT_LINES if lines else _CONTROL).search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def _local_date(instant: datetime | None, today: Today) -> str | None:
    return None if instant is None else today.date_of(instant).isoformat()
