"""Guards over prices and fees, at their edges. Values in, values out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_change, a_create, a_key, a_mapping
from support.judging import PRICE, amount, judge, rule_of, rules
from trueup.domain.changes import Action, Change, Reason
from trueup.domain.guards import Rule
from trueup.domain.records import FieldValue, Kind, RecordKey, TargetName
from trueup.planner.mapping import FieldRule

CRM = TargetName.CRM
PLAN, ITEM = Kind.BILLING_PLAN, Kind.BILLING_ITEM


def reprice(before: FieldValue, after: FieldValue, **more: Any) -> Change:
    """A new list price in CRM, last written as it stands there."""
    known = {} if before is None else {"applied": {PRICE: before}}
    return a_change({PRICE: (before, after)}, **(known | more))


# --- prices --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "rule"),
    [
        ("700.10", None),  # 29.99 %
        ("700.00", None),  # 30.00 %
        ("699.90", Rule.PRICE_FALL),  # 30.01 %
        ("1499.90", None),  # 49.99 %
        ("1500.00", None),  # 50.00 %
        ("1500.10", Rule.PRICE_RISE),  # 50.01 %
        ("1000.01", None),
        ("0.01", Rule.PRICE_FALL),
        ("0.00", Rule.NO_PRICE),
        ("-0.01", Rule.NO_PRICE),
    ],
)
def test_a_price_at_the_edges(after: str, rule: Rule | None) -> None:
    """Measured from 1000.00, with the limits of the specification."""
    assert rule_of(reprice(amount("1000.00"), amount(after))) is rule


@pytest.mark.parametrize(("fall", "rule"), [("0.10", Rule.PRICE_FALL), ("0.1001", None)])
def test_the_limit_is_a_setting(fall: str, rule: Rule | None) -> None:
    change = reprice(amount("1000.00"), amount("899.90"))  # 10.01 %
    assert rule_of(change, price_fall=Decimal(fall)) is rule


@pytest.mark.parametrize("after", [None, "", "free", True])
def test_a_price_that_is_none_is_held_whatever_the_settings_say(after: FieldValue) -> None:
    change = reprice(amount("1000.00"), after)
    unlimited = {"price_fall": Decimal(1000), "price_rise": Decimal(1000)}
    assert rule_of(change, **unlimited) is Rule.NO_PRICE


@pytest.mark.parametrize("before", ["0.00", "-5.00"])
def test_a_price_that_rises_from_nothing_is_held(before: str) -> None:
    """There is nothing to measure it by."""
    judged = judge([reprice(amount(before), amount("899.00"))])
    assert rules(judged) == [(Rule.PRICE_RISE,)]
    [violation] = judged.violations
    assert violation.measure == f"Unit_Price rises from {before} to 899.00"
    assert violation.limit == "none"


def test_an_empty_price_is_filled() -> None:
    """A field that never held an amount is like a new record."""
    assert rule_of(reprice(None, amount("899.00"))) is None


def test_a_hand_edit_that_is_put_back_is_not_a_jump() -> None:
    """What counts is what we wrote last, not what somebody slipped in at Zoho."""
    for live in ("1.00", "0.00", "99999.00"):
        back = reprice(amount(live), amount("899.00"), applied={PRICE: amount("899.00")})
        assert rule_of(back) is None
    further = reprice(amount("1.00"), amount("1400.00"), applied={PRICE: amount("899.00")})
    assert rule_of(further) is Rule.PRICE_RISE


def test_a_measure_never_reads_as_its_limit() -> None:
    """30.002 % is more than 30 %."""
    [violation] = judge([reprice(amount("100000.00"), amount("69998.00"))]).violations
    assert (violation.measure, violation.limit) == ("more than 30 %", "30 %")


def test_a_price_is_measured_once_for_each_field_and_the_worst_is_told() -> None:
    changes = [
        reprice(amount("1000.00"), amount(after), key=a_key(f"FIB-{n}"), sku=f"FIB-{n}")
        for n, after in enumerate(["600.00", "400.00", "650.00"], start=1)
    ]
    [violation] = judge(changes).violations
    assert (violation.rule, violation.target) == (Rule.PRICE_FALL, CRM)
    assert (violation.measure, violation.limit) == ("60 %", "30 %")
    assert violation.setting == "guards.price_fall"
    assert (violation.skus, violation.products, violation.changes) == (
        ("FIB-1", "FIB-2", "FIB-3"),
        3,
        3,
    )


# --- prices of new records -----------------------------------------------------------------


def test_a_new_record_without_its_price_is_held() -> None:
    """The field is meant to be there and would be empty."""
    good = a_create(Kind.CRM_PRODUCT, "FIB-1", Unit_Price=amount("899.00"))
    assert rule_of(good) is None
    for lost in (None, ""):
        bad = a_change(
            {"Product_Name": (None, "Fibre")},
            action=Action.CREATE,
            fields={"Product_Name": "Fibre", PRICE: lost},
        )
        assert rule_of(bad) is Rule.NO_PRICE
    zero = a_create(PLAN, "FIB-1", recurring_price=amount("0.00"))
    assert rule_of(zero) is Rule.NO_PRICE


def test_a_target_without_the_field_has_no_price_to_miss() -> None:
    """A custom field that the organisation lacks is reported by preflight, not by a guard."""
    bare = a_create(Kind.CRM_PRODUCT, "FIB-1", Product_Name="Fibre")
    assert rule_of(bare) is None


def test_a_new_version_is_measured_by_the_one_before() -> None:
    """Also where the new plan has no price to compare with."""
    version = a_create(PLAN, "FIB-100-V2", recurring_price=amount("600.00"))
    version = a_change(
        {"recurring_price": (None, amount("600.00"))},
        key=version.key,
        action=Action.CREATE,
        reason=Reason.REPRICED,
        fields=version.fields,
        applied={"recurring_price": amount("899.00")},
    )
    assert rule_of(version) is Rule.PRICE_FALL


# --- fees ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("900.00", "630.00", None),
        ("900.00", "629.99", Rule.PRICE_FALL),
        ("900.00", "0.00", Rule.PRICE_FALL),  # a fall of 100 %, not a missing price
        ("900.00", "1350.00", None),
        ("900.00", "1350.01", Rule.PRICE_RISE),
        ("0.00", "900.00", None),
        ("0.00", "0.01", None),
        ("900.00", "-0.01", Rule.NO_PRICE),
    ],
)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ITEM, "rate"),
        (Kind.CRM_PRODUCT, "ct_installation_fee"),
        (PLAN, "setup_fee"),
    ],
)
def test_a_fee_may_be_waived(
    kind: Kind, name: str, before: str, after: str, rule: Rule | None
) -> None:
    change = a_change(
        {name: (amount(before), amount(after))},
        key=RecordKey(kind, "FIB-100"),
        applied={name: amount(before)},
    )
    assert rule_of(change) is rule


def test_a_new_fee_of_nothing_is_a_fee() -> None:
    assert rule_of(a_create(ITEM, "FIB-1-INSTALL", rate=amount("0.00"))) is None


def test_a_whole_number_in_the_mapping_is_an_amount() -> None:
    """`setup_fee = { value = 100 }`."""
    mapping = a_mapping(PLAN, FieldRule("setup_fee", value=100))
    made = a_create(PLAN, "FIB-1", recurring_price=amount("899.00"), setup_fee=100)
    assert rules(judge([made], mapping=mapping)) == [()]
