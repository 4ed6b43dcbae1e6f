"""What people decide about held changes, and what runs make of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from support.builders import a_key, a_row, an_id
from support.deciding import (
    ANN,
    BEN,
    CRM,
    MOVES,
    a_fall,
    approved,
    crm_alone,
    decisions_of,
    prices,
    reprice,
)
from support.workshop import a_floor, assert_settled
from trueup.domain.errors import TargetDownError
from trueup.domain.guards import Refusal, Rule
from trueup.domain.records import Kind, Schema, TargetName
from trueup.domain.runs import RunState
from trueup.domain.waiting import HeldState
from trueup.reconcile.deciding import Choice, approve, reject

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
