"""A revert carried out in memory: lock, guards, refusals, crashes, and the nights after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_row, an_id
from support.memory_past import look_back, managed, past_of, take_back
from support.weather import KilledError, MortalLedger
from support.workshop import Floor, a_floor, assert_settled, statuses
from trueup.domain.changes import Reason
from trueup.domain.errors import TargetDownError
from trueup.domain.guards import Rule
from trueup.domain.plan import change_as_json
from trueup.domain.records import Kind, RecordKey, TargetName
from trueup.domain.runs import ProductStatus, RunState, Trigger
from trueup.planner.due import Look
from trueup.ports import Decision
from trueup.reconcile.orders import Approval

BOTH = tuple(TargetName)


def prices(monthly: str) -> dict[str, Any]:
    """The columns of another price."""
    amount = Decimal(monthly)
    setup = {"monthly": amount, "setup": Decimal("900.00")}
    return {"price": amount, "base_price_zar": amount, "pricing": setup}


def a_synced_floor(products: int = 1) -> Floor:
    """A floor whose first sync is over."""
    floor = a_floor([a_row(number) for number in range(1, products + 1)])
    floor.run()
    return floor


def repriced(floor: Floor, monthly: str = "949.00", number: int = 1) -> str:
    """A run that changes a price; returns its id."""
    floor.catalogue.edit(an_id(number), **prices(monthly))
    return floor.run().run.run_id


def price_in_crm(floor: Floor) -> Any:
    """The price of the first product."""
    return managed(floor)[Kind.CRM_PRODUCT, crm_id(floor)]["Unit_Price"]


def crm_id(floor: Floor) -> str:
    """The id of the first product's record."""
    return floor.ledger.bound[RecordKey(Kind.CRM_PRODUCT, "FIB-100")].remote_id


def assert_nothing_is_written(floor: Floor) -> None:
    """The next night looks at everything and leaves it alone."""
    before = floor.crm.requests, floor.billing.requests
    floor.run(look=Look.EVERYTHING)
    assert before == (floor.crm.requests, floor.billing.requests)


# --- the nights after it ------------------------------------------------------------------------


def test_a_revert_sticks_until_the_catalogue_wants_something_else() -> None:
    floor = a_synced_floor()
    before = managed(floor)
    done = take_back(floor, repriced(floor), note="wrong price list")
    assert (done.report.run.state, done.report.run.trigger) == (RunState.SUCCEEDED, Trigger.REVERT)
    assert before == managed(floor)

    night = floor.run()
    assert before == managed(floor)
    assert statuses(night) == {"FIB-100": dict.fromkeys(("crm", "billing"), ProductStatus.SKIPPED)}
    why = night.results[0].verdicts[TargetName.CRM].error
    assert why == "Thandi said no to Unit_Price 949.00: reverted run cli-2: wrong price list"

    repriced(floor, "929.00")
    assert price_in_crm(floor) == Decimal("929.00")
    assert_settled(floor)


def test_reverting_the_revert_brings_everything_back_and_the_catalogue_agrees() -> None:
    floor = a_synced_floor()
    run_id = repriced(floor)
    after = managed(floor)
    first = take_back(floor, run_id)
    assert floor.guardbook.refused
    floor.guarded()
    second = take_back(floor, first.report.run.run_id)
    assert (second.report.run.state, second.way.plan.violations) == (RunState.SUCCEEDED, ())
    assert (after, {}) == (managed(floor), floor.guardbook.refused)
    assert_settled(floor)


def test_a_third_revert_takes_the_price_away_again_and_it_stays_away() -> None:
    floor = a_synced_floor()
    before = managed(floor)
    run_id = repriced(floor)
    for _ in range(3):
        run_id = take_back(floor, run_id).report.run.run_id
    assert before == managed(floor)
    assert_nothing_is_written(floor)


def test_two_runs_are_taken_back_one_after_the_other() -> None:
    """The catalogue wants what the second one wrote: that stays refused."""
    floor = a_synced_floor()
    before = managed(floor)
    first, second = repriced(floor, "949.00"), repriced(floor, "999.00")
    take_back(floor, second)
    assert price_in_crm(floor) == Decimal("949.00")
    take_back(floor, first)
    assert before == managed(floor)
    assert_nothing_is_written(floor)
    assert before == managed(floor)


def test_a_second_revert_of_the_same_run_finds_nothing_and_is_no_run() -> None:
    floor = a_synced_floor()
    run_id = repriced(floor)
    take_back(floor, run_id)
    runs = set(floor.ledger.runs)
    again = take_back(floor, run_id)
    assert (again.idle, again.way.restoration.empty) == (True, True)
    assert runs == set(floor.ledger.runs)


def test_what_the_run_made_is_inactive_and_comes_back_with_the_revert_of_the_revert() -> None:
    floor = a_synced_floor()
    floor.catalogue.put(a_row(2))
    run_id = floor.run().run.run_id
    made = {key for key in floor.ledger.bound if "FIB-002" in key.code}
    done = take_back(floor, run_id)
    assert made == set(done.way.restoration.created)
    actives = [f.get("active", f.get("Product_Active")) for p, f in managed(floor).items() if p]
    assert sorted(actives) == [False] * 4 + [True] * 4
    assert_nothing_is_written(floor)
    take_back(floor, done.report.run.run_id)
    assert_settled(floor)


def test_what_was_changed_since_is_left_and_the_rest_goes_back() -> None:
    floor = a_synced_floor()
    floor.catalogue.edit(an_id(1), description="Another text", **prices("949.00"))
    run_id = floor.run().run.run_id
    floor.crm.edit(crm_id(floor), Unit_Price=Decimal("1.23"), foreign="theirs")
    done = take_back(floor, run_id)
    assert [(one.name, one.now) for one in done.way.restoration.left] == [
        ("Unit_Price", Decimal("1.23"))
    ]
    now = managed(floor)[Kind.CRM_PRODUCT, crm_id(floor)]
    assert (Decimal("1.23"), "A fast line") == (now["Unit_Price"], now["Description"])
    assert floor.crm.stored[crm_id(floor)].fields["foreign"] == "theirs"


# --- people and guards --------------------------------------------------------------------------


def test_what_the_guards_would_hold_counts_as_approved_by_who_asked() -> None:
    floor = a_synced_floor()
    run_id = repriced(floor, "1899.00")
    floor.guarded()
    done = take_back(floor, run_id, by="Sipho")
    assert {v.rule for v in done.way.plan.violations} == {Rule.PRICE_FALL}
    assert {v["rule"] for v in done.report.run.violations} == {"price_fall"}
    assert (done.report.run.run_id, "Sipho") in floor.guardbook.deciders
    assert {w.state for w in floor.guardbook.waiting} == {"applied"}
    assert price_in_crm(floor) == Decimal("899.00")


def test_a_price_of_nothing_that_was_there_before_comes_back() -> None:
    """Somebody who takes a takeover back wants what was there, and says so."""
    floor = a_floor([a_row(1)])
    fields = {"Product_Name": "Fibre 100", "Product_Code": "FIB-100", "Unit_Price": Decimal("0.00")}
    remote_id = floor.crm.add(Kind.CRM_PRODUCT, dict(fields), Owner="somebody")
    yes = Approval(floor.plan().fingerprint, Decision("Lindiwe"))
    run_id = floor.run(approval=yes).run.run_id
    assert floor.crm.stored[remote_id].fields["Unit_Price"] == Decimal("899.00")
    floor.guarded()
    done = take_back(floor, run_id)
    assert Rule.NO_PRICE in {v.rule for v in done.way.plan.violations}
    assert floor.crm.stored[remote_id].fields["Unit_Price"] == Decimal("0.00")
    assert floor.crm.stored[remote_id].foreign == {"Owner": "somebody"}


def test_the_changes_of_a_revert_carry_the_name_and_their_reason() -> None:
    floor = a_synced_floor()
    past = past_of(floor)
    run_id = repriced(floor)
    done = take_back(floor, run_id)
    reasons = {o.change.reason for r, o in floor.ledger.history if r == done.report.run.run_id}
    assert reasons == {Reason.REVERTED}
    assert {write.reason for write in past.writes(done.report.run.run_id)} == {Reason.REVERTED}


@pytest.mark.parametrize(
    ("part", "restored"),
    [
        ({"targets": (TargetName.BILLING,)}, {"billing_plan/FIB-100", "billing_plan/FIB-002"}),
        ({"skus": ("Fib-100",)}, {"crm_product/FIB-100", "billing_plan/FIB-100"}),
    ],
)
def test_a_part_of_a_run_is_taken_back(part: Mapping[str, Any], restored: set[str]) -> None:
    floor = a_synced_floor(2)
    floor.catalogue.edit(an_id(1), **prices("949.00"))
    run_id = repriced(floor, "999.00", number=2)
    assert restored == {str(c.key) for c in take_back(floor, run_id, **part).way.plan.changes}
    assert len(look_back(floor, run_id).plan.changes) == 4 - len(restored)


def test_exactly_what_was_shown_is_done_and_what_moved_since_is_stale() -> None:
    floor = a_synced_floor(2)
    floor.catalogue.edit(an_id(1), **prices("949.00"))
    run_id = repriced(floor, "999.00", number=2)
    shown = [change_as_json(change) for change in look_back(floor, run_id).plan.changes]
    floor.crm.edit(crm_id(floor), Unit_Price=Decimal("1.23"))
    done = take_back(floor, run_id, approved=shown)
    assert (done.report.stale, len(done.way.plan.changes)) == (1, 3)
    assert done.report.run.state is RunState.PARTIAL
    assert price_in_crm(floor) == Decimal("1.23")
    refused = {key for key, _ in floor.guardbook.refused}
    assert RecordKey(Kind.CRM_PRODUCT, "FIB-100") not in refused


def test_a_plan_that_is_stale_as_a_whole_changes_nothing() -> None:
    floor = a_synced_floor()
    run_id = repriced(floor)
    done = take_back(floor, run_id, approved=[{"code": "something else"}])
    assert (done.report.run.state, done.report.stale) == (RunState.FAILED, 1)
    assert (price_in_crm(floor), floor.guardbook.refused) == (Decimal("949.00"), {})


# --- trouble ------------------------------------------------------------------------------------


def test_a_run_that_writes_is_not_disturbed() -> None:
    floor = a_synced_floor()
    run_id = repriced(floor)
    floor.lock.taken = True
    done = take_back(floor, run_id)
    assert done.report.run.state is RunState.ALREADY_RUNNING
    assert price_in_crm(floor) == Decimal("949.00")


def test_one_target_down_does_not_stop_the_other_and_the_same_command_does_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    floor = a_synced_floor()
    before = managed(floor)
    run_id = repriced(floor)

    def unreachable(kind: Kind) -> Any:
        raise TargetDownError(f"nobody answers for {kind}")

    with monkeypatch.context() as patch:
        patch.setattr(floor.billing, "records", unreachable)
        done = take_back(floor, run_id)
    assert done.report.run.state is RunState.PARTIAL
    assert "nobody answers" in (done.report.run.error or "")
    assert [one.why for one in done.way.restoration.left] == ["its target could not be read"]
    assert price_in_crm(floor) == Decimal("899.00")
    assert take_back(floor, run_id).report.run.state is RunState.SUCCEEDED
    assert before == managed(floor)


def test_what_a_target_refuses_fails_and_is_tried_again_by_the_same_command() -> None:
    floor = a_synced_floor()
    before = managed(floor)
    run_id = repriced(floor)
    floor.crm.fail("refuse")
    done = take_back(floor, run_id)
    assert done.report.run.state is RunState.PARTIAL
    verdicts = {t.value: v.status for t, v in done.report.results[0].verdicts.items()}
    assert verdicts == {"crm": ProductStatus.FAILED, "billing": ProductStatus.SKIPPED}
    assert take_back(floor, run_id).report.run.state is RunState.SUCCEEDED
    assert before == managed(floor)
    assert_nothing_is_written(floor)


def test_a_refusal_ends_only_where_its_value_came_back() -> None:
    floor = a_synced_floor()
    after_it = take_back(floor, repriced(floor)).report.run.run_id
    floor.crm.fail("refuse")
    assert take_back(floor, after_it).report.run.state is RunState.PARTIAL
    assert {str(key) for key, _ in floor.guardbook.refused} == {"crm_product/FIB-100"}
    assert take_back(floor, after_it).report.run.state is RunState.SUCCEEDED
    assert floor.guardbook.refused == {}
    assert_settled(floor)


@pytest.mark.parametrize("outcomes", [0, 1, 2, 3])
def test_killed_at_any_outcome_the_same_command_does_the_rest(outcomes: int) -> None:
    """The write before the kill arrived, and the ledger never heard of it."""
    floor = a_synced_floor(2)
    floor.limit(batch_size=1)
    before = managed(floor)
    floor.catalogue.edit(an_id(1), **prices("949.00"))
    run_id = repriced(floor, "999.00", number=2)
    ledger = MortalLedger(**vars(floor.ledger))
    floor.shop = replace(floor.shop, ledger=ledger)
    floor.ledger = floor.guardbook.ledger = floor.catalogue.ledger = ledger
    ledger.dies_in = outcomes
    with pytest.raises(KilledError):
        take_back(floor, run_id)
    ledger.revive()
    floor.lock.taken = False
    done = take_back(floor, run_id)
    assert done.report.run.state is RunState.SUCCEEDED
    assert before == managed(floor)
    assert {
        b.applied["Unit_Price"] for k, b in ledger.bound.items() if k.kind is Kind.CRM_PRODUCT
    } == {Decimal("899.00")}
    assert_nothing_is_written(floor)
    assert look_back(floor, run_id).restoration.empty


def test_a_run_that_wrote_nothing_has_nothing_to_take_back() -> None:
    floor = a_synced_floor()
    way = look_back(floor, floor.run().run.run_id)
    assert (way.looked, way.restoration.empty, way.plan.empty) == (0, True, True)
