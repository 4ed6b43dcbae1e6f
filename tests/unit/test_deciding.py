"""What people decide about held changes, and what runs make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.builders import NOW, a_key, a_row, an_id
from support.memory_guardbook import MemoryDecisions
from support.workshop import Floor, a_floor, assert_settled
from trueup.domain.errors import TargetDownError
from trueup.domain.guards import Refusal, Rule
from trueup.domain.records import Kind, Schema, TargetName
from trueup.domain.runs import RunState
from trueup.domain.waiting import HeldState, Waiting
from trueup.planner.due import Look
from trueup.ports import Decision
from trueup.reconcile.deciding import Choice, Decided, approve, carry_out, reject
from trueup.reconcile.orders import Approval

CRM = (TargetName.CRM,)
ANN, BEN = Decision("Ann Example", "agreed"), Decision("Ben Example", "a typing error")


def a_fall(count: int = 1, **prices: str) -> Floor:
    """Products of which the first, or those named, fell in price by too much, held at CRM."""
    floor = a_floor([a_row(n) for n in range(1, count + 1)]).guarded()
    assert floor.run(targets=CRM).run.state is RunState.SUCCEEDED
    for name, price in (prices or {"p1": "99.00"}).items():
        reprice(floor, int(name[1:]), price)
    assert floor.run(targets=CRM).run.state is RunState.HELD
    return floor


def reprice(floor: Floor, number: int, price: str) -> None:
    amount = Decimal(price)
    pricing = {"monthly": amount, "setup": Decimal("900.00")}
    floor.catalogue.edit(an_id(number), price=amount, base_price_zar=amount, pricing=pricing)


def decisions_of(floor: Floor) -> MemoryDecisions:
    return MemoryDecisions(floor.guardbook, floor.clock.now())


def prices(floor: Floor) -> list[str]:
    return sorted(str(one.fields["Unit_Price"]) for one in floor.crm.stored.values())


def approved(floor: Floor, seen: Sequence[Waiting] | None = None) -> Decided:
    """Everything that waits, or this, approved and carried out."""
    decisions = decisions_of(floor)
    seen = decisions.waiting() if seen is None else seen
    return carry_out(
        floor.shop, decisions, approve(decisions, seen, ANN, floor.clock.now()), floor.brake
    )


def crm_alone(floor: Floor) -> Floor:
    """The floor as if Billing did not exist, for a last look at everything."""
    assert floor.plan(targets=CRM, look=Look.EVERYTHING).changes == ()
    before = floor.crm.requests
    report = floor.run(targets=CRM, look=Look.EVERYTHING)
    assert (report.run.state, floor.crm.requests) == (RunState.SUCCEEDED, before)
    return floor


# --- yes -----------------------------------------------------------------------------------


def test_what_is_approved_is_made_at_once_and_alone() -> None:
    """The other held change waits on, and so does what nobody held."""
    floor = a_fall(3, p1="99.00", p2="98.00")
    floor.catalogue.edit(an_id(1), description="Another text")
    reprice(floor, 3, "900.00")
    [first, _] = decisions_of(floor).waiting()
    done = approved(floor, [first])
    assert [one.state for one in done.changes] == [HeldState.APPLIED]
    assert prices(floor) == ["899.00", "899.00", "99.00"]
    assert {s.fields["Description"] for s in floor.crm.stored.values()} == {"A fast line"}
    assert [one.sku for one in decisions_of(floor).waiting()] == ["FIB-002"]
    assert approved(floor).count(HeldState.APPLIED) == 1
    floor.run(targets=CRM)
    assert prices(floor) == ["900.00", "98.00", "99.00"]
    crm_alone(floor)


def test_approving_twice_is_harmless() -> None:
    """The second time there is nothing to decide and nothing to write."""
    floor = a_fall()
    seen = decisions_of(floor).waiting()
    approved(floor, seen)
    requests = floor.crm.requests
    again = approved(floor, seen)
    assert [one.state for one in again.overtaken] == [HeldState.APPLIED]
    assert floor.crm.requests == requests
    crm_alone(floor)


MOVES: dict[str, Callable[[Floor], None]] = {
    "catalogue": lambda floor: reprice(floor, 1, "89.00"),
    "hand edit": lambda floor: floor.crm.edit(
        next(iter(floor.crm.stored)), Unit_Price=Decimal("5.00")
    ),
}


@pytest.mark.parametrize("move", MOVES)
def test_what_moved_since_it_was_shown_is_stale(move: str) -> None:
    """Neither value is written; what is there now waits for a decision of its own."""
    floor = a_fall()
    seen = decisions_of(floor).waiting()
    MOVES[move](floor)
    before = prices(floor)
    done = approved(floor, seen)
    assert [one.state for one in done.changes] == [HeldState.STALE]
    assert done.report is not None
    assert (done.report.stale, done.report.run.state) == (1, RunState.HELD)
    assert "stale" in str(done.report.run.error)
    assert prices(floor) == before


def test_a_stale_approval_does_not_slip_through_a_narrower_look() -> None:
    """Alone, one of many re-priced products breaks no guard: it is not written all the same."""
    floor = a_floor([a_row(n) for n in range(1, 31)]).guarded()
    floor.run(targets=CRM)
    for number in range(1, 13):
        reprice(floor, number, "950.00")
    assert floor.run(targets=CRM).run.state is RunState.HELD
    [first, *_] = seen = decisions_of(floor).waiting()
    assert (len(seen), first.rules) == (12, (Rule.MASS_REPRICE,))
    reprice(floor, 1, "951.00")
    done = approved(floor, [first])
    assert [one.state for one in done.changes] == [HeldState.STALE]
    assert set(prices(floor)) == {"899.00"}


def test_one_of_many_may_be_approved() -> None:
    floor = a_floor([a_row(n) for n in range(1, 31)]).guarded()
    floor.run(targets=CRM)
    for number in range(1, 13):
        reprice(floor, number, "950.00")
    floor.run(targets=CRM)
    [first, *_] = decisions_of(floor).waiting()
    assert approved(floor, [first]).count(HeldState.APPLIED) == 1
    assert prices(floor).count("950.00") == 1


def test_an_approval_waits_for_the_next_run_while_another_run_writes() -> None:
    """Nothing is lost: the run that comes next makes it."""
    floor = a_fall()
    floor.lock.taken = True
    done = approved(floor)
    assert done.report is not None
    assert done.report.run.state is RunState.ALREADY_RUNNING
    assert [one.state for one in done.changes] == [HeldState.APPROVED]
    floor.lock.taken = False
    assert floor.run(targets=CRM).run.state is RunState.SUCCEEDED
    assert prices(floor) == ["99.00"]
    assert [one.state for one in decisions_of(floor).find([0])] == [HeldState.APPLIED]
    crm_alone(floor)


def test_an_approval_outlives_a_target_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether anything moved."""
    floor = a_fall()

    def down() -> Schema:
        raise TargetDownError("crm answers with 503")

    with monkeypatch.context() as weather:
        weather.setattr(floor.crm, "schema", down)
        done = approved(floor)
    assert [one.state for one in done.changes] == [HeldState.APPROVED]
    assert done.report is not None
    assert done.report.stale == 0
    assert approved(floor).count(HeldState.APPLIED) == 1
    crm_alone(floor)


def test_an_approval_expires() -> None:
    """Then it is open again, and the old price stands."""
    floor = a_fall()
    decisions = decisions_of(floor)
    until = floor.clock.now() + timedelta(days=7)
    approve(decisions, decisions.waiting(), replace(ANN, expires_at=until), floor.clock.now())
    floor.clock.sleep(8 * 86_400)
    assert floor.run(targets=CRM).run.state is RunState.HELD
    [one] = decisions.waiting()
    assert (one.state, prices(floor)) == (HeldState.OPEN, ["899.00"])


def test_choosing() -> None:
    """By product and by guard; what was rejected is meant only by its product."""
    floor = a_fall(2, p1="99.00", p2="9000.00")
    decisions = decisions_of(floor)
    fall, rise = decisions.waiting()
    assert Choice(rules=frozenset({Rule.PRICE_RISE})).to_approve([fall, rise]) == [rise]
    assert Choice(skus=("fib-100",)).to_reject([fall, rise]) == [fall]
    reject(decisions, [fall], BEN)
    seen = decisions.of_run(fall.last_run)
    assert [one.sku for one in Choice().to_approve(seen)] == ["FIB-002"]
    assert [one.sku for one in Choice(skus=("FIB-100",)).to_approve(seen)] == ["FIB-100"]
    assert [one.sku for one in Choice().to_reject(seen)] == ["FIB-002"]


# --- no ------------------------------------------------------------------------------------


def test_what_is_rejected_is_not_asked_again() -> None:
    """The run says who and why, and succeeds."""
    floor = a_fall()
    decisions = decisions_of(floor)
    assert reject(decisions, decisions.waiting(), BEN).count(HeldState.REJECTED) == 1
    report = floor.run(targets=CRM)
    assert (report.run.state, prices(floor)) == (RunState.SUCCEEDED, ["899.00"])
    [result] = report.results
    said = result.verdicts[TargetName.CRM]
    assert (said.status.value, said.error) == (
        "skipped",
        "Ben Example said no to Unit_Price 99.00: a typing error",
    )
    assert decisions.waiting() == []
    assert floor.run(targets=CRM).run.state is RunState.SUCCEEDED


def test_another_price_ends_the_no() -> None:
    """It is judged for itself."""
    floor = a_fall()
    decisions = decisions_of(floor)
    reject(decisions, decisions.waiting(), BEN)
    reprice(floor, 1, "98.00")
    assert floor.run(targets=CRM).run.state is RunState.HELD
    assert floor.guardbook.refused == {}
    reprice(floor, 1, "99.00")
    assert floor.run(targets=CRM).run.state is RunState.HELD  # asked anew
    reprice(floor, 1, "899.00")
    floor.run(targets=CRM)
    assert decisions.waiting() == []
    crm_alone(floor)


def test_a_rejection_is_taken_back() -> None:
    floor = a_fall()
    decisions = decisions_of(floor)
    reject(decisions, decisions.waiting(), BEN)
    floor.run(targets=CRM)
    assert approved(floor, decisions.of_run("cli-2")).count(HeldState.APPLIED) == 1
    assert prices(floor) == ["99.00"]
    crm_alone(floor)


def test_a_rejected_version_of_a_plan_takes_its_whole_step_with_it() -> None:
    """The old plan stays on sale; another price is asked about, old plan and all."""
    floor = a_floor([a_row(1)]).guarded().versioned()
    floor.run()
    reprice(floor, 1, "99.00")
    floor.run()
    decisions = decisions_of(floor)
    assert len(decisions.waiting()) == 3
    reject(decisions, decisions.waiting(), BEN)
    assert floor.run().run.state is RunState.SUCCEEDED
    reprice(floor, 1, "98.00")
    assert floor.run().run.state is RunState.HELD
    assert len(decisions.waiting()) == 3
    assert approved(floor).count(HeldState.APPLIED) == 3
    plans = [s.fields for s in floor.billing.stored.values() if s.kind is Kind.BILLING_PLAN]
    assert {(p["recurring_price"], p["active"]) for p in plans} == {
        (Decimal("899.00"), False),
        (Decimal("98.00"), True),
    }
    assert_settled(floor)


@pytest.mark.parametrize("refused", ["A fast line", "Another text"])
def test_a_no_to_a_whole_record_ends_with_any_of_its_fields(refused: str) -> None:
    """What was refused was another record."""
    floor = a_floor([a_row(1)]).guarded()
    for name, value in (("Product_Name", "Fibre 100"), ("Description", refused)):
        floor.guardbook.refused[a_key(), name] = Refusal(value, "Ben Example", "")
    held = len(floor.plan(targets=CRM).held)
    floor.run(targets=CRM)
    same = refused == "A fast line"
    assert (held, len(floor.crm.stored)) == ((1, 0) if same else (0, 1))
    assert bool(floor.guardbook.refused) is same


# --- a fingerprint, for pipelines ----------------------------------------------------------


def fingerprints(floor: Floor) -> dict[str, str]:
    plan = floor.plan(targets=CRM)
    [violation] = plan.violations
    [one] = decisions_of(floor).waiting()
    return {"plan": plan.fingerprint, "guard": violation.fingerprint, "change": one.fingerprint}


@pytest.mark.parametrize("of", ["plan", "guard", "change"])
def test_a_fingerprint_lets_pass_what_it_names(of: str) -> None:
    """And a second time there is nothing that it could mean."""
    floor = a_fall()
    mark = fingerprints(floor)[of]
    for _ in range(2):
        report = floor.run(targets=CRM, approval=Approval(mark, ANN))
        assert (report.run.state, report.run.error) == (RunState.SUCCEEDED, None)
        assert prices(floor) == ["99.00"]
    crm_alone(floor)


@pytest.mark.parametrize("of", ["plan", "guard", "change"])
@pytest.mark.parametrize("move", MOVES)
def test_a_fingerprint_of_something_else_is_stale(of: str, move: str) -> None:
    """The run says so, with the fingerprint that the plan has now."""
    floor = a_fall()
    mark = fingerprints(floor)[of]
    MOVES[move](floor)
    before = prices(floor)
    report = floor.run(targets=CRM, approval=Approval(mark, ANN))
    assert report.run.state is RunState.HELD
    assert f"that of the plan is {report.run.fingerprint} now" in str(report.run.error)
    assert prices(floor) == before


# --- saved plans ---------------------------------------------------------------------------


def a_saved_plan(floor: Floor) -> list[dict[str, Any]]:
    document: list[dict[str, Any]] = floor.plan(targets=CRM).as_json()["changes"]
    return document


def test_what_a_saved_plan_holds_stays_held() -> None:
    """Unless its fingerprint is given: then all of it that did not move is made."""
    floor = a_fall(4, p1="99.00", p2="98.00")
    reprice(floor, 3, "901.00")
    reprice(floor, 4, "97.00")
    saved = a_saved_plan(floor)
    plan = floor.plan(targets=CRM)
    report = floor.run(targets=CRM, approved_plan=saved[:3])
    assert (report.stale, report.run.state) == (0, RunState.HELD)
    assert prices(floor) == ["899.00", "899.00", "899.00", "901.00"]

    reprice(floor, 2, "96.00")
    given = {"approved_plan": saved, "approval": Approval(plan.fingerprint, ANN)}
    report = floor.run(targets=CRM, **given)
    assert report.stale == 2  # the one that moved, and the one that is made already
    assert prices(floor) == ["899.00", "901.00", "97.00", "99.00"]


def test_a_saved_plan_is_made_in_the_parts_that_it_has() -> None:
    """What was held apart when it was saved, and is approved by now, is made with the rest."""
    floor = a_fall()
    floor.catalogue.edit(an_id(1), description="Another text")
    saved = a_saved_plan(floor)
    assert len(saved) == 2
    decisions = decisions_of(floor)
    approve(decisions, decisions.waiting(), ANN, NOW)
    report = floor.run(targets=CRM, approved_plan=saved)
    assert (report.stale, report.run.state) == (0, RunState.SUCCEEDED)
    crm_alone(floor)
