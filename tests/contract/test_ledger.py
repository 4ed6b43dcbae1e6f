"""What every ledger keeps: one suite for the one in memory and the one in Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from support.ledgers import (
    NOW,
    Bench,
    MemoryBench,
    PostgresBench,
    a_change,
    a_result,
    a_run,
    an_outcome,
    key,
    offering,
)
from trueup.domain.changes import Action, Change, Status
from trueup.domain.errors import LeaseLostError
from trueup.domain.records import NAME, Binding, FieldValue, Kind, Ref, Slot, TargetName
from trueup.domain.runs import ProductStatus, RunState
from trueup.domain.states import ProductState, Standing
from trueup.ports import Fence
from trueup.postgres.pool import open_pool

CRM, PLAN, ITEM = Kind.CRM_PRODUCT, Kind.BILLING_PLAN, Kind.BILLING_ITEM
P1, P2 = offering(1), offering(2)


@pytest.fixture(params=["memory", "postgres"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    with open_pool(request.getfixturevalue("database_url"), 4) as pool:
        yield PostgresBench(pool)


@pytest.fixture
def fence(bench: Bench) -> Fence:
    bench.add_products(P1, P2)
    return bench.take_over()


class TestBindings:
    def test_an_applied_change_binds_its_record(self, bench: Bench, fence: Fence) -> None:
        """The binding holds all that is wanted on the record, typed as it was."""
        fields: dict[str, FieldValue] = {
            "name": "Line",
            "rate": Decimal("899.00"),
            "whole": Decimal(900),
            "term": 24,
            "active": True,
            "note": None,
            "product_id": Ref(key("A/B", Kind.BILLING_PRODUCT)),
        }
        change = a_change(key("A/B", PLAN), owner=P1, slot=Slot.PLAN, fields=fields, sku="A/B")
        bench.ledger.record([an_outcome(change, remote_id="77")], "r1", fence)

        expected = Binding(key("A/B", PLAN), Slot.PLAN, "77", P1, "A/B", fields)
        [found] = bench.ledger.bindings([P1], [])
        assert expected == found
        assert all(type(fields[name]) is type(value) for name, value in found.applied.items())
        assert bench.ledger.remote_id(key("A/B", PLAN)) == "77"
        assert bench.ledger.remote_id(key("other", PLAN)) is None

    def test_bindings_are_found_by_owner_and_by_key(self, bench: Bench, fence: Fence) -> None:
        """Each once, in order of key, and a shared record by its key only."""
        changes = [
            a_change(key("B"), owner=P1),
            a_change(key("A"), owner=P2),
            a_change(key("ROUTER", ITEM), slot=Slot.DEVICE, users=(P1, P2)),
        ]
        outcomes = [an_outcome(c, remote_id=str(n)) for n, c in enumerate(changes, start=1)]
        bench.ledger.record(outcomes, "r1", fence)

        assert [b.key.code for b in bench.ledger.bindings([P1, ""], [])] == ["B"]
        both = bench.ledger.bindings([P1], [key("A"), key("B"), key("ROUTER", ITEM)])
        assert [b.key.code for b in both] == ["ROUTER", "A", "B"]
        assert [b.key.code for b in bench.ledger.shared_bindings()] == ["ROUTER"]
        assert [b.key.code for b in bench.ledger.some_bindings(ITEM, 9)] == ["ROUTER"]
        assert len(bench.ledger.some_bindings(key("A").kind, 1)) == 1
        assert bench.ledger.some_bindings(Kind.BILLING_PRODUCT, 9) == []

    def test_a_renamed_product_keeps_its_record(self, bench: Bench, fence: Fence) -> None:
        """A record that is bound under a new code is not bound under the old one any more."""
        created = a_change(key("OLD"), owner=P1)
        bench.ledger.record([an_outcome(created, remote_id="1")], "r1", fence)
        renamed = a_change(key("NEW"), Action.UPDATE, owner=P1, remote_id="1")
        bench.ledger.record([an_outcome(renamed)], "r2", fence)

        assert _bound(bench, P1) == [("NEW", "1")]
        assert bench.ledger.remote_id(key("OLD")) is None

    def test_two_products_can_swap_their_codes(self, bench: Bench, fence: Fence) -> None:
        """Also when the two outcomes arrive one by one: neither loses its record meanwhile."""
        for code, owner, remote_id in (("A", P1, "1"), ("B", P2, "2")):
            change = a_change(key(code), owner=owner)
            bench.ledger.record([an_outcome(change, remote_id=remote_id)], "r1", fence)

        first = a_change(key("B"), Action.UPDATE, owner=P1, remote_id="1")
        bench.ledger.record([an_outcome(first)], "r2", fence)
        assert _bound(bench, P1) == [("B", "1")]
        assert [remote_id for _, remote_id in _bound(bench, P2)] == ["2"]

        second = a_change(key("A"), Action.UPDATE, owner=P2, remote_id="2")
        bench.ledger.record([an_outcome(second)], "r2", fence)
        assert _bound(bench, P1) == [("B", "1")]
        assert _bound(bench, P2) == [("A", "2")]

    def test_two_products_can_swap_their_codes_in_one_request(
        self, bench: Bench, fence: Fence
    ) -> None:
        """Both at once is the same."""
        changes = [a_change(key("A"), owner=P1), a_change(key("B"), owner=P2)]
        ids = ["1", "2"]
        made = [an_outcome(c, remote_id=i) for c, i in zip(changes, ids, strict=True)]
        bench.ledger.record(made, "r1", fence)
        swapped = [
            a_change(key("B"), Action.UPDATE, owner=P1, remote_id="1"),
            a_change(key("A"), Action.UPDATE, owner=P2, remote_id="2"),
        ]
        bench.ledger.record([an_outcome(c) for c in swapped], "r2", fence)
        assert _bound(bench, P1) == [("B", "1")]
        assert _bound(bench, P2) == [("A", "2")]

    def test_a_record_that_was_made_anew_replaces_the_old(self, bench: Bench, fence: Fence) -> None:
        """The same product's code on another record: the old one is gone from the target."""
        for remote_id in ("1", "2"):
            change = a_change(key("A"), owner=P1)
            bench.ledger.record([an_outcome(change, remote_id=remote_id)], "r1", fence)
        assert _bound(bench, P1) == [("A", "2")]

    def test_retiring_remembers_the_rest(self, bench: Bench, fence: Fence) -> None:
        """Only the active field was written; what was written before is still there."""
        change = a_change(key("A"), owner=P1, fields={"Product_Name": "x", "Product_Active": True})
        bench.ledger.record([an_outcome(change, remote_id="1")], "r1", fence)
        retired = a_change(key("A"), Action.RETIRE, owner=P1, remote_id="1")
        bench.ledger.record([an_outcome(retired)], "r2", fence)
        [binding] = bench.ledger.bindings([P1], [])
        assert binding.applied == {"Product_Name": "x", "Product_Active": False}

    @pytest.mark.parametrize("status", [s for s in Status if s is not Status.APPLIED])
    def test_a_failure_never_erases_a_link(
        self, bench: Bench, fence: Fence, status: Status
    ) -> None:
        """Whatever becomes of an update, its record stays bound as it was (law 5)."""
        change = a_change(key("A"), owner=P1)
        bench.ledger.record([an_outcome(change, remote_id="1")], "r1", fence)
        before = bench.ledger.bindings([P1], [])
        update = a_change(key("A"), Action.UPDATE, owner=P1, remote_id="1", fields={"name": "B"})
        bench.ledger.record([an_outcome(update, status)], "r2", fence)
        assert before == bench.ledger.bindings([P1], [])


class TestIntents:
    def test_a_create_is_remembered_until_it_is_recorded(self, bench: Bench, fence: Fence) -> None:
        """Name and namesakes say how to recognise it."""
        change = _create("A", "Line 100")
        bench.ledger.intend([change, a_change(key("B"), Action.UPDATE)], "r1", fence)
        [intent] = bench.ledger.intents([CRM])
        assert (key("A"), "Line 100", frozenset({"7", "8"})) == (
            intent.key,
            intent.name,
            intent.namesakes,
        )
        assert bench.ledger.intents([PLAN]) == []
        bench.ledger.record([an_outcome(change, remote_id="1")], "r1", fence)
        assert bench.ledger.intents(list(Kind)) == []

    @pytest.mark.parametrize(
        ("status", "open_after"),
        [
            (Status.REJECTED, False),
            (Status.FAILED, False),
            (Status.DEFERRED, False),
            (Status.STALE, False),
            (Status.UNKNOWN, True),
        ],
    )
    def test_only_a_lost_answer_keeps_it_open(
        self, bench: Bench, fence: Fence, status: Status, *, open_after: bool
    ) -> None:
        """What surely was not carried out needs no look-up (law 4)."""
        change = _create("A", "Line")
        bench.ledger.intend([change], "r1", fence)
        bench.ledger.record([an_outcome(change, status)], "r1", fence)
        assert open_after == bool(bench.ledger.intents([CRM]))

    @pytest.mark.parametrize("status", [Status.SKIPPED, Status.DEFERRED])
    def test_what_was_not_tried_settles_no_doubt(
        self, bench: Bench, fence: Fence, status: Status
    ) -> None:
        """An answer lost in one run is still lost when the next run does not get that far."""
        change = _create("A", "Line")
        bench.ledger.intend([change], "r1", fence)
        bench.ledger.record([an_outcome(change, Status.UNKNOWN)], "r1", fence)
        for run_id in ("r1", "r2"):
            bench.ledger.record([an_outcome(change, status)], run_id, fence)
        assert len(bench.ledger.intents([CRM])) == 1

    def test_a_killed_run_leaves_its_doubt_to_the_next(self, bench: Bench, fence: Fence) -> None:
        """Between the intent and the outcome nothing is known; the next run skips and keeps it."""
        change = _create("A", "Line")
        bench.ledger.intend([change], "r1", fence)
        bench.ledger.record([an_outcome(change, Status.SKIPPED)], "r2", fence)
        assert len(bench.ledger.intents([CRM])) == 1

    def test_sent_again_after_a_look_up_and_refused(self, bench: Bench, fence: Fence) -> None:
        """The look-up before the second attempt settled the first."""
        change = _create("A", "Line")
        bench.ledger.intend([change], "r1", fence)
        bench.ledger.record([an_outcome(change, Status.UNKNOWN)], "r1", fence)
        bench.ledger.intend([replace(change, namesakes=frozenset({"9"}))], "r2", fence)
        assert [frozenset({"9"})] == [i.namesakes for i in bench.ledger.intents([CRM])]
        bench.ledger.record([an_outcome(change, Status.REJECTED)], "r2", fence)
        assert bench.ledger.intents([CRM]) == []

    def test_adopting_the_record_closes_it(self, bench: Bench, fence: Fence) -> None:
        """The lost create was found."""
        change = _create("A", "Line")
        bench.ledger.intend([change], "r1", fence)
        bench.ledger.record([an_outcome(change, Status.UNKNOWN)], "r1", fence)
        adopted = a_change(key("A"), Action.ADOPT, owner=P1, remote_id="5")
        bench.ledger.record([an_outcome(adopted)], "r2", fence)
        assert bench.ledger.intents([CRM]) == []
        assert bench.ledger.remote_id(key("A")) == "5"


class TestFence:
    def test_a_stale_fence_writes_nothing(self, bench: Bench, fence: Fence) -> None:
        """A run that lost its lock is stopped at every write (law 8)."""
        ledger = bench.ledger
        ledger.begin(a_run("r1"), fence)
        bench.take_over()
        change = _create("A", "Line")
        writes: list[Callable[[], None]] = [
            lambda: ledger.begin(a_run("r2"), fence),
            lambda: ledger.finish(a_run("r1", RunState.SUCCEEDED, finished_at=NOW), fence),
            lambda: ledger.intend([change], "r1", fence),
            lambda: ledger.intend([a_change(key("B"), Action.UPDATE)], "r1", fence),
            lambda: ledger.record([an_outcome(change, remote_id="1")], "r1", fence),
            lambda: ledger.settle([a_result(P1, ProductStatus.OK)], "r1", fence, NOW),
            lambda: ledger.note_absences("r1", fence),
        ]
        for write in writes:
            with pytest.raises(LeaseLostError):
                write()
        assert ledger.intents([CRM]) == []
        assert (ledger.bindings([P1], [key("A")]), bench.history()) == ([], [])
        assert (ledger.states([P1]), ledger.last_run()) == ({}, None)


class TestRuns:
    def test_a_finished_run_is_the_last_one(self, bench: Bench, fence: Fence) -> None:
        """It comes back as it was written."""
        run = a_run("r1", catalogue_size=None)
        bench.ledger.begin(run, fence)
        assert bench.ledger.last_run() is None
        ended = replace(
            run,
            state=RunState.PARTIAL,
            finished_at=NOW + timedelta(seconds=5),
            fingerprint="f",
            summary={"processed": 3},
            requests={"crm": 2},
            error="one product failed",
            catalogue_size=100,
        )
        bench.ledger.finish(ended, fence)
        assert ended == bench.ledger.last_run()

    def test_a_dead_run_is_interrupted_and_continued(self, bench: Bench, fence: Fence) -> None:
        """The next run says which one it resumes; the dead one does not count as the last."""
        bench.ledger.begin(a_run("dead"), fence)
        later = bench.take_over()
        run = a_run("next", started_at=NOW + timedelta(hours=1))
        bench.ledger.begin(run, later)
        bench.ledger.finish(replace(run, state=RunState.SUCCEEDED, finished_at=NOW), later)
        last = bench.ledger.last_run()
        assert last is not None
        assert (last.run_id, last.resumes) == ("next", "dead")

    def test_every_tried_change_is_history(self, bench: Bench, fence: Fence) -> None:
        """What was deferred or skipped did not happen."""
        outcomes = [
            an_outcome(a_change(key(s.value), owner=P1), s, remote_id=s.value) for s in Status
        ]
        bench.ledger.record(outcomes, "r1", fence)
        tried = [s.value for s in Status if s not in (Status.SKIPPED, Status.DEFERRED)]
        assert [("r1", f"crm_product/{s}", s) for s in tried] == bench.history()


class TestStandings:
    def test_success(self, bench: Bench, fence: Fence) -> None:
        """Written or found equal: verified now, no failures."""
        results = [a_result(P1, ProductStatus.OK), a_result(P2, ProductStatus.UNCHANGED)]
        bench.ledger.settle(results, "r1", fence, NOW)
        expected = ProductState(Standing.OK, "r1", NOW, NOW, NOW)
        assert [expected] * 4 == _states(bench, P1) + _states(bench, P2)

    def test_failures_climb_the_ladder(self, bench: Bench, fence: Fence) -> None:
        """5 min, 15 min, 1 h, 4 h, 24 h, and 24 h from then on (law 10)."""
        waits = []
        for _ in range(7):
            failed = a_result(P1, ProductStatus.FAILED, error="no", targets=[TargetName.CRM])
            bench.ledger.settle([failed], "r1", fence, NOW)
            [state] = _states(bench, P1)
            assert state.next_attempt_at is not None
            waits.append((state.next_attempt_at - NOW).total_seconds())
        assert waits == [300, 900, 3600, 14400, 86400, 86400, 86400]
        bench.ledger.settle([a_result(P1, ProductStatus.OK)], "r2", fence, NOW)
        crm = bench.ledger.states([P1])[P1][TargetName.CRM]
        assert (crm.failures, crm.next_attempt_at, crm.last_error) == (0, None, None)

    def test_a_failure_does_not_move_the_last_success(self, bench: Bench, fence: Fence) -> None:
        """Nor when it was last verified (law 5); a permanent one is quarantined."""
        bench.ledger.settle([a_result(P1, ProductStatus.OK)], "r1", fence, NOW)
        later = NOW + timedelta(days=1)
        failed = a_result(P1, ProductStatus.FAILED, error="no", permanent=True, revision="r2")
        bench.ledger.settle([failed], "r2", fence, later)
        end = later + timedelta(seconds=300)
        state = ProductState(Standing.FAILED, "r2", NOW, NOW, later, 1, end, True, "no")
        assert [state] * 2 == _states(bench, P1)

    def test_held_and_skipped_are_decided(self, bench: Bench, fence: Fence) -> None:
        """They were looked at, with a reason; deferred ones were not."""
        results = [
            a_result(P1, ProductStatus.HELD, error="price", targets=[TargetName.CRM]),
            a_result(P1, ProductStatus.SKIPPED, error="SKU", targets=[TargetName.BILLING]),
            a_result(P2, ProductStatus.DEFERRED, error="paused"),
        ]
        bench.ledger.settle(results, "r1", fence, NOW)
        held = ProductState(Standing.HELD, "r1", NOW, None, NOW, last_error="price")
        skipped = ProductState(Standing.SKIPPED, "r1", NOW, None, NOW, last_error="SKU")
        assert [skipped, held] == _states(bench, P1)
        assert bench.ledger.states([P2]) == {}

    def test_releasing_makes_due(self, bench: Bench, fence: Fence) -> None:
        """Back-off and quarantine end, at the named target only."""
        failed = a_result(P1, ProductStatus.FAILED, error="no", permanent=True)
        bench.ledger.settle([failed], "r1", fence, NOW)
        assert bench.ledger.release([P1, P2], [TargetName.CRM]) == 1
        states = bench.ledger.states([P1])[P1]
        crm, billing = states[TargetName.CRM], states[TargetName.BILLING]
        assert (
            crm.standing,
            crm.revision,
            crm.failures,
            crm.next_attempt_at,
            crm.quarantined,
        ) == (Standing.PENDING, "", 0, None, False)
        assert billing.quarantined
        assert bench.ledger.release([P1], due=False) == 2
        assert bench.ledger.states([P1])[P1][TargetName.BILLING].revision == "r1"


class TestAbsences:
    def test_a_create_of_unknown_outcome_belongs_to_its_owner(
        self, bench: Bench, fence: Fence
    ) -> None:
        """A row that vanishes after its create was killed may have left a record on sale."""
        plan = a_change(key("A", PLAN), owner=P1, slot=Slot.PLAN, action=Action.CREATE)
        bench.ledger.intend([plan], "r1", fence)
        bench.remove_product(P1)
        bench.ledger.note_absences("r2", fence)

        [(owner, missed, [pending])] = list(bench.ledger.missing_owners())
        assert (owner, missed) == (P1, 1)
        assert pending == Binding(plan.key, Slot.PLAN, "", P1, plan.sku, {})

    def test_missing_owners_are_counted_once_a_run(self, bench: Bench, fence: Fence) -> None:
        """An offering that comes back starts anew."""
        for code, owner in (("A", P1), ("B", P2)):
            plan = a_change(key(code, PLAN), owner=owner, slot=Slot.PLAN)
            crm = a_change(key(code), owner=owner)
            outcomes = [an_outcome(plan, remote_id=code), an_outcome(crm, remote_id=code)]
            bench.ledger.record(outcomes, "r1", fence)
        assert list(bench.ledger.missing_owners()) == []
        bench.remove_product(P1)
        assert _missing(bench) == [(P1, 0, ["A", "A"])]
        for run_id in ("r1", "r1", "r2"):
            bench.ledger.note_absences(run_id, fence)
        assert _missing(bench) == [(P1, 2, ["A", "A"])]
        bench.add_products(P1)
        bench.ledger.note_absences("r3", fence)
        bench.remove_product(P1)
        assert _missing(bench) == [(P1, 0, ["A", "A"])]


def _bound(bench: Bench, owner: str) -> list[tuple[str, str]]:
    return [(b.key.code, b.remote_id) for b in bench.ledger.bindings([owner], [])]


def _create(code: str, name: str) -> Change:
    fields = {NAME[CRM]: name}
    return a_change(key(code), owner=P1, fields=fields, namesakes=frozenset({"7", "8"}))


def _states(bench: Bench, offering_id: str) -> list[ProductState]:
    found = bench.ledger.states([offering_id]).get(offering_id, {})
    return [state for _, state in sorted(found.items())]


def _missing(bench: Bench) -> list[tuple[str, int, list[str]]]:
    return [
        (owner, missed, [b.key.code for b in bindings])
        for owner, missed, bindings in bench.ledger.missing_owners()
    ]
