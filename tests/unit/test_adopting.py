"""A person says which remote record is a product's; nothing is written to the target."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_row, an_id
from support.memory_ids import MemoryIds
from support.memory_past import past_of
from support.workshop import Floor, a_floor, assert_settled, statuses
from trueup.domain.changes import Action, Reason
from trueup.domain.errors import LockedError, UsageError
from trueup.domain.records import FieldValue, Kind, RecordKey, TargetName
from trueup.domain.runs import ProductStatus, RunState, Trigger
from trueup.domain.stored import StoredId
from trueup.planner.adoption import Part
from trueup.ports import Decision
from trueup.reconcile.adopting import Adopted, Wish, adopt

CRM, BILLING = TargetName.CRM, TargetName.BILLING
KEY = RecordKey(Kind.CRM_PRODUCT, "FIB-100")
CODE: dict[str, FieldValue] = {
    "Product_Name": "Fibre 100",
    "Product_Code": "FIB-100",
    "Description": "A fast line",
}


def bind(floor: Floor, remote_id: str, target: TargetName = CRM, **more: Any) -> Adopted:
    """Thandi adopts; the person's name goes where the memory of the past keeps it."""
    sku, part = more.pop("sku", "FIB-100"), more.pop("part", None)
    wish = Wish(sku, target, remote_id, Decision("Thandi", "the one with quotes"), part)
    return adopt(floor.shop, wish, past_of(floor).sign)


def two_rivals() -> tuple[Floor, str, str]:
    """A product that has two CRM records with its code: one at 799.00, one at 0.00 and off."""
    floor = a_floor([a_row()]).guarded()
    good = floor.crm.add(Kind.CRM_PRODUCT, {**CODE, "Unit_Price": Decimal("799.00")})
    off: dict[str, FieldValue] = {"Unit_Price": Decimal("0.00"), "Product_Active": False}
    return floor, good, floor.crm.add(Kind.CRM_PRODUCT, {**CODE, **off})


def test_an_ambiguous_record_is_told_apart_in_one_line() -> None:
    """The finding names the ids, how they differ, and the command that ends it."""
    floor, good, other = two_rivals()
    [finding] = floor.plan().findings
    assert finding.code == "ambiguous"
    assert finding.message == (
        "2 records of kind crm_product could be this one:"
        f" {good}: 799.00 active; {other}: 0.00 inactive;"
        " a person says which: `trueup adopt FIB-100 crm ID`"
    )


def test_an_adopted_record_is_the_one_and_the_next_run_corrects_it() -> None:
    """Nothing is written by adopting; the other record stays; run again and expect nothing."""
    floor, good, other = two_rivals()
    floor.run()
    sent = floor.crm.requests
    adopted = bind(floor, good)
    assert floor.crm.requests == sent
    assert (adopted.key, adopted.record.remote_id, adopted.before) == (KEY, good, "")
    assert floor.ledger.bound[KEY].applied["Unit_Price"] == Decimal("799.00")

    [change] = floor.plan(targets=(CRM,)).changes
    assert (change.action, change.reason, change.remote_id) == (Action.UPDATE, Reason.EDITED, good)
    assert change.after["Unit_Price"] == Decimal("899.00")
    before = dict(floor.crm.stored[other].fields)
    assert floor.run().run.state is RunState.SUCCEEDED
    assert floor.crm.stored[good].fields["Unit_Price"] == Decimal("899.00")
    assert floor.crm.stored[other].fields == before
    assert_settled(floor)


def test_it_is_a_run_with_a_name_in_the_history() -> None:
    """Action adopt, who and why; and a run that hands on what the last one saw."""
    floor, good, _ = two_rivals()
    floor.run()
    past = past_of(floor)
    wish = Wish("FIB-100", CRM, good, Decision("Thandi", "the one with quotes"))
    run = adopt(floor.shop, wish, past.sign).run
    assert run is not None
    assert (run.trigger, run.state, run.catalogue_size) == (Trigger.ADOPT, RunState.SUCCEEDED, 1)
    assert floor.ledger.runs[run.run_id] == run
    [outcome] = [o for run_id, o in floor.ledger.history if run_id == run.run_id]
    assert (outcome.change.action, outcome.change.deltas) == (Action.ADOPT, {})
    assert outcome.detail == "adopted by Thandi: the one with quotes"
    assert past.signed == {run.run_id: "Thandi"}


def test_the_product_is_due_at_once() -> None:
    """The next nightly run does not wait for the record to grow stale."""
    floor = a_floor([a_row()])
    floor.run()
    floor.clock.sleep(-86_000)
    assert floor.run().results == ()
    floor.clock.sleep(-86_400)
    bind(floor, floor.crm.add(Kind.CRM_PRODUCT, CODE))
    assert statuses(floor.run()) == {"FIB-100": {"crm": ProductStatus.OK}}


def test_a_price_that_jumps_is_held_after_adoption_too() -> None:
    """A person said which record it is, not that its price may move by any amount."""
    floor, _, free = two_rivals()
    floor.crm.edit(free, Unit_Price=Decimal("100.00"))
    bind(floor, free)
    [held] = floor.plan(targets=(CRM,)).held
    assert [rule.value for rule in held.rules] == ["price_rise"]


def test_another_record_takes_the_place_of_the_bound_one() -> None:
    """Any record of the right kind can be adopted; what was bound is left as it is."""
    floor = a_floor([a_row()])
    floor.run()
    ours = floor.ledger.bound[KEY].remote_id
    stranger = floor.crm.add(Kind.CRM_PRODUCT, {"Product_Name": "Elsewhere", "Product_Code": "X"})
    adopted = bind(floor, stranger)
    assert adopted.before == ours
    assert floor.ledger.bound[KEY].remote_id == stranger
    floor.run()
    assert floor.crm.stored[stranger].fields["Product_Code"] == "FIB-100"
    assert_settled(floor)


def test_what_is_its_already_is_left_alone() -> None:
    """No run, no history."""
    floor = a_floor([a_row()])
    floor.run()
    runs = dict(floor.ledger.runs)
    assert bind(floor, floor.ledger.bound[KEY].remote_id).run is None
    assert floor.ledger.runs == runs


@pytest.mark.parametrize(
    ("remote_id", "said"),
    [("nowhere", "no record with the id nowhere"), ("second", "bound to another product: FIB-002")],
)
def test_what_cannot_be_adopted(remote_id: str, said: str) -> None:
    """A record that is not there, or is somebody else's; nothing is remembered of the attempt."""
    floor = a_floor([a_row(), a_row(2)])
    floor.run()
    second = floor.ledger.bound[RecordKey(Kind.CRM_PRODUCT, "FIB-002")].remote_id
    bound, runs = dict(floor.ledger.bound), dict(floor.ledger.runs)
    with pytest.raises(UsageError, match=said):
        bind(floor, second if remote_id == "second" else remote_id)
    assert (floor.ledger.bound, floor.ledger.runs) == (bound, runs)


def test_a_retired_product_that_is_there_twice() -> None:
    """The one that a person names goes off sale; the other is somebody's to look at."""
    floor, good, other = two_rivals()
    floor.catalogue.put(a_row(status="archived"))
    assert [f.code for f in floor.plan().findings] == ["ambiguous"]
    bind(floor, good)
    floor.run()
    assert floor.crm.stored[good].fields["Product_Active"] is False
    assert floor.crm.stored[good].fields["Unit_Price"] == Decimal("799.00")
    assert floor.crm.stored[other].version == 2
    assert_settled(floor)


def test_one_writer() -> None:
    """While a run writes, nobody adopts."""
    floor, good, _ = two_rivals()
    floor.lock.taken = True
    with pytest.raises(LockedError):
        bind(floor, good)


def test_a_row_that_is_refused_cannot_adopt() -> None:
    """Without a product that can be read there is nothing that the record could become."""
    floor = a_floor([a_row(), a_row(2, sku="FIB-100")])
    record = floor.crm.add(Kind.CRM_PRODUCT, CODE)
    with pytest.raises(UsageError, match="the SKU is also on"):
        bind(floor, record)


def test_an_item_is_told_by_its_code_or_by_the_person() -> None:
    """An installation or a device: where the item does not tell, somebody must."""
    floor = a_floor([a_row(provider_specific_config={"router_model": "Router X"})])
    coded = floor.billing.add(
        Kind.BILLING_ITEM, {"name": "Setup", "sku": "FIB-100-INSTALL", "rate": Decimal("900.00")}
    )
    plain = floor.billing.add(
        Kind.BILLING_ITEM, {"name": "A box", "sku": "BOX-1", "rate": Decimal("1.00")}
    )
    assert bind(floor, coded, BILLING).key.code == "FIB-100-INSTALL"
    with pytest.raises(UsageError, match="several parts of FIB-100"):
        bind(floor, plain, BILLING)
    adopted = bind(floor, plain, BILLING, part=Part.DEVICE)
    assert adopted.key == RecordKey(Kind.BILLING_ITEM, "FIB-100-HARDWARE")
    with pytest.raises(UsageError, match="wants none as its plan"):
        bind(floor, plain, BILLING, part=Part.PLAN)


def test_a_plan_of_another_code_never_becomes_ours() -> None:
    """A plan's code is permanent; a version of ours is remembered as what it is."""
    floor = a_floor([a_row()])
    price: dict[str, FieldValue] = {"recurring_price": Decimal("899.00"), "name": "Fibre 100"}
    other = floor.billing.add(Kind.BILLING_PLAN, {"plan_code": "OLD-1", **price})
    with pytest.raises(UsageError, match="permanent"):
        bind(floor, other, BILLING)
    version = floor.billing.add(Kind.BILLING_PLAN, {"plan_code": "FIB-100-V2", **price})
    assert bind(floor, version, BILLING).key == RecordKey(Kind.BILLING_PLAN, "FIB-100-V2")


@pytest.mark.parametrize(("there", "next_plan"), [("500.00", "FIB-100-V2"), ("0.00", "FIB-100")])
def test_what_the_next_version_of_an_adopted_plan_is_measured_by(
    there: str, next_plan: str
) -> None:
    """The price at which subscriptions were sold; from nothing nothing can be measured."""
    floor = a_floor([a_row()]).versioned()
    complete: dict[str, FieldValue] = {
        "plan_code": "FIB-100",
        "name": "Fibre 100",
        "description": "A fast line",
        "recurring_price": Decimal(there),
        "interval": 1,
        "interval_unit": "months",
        "billing_cycles": -1,
        "setup_fee": Decimal("0.00"),
    }
    bind(floor, floor.billing.add(Kind.BILLING_PLAN, complete), BILLING)
    priced = [c for c in floor.plan().changes if "recurring_price" in c.deltas]
    assert [c.key.code for c in priced] == [next_plan]


# --- what the predecessor stored ------------------------------------------------------------


def ids_of(floor: Floor) -> MemoryIds:
    assert isinstance(floor.shop.ids, MemoryIds)
    return floor.shop.ids


def test_the_stored_one_among_rivals_is_a_takeover_that_a_person_approves() -> None:
    """Held, because it was never written by us; the other rival is not touched."""
    floor, good, other = two_rivals()
    kind, slot = KEY.kind, next(iter(floor.plan().changes)).slot
    ids_of(floor).known = [StoredId(kind, slot, an_id(1), good)]
    plan = floor.plan(targets=(CRM,))
    assert (plan.findings, [one.change.remote_id for one in plan.held]) == ((), [good])
    assert [rule.value for rule in plan.held[0].rules] == ["takeover"]
    assert other not in {change.remote_id for change in plan.changes}


def test_stored_ids_are_asked_for_only_where_something_is_ambiguous() -> None:
    """A million rows without rivals never meet the predecessor's table."""
    floor = a_floor([a_row(), a_row(2)])
    floor.run()
    assert ids_of(floor).asked == 0
    floor, *_ = two_rivals()
    floor.plan()
    assert ids_of(floor).asked == 1
