"""A run from its lock to its last line: states, refusals, passes, saved plans."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.builders import NOW, a_row, an_id
from support.memory_target import MemoryTarget
from support.weather import WeatheredTarget
from support.workshop import Floor, a_floor, a_shop, assert_settled, statuses
from trueup.domain.changes import Action, Reason, Status
from trueup.domain.errors import (
    CatalogueError,
    CredentialsError,
    LeaseLostError,
    LockedError,
    ScopeError,
)
from trueup.domain.package import PackageRow
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import ProductStatus, RunState
from trueup.domain.states import Standing
from trueup.planner.due import Look
from trueup.reconcile.applying import Brake
from trueup.reconcile.running import Report

OK, FAILED, HELD, DEFERRED, SKIPPED, UNCHANGED = (
    ProductStatus.OK,
    ProductStatus.FAILED,
    ProductStatus.HELD,
    ProductStatus.DEFERRED,
    ProductStatus.SKIPPED,
    ProductStatus.UNCHANGED,
)


def weathered(rows: list[PackageRow], **limits: Any) -> tuple[Floor, WeatheredTarget, Any]:
    """A floor whose targets fail by script."""
    floor = a_floor()
    for row in rows:
        floor.catalogue.put(row)
    crm, billing = WeatheredTarget(TargetName.CRM), WeatheredTarget(TargetName.BILLING)
    floor.crm, floor.billing = crm, billing
    floor.shop = a_shop(
        floor.catalogue, floor.ledger, floor.guardbook, (crm, billing), floor.clock, floor.lock,
        floor.notes, **limits,
    )  # fmt: skip
    return floor, crm, billing


def at(report: Report, sku: str = "FIB-100") -> dict[str, ProductStatus]:
    return statuses(report)[sku]


# --- states --------------------------------------------------------------------------------


def test_a_first_run_writes_everything_and_the_next_plan_is_empty() -> None:
    """The law, once by hand."""
    floor = a_floor([a_row(1), a_row(2)])
    report = floor.run()
    assert report.run.state is RunState.SUCCEEDED
    assert at(report) == {"crm": OK, "billing": OK}
    assert len(report.plan.changes) == 8
    assert floor.ledger.runs[report.run.run_id] == report.run
    assert_settled(floor)


def test_the_second_night_verifies_and_writes_nothing() -> None:
    """Every product is unchanged, and no request wrote anything."""
    floor = a_floor([a_row(1), a_row(2)])
    floor.run()
    before = floor.crm.requests, floor.billing.requests
    report = floor.run()
    assert {status for s in statuses(report).values() for status in s.values()} == {UNCHANGED}
    assert report.run.summary["unchanged"] == 2
    assert (floor.crm.requests, floor.billing.requests) == before


def test_what_was_verified_a_moment_ago_is_not_looked_at() -> None:
    """Nothing is due, nothing is read, and that is a success."""
    floor = a_floor([a_row(1)])
    floor.run()
    floor.clock.at -= timedelta(hours=23)
    floor.notes.reads.clear()
    report = floor.run()
    assert (report.run.state, report.results) == (RunState.SUCCEEDED, ())
    assert floor.notes.reads == {}


def test_a_run_in_which_one_of_two_fails_is_partial() -> None:
    """The refusal is the product's own, at one target."""
    floor, _, billing = weathered([a_row(1), a_row(2)])
    billing.script = ["refuse"]
    report = floor.run()
    assert report.run.state is RunState.PARTIAL
    assert at(report, "FIB-002")["billing"] is OK or at(report)["billing"] is OK
    assert report.run.summary["billingFailed"] == 1
    assert report.run.summary["crmFailed"] == 0


def test_a_run_in_which_everything_fails_has_failed() -> None:
    """Nothing agrees anywhere."""
    floor, crm, billing = weathered([a_row(1)])
    crm.script = billing.script = ["refuse"] * 9
    assert floor.run().run.state is RunState.FAILED


def test_a_finding_about_money_holds_the_run() -> None:
    """Everything else is done, and a person must look."""
    floor = a_floor([a_row(1), a_row(2, pricing=None)])
    report = floor.run()
    assert report.run.state is RunState.HELD
    assert at(report, "FIB-002") == {"crm": HELD, "billing": HELD}
    assert at(report) == {"crm": OK, "billing": OK}


@pytest.mark.parametrize("columns", [{"sku": None}, {"name": "bell \x07"}])
def test_a_finding_about_a_sku_or_a_text_fails_nothing(columns: dict[str, Any]) -> None:
    """It is reported and counted."""
    floor = a_floor([a_row(1), a_row(2, **columns)])
    report = floor.run()
    assert report.run.state is RunState.SUCCEEDED
    assert (report.run.summary["findings"], report.run.summary["skipped"]) == (1, 1)


def test_a_second_run_finds_the_lock_and_does_nothing() -> None:
    """It is not written down as a run."""
    floor = a_floor([a_row(1)])
    floor.lock.taken = True
    report = floor.run()
    assert report.run.state is RunState.ALREADY_RUNNING
    assert isinstance(report.error, LockedError)
    assert (floor.ledger.runs, floor.crm.requests) == ({}, 0)


def test_a_run_that_loses_its_lock_stops_writing() -> None:
    """Somebody else continues; its own last words are refused by the fence."""
    floor, crm, _ = weathered([a_row(1)])
    carry_out = crm.apply

    def stolen(changes: Any, remote_id: Any) -> Any:
        floor.lock.steal()
        return carry_out(changes, remote_id)

    crm.apply = stolen  # type: ignore[method-assign]  # a twin of ours, in trouble
    with pytest.raises(LeaseLostError):
        floor.run()
    assert floor.ledger.bound == {}
    crm.apply = carry_out  # type: ignore[method-assign]
    assert floor.run().run.state is RunState.SUCCEEDED
    assert len(crm.stored) == 1
    assert_settled(floor)


def test_a_crash_is_written_down_and_not_swallowed() -> None:
    """The next run continues."""
    floor, crm, _ = weathered([a_row(1)])

    def broken(*_: object) -> Any:
        raise KeyboardInterrupt

    crm.apply = broken  # type: ignore[method-assign, assignment]  # a twin in trouble
    with pytest.raises(KeyboardInterrupt):
        floor.run()
    last = floor.ledger.last_run()
    assert last is not None
    assert (last.state, last.error) == (RunState.FAILED, "stopped by KeyboardInterrupt")
    assert floor.lock.taken is False


def test_a_crash_after_which_somebody_goes_on_is_an_interruption() -> None:
    """As when a worker loses its database: the job goes on, and nothing has failed."""
    floor, crm, _ = weathered([a_row(1)])
    whole = crm.apply

    def broken(*_: object) -> Any:
        raise OSError("the connection was lost")

    crm.apply = broken  # type: ignore[method-assign, assignment]  # a twin in trouble
    with pytest.raises(OSError, match="lost"):
        floor.run(goes_on=lambda crash: isinstance(crash, OSError))
    [run] = floor.ledger.runs.values()
    assert (run.state, run.error) == (RunState.INTERRUPTED, "stopped by OSError")
    crm.apply = whole  # type: ignore[method-assign]
    floor.brake = Brake()
    assert floor.run(resumes=run.run_id).run.state is RunState.SUCCEEDED
    assert_settled(floor)


# --- a catalogue that cannot be trusted ----------------------------------------------------


def remove(floor: Floor, *numbers: int) -> None:
    for number in numbers:
        floor.catalogue.remove(an_id(number))


def test_an_empty_catalogue_is_refused_before_any_write() -> None:
    """It is a fault of the source, not a wish."""
    floor = a_floor([a_row(1)])
    floor.run()
    requests = floor.crm.requests
    remove(floor, 1)
    for _ in range(3):
        report = floor.run()
        assert report.run.state is RunState.FAILED
        assert isinstance(report.error, CatalogueError)
    assert floor.crm.requests == requests
    assert all(stored.fields["Product_Active"] for stored in floor.crm.stored.values())


def test_a_halved_catalogue_is_refused_every_night_until_a_person_accepts_it() -> None:
    """The refused nights are not taken for the new size."""
    floor = a_floor([a_row(n) for n in range(1, 6)])
    floor.run()
    remove(floor, 1, 2, 3)
    for _ in range(3):
        assert isinstance(floor.run().error, CatalogueError)
    assert floor.run(trust_smaller=True).run.state is RunState.SUCCEEDED
    assert floor.run().run.state is RunState.SUCCEEDED


def test_exactly_half_is_not_more_than_half() -> None:
    """The bound itself is allowed."""
    floor = a_floor([a_row(n) for n in range(1, 5)])
    floor.run()
    remove(floor, 1, 2)
    assert floor.run().error is None


def test_a_dry_run_refuses_it_as_well() -> None:
    """A plan that nobody could apply is not shown."""
    floor = a_floor([])
    with pytest.raises(CatalogueError, match="empty"):
        floor.plan()


# --- lifecycle -----------------------------------------------------------------------------


def active(floor: Floor) -> set[bool]:
    return {
        bool(s.fields.get("Product_Active", s.fields.get("active")))
        for target in (floor.crm, floor.billing)
        for s in target.stored.values()
    }


@pytest.mark.parametrize(
    "columns",
    [{"status": "inactive"}, {"status": "archived"}, {"valid_to": NOW - timedelta(days=1)}],
)
def test_a_withdrawn_product_is_retired_and_comes_back(columns: dict[str, Any]) -> None:
    """The same records, switched off and on, nothing deleted, nothing made."""
    floor = a_floor([a_row(1)])
    floor.run()
    ids = set(floor.crm.stored), set(floor.billing.stored)
    floor.catalogue.edit(an_id(1), **columns)
    report = floor.run()
    assert {c.action for c in report.plan.changes} == {Action.RETIRE}
    assert active(floor) == {False}
    assert_settled(floor)
    floor.catalogue.edit(an_id(1), status="active", valid_to=None)
    report = floor.run()
    assert {c.reason for c in report.plan.changes} == {Reason.RETURNED}
    assert (active(floor), (set(floor.crm.stored), set(floor.billing.stored))) == ({True}, ids)
    assert_settled(floor)


@pytest.mark.parametrize(
    "columns",
    [{"status": "inactive"}, {"status": "draft"}, {"valid_from": NOW + timedelta(days=9)}],
)
def test_what_is_not_on_sale_is_never_created(columns: dict[str, Any]) -> None:
    """Neither the withdrawn nor what is still to come."""
    floor = a_floor([a_row(1, **columns), a_row(2)])
    floor.run()
    assert len(floor.crm.stored) == 1
    assert_settled(floor)


def test_a_deleted_row_is_retired_in_the_second_run_without_it() -> None:
    """One missing night may be a mistake."""
    floor = a_floor([a_row(1), a_row(2), a_row(3)])
    floor.run()
    remove(floor, 1)
    assert floor.run().plan.changes == ()
    report = floor.run()
    assert {(c.action, c.sku) for c in report.plan.changes} == {(Action.RETIRE, "FIB-100")}
    assert_settled(floor)


def test_a_row_inserted_again_keeps_the_records_of_its_predecessor() -> None:
    """Another id, the same SKU: adopted, not doubled, and not retired."""
    floor = a_floor([a_row(1), a_row(2)])
    floor.run()
    ids = set(floor.crm.stored), set(floor.billing.stored)
    remove(floor, 1)
    floor.catalogue.put(a_row(9, sku="FIB-100", name="Fibre 100"))
    floor.run()
    assert_settled(floor)
    assert (set(floor.crm.stored), set(floor.billing.stored), active(floor)) == (*ids, {True})


def test_the_name_of_a_product_that_is_gone_stays_taken() -> None:
    """Its records are switched off, not renamed: a new product of that name carries its SKU."""
    floor = a_floor([a_row(1, name="Fibre"), a_row(2)])
    floor.run()
    remove(floor, 1)
    floor.catalogue.put(a_row(3, name="fibre"))
    for _ in range(2):
        assert floor.run().run.state is RunState.SUCCEEDED
    names = [
        s.fields["name"] for s in floor.billing.stored.values() if s.kind is not Kind.BILLING_PLAN
    ]
    assert "fibre [FIB-003]" in names
    assert len(names) == len({str(name).casefold() for name in names})
    assert_settled(floor)


def test_a_renamed_product_keeps_its_records_but_gets_a_new_plan() -> None:
    """A plan code is permanent: the old plan is switched off."""
    floor = a_floor([a_row(1)])
    floor.run()
    floor.catalogue.edit(an_id(1), sku="FIB-NEW")
    floor.run()
    plans = {
        i: s.fields["active"]
        for i, s in floor.billing.stored.items()
        if s.kind is Kind.BILLING_PLAN
    }
    assert plans == {"FIB-100": False, "FIB-NEW": True}
    assert (len(floor.crm.stored), len(floor.billing.stored)) == (1, 4)
    assert_settled(floor)


def test_a_shared_device_stays_while_somebody_uses_it() -> None:
    """And is switched off with its last user."""
    hardware = {"included": True, "model": "Router X", "sku": "RTX-1", "cost": Decimal(1200)}
    floor = a_floor([a_row(n, metadata={"hardware": hardware}) for n in (1, 2)] + [a_row(3)])
    floor.run()
    for number, stays in ((1, True), (2, False)):
        floor.catalogue.edit(an_id(number), status="inactive")
        floor.run()
        [device] = [s for s in floor.billing.stored.values() if s.fields.get("sku") == "RTX-1"]
        assert device.fields["active"] is stays
    assert_settled(floor)


# --- passes, back-off, targets -------------------------------------------------------------


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_lost_answer_is_settled_within_the_same_run(fault: Any) -> None:
    """It is looked up and then either adopted or sent once more."""
    floor, _, billing = weathered([a_row(1)])
    billing.script = [fault]
    report = floor.run()
    assert report.run.state is RunState.SUCCEEDED
    assert at(report) == {"crm": OK, "billing": OK}
    assert [o.status for o in floor.notes.outcomes].count(Status.UNKNOWN) == 1
    assert len([s for s in billing.stored.values() if s.kind is Kind.BILLING_PRODUCT]) == 1
    assert_settled(floor)


def test_answers_that_are_always_lost_end_after_three_passes() -> None:
    """The run says that it failed, and the next one settles it."""
    floor, _, billing = weathered([a_row(1)])
    billing.script = ["lost_before"] * 99
    report = floor.run()
    assert report.run.state is RunState.PARTIAL
    assert at(report)["billing"] is FAILED
    billing.clear_up()
    assert floor.run().run.state is RunState.SUCCEEDED
    assert_settled(floor)


@pytest.mark.parametrize(("down", "other"), [("crm", "billing"), ("billing", "crm")])
def test_one_target_that_cannot_be_read_does_not_stop_the_other(down: str, other: str) -> None:
    """Its products are deferred, not failed, and the run is honest about it."""
    floor, crm, billing = weathered([a_row(1), a_row(2)])
    {"crm": crm, "billing": billing}[down].unreadable = True
    report = floor.run()
    assert report.run.state is RunState.PARTIAL
    assert at(report) == {down: DEFERRED, other: OK}
    crm.clear_up()
    billing.clear_up()
    assert floor.run().run.state is RunState.SUCCEEDED
    assert_settled(floor)


@pytest.mark.parametrize(("down", "other"), [("crm", "billing"), ("billing", "crm")])
def test_one_target_that_stops_taking_writes_does_not_stop_the_other(down: str, other: str) -> None:
    """The other lane goes on to its end."""
    floor, crm, billing = weathered([a_row(1), a_row(2)])
    {"crm": crm, "billing": billing}[down].script = ["throttle"]
    report = floor.run()
    assert report.run.state is RunState.PARTIAL
    assert at(report) == {down: DEFERRED, other: OK}
    assert floor.ledger.standings[an_id(1)].get(TargetName(down)) is None


@pytest.mark.parametrize("error", [CredentialsError("refused"), ScopeError("items missing")])
def test_refused_credentials_are_the_error_of_the_run(error: Exception) -> None:
    """A person must mend them: the exit code says so."""
    floor, crm, _ = weathered([a_row(1)])

    def refused() -> Any:
        raise error

    crm.schema = refused  # type: ignore[method-assign]  # a twin of ours, in trouble
    report = floor.run()
    assert report.error is error
    assert report.error is not None
    assert report.error.exit_code == 4
    assert (report.run.state, at(report)["billing"]) == (RunState.PARTIAL, OK)


def test_a_refused_product_is_left_alone_until_its_row_changes() -> None:
    """Quarantine: no request is spent on it, night after night."""
    floor, crm, _ = weathered([a_row(1), a_row(2)])
    crm.script = ["refuse"]
    floor.run(targets=(TargetName.CRM,))
    assert floor.ledger.standings[an_id(1)][TargetName.CRM].quarantined
    before = crm.requests
    for _ in range(3):
        floor.run(targets=(TargetName.CRM,))
    assert crm.requests == before
    floor.catalogue.edit(an_id(1), description="mended")
    report = floor.run(targets=(TargetName.CRM,))
    assert at(report) == {"crm": OK}


def test_a_failed_product_backs_off() -> None:
    """It is not due again before its time."""
    floor, crm, _ = weathered([a_row(1)])
    crm.script = ["lost_before"] * 9
    floor.run(targets=(TargetName.CRM,))
    state = floor.ledger.standings[an_id(1)][TargetName.CRM]
    assert (state.standing, state.quarantined) == (Standing.FAILED, False)
    assert state.next_attempt_at == NOW + timedelta(seconds=floor.ledger.ladder[state.failures - 1])


# --- limits --------------------------------------------------------------------------------


def test_a_run_writes_at_most_so_many_products_and_says_what_waits() -> None:
    """Those found equal do not count."""
    floor = a_floor([a_row(n) for n in range(1, 8)], max_products=3)
    report = floor.run()
    assert (report.run.summary["deferred"], len(floor.crm.stored)) == (4, 3)
    assert report.run.state is RunState.SUCCEEDED
    floor.run()
    floor.run()
    assert len(floor.crm.stored) == 7
    assert_settled(floor)


def test_a_backfill_knows_no_limit() -> None:
    """It is bounded by nothing but its scope."""
    floor = a_floor([a_row(n) for n in range(1, 8)], max_products=3)
    assert floor.run(bounded=False).run.summary["deferred"] == 0


def test_named_products_are_looked_at_alone() -> None:
    """And whatever happened to them before."""
    floor = a_floor([a_row(n) for n in range(1, 4)])
    report = floor.run(skus=("fib-002 ",), look=Look.EVERYTHING)
    assert list(statuses(report)) == ["FIB-002"]
    assert len(floor.crm.stored) == 1


def test_the_brake_defers_what_was_not_begun() -> None:
    """Ctrl-C ends a run cleanly."""
    floor = a_floor([a_row(1)])
    floor.brake.pull("stopped by a person")
    report = floor.run()
    assert at(report) == {"crm": DEFERRED, "billing": DEFERRED}
    assert floor.crm.requests == 0


# --- saved plans ---------------------------------------------------------------------------


def saved(floor: Floor) -> list[dict[str, Any]]:
    document: list[dict[str, Any]] = floor.plan(look=Look.EVERYTHING).as_json()["changes"]
    return document


def test_a_saved_plan_is_applied_exactly() -> None:
    """What came after it waits for the next run, and is not called agreed."""
    floor = a_floor([a_row(1)])
    plan = saved(floor)
    floor.catalogue.put(a_row(2))
    report = floor.run(approved_plan=plan)
    assert (report.stale, report.run.state) == (0, RunState.SUCCEEDED)
    assert len(floor.crm.stored) == 1
    assert at(report, "FIB-002") == {"crm": DEFERRED, "billing": DEFERRED}
    assert floor.run().run.state is RunState.SUCCEEDED
    assert len(floor.crm.stored) == 2


MOVES: list[Callable[[Floor], None]] = [
    lambda floor: floor.catalogue.edit(
        an_id(1), price=None, base_price_zar=None, pricing={"monthly": Decimal(1), "setup": 0}
    ),
    lambda floor: floor.crm.edit(only_id(floor.crm), Unit_Price=Decimal("5.00")),
]


def only_id(target: MemoryTarget) -> str:
    [remote_id] = target.stored
    return remote_id


@pytest.mark.parametrize("move", MOVES)
def test_a_row_whose_state_moved_since_the_plan_is_stale(move: Callable[[Floor], None]) -> None:
    """Neither the old nor the new value is written, and the run says so."""
    floor = a_floor([a_row(1)])
    floor.run(targets=(TargetName.CRM,))
    floor.catalogue.edit(
        an_id(1),
        price=None,
        base_price_zar=None,
        pricing={"monthly": Decimal("949.00"), "setup": Decimal("900.00")},
    )
    crm_only: dict[str, Any] = {"targets": (TargetName.CRM,)}
    plan = floor.plan(look=Look.EVERYTHING, **crm_only).as_json()["changes"]
    move(floor)
    before = dict(floor.crm.stored[only_id(floor.crm)].fields)
    report = floor.run(approved_plan=plan, **crm_only)
    assert report.stale == 1
    assert report.run.state is RunState.FAILED
    assert at(report)["crm"] is not UNCHANGED
    assert floor.crm.stored[only_id(floor.crm)].fields == before


def test_a_saved_plan_that_is_done_already_is_stale() -> None:
    """Applying it twice is not doing it twice."""
    floor = a_floor([a_row(1)])
    plan = saved(floor)
    floor.run(approved_plan=plan)
    requests = floor.crm.requests
    report = floor.run(approved_plan=plan)
    assert report.stale == len(plan)
    assert floor.crm.requests == requests


# --- a listing that cannot be true -----------------------------------------------------------


@pytest.mark.parametrize("target", list(TargetName))
def test_a_target_that_suddenly_lists_nothing_is_not_believed(target: TargetName) -> None:
    """What is there is found singly: nothing is created a second time (law 4)."""
    floor = a_floor([a_row(1), a_row(2)])
    floor.run()
    side = floor.crm if target is TargetName.CRM else floor.billing
    stored, listing = dict(side.stored), side.records
    side.records = lambda _: iter(())  # type: ignore[method-assign]  # an answer of 204
    report = floor.run(look=Look.EVERYTHING)
    assert report.run.state is RunState.PARTIAL
    assert f"{target.value} lists no" in str(report.run.error)
    assert side.stored == stored
    side.records = listing  # type: ignore[method-assign]  # and again as it was
    assert_settled(floor)


def test_a_target_that_was_emptied_is_filled_again() -> None:
    """Nothing is listed, and nothing can be found singly either: somebody deleted it all."""
    floor = a_floor([a_row(1), a_row(2)])
    floor.run()
    floor.crm.stored.clear()
    floor.run(look=Look.EVERYTHING)
    assert len(floor.crm.stored) == 2
    assert_settled(floor)
