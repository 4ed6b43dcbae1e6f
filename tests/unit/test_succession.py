"""One version takes over from another: step by step, whatever happens between two steps."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_mapping, a_row, an_id
from support.memory_catalogue import MemoryCatalogue
from support.memory_guardbook import MemoryGuardbook
from support.weather import KilledError, MortalLedger, Trouble, WeatheredTarget
from support.workshop import (
    Floor,
    HandClock,
    MemoryLock,
    Notes,
    a_floor,
    a_shop,
    assert_settled,
    fields_of,
)
from trueup.domain.changes import Action, FindingKind, Reason, Status
from trueup.domain.guards import Rule
from trueup.domain.plan import mark_of
from trueup.domain.records import Kind, RecordKey, Ref, TargetName
from trueup.domain.runs import ProductStatus, RunState
from trueup.planner.due import Look
from trueup.planner.explain import explain_change
from trueup.planner.mapping import FieldRule
from trueup.planner.versions import PriceChanges, Strategy
from trueup.ports import Decision
from trueup.reconcile.orders import Approval

PLAN = Kind.BILLING_PLAN
SKU, SECOND, THIRD = "FIB-100", "FIB-100-V2", "FIB-100-V3"


def a_versioned_floor(price: str = "100.00", **rules: Any) -> Floor:
    """One product that was synced at a price."""
    floor = a_floor([a_row(monthly=Decimal(price))]).versioned(**rules)
    assert floor.run().run.state is RunState.SUCCEEDED
    return floor


def reprice(floor: Floor, price: str, **columns: Any) -> None:
    """The catalogue has another price."""
    floor.catalogue.put(a_row(monthly=Decimal(price), **columns))


def plans(floor: Floor) -> dict[str, tuple[str, bool]]:
    """Price and sale status of each plan at Billing."""
    found = fields_of(floor.billing, PLAN)
    return {
        code: (str(fields["recurring_price"]), bool(fields["active"]))
        for code, fields in found.items()
    }


def key(code: str) -> RecordKey:
    """A plan's key."""
    return RecordKey(PLAN, code)


# --- the steps ---------------------------------------------------------------------------------


def test_a_new_version_takes_over() -> None:
    """Created under the same name, and the former one goes when it stands."""
    floor = a_versioned_floor()
    reprice(floor, "120.00")
    plan = floor.plan()
    assert plan.estimate.requests == 4  # CRM, the new plan, a look at it, the former one goes
    create, retire = [change for change in plan.changes if change.key.kind is PLAN]
    assert (create.key, create.action, create.reason) == (
        key(SECOND), Action.CREATE, Reason.REPRICED,
    )  # fmt: skip
    assert create.applied["recurring_price"] == Decimal("100.00")
    assert (retire.key, retire.action, retire.reason) == (key(SKU), Action.RETIRE, Reason.REPRICED)
    assert retire.needs == (Ref(key(SECOND)),)

    assert floor.run().run.state is RunState.SUCCEEDED
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("120.00", True)}
    assert {f["name"] for f in fields_of(floor.billing, PLAN).values()} == {"Fibre 100"}
    assert_settled(floor)


def test_the_other_records_keep_their_places() -> None:
    """The CRM record, the Billing product and the installation item are those of before."""
    floor = a_versioned_floor()
    before = {b.key: b.remote_id for b in floor.ledger.bound.values()}
    reprice(floor, "120.00")
    floor.run()
    after = {b.key: b.remote_id for b in floor.ledger.bound.values()}
    assert after == before | {key(SECOND): SECOND}
    [crm] = fields_of(floor.crm, Kind.CRM_PRODUCT).values()
    assert crm["Unit_Price"] == Decimal("120.00")
    parents = {fields["product_id"] for fields in fields_of(floor.billing, PLAN).values()}
    assert len(parents) == 1


def test_a_small_step_is_made_in_place() -> None:
    """One update, and the version keeps the price with which it began."""
    floor = a_versioned_floor()
    reprice(floor, "109.99")
    floor.run()
    assert plans(floor) == {SKU: ("109.99", True)}
    assert floor.ledger.bound[key(SKU)].terms["recurring_price"] == Decimal("100.00")
    assert_settled(floor)


def test_three_small_steps_make_a_version() -> None:
    """Three times four per cent: the third is measured from the beginning."""
    floor = a_versioned_floor()
    for price in ("104.00", "108.16", "112.49"):
        reprice(floor, price)
        floor.run()
        assert_settled(floor)
    assert plans(floor) == {SKU: ("108.16", False), SECOND: ("112.49", True)}
    assert floor.ledger.bound[key(SECOND)].terms["recurring_price"] == Decimal("112.49")


def test_a_plan_bound_before_terms_were_kept_begins_with_what_it_has() -> None:
    """Its first small step is where it begins, not each one anew."""
    floor = a_versioned_floor()
    floor.ledger.bound[key(SKU)] = replace(floor.ledger.bound[key(SKU)], terms={})
    for price in ("104.00", "108.16", "112.49"):
        reprice(floor, price)
        floor.run()
    assert plans(floor) == {SKU: ("108.16", False), SECOND: ("112.49", True)}
    assert_settled(floor)


def test_another_term_takes_over_at_the_same_price() -> None:
    """Nothing is re-priced, and a mass change of prices is none."""
    row = a_row(monthly=Decimal("100.00"), metadata={"contract_months": 12})
    floor = a_floor([row]).versioned().guarded()
    floor.run()
    reprice(floor, "100.00", metadata={"contract_months": 24})
    assert floor.run().run.state is RunState.SUCCEEDED
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("100.00", True)}
    assert floor.ledger.bound[key(SECOND)].terms["term_months"] == 24
    assert_settled(floor)


def test_back_and_forth_never_uses_a_code_twice() -> None:
    """Each price that returns is a version of its own."""
    floor = a_versioned_floor()
    for price in ("120.00", "100.00", "120.00"):
        reprice(floor, price)
        floor.run()
    assert_settled(floor)
    assert plans(floor) == {
        SKU: ("100.00", False),
        SECOND: ("120.00", False),
        THIRD: ("100.00", False),
        f"{SKU}-V4": ("120.00", True),
    }


def test_a_hand_edit_is_put_back_in_place() -> None:
    """However far it went: the catalogue has not changed."""
    floor = a_versioned_floor()
    reprice(floor, "120.00")
    floor.run()
    floor.billing.edit(SECOND, recurring_price=Decimal("1.00"))
    [change] = floor.plan().changes
    assert (change.key, change.action, change.reason) == (
        key(SECOND), Action.UPDATE, Reason.DRIFTED,
    )  # fmt: skip
    floor.run(look=Look.EVERYTHING)
    assert plans(floor)[SECOND] == ("120.00", True)
    assert_settled(floor)


def test_a_former_version_that_somebody_puts_on_sale_goes_again() -> None:
    """One plan is on sale, and the history says that it came back."""
    floor = a_versioned_floor()
    reprice(floor, "120.00")
    floor.run()
    floor.billing.edit(SKU, active=True)
    floor.run(look=Look.EVERYTHING)
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("120.00", True)}
    assert_settled(floor)


def test_a_product_that_returns_gets_its_last_version_back() -> None:
    """Active, and the ones before stay inactive."""
    floor = a_versioned_floor()
    reprice(floor, "120.00")
    floor.run()
    reprice(floor, "120.00", status="inactive")
    floor.run()
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("120.00", False)}
    assert_settled(floor)
    reprice(floor, "125.00")
    floor.run()
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("125.00", True)}
    assert_settled(floor)


def test_a_foreign_plan_in_the_way_is_left_alone() -> None:
    """Somebody made a plan by the name of the next version."""
    floor = a_versioned_floor()
    floor.billing.add(PLAN, {"plan_code": SECOND, "name": "Ours", "recurring_price": Decimal(1)})
    reprice(floor, "120.00")
    floor.run()
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("1", True), THIRD: ("120.00", True)}
    assert_settled(floor)


def test_a_product_named_like_a_version_keeps_its_plan() -> None:
    """Whichever of the two is re-priced."""
    twin = a_row(2, sku=SECOND, monthly=Decimal("500.00"))
    floor = a_floor([a_row(monthly=Decimal("100.00")), twin]).versioned()
    floor.run()
    reprice(floor, "120.00")
    floor.catalogue.put(a_row(2, sku=SECOND, monthly=Decimal("600.00")))
    floor.run()
    assert plans(floor) == {
        SKU: ("100.00", False),
        THIRD: ("120.00", True),
        SECOND: ("500.00", False),
        f"{SECOND}-V2": ("600.00", True),
    }
    assert_settled(floor)


def test_a_renamed_product_takes_over_from_its_plan() -> None:
    """The code of a plan is permanent; guards see how far the price moves on the way."""
    floor = a_versioned_floor()
    reprice(floor, "105.00", sku="FIB-NEW")
    create, retire = [c for c in floor.plan().changes if c.key.kind is PLAN]
    assert create.applied["recurring_price"] == Decimal("100.00")
    assert retire.needs == (Ref(key("FIB-NEW")),)
    floor.run()
    assert plans(floor) == {SKU: ("100.00", False), "FIB-NEW": ("105.00", True)}
    assert_settled(floor)
    reprice(floor, "105.00")
    floor.run()
    assert plans(floor) == {SKU: ("105.00", True), "FIB-NEW": ("105.00", False)}
    assert_settled(floor)


def test_a_code_that_grows_too_long_is_refused_for_billing() -> None:
    """Before a request is made."""
    sku = "F" * 97
    floor = a_floor([a_row(sku=sku, monthly=Decimal("100.00"))]).versioned()
    mapping = a_mapping(Kind.CRM_PRODUCT, FieldRule("Product_Code", value="short"))
    floor.shop = replace(floor.shop, mapping=mapping)
    floor.run()
    reprice(floor, "120.00", sku=sku)
    found = [f for f in floor.plan().findings if f.code == "sku_not_a_code"]
    assert [f.message for f in found] == [
        "Billing takes codes below 100 characters; the next version of this plan has 100"
    ]
    floor.run()
    assert plans(floor) == {sku: ("100.00", True)}


# --- strategies and guards ---------------------------------------------------------------------


def test_update_changes_the_plan_itself() -> None:
    """Whatever the price does."""
    floor = a_versioned_floor(strategy=Strategy.UPDATE)
    reprice(floor, "300.00")
    floor.run()
    assert plans(floor) == {SKU: ("300.00", True)}
    assert_settled(floor)


def test_hold_asks_a_person_for_each_version() -> None:
    """The former plan stays on sale meanwhile; small steps need nobody."""
    floor = a_versioned_floor(strategy=Strategy.HOLD)
    reprice(floor, "105.00")
    assert floor.run().run.state is RunState.SUCCEEDED
    reprice(floor, "120.00")
    report = floor.run()
    assert report.run.state is RunState.HELD
    assert plans(floor) == {SKU: ("105.00", True)}
    assert [v.rule for v in report.plan.violations] == [Rule.PRICE_STRATEGY]
    assert report.plan.violations[0].setting == "billing.price_changes"
    held = {one.change.key: one.why for one in report.plan.held}
    assert held == {
        key(SECOND): f"{SKU} began with 100.00, and the price is 120.00 now",
        key(SKU): f"waits for billing_plan/{SECOND}",
    }
    assert {c.key.kind for c in report.plan.free} == {Kind.CRM_PRODUCT}


@pytest.mark.parametrize("what", ["the plan", "the new version alone"])
def test_a_person_lets_a_version_pass(what: str) -> None:
    """What needs it passes with it."""
    floor = a_versioned_floor(strategy=Strategy.HOLD)
    reprice(floor, "120.00")
    plan = floor.run().plan
    [create] = [one.change for one in plan.held if one.change.key == key(SECOND)]
    fingerprint = floor.plan().fingerprint if what == "the plan" else mark_of(create)
    report = floor.run(approval=Approval(fingerprint, Decision("Ann Example")))
    assert report.run.state is RunState.SUCCEEDED
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("120.00", True)}
    assert_settled(floor)


def test_a_guarded_jump_holds_the_whole_take_over() -> None:
    """The new version is judged against what was written on the former one."""
    floor = a_versioned_floor().guarded()
    reprice(floor, "60.00")
    report = floor.run()
    assert report.run.state is RunState.HELD
    assert plans(floor) == {SKU: ("100.00", True)}
    billing = [v for v in report.plan.violations if v.target is TargetName.BILLING]
    assert [(v.rule, v.changes) for v in billing] == [(Rule.PRICE_FALL, 2)]


# --- live subscriptions ------------------------------------------------------------------------


def test_subscriptions_on_the_former_plan_are_told() -> None:
    """In the plan and in a finding that blocks nothing."""
    floor = a_versioned_floor()
    floor.billing.live = {SKU: 12, SECOND: 99}
    reprice(floor, "120.00")
    report = floor.run()
    told = {c.key.code: c.subscriptions for c in report.plan.changes if c.key.kind is PLAN}
    assert told == {SKU: 12, SECOND: 12}
    in_json = {c["code"]: c["subscriptions"] for c in report.plan.as_json()["changes"]}
    assert (in_json[SKU], in_json[SECOND]) == (12, 12)
    [create] = [c for c in report.plan.changes if c.key == key(SECOND)]
    assert list(explain_change(create))[-2:] == [
        f"    takes over from {SKU}, recurring_price 100.00",
        f"    12 live subscriptions stay on {SKU}",
    ]
    assert mark_of(create) == mark_of(replace(create, subscriptions=None))
    [finding] = report.plan.findings
    assert (finding.code, finding.kind, finding.blocks) == (
        "plan_in_use", FindingKind.PLAN, frozenset(),
    )  # fmt: skip
    assert finding.message == f"12 live subscriptions stay on {SKU}, which is marked inactive"
    assert report.run.state is RunState.SUCCEEDED
    assert_settled(floor)


def test_whoever_decides_is_told_whom_it_reaches() -> None:
    """Beside why it waits."""
    floor = a_versioned_floor(strategy=Strategy.HOLD)
    floor.billing.live = {SKU: 1}
    reprice(floor, "120.00")
    [why] = [one.why for one in floor.plan().held if one.change.key == key(SECOND)]
    assert why.endswith(f"; 1 live subscription stays on {SKU}")


def test_a_withdrawn_product_that_is_used_is_told() -> None:
    """It goes all the same."""
    floor = a_versioned_floor()
    floor.billing.live = {SKU: 2}
    reprice(floor, "100.00", status="archived")
    report = floor.run()
    assert [f.code for f in report.plan.findings] == ["plan_in_use"]
    assert plans(floor) == {SKU: ("100.00", False)}
    assert_settled(floor)


@pytest.mark.parametrize(("live", "told"), [(None, None), ({}, 0)])
def test_not_known_is_not_none(live: dict[str, int] | None, told: int | None) -> None:
    """A target that does not tell is not a plan without subscriptions."""
    floor = a_versioned_floor()
    floor.billing.live = live
    reprice(floor, "101.00")
    plan = floor.plan()
    assert [c.subscriptions for c in plan.changes if c.key.kind is PLAN] == [told]
    assert plan.findings == ()


def test_nobody_counts_when_no_plan_is_touched() -> None:
    """A listing of subscriptions costs requests."""
    floor = a_versioned_floor()
    floor.catalogue.put(a_row(monthly=Decimal("100.00"), description="Another text"))
    floor.run()
    assert floor.billing.asked == 0
    reprice(floor, "101.00")
    floor.run()
    assert floor.billing.asked == 1


# --- between two steps -------------------------------------------------------------------------


def a_mortal_floor() -> tuple[Floor, MortalLedger, WeatheredTarget]:
    """A floor in bad weather, with one product synced at 100.00."""
    lock, clock, notes = MemoryLock(), HandClock(), Notes()
    ledger = MortalLedger(epochs=lock.epochs)
    catalogue = MemoryCatalogue([a_row(monthly=Decimal("100.00"))], ledger)
    crm, billing = WeatheredTarget(TargetName.CRM), WeatheredTarget(TargetName.BILLING)
    book = MemoryGuardbook(ledger)
    shop = a_shop(catalogue, ledger, book, (crm, billing), clock, lock, notes)
    shop = replace(shop, price_changes=PriceChanges())
    floor = Floor(shop, catalogue, ledger, crm, billing, clock, lock, notes, book)
    floor.run()
    return floor, ledger, billing


def assert_taken_over(floor: Floor, price: str = "120.00") -> None:
    """One plan is on sale: the second version, with the price of the catalogue."""
    assert plans(floor) == {SKU: ("100.00", False), SECOND: (price, True)}
    remembered = {code: floor.ledger.bound[key(code)].applied["active"] for code in (SKU, SECOND)}
    assert remembered == {SKU: False, SECOND: True}
    assert_settled(floor)


@pytest.mark.parametrize("writes", range(3))
@pytest.mark.parametrize("then", ["120.00", "121.00"])
def test_killed_between_two_steps(writes: int, then: str) -> None:
    """The next run continues, also with a price that moved on; nothing is made twice."""
    floor, ledger, _ = a_mortal_floor()
    reprice(floor, "120.00")
    ledger.dies_in = writes
    with pytest.raises(KilledError):
        floor.run()
    floor.lock.taken = False
    ledger.revive()
    reprice(floor, then)
    floor.run()
    assert_taken_over(floor, then)


def test_what_a_killed_run_made_is_no_takeover() -> None:
    """Nothing was written down after it was sent, and it is ours all the same."""
    floor, ledger, _ = a_mortal_floor()
    floor.guarded()
    reprice(floor, "120.00")
    ledger.dies_in = 1
    with pytest.raises(KilledError):
        floor.run()
    floor.lock.taken = False
    ledger.revive()
    reprice(floor, "121.00")
    assert floor.run().run.state is RunState.SUCCEEDED
    assert_taken_over(floor, "121.00")


@pytest.mark.parametrize("trouble", ["lost_before", "lost_after", "refuse", "throttle", "down"])
@pytest.mark.parametrize("step", [0, 1])
def test_bad_weather_between_two_steps(trouble: Trouble, step: int) -> None:
    """Whatever one of the two requests meets, one plan is on sale at the end, and one was made."""
    floor, _, billing = a_mortal_floor()
    reprice(floor, "120.00")
    billing.script = ["fine"] * step + [trouble]
    floor.run()
    on_sale = [code for code, (_, active) in plans(floor).items() if active]
    assert on_sale
    floor.clock.sleep(86_400)
    floor.run(look=Look.EVERYTHING)
    assert_taken_over(floor)


def test_a_lost_version_is_kept_when_the_price_returns() -> None:
    """What was begun is finished: the version exists, so it is the one, at the price of now."""
    floor, ledger, billing = a_mortal_floor()
    reprice(floor, "120.00")
    billing.script = ["lost_after"]
    ledger.dies_in = 2  # CRM and the lost creation are written down, the look after it is not
    with pytest.raises(KilledError):
        floor.run()
    floor.lock.taken = False
    ledger.revive()
    reprice(floor, "100.00")
    floor.run()
    assert_taken_over(floor, "100.00")


def test_a_lost_version_of_a_withdrawn_product_goes_too() -> None:
    """It was never bound, and is not left on sale."""
    floor, ledger, billing = a_mortal_floor()
    reprice(floor, "120.00")
    billing.script = ["lost_after"]
    ledger.dies_in = 2
    with pytest.raises(KilledError):
        floor.run()
    floor.lock.taken = False
    ledger.revive()
    reprice(floor, "120.00", status="inactive")
    floor.run()
    assert plans(floor) == {SKU: ("100.00", False), SECOND: ("120.00", False)}
    assert_settled(floor)


@pytest.mark.parametrize(
    "edit",
    [{"active": False}, {"recurring_price": Decimal("1.00")}],
    ids=["inactive", "another price"],
)
def test_the_former_plan_stays_until_the_new_one_stands(edit: dict[str, Any]) -> None:
    """Somebody meddles with the new version right after it was made: it is looked at again."""
    floor, _, billing = a_mortal_floor()
    reprice(floor, "120.00")
    carry_out = billing.apply

    def meddled(changes: Any, remote_id: Any) -> Any:
        answers = carry_out(changes, remote_id)
        if changes[0].key == key(SECOND) and changes[0].action is Action.CREATE:
            billing.edit(SECOND, **edit)
        return answers

    billing.apply = meddled  # type: ignore[method-assign]  # a twin of ours, meddled with
    floor.run()
    statuses = [
        (o.change.action, o.status) for _, o in floor.ledger.history if o.change.key == key(SKU)
    ]
    assert statuses[-2:] == [(Action.RETIRE, Status.STALE), (Action.RETIRE, Status.APPLIED)]
    assert_taken_over(floor)


def test_each_step_is_history() -> None:
    """With what was there before, so that it can be taken back."""
    floor = a_versioned_floor()
    reprice(floor, "120.00")
    report = floor.run()
    steps = [
        (o.change.key.code, o.change.action, dict(o.change.deltas).get("active"))
        for run_id, o in floor.ledger.history
        if run_id == report.run.run_id and o.change.key.kind is PLAN
    ]
    assert steps == [
        (SECOND, Action.CREATE, (None, True)),
        (SKU, Action.RETIRE, (True, False)),
    ]
    [result] = report.results
    assert {v.status for v in result.verdicts.values()} == {ProductStatus.OK}
    assert result.offering_id == an_id(1)
