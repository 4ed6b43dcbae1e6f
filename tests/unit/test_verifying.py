"""One verdict on everything: each kind of it, the totals, and that nothing is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.builders import NOW, a_row, an_id
from support.memory_target import MemoryTarget
from support.workshop import Floor, a_floor, assert_settled, fields_of
from trueup.domain.errors import PausedError
from trueup.domain.package import PackageRow
from trueup.domain.records import Kind, RemoteRecord, TargetName
from trueup.domain.verification import Accord, Row, Stand, Verification
from trueup.planner.versions import PriceChanges
from trueup.reconcile.scope import Scope
from trueup.reconcile.verifying import verify

CRM, BILLING = TargetName.CRM, TargetName.BILLING


def test_what_was_never_written_is_missing_and_what_was_is_the_same() -> None:
    floor = a_floor([a_row(1), a_row(2)])
    before = look(floor)
    assert [row.accord for row in before.rows] == [Accord.MISSING, Accord.MISSING]
    assert before.rows[0].why.startswith("CRM is missing; Billing product is missing;")
    assert (before.agreeing, before.whole) == (0, False)
    floor.run()
    after = look(floor)
    assert (after.agreeing, len(after.rows), after.whole) == (2, 2, True)
    first = after.rows[0]
    assert first.as_json() == {
        "id": an_id(2),
        "sku": "FIB-002",
        "name": "Fibre 2",
        "status": "active",
        "verdict": "same",
        "currency": "ZAR",
        "price": "899.00",
        "active": True,
        "crm": {"verdict": "same", "price": "899.00", "active": True},
        "billing": {"verdict": "same", "price": "899.00", "active": True},
        "plan": "FIB-002",
        "items": {"wanted": 1, "same": 1},
        "waiting": None,
        "why": "",
    }
    assert_settled(floor)


def test_a_price_that_drifted_differs_in_words_and_in_the_totals() -> None:
    floor = settled([a_row(1), a_row(2)])
    floor.crm.edit(crm_id(floor, "FIB-100"), Unit_Price=Decimal("799.00"))
    found = look(floor)
    row = row_of(found, "FIB-100")
    assert (row.accord, row.sides[CRM].accord, row.sides[BILLING].accord) == (
        Accord.DIFFERS,
        Accord.DIFFERS,
        Accord.SAME,
    )
    assert row.why == "CRM price is 799.00, the catalogue says 899.00"
    assert found.agreeing == 1
    assert found.totals() == {
        "ZAR": {
            "catalogue": {"products": 2, "sum": "1798.00"},
            "crm": {"products": 2, "sum": "1698.00", "difference": "-100.00"},
            "billing": {"products": 2, "sum": "1798.00", "difference": "0.00"},
        }
    }
    floor.run()
    assert_settled(floor)
    assert look(floor).whole


def test_any_managed_field_counts_and_long_values_are_cut() -> None:
    floor = settled([a_row(1)])
    floor.crm.edit(crm_id(floor, "FIB-100"), Description="x" * 100)
    [row] = look(floor).rows
    assert row.why == f"CRM Description is {'x' * 39}…, the catalogue says A fast line"


def test_a_plan_that_was_switched_off_differs() -> None:
    floor = settled([a_row(1)])
    floor.billing.edit("FIB-100", active=False)
    [row] = look(floor).rows
    assert (row.why, row.sides[BILLING].active, row.sides[CRM].active) == (
        "Billing plan is inactive",
        False,
        True,
    )


def test_a_billing_product_that_was_switched_off_sells_nothing() -> None:
    floor = settled([a_row(1)])
    [product] = fields_of(floor.billing, Kind.BILLING_PRODUCT)
    floor.billing.edit(product, active=False)
    [row] = look(floor).rows
    assert (row.sides[BILLING].active, row.why) == (False, "Billing product is inactive")
    assert look(floor).totals()["ZAR"]["billing"]["products"] == 0


def test_an_item_of_another_price_counts_against_the_items() -> None:
    floor = settled([with_router(1), with_router(2)])
    [router] = [
        i for i, f in fields_of(floor.billing, Kind.BILLING_ITEM).items() if f["sku"] == "RTR"
    ]
    floor.billing.edit(router, rate=Decimal("1.00"))
    found = look(floor)
    # A shared device is wrong for every product that includes it.
    assert [(r.items, r.items_same, r.accord) for r in found.rows] == [(2, 1, Accord.DIFFERS)] * 2
    assert {r.why for r in found.rows} == {
        "Billing item RTR rate is 1.00, the catalogue says 500.00"
    }


def test_several_records_that_could_be_ours_are_ambiguous() -> None:
    floor = a_floor([a_row(1)])
    for _ in range(2):
        floor.crm.add(Kind.CRM_PRODUCT, {"Product_Code": "FIB-100", "Product_Name": "Fibre 100"})
    [row] = look(floor).rows
    assert (row.accord, row.sides[BILLING].accord) == (Accord.AMBIGUOUS, Accord.MISSING)
    assert all(remote_id in row.why for remote_id in floor.crm.stored)


def test_a_refused_row_shows_what_zoho_says_of_it() -> None:
    floor = settled([a_row(1), a_row(2)])
    floor.catalogue.edit(an_id(1), price=Decimal(0), pricing={"monthly": Decimal(0), "setup": 0})
    row = row_of(look(floor), "FIB-100")
    assert (row.accord, row.stand, row.price, row.active) == (
        Accord.REFUSED,
        Stand.REFUSED,
        None,
        None,
    )
    assert (row.sides[CRM].price, row.sides[CRM].active) == (Decimal("899.00"), True)
    assert row.plan == "FIB-100"
    assert look(floor).totals()["ZAR"]["crm"]["difference"] == "899.00"


def test_a_code_that_billing_cannot_take_is_refused_there_alone() -> None:
    floor = a_floor([a_row(1, sku="FIB 100")])
    floor.run()
    [row] = look(floor).rows
    assert (row.stand, row.sides[CRM].accord, row.sides[BILLING].accord) == (
        Stand.ACTIVE,
        Accord.SAME,
        Accord.REFUSED,
    )


def test_a_target_that_cannot_be_read_says_nothing() -> None:
    floor = settled([a_row(1), a_row(2)])
    floor.catalogue.remove(an_id(2))
    floor.run()
    broken(floor.crm)
    found = look(floor)
    assert {row.sides[CRM].accord for row in found.rows} == {Accord.UNREAD}
    assert {row.accord for row in found.rows} == {Accord.UNREAD, Accord.DIFFERS}
    assert row_of(found, "FIB-100").why == "CRM could not be read: out of order"
    assert (found.agreeing, found.totals()["ZAR"]["crm"]) == (0, None)
    assert list(found.unread) == [CRM]


def test_a_retired_product_agrees_once_it_is_inactive_everywhere() -> None:
    floor = settled([a_row(1)])
    floor.catalogue.edit(an_id(1), status="inactive")
    [row] = look(floor).rows
    assert (row.stand, row.accord, row.price, row.active) == (
        Stand.RETIRED,
        Accord.DIFFERS,
        None,
        False,
    )
    assert "CRM is still active" in row.why
    floor.run()
    [row] = look(floor).rows
    assert (row.accord, row.sides[CRM].active, row.items) == (Accord.SAME, False, 0)
    nothing = {"products": 0, "sum": "0.00"}
    assert look(floor).totals()["ZAR"] == {
        "catalogue": nothing,
        "crm": nothing | {"difference": "0.00"},
        "billing": nothing | {"difference": "0.00"},
    }
    assert_settled(floor)


def test_a_draft_that_zoho_sells_differs_though_a_run_leaves_it_alone() -> None:
    floor = settled([a_row(1), a_row(2, status="draft")])
    assert (row_of(look(floor), "FIB-002").stand, look(floor).whole) == (Stand.DORMANT, True)
    floor.catalogue.edit(an_id(1), status="draft")
    row = row_of(look(floor), "FIB-100")
    assert (row.stand, row.accord, row.sides[CRM].active) == (Stand.DORMANT, Accord.DIFFERS, True)
    assert_settled(floor)


def test_a_row_that_left_the_catalogue_is_told_before_it_is_retired() -> None:
    floor = settled([a_row(1), a_row(2)])
    floor.catalogue.remove(an_id(1))
    row = row_of(look(floor), "FIB-100")
    assert (row.stand, row.accord) == (Stand.GONE, Accord.DIFFERS)
    assert row.why.startswith("left the catalogue;")
    floor.run()
    row = row_of(look(floor), "FIB-100")
    assert (row.stand, row.accord) == (Stand.RETIRED, Accord.DIFFERS)
    floor.run()
    row = row_of(look(floor), "FIB-100")
    assert (row.stand, row.accord) == (Stand.RETIRED, Accord.SAME)


def test_a_row_that_was_put_in_again_has_the_word_for_its_sku() -> None:
    floor = settled([a_row(1)])
    floor.catalogue.remove(an_id(1))
    floor.catalogue.put(a_row(9, sku="FIB-100", name="Fibre 100"))
    assert [(row.offering_id, row.stand, row.accord) for row in look(floor).rows] == [
        (an_id(1), Stand.GONE, Accord.SAME),
        (an_id(9), Stand.ACTIVE, Accord.DIFFERS),
    ]
    floor.run()
    assert look(floor).whole


def test_a_window_that_contradicts_itself_is_refused_and_not_dormant_as_well() -> None:
    later = NOW + timedelta(days=10)
    floor = a_floor([a_row(1, valid_from=later, valid_to=later - timedelta(days=2))])
    assert [row.stand for row in look(floor).rows] == [Stand.REFUSED]


def test_what_a_guard_holds_says_so() -> None:
    floor = settled([a_row(1)]).guarded()
    floor.catalogue.edit(
        an_id(1),
        price=Decimal("99.00"),
        base_price_zar=Decimal("99.00"),
        pricing={"monthly": Decimal("99.00"), "setup": Decimal("900.00")},
    )
    [row] = look(floor).rows
    assert (row.waiting, row.accord) == ("held", Accord.DIFFERS)
    assert "CRM price is 899.00, the catalogue says 99.00" in row.why
    assert "held: " in row.why


@pytest.mark.parametrize("live", [None, {"FIB-100": 3}])
def test_a_new_version_of_a_plan_is_shown_once_it_is_there(live: dict[str, int] | None) -> None:
    floor = settled([a_row(1)])
    floor.billing.live = live
    floor.shop = replace(floor.shop, price_changes=PriceChanges())
    floor.catalogue.put(a_row(1, monthly=Decimal("1099.00")))
    [row] = look(floor).rows
    assert (row.plan, row.sides[BILLING].price, row.accord) == (
        "FIB-100",
        Decimal("899.00"),
        Accord.DIFFERS,
    )
    assert "Billing plan FIB-100-V2 is to take over and is not there" in row.why
    floor.run()
    [row] = look(floor).rows
    assert (row.plan, row.sides[BILLING].price, row.accord) == (
        "FIB-100-V2",
        Decimal("1099.00"),
        Accord.SAME,
    )
    assert look(floor).totals()["ZAR"]["billing"]["products"] == 1
    assert_settled(floor)


def test_a_price_in_another_vat_basis_says_the_same() -> None:
    def taxed(monthly: str, *, inclusive: bool) -> PackageRow:
        pricing = {"monthly": Decimal(monthly), "setup": Decimal(0), "vat_inclusive": inclusive}
        return a_row(1, monthly=Decimal(monthly), pricing=pricing)

    floor = settled([taxed("1000.00", inclusive=False)])
    floor.catalogue.put(taxed("1150.00", inclusive=True))
    found = look(floor)
    assert [(row.price, row.why) for row in found.rows] == [(Decimal("1000.00"), "")]
    assert found.totals()["ZAR"]["crm"]["difference"] == "0.00"
    assert found.whole


def test_an_equal_record_that_is_not_bound_yet_says_the_same() -> None:
    floor = settled([a_row(1)])
    floor.ledger.bound.clear()
    [row] = look(floor).rows
    assert row.accord is Accord.SAME
    assert floor.plan().changes != ()


def test_nothing_is_touched() -> None:
    floor = a_floor([a_row(1), a_row(2)])
    floor.run(skus=("FIB-100",))
    standings = {owner: dict(by) for owner, by in floor.ledger.standings.items()}
    sent = floor.crm.requests, floor.billing.requests
    look(floor)
    assert floor.ledger.standings == standings
    assert (floor.crm.requests, floor.billing.requests) == sent
    assert floor.ledger.readings == {}


def test_one_target_and_one_product_may_be_asked_for() -> None:
    floor = settled([a_row(1), a_row(2), a_row(3, status="draft")])
    floor.catalogue.put(a_row(4))
    floor.run()
    floor.catalogue.remove(an_id(4))
    found = look(floor, targets=(BILLING,), skus=("FIB-002",))
    [row] = found.rows
    assert (row.sku, list(row.sides), row.as_json()["crm"]) == ("FIB-002", [BILLING], None)
    assert found.totals()["ZAR"]["crm"] is None


# --- the floor ----------------------------------------------------------------------------------


def look(floor: Floor, **scope: Any) -> Verification:
    return verify(floor.shop, Scope(**scope), "a look")


def settled(rows: Iterable[PackageRow]) -> Floor:
    floor = a_floor(rows)
    floor.run()
    return floor


def row_of(found: Verification, sku: str) -> Row:
    [row] = [row for row in found.rows if row.sku == sku]
    return row


def crm_id(floor: Floor, code: str) -> str:
    found = fields_of(floor.crm, Kind.CRM_PRODUCT).items()
    [remote_id] = [i for i, fields in found if fields["Product_Code"] == code]
    return remote_id


def with_router(number: int) -> PackageRow:
    router = {"model": "Router X", "sku": "RTR", "cost": 500, "included": True}
    return a_row(number, metadata={"router": router})


def broken(target: MemoryTarget) -> None:
    def refuse(kind: Kind) -> Iterable[RemoteRecord]:
        raise PausedError("out of order")

    target.records = refuse  # type: ignore[method-assign]  # a twin of ours, broken
