"""Approval by fingerprint, and saved plans that hold something."""

from __future__ import annotations

from typing import Any

import pytest

from support.builders import NOW, an_id
from support.deciding import ANN, CRM, MOVES, a_fall, crm_alone, decisions_of, prices, reprice
from support.workshop import Floor
from trueup.domain.runs import RunState
from trueup.reconcile.deciding import approve
from trueup.reconcile.orders import Approval

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
    approval = Approval(plan.fingerprint, ANN)
    report = floor.run(targets=CRM, approved_plan=saved, approval=approval)
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
