"""Guards in a run, night after night: what waits, and what a person lets pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_row, an_id
from support.guarded import (
    ADA,
    CRM,
    edit_in_crm,
    in_crm,
    reprice,
    rules_of,
    synced,
    waiting,
    whole,
)
from support.workshop import Floor, a_floor, applied_by, assert_settled, fields_of, statuses
from trueup.domain.changes import Status
from trueup.domain.guards import Rule
from trueup.domain.plan import mark_of
from trueup.domain.records import Kind, RecordKey, TargetName
from trueup.domain.runs import ProductStatus, RunState
from trueup.planner.due import Look
from trueup.reconcile.orders import Approval

PLAN = Kind.BILLING_PLAN
OK, HELD, SKIPPED = ProductStatus.OK, ProductStatus.HELD, ProductStatus.SKIPPED


# --- prices --------------------------------------------------------------------------------


def test_a_jump_waits_and_everything_else_goes_on() -> None:
    """Its own name, its fee, and the other product; the next night asks for exactly the same."""
    floor = synced(2)
    reprice(floor, 1, "99.00", name="Fibre 100 new")
    reprice(floor, 2, "950.00")
    report = floor.run()
    assert report.run.state is RunState.HELD
    assert statuses(report) == {
        "FIB-100": {"crm": HELD, "billing": HELD},
        "FIB-002": {"crm": OK, "billing": OK},
    }
    assert rules_of(report) == [("price_fall", "billing"), ("price_fall", "crm")]
    prices = {f["Product_Name"]: f["Unit_Price"] for f in fields_of(floor.crm, CRM).values()}
    assert prices == {"Fibre 100 new": Decimal("899.00"), "Fibre 2": Decimal("950.00")}
    asked = waiting(floor)
    assert {(key, *fields) for key, fields, _ in asked} == {
        ("crm_product/FIB-100", "Unit_Price"),
        ("billing_plan/FIB-100", "recurring_price"),
    }
    before = floor.crm.requests, floor.billing.requests
    assert floor.run(look=Look.EVERYTHING).run.state is RunState.HELD
    assert (floor.crm.requests, floor.billing.requests) == before
    assert waiting(floor) == asked


def test_what_a_person_approves_is_written_once() -> None:
    """By the fingerprint of the plan; then nothing is left."""
    floor = synced()
    reprice(floor, 1, "99.00")
    floor.run()
    report = floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()))
    assert report.run.state is RunState.SUCCEEDED
    assert in_crm(floor)["Unit_Price"] == Decimal("99.00")
    assert waiting(floor) == []
    assert_settled(floor)


def test_one_approval_does_not_let_the_other_pass() -> None:
    """The price in CRM is approved, the one in Billing is not."""
    floor = synced()
    reprice(floor, 1, "99.00")
    [crm] = [one for one in floor.plan().held if one.change.target is TargetName.CRM]
    report = floor.run(look=Look.EVERYTHING, approval=Approval(mark_of(crm.change), ADA))
    assert report.run.state is RunState.HELD
    assert statuses(report)["FIB-100"] == {"crm": OK, "billing": HELD}
    assert in_crm(floor)["Unit_Price"] == Decimal("99.00")
    assert {f["recurring_price"] for f in fields_of(floor.billing, PLAN).values()} == {
        Decimal("899.00")
    }


@pytest.mark.parametrize("side", ["catalogue", "zoho"])
def test_an_approval_is_void_when_either_side_moved(side: str) -> None:
    """What a person saw is not what would be written."""
    floor = synced()
    reprice(floor, 1, "99.00")
    floor.run()
    seen = whole(floor.plan())
    if side == "catalogue":
        reprice(floor, 1, "98.00")
    else:
        edit_in_crm(floor, Unit_Price=Decimal("500.00"))
    report = floor.run(look=Look.EVERYTHING, approval=seen)
    assert report.run.state is RunState.HELD
    assert report.run.error is not None
    assert "stale" in report.run.error
    assert in_crm(floor)["Unit_Price"] != Decimal("99.00")


@pytest.mark.parametrize(("days", "state"), [(2, RunState.SUCCEEDED), (0, RunState.HELD)])
def test_an_approval_expires(days: int, state: RunState) -> None:
    """`approve --later` on Friday, and nobody ran anything before it was over."""
    floor = synced()
    reprice(floor, 1, "99.00")
    floor.run()
    until = floor.clock.now() + timedelta(days=days)
    floor.guardbook.decide("approved", replace(ADA, expires_at=until))
    assert floor.run(look=Look.EVERYTHING).run.state is state
    done = Decimal("99.00") if state is RunState.SUCCEEDED else Decimal("899.00")
    assert in_crm(floor)["Unit_Price"] == done
    if state is RunState.SUCCEEDED:
        assert_settled(floor)


def test_a_hand_edit_is_put_back_without_asking() -> None:
    """Somebody slipped; the catalogue did not move."""
    floor = synced()
    edit_in_crm(floor, Unit_Price=Decimal("1.00"))
    assert floor.run().run.state is RunState.SUCCEEDED
    assert in_crm(floor)["Unit_Price"] == Decimal("899.00")
    assert_settled(floor)


def test_a_fee_that_is_waived_waits_and_a_new_one_does_not() -> None:
    """From 900.00 to 0.00 is a fall of the whole; from 0.00 there is nothing to measure."""
    floor = synced()
    reprice(floor, 1, "899.00", setup=Decimal("0.00"))
    assert floor.run().run.state is RunState.HELD
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()))
    assert_settled(floor)
    reprice(floor, 1, "899.00", setup=Decimal("1500.00"))
    assert floor.run().run.state is RunState.SUCCEEDED
    assert_settled(floor)


def test_rules_are_told_with_the_setting_that_governs_them() -> None:
    """In the log of the run, as in the plan."""
    floor = synced()
    reprice(floor, 1, "99.00")
    [billing, crm] = floor.run().run.violations
    assert billing["rule"] == Rule.PRICE_FALL.value
    assert crm == {
        "rule": "price_fall",
        "target": "crm",
        "measure": "88.99 %",
        "limit": "30 %",
        "setting": "guards.price_fall",
        "skus": ["FIB-100"],
        "products": 1,
        "changes": 1,
        "fingerprint": crm["fingerprint"],
    }


# --- classes -------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "state"), [(10, RunState.SUCCEEDED), (11, RunState.HELD)])
def test_a_mass_of_new_prices(count: int, state: RunState) -> None:
    """Eleven of thirty-three wait together, ten do not."""
    floor = synced(33)
    for number in range(1, count + 1):
        reprice(floor, number, "901.00")
    report = floor.run(bounded=False)
    assert report.run.state is state
    if state is RunState.SUCCEEDED:
        assert_settled(floor)
        return
    assert rules_of(report) == [("mass_reprice", "billing"), ("mass_reprice", "crm")]
    assert {f["Unit_Price"] for f in fields_of(floor.crm, CRM).values()} == {Decimal("899.00")}
    [billing, _] = report.plan.violations
    some = floor.run(look=Look.EVERYTHING, approval=Approval(billing.fingerprint, ADA))
    assert (some.run.state, rules_of(some)[-1]) == (RunState.HELD, ("mass_reprice", "crm"))
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()), bounded=False)
    assert_settled(floor)


def test_a_lost_answer_does_not_let_one_of_a_mass_through() -> None:
    """The second look of the same run sees one product alone; its price waits all the same."""
    floor = synced(33)
    for number in range(1, 12):
        reprice(floor, number, "901.00")
    reprice(floor, 1, "901.00", name="Fibre 100 new")
    floor.crm.fail("lost_after")
    assert floor.run(bounded=False).run.state is RunState.HELD
    assert {f["Unit_Price"] for f in fields_of(floor.crm, CRM).values()} == {Decimal("899.00")}
    assert floor.run(skus=("FIB-100",), look=Look.EVERYTHING).run.state is RunState.HELD
    assert {f["Unit_Price"] for f in fields_of(floor.crm, CRM).values()} == {Decimal("899.00")}
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()), bounded=False)
    assert_settled(floor)


def test_a_mass_of_withdrawn_products() -> None:
    """Half of the catalogue is archived by mistake; new prices and names go on."""
    floor = synced(24)
    for number in range(1, 13):
        floor.catalogue.edit(an_id(number), status="archived")
    reprice(floor, 20, "901.00")
    report = floor.run(bounded=False)
    assert report.run.state is RunState.HELD
    assert rules_of(report) == [("mass_retire", "billing"), ("mass_retire", "crm")]
    assert all(f["Product_Active"] for f in fields_of(floor.crm, CRM).values())
    assert statuses(report)["FIB-020"] == {"crm": OK, "billing": OK}
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()), bounded=False)
    assert_settled(floor)


def test_a_first_sync_in_several_nights_is_no_mass() -> None:
    """But so many new products later are."""
    floor = a_floor([a_row(n) for n in range(1, 21)], max_products=12).guarded()
    assert floor.run().run.summary["deferred"] == 8
    assert floor.run().run.state is RunState.SUCCEEDED
    for number in range(21, 33):
        floor.catalogue.put(a_row(number))
    report = floor.run()
    assert rules_of(report) == [("mass_create", "billing"), ("mass_create", "crm")]
    assert len(fields_of(floor.crm, CRM)) == 20
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()), bounded=False)
    assert_settled(floor)


# --- takeover ------------------------------------------------------------------------------


def somebodys(floor: Floor, **fields: Any) -> str:
    """A CRM record that carries our code and that we never wrote."""
    made = {"Product_Name": "Somebody's fibre", "Product_Code": "FIB-100"}
    return floor.crm.add(CRM, made | fields)


def test_a_record_of_somebody_else_is_not_changed_without_asking() -> None:
    """What is new is created, Billing goes on; after the approval nothing is left."""
    floor = a_floor([a_row(1), a_row(2)]).guarded()
    record = somebodys(floor, Unit_Price=Decimal("0.00"))
    report = floor.run()
    assert report.run.state is RunState.HELD
    assert statuses(report) == {
        "FIB-100": {"crm": HELD, "billing": OK},
        "FIB-002": {"crm": OK, "billing": OK},
    }
    assert floor.crm.stored[record].fields["Unit_Price"] == Decimal("0.00")
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()))
    assert floor.crm.stored[record].fields["Unit_Price"] == Decimal("899.00")
    assert len(fields_of(floor.crm, CRM)) == 2
    assert_settled(floor)


def test_a_record_that_agrees_already_is_bound_without_asking() -> None:
    """Not one request is sent for it."""
    floor = synced()
    floor.ledger.bound.clear()
    floor.ledger.history.clear()
    before = floor.crm.requests, floor.billing.requests
    assert floor.run(look=Look.EVERYTHING).run.state is RunState.SUCCEEDED
    assert (floor.crm.requests, floor.billing.requests) == before
    assert floor.ledger.remote_id(RecordKey(CRM, "FIB-100")) is not None
    assert_settled(floor)


def test_what_a_killed_run_made_is_no_takeover() -> None:
    """Its create was carried out and the answer lost: the record is ours."""
    floor = a_floor([a_row(1)]).guarded()
    floor.crm.fail("lost_after")
    floor.run()
    edit_in_crm(floor, Description="by hand")
    assert floor.run(look=Look.EVERYTHING).run.state is RunState.SUCCEEDED
    assert in_crm(floor)["Description"] == "A fast line"
    assert_settled(floor)


def test_a_damaged_pair_in_billing_is_taken_over_together() -> None:
    """Nothing of the plan at 0.00 and its product is touched before; the fee is new and made."""
    floor = a_floor([a_row(1)]).guarded()
    old = {"name": "Old", "description": ""}
    product = floor.billing.add(Kind.BILLING_PRODUCT, {**old})
    plan = {"plan_code": "FIB-100", "recurring_price": Decimal("0.00"), "interval": 1}
    plan |= {"interval_unit": "months", "billing_cycles": -1, "setup_fee": Decimal("0.00")}
    floor.billing.add(PLAN, {**old, **plan, "product_id": product})
    asked = applied_by(floor.billing)
    report = floor.run()
    assert report.run.state is RunState.HELD
    assert {str(c.key) for group in asked for c in group} == {"billing_item/FIB-100-INSTALL"}
    assert {o.status for o in floor.notes.outcomes} == {Status.APPLIED}
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()))
    assert_settled(floor)
