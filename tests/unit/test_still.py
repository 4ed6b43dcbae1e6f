"""Which products are passed over without being compared: only those of which all is known."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.builders import NOW, RULES, a_census, a_row
from trueup.domain.package import PackageRow
from trueup.domain.records import TargetName
from trueup.domain.states import ProductState, Standing
from trueup.planner.due import Due
from trueup.planner.still import full_revision, stands_still

CRM, BILLING = TargetName.CRM, TargetName.BILLING
BOTH = frozenset(TargetName)
TODAY = RULES.today(NOW)
ROW = a_row(1, valid_from=None, valid_to=None)
GOOD = ProductState(Standing.OK, "r1", verified_at=NOW - timedelta(days=1))


def still(row: PackageRow = ROW, *others: PackageRow, **more: Any) -> bool:
    due = more.get("due", dict.fromkeys(TargetName, Due.STALE))
    states = more.get("states", dict.fromkeys(TargetName, GOOD))
    intact = more.get("intact", BOTH)
    return stands_still(
        row, more.get("revision", "r1"), due, states, intact, a_census([row, *others]), TODAY
    )


def test_a_product_that_is_known_on_both_sides_stands_still() -> None:
    """Row, mapping and every record are as they were when it was last in order."""
    assert still()


@pytest.mark.parametrize(
    "doubt",
    [
        {"intact": frozenset({CRM})},
        {"intact": frozenset()},
        {"revision": "r2"},
        {"states": {CRM: GOOD}},
        {"states": {CRM: GOOD, BILLING: ProductState(Standing.HELD, "r1")}},
        {"states": {CRM: GOOD, BILLING: ProductState(Standing.FAILED, "r1")}},
        {"due": {CRM: Due.STALE, BILLING: Due.CHANGED}},
        {"due": {CRM: Due.ASKED}},
        {"due": {CRM: Due.FAILED}},
    ],
)
def test_one_doubt_is_enough(doubt: dict[str, Any]) -> None:
    """Cannot tell is not no change: the product is compared."""
    assert not still(**doubt)


def test_a_target_that_is_not_due_raises_no_doubt() -> None:
    """It is decided another night."""
    assert still(due={CRM: Due.STALE}, intact=frozenset({CRM}))


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "inactive"},
        {"valid_to": NOW + timedelta(days=90)},
        {"valid_from": NOW + timedelta(days=1)},
        {"promotion_price": Decimal("1.00")},
        {"metadata": {"router_included": True, "router_model": "Router X"}},
    ],
)
def test_what_depends_on_the_day_or_on_others_is_compared(columns: dict[str, Any]) -> None:
    """Windows, promotions and devices speak up every night."""
    assert not still(a_row(1, **({"valid_to": None} | columns)))


def test_a_sku_that_another_row_carries_is_compared() -> None:
    """The duplicate must be said again."""
    assert not still(ROW, a_row(2, sku=ROW.sku))


def test_a_name_that_begins_to_repeat_is_a_change() -> None:
    """Its label at Billing depends on the other row, so its revision does too."""
    name = str(ROW.name)
    assert full_revision("r1", name, a_census([ROW])) == "r1"
    assert full_revision("r1", name, a_census([ROW, a_row(2, name=name)])) != "r1"
