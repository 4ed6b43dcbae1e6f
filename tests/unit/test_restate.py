"""The same price in another VAT basis is no change, wherever money is written."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from support.builders import RULES, a_row
from support.workshop import Floor, a_floor, assert_settled, fields_of
from trueup.domain.changes import Action, Change
from trueup.domain.package import PackageRow
from trueup.domain.records import Kind, RecordKey
from trueup.domain.runs import RunState
from trueup.planner.due import Look

PLAN, CRM, ITEM = Kind.BILLING_PLAN, Kind.CRM_PRODUCT, Kind.BILLING_ITEM
SKU, SECOND = "FIB-100", "FIB-100-V2"
Basis = Literal["inclusive", "exclusive"]


def a_priced_row(monthly: str, *, vat: bool | None, setup: str = "0.00") -> PackageRow:
    """A row that states its prices with VAT, without it, or does not say."""
    amount = Decimal(monthly)
    pricing: dict[str, Any] = {"monthly": amount, "setup": Decimal(setup)}
    if vat is not None:
        pricing["vat_inclusive"] = vat
    return a_row(monthly=amount, pricing=pricing)


def a_priced_floor(row: PackageRow, basis: Basis | None = None) -> Floor:
    """One product that was synced, with plan versions."""
    floor = a_floor([row]).versioned()
    floor.shop = replace(floor.shop, rules=replace(RULES, vat_basis=basis))
    assert floor.run().run.state is RunState.SUCCEEDED
    return floor


def changes_for(floor: Floor, row: PackageRow) -> tuple[Change, ...]:
    """What another row would change."""
    floor.catalogue.put(row)
    return floor.plan().changes


def prices(floor: Floor) -> dict[str, str]:
    """Each money field that is there."""
    crm = next(iter(fields_of(floor.crm, CRM).values()))
    plans = {c: f["recurring_price"] for c, f in fields_of(floor.billing, PLAN).items()}
    rates = {str(f["sku"]): f["rate"] for f in fields_of(floor.billing, ITEM).values()}
    money = {"crm": crm["Unit_Price"], "fee": crm["ct_installation_fee"], **plans, **rates}
    return {name: str(amount) for name, amount in money.items()}


def plan_terms(floor: Floor, code: str = SKU) -> dict[str, Any]:
    """What the next version of a plan is measured by."""
    return dict(floor.ledger.bound[RecordKey(PLAN, code)].terms)


def test_899_with_vat_is_781_74_without() -> None:
    """No version, no update, in neither target; the fee included."""
    floor = a_priced_floor(a_priced_row("899.00", vat=True, setup="1150.00"))
    assert changes_for(floor, a_priced_row("781.74", vat=False, setup="1000.00")) == ()
    assert floor.run().run.state is RunState.SUCCEEDED
    assert prices(floor) == {
        "crm": "899.00",
        "fee": "1150.00",
        SKU: "899.00",
        f"{SKU}-INSTALL": "1150.00",
    }
    assert_settled(floor)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (("899.00", True), ("781.74", False), True),
        (("781.74", False), ("899.00", True), True),
        (("100.00", True), ("86.96", False), True),
        (("86.96", False), ("100.00", True), True),
        (("899.00", True), ("781.75", False), True),  # 899.01: a cent of rounding
        (("899.00", True), ("781.76", False), False),  # 899.02
        (("899.00", True), ("781.74", None), False),
        (("899.00", None), ("781.74", False), False),
        (("899.00", True), ("781.74", True), False),
    ],
)
def test_a_restatement_or_a_change(
    before: tuple[str, bool | None], after: tuple[str, bool | None], *, same: bool
) -> None:
    """A cent at most, after converting, and only where both bases are known and differ."""
    floor = a_priced_floor(a_priced_row(before[0], vat=before[1]))
    found = changes_for(floor, a_priced_row(after[0], vat=after[1]))
    assert (found == ()) is same
    floor.run(look=Look.EVERYTHING)
    assert_settled(floor)


@pytest.mark.parametrize(
    ("before", "after", "now", "plan"),
    [
        (None, "781.74", None, SKU),
        (None, "781.75", None, SKU),  # a cent of rounding
        (None, "781.76", None, SECOND),
        (None, "781.74", True, SKU),
        (True, "781.74", None, SKU),
        (True, "781.76", None, SECOND),
        (True, "781.74", True, SECOND),  # both known: 13 per cent less
    ],
)
def test_exactly_the_vat_makes_no_version_while_a_basis_is_not_known(
    *, before: bool | None, after: str, now: bool | None, plan: str
) -> None:
    """It is written, for it may be another price; but most likely it is the same, restated."""
    floor = a_priced_floor(a_priced_row("899.00", vat=before))
    floor.catalogue.put(a_priced_row(after, vat=now))
    floor.run()
    assert prices(floor)[plan] == after
    assert_settled(floor)


def test_fifteen_per_cent_more_are_a_higher_price() -> None:
    """Also where they happen to be the VAT."""
    floor = a_priced_floor(a_priced_row("781.74", vat=None))
    floor.catalogue.put(a_priced_row("899.00", vat=None))
    floor.run()
    assert prices(floor)[SECOND] == "899.00"
    assert_settled(floor)


def test_restated_there_and_back() -> None:
    """Nothing moves, however often."""
    floor = a_priced_floor(a_priced_row("899.00", vat=True))
    for monthly, vat in (("781.74", False), ("899.00", True), ("781.74", False)):
        assert changes_for(floor, a_priced_row(monthly, vat=vat)) == ()
        assert_settled(floor)


def test_a_change_on_top_is_measured_in_one_basis() -> None:
    """From 899.00 with VAT to 800.00 without, that is 920.00: 2.3 per cent more, so in place."""
    floor = a_priced_floor(a_priced_row("899.00", vat=True))
    found = changes_for(floor, a_priced_row("800.00", vat=False))
    assert [c.action for c in found if c.key.kind is PLAN] == [Action.UPDATE]
    floor.run()
    assert prices(floor)[SKU] == "800.00"
    assert plan_terms(floor)["recurring_price"] == Decimal("781.74")
    assert plan_terms(floor)["vat_inclusive"] is False
    assert_settled(floor)
    assert changes_for(floor, a_priced_row("920.00", vat=True)) == ()


def test_a_larger_change_on_top_makes_a_version() -> None:
    """From 899.00 with VAT to 899.00 … 860.00 without, which is 989.00: 10.01 per cent more."""
    floor = a_priced_floor(a_priced_row("899.00", vat=True))
    floor.catalogue.put(a_priced_row("860.00", vat=False))
    floor.run()
    assert prices(floor)[SECOND] == "860.00"
    assert plan_terms(floor, SECOND) == {
        "recurring_price": Decimal("860.00"),
        "term_months": None,
        "vat_inclusive": False,
    }
    assert_settled(floor)


def test_only_the_price_that_changed_is_written() -> None:
    """A fee that changes on top does not drag the restated price along."""
    floor = a_priced_floor(a_priced_row("899.00", vat=True, setup="1150.00"))
    floor.catalogue.put(a_priced_row("781.74", vat=False, setup="1200.00"))
    floor.run()
    assert prices(floor) == {
        "crm": "899.00",
        "fee": "1200.00",
        SKU: "899.00",
        f"{SKU}-INSTALL": "1200.00",
    }
    assert_settled(floor)


def test_a_hand_edit_is_put_back_to_what_was_written() -> None:
    """The restated price is what the record had, not the converted one."""
    floor = a_priced_floor(a_priced_row("899.00", vat=True))
    floor.catalogue.put(a_priced_row("781.74", vat=False))
    floor.billing.edit(SKU, recurring_price=Decimal("1.00"))
    floor.run(look=Look.EVERYTHING)
    assert prices(floor)[SKU] == "899.00"
    assert_settled(floor)


class TestConvertedPrices:
    """With `vat.basis`, what is sent is in one basis, whatever the row states."""

    def test_the_cent_of_converting_is_no_change(self) -> None:
        """899.03 with VAT is stated as 781.77 without, and that is 899.04 again."""
        floor = a_priced_floor(a_priced_row("899.03", vat=True), "inclusive")
        assert plan_terms(floor)["vat_inclusive"] is True
        assert changes_for(floor, a_priced_row("781.77", vat=False)) == ()
        assert prices(floor)[SKU] == "899.03"
        assert_settled(floor)

    def test_a_cent_without_a_restatement_is_a_change(self) -> None:
        """The catalogue means what it says."""
        floor = a_priced_floor(a_priced_row("899.03", vat=True), "inclusive")
        assert len(changes_for(floor, a_priced_row("899.04", vat=True))) == 2

    def test_the_stated_basis_is_remembered_when_money_is_written(self) -> None:
        """A restatement is told from the basis of the price that was written last."""
        floor = a_priced_floor(a_priced_row("899.03", vat=True), "inclusive")
        floor.catalogue.put(a_priced_row("790.00", vat=False))
        floor.run()
        assert prices(floor)[SKU] == "908.50"
        assert plan_terms(floor)["stated_inclusive"] is False
        assert len(changes_for(floor, a_priced_row("790.01", vat=False))) == 2

    def test_another_basis_for_all_is_a_restatement(self) -> None:
        """What is at Zoho stays as it was sent; new records are in the new basis."""
        floor = a_priced_floor(a_priced_row("899.00", vat=True), "inclusive")
        floor.shop = replace(floor.shop, rules=replace(RULES, vat_basis="exclusive"))
        assert floor.plan().changes == ()
        assert_settled(floor)
