"""Which list price is in force: the catalogue's own, or a dated one that came due.

A dated price holds from its local date on, until a later one does. Of several that came due in
one gap the latest counts, and a night that was missed changes nothing: the date is compared, not
met. The catalogue may follow (state the new price) or not (still state one of the superseded
ones); any other price in it was put there by somebody who did not know, and nothing is written
until a person says which one is right.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from trueup.domain.calendar import Today
from trueup.domain.money import amount_of
from trueup.domain.package import DatedPrice, PackageRow, UnreadableRow

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def stated_price(row: PackageRow) -> Decimal | None:
    """The monthly price that the catalogue states."""
    return amount_of((row.pricing or {}).get("monthly"))


def list_price(row: PackageRow, today: Today) -> Decimal | None:
    """The monthly price in force; None when neither the catalogue nor a date names one."""
    dated = price_in_force(row, today)
    return stated_price(row) if dated is None else dated.new_price


def price_in_force(row: PackageRow, today: Today) -> DatedPrice | None:
    """The dated price that holds today, if one came due."""
    return max(_due(row, today), key=_rank, default=None)


def dated_trouble(row: PackageRow, stated: Decimal, today: Today) -> str | None:
    """Why the catalogue and its dated prices cannot both be right, or None."""
    due = _due(row, today)
    if not due:
        return _too_early(row, stated)
    last = max(due, key=_rank)
    rival = next(
        (d for d in due if _rank(d) == _rank(last) and d.new_price != last.new_price), None
    )
    if rival is not None:
        return (
            f"two prices are dated {last.effective_date}: {last.new_price} and {rival.new_price};"
            " cancel one of them"
        )
    if stated in {price for dated in due for price in (dated.old_price, dated.new_price)}:
        return None
    before = "" if last.old_price is None else f" (from {last.old_price})"
    return (
        f"pricing.monthly says {stated}, but the price dated {last.effective_date} is"
        f" {last.new_price}{before}; correct the catalogue or cancel the dated price"
    )


def _too_early(row: PackageRow, stated: Decimal) -> str | None:
    """A catalogue that already states a price whose date has not come."""
    dated = sorted(row.dated_prices or (), key=_rank)
    if not dated or dated[0].old_price in (None, stated):
        return None
    early = next((d for d in dated if d.new_price == stated), None)
    if early is None:
        return None
    return (
        f"pricing.monthly says {stated} already, but that price is dated {early.effective_date}"
        f" (until then {dated[0].old_price}); correct the catalogue or cancel the dated price"
    )


def _due(row: PackageRow, today: Today) -> list[DatedPrice]:
    return [dated for dated in row.dated_prices or () if dated.effective_date <= today.day]


def _rank(dated: DatedPrice) -> tuple[object, ...]:
    """The later date wins; of one date, what was published later."""
    return dated.effective_date, dated.published_at or _LONG_AGO


def time_mark(row: PackageRow | UnreadableRow, today: Today) -> str:
    """What the calendar adds to a row's revision, so that what comes due is looked at that night.

    Empty for a product of no date; a product that was verified an hour before midnight is due
    again when its window is over, or another price in force.
    """
    if isinstance(row, UnreadableRow):
        return ""
    over = row.valid_to is not None and today.date_of(row.valid_to) < today.day
    dated = price_in_force(row, today) if row.dated_prices else None
    since = "" if dated is None else f"+price:{dated.effective_date}"
    return f"{since}+over" if over else since
