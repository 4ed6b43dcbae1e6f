"""What every guardbook keeps, and what people decide: one suite for memory and Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from support.builders import a_change, a_create
from support.ledgers import (
    Bench,
    MemoryBench,
    PostgresBench,
    a_result,
    a_run,
    an_outcome,
    offering,
)
from support.memory_guardbook import MemoryDecisions, MemoryGuardbook
from trueup.domain.changes import Change
from trueup.domain.errors import LeaseLostError
from trueup.domain.guards import GuardLimits, Held, Rule
from trueup.domain.plan import mark_of
from trueup.domain.records import Kind, Ref, TargetName
from trueup.domain.runs import ProductStatus
from trueup.domain.waiting import HeldState, Waiting
from trueup.ports import Decision, Decisions, Fence, Guardbook
from trueup.postgres.decisions import PostgresDecisions
from trueup.postgres.guardbook import PostgresGuardbook
from trueup.postgres.pool import open_pool

NOW = datetime.now(UTC)
OWNER = offering(1)
ANN = Decision("Ann Example", "agreed with sales", NOW + timedelta(days=7))
BEN = Decision("Ben Example", "too low")
FALL = a_change(
    {"Unit_Price": (Decimal("899.00"), Decimal("449.00"))},
    owner=OWNER,
    users=(OWNER,),
    applied={"Unit_Price": Decimal("899.00"), "Product_Name": "Fibre 100"},
    subscriptions=12,
)
LOWER = replace(FALL, deltas=a_change({"Unit_Price": (Decimal("899.00"), Decimal(99))}).deltas)
RENAME = replace(FALL, deltas=a_change({"Product_Name": ("Fibre", "Fibre 100")}).deltas)
PLAN = replace(
    a_create(
        Kind.BILLING_PLAN,
        "FIB-100",
        name="Fibre 100",
        recurring_price=Decimal("899.00"),
        product_id=Ref(a_create(Kind.BILLING_PRODUCT, "FIB-100").key),
    ),
    owner=OWNER,
)


def held(change: Change, *rules: Rule) -> Held:
    return Held(change, rules or (Rule.PRICE_FALL,), "Unit_Price falls by 50.06 %")


@dataclass
class Desk:
    """One guardbook with the decisions about it."""

    bench: Bench
    book: Guardbook
    decisions: Decisions

    def approved(self, *changes: Change, now: datetime = NOW) -> frozenset[str]:
        return self.book.evidence(changes or [FALL], now, GuardLimits()).approved

    def refused(self, *changes: Change) -> set[tuple[str, str]]:
        found = self.book.evidence(changes or [FALL], NOW, GuardLimits()).refused
        return {(name, refusal.by) for (_, name), refusal in found.items()}

    def states(self) -> list[HeldState]:
        return [one.state for one in self.decisions.find(range(100))]

    def told(self) -> list[str]:
        """What the history says of held changes, where there is one."""
        if isinstance(self.bench, MemoryBench):
            return []
        query = "select status, actor, detail from trueup.change_history order by id"
        return [" / ".join(row) for row in self.bench.sql(query)]


@pytest.fixture(params=["memory", "postgres"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    if request.param == "memory":
        bench = MemoryBench()
        book = MemoryGuardbook(bench.ledger)
        yield Desk(bench, book, MemoryDecisions(book, NOW))
        return
    with open_pool(request.getfixturevalue("database_url"), 4) as pool:
        yield Desk(PostgresBench(pool), PostgresGuardbook(pool), PostgresDecisions(pool))


@pytest.fixture
def fence(desk: Desk) -> Fence:
    desk.bench.add_products(OWNER)
    fence = desk.bench.take_over()
    desk.bench.ledger.begin(a_run("r1", started_at=NOW), fence)
    return fence


def waiting(desk: Desk, fence: Fence, *changes: Change) -> Sequence[Waiting]:
    desk.book.hold([held(change) for change in changes or [FALL]], "r1", fence)
    return desk.decisions.waiting()


class TestHolding:
    def test_a_held_change_is_kept_with_all_that_a_person_must_see(
        self, desk: Desk, fence: Fence
    ) -> None:
        """Typed as it was; only what we had written on these fields is kept beside it."""
        [one] = waiting(desk, fence)
        assert (one.key, one.sku, one.owner) == (FALL.key, "FIB-100", OWNER)
        assert (one.deltas, one.fingerprint) == (FALL.deltas, mark_of(FALL))
        assert one.applied == {"Unit_Price": Decimal("899.00")}
        assert one.subscriptions == 12
        assert (one.rules, one.state) == ((Rule.PRICE_FALL,), HeldState.OPEN)
        assert (one.first_run, one.last_run) == ("r1", "r1")
        assert desk.told() in ([], ["held /  / Unit_Price falls by 50.06 %"])

    def test_a_reference_survives(self, desk: Desk, fence: Fence) -> None:
        """A plan refers to a product that may not exist yet."""
        [one] = waiting(desk, fence, PLAN)
        assert one.deltas == PLAN.deltas

    def test_what_is_held_again_is_one_change(self, desk: Desk, fence: Fence) -> None:
        """It is told once, and belongs to both runs."""
        waiting(desk, fence)
        desk.book.hold([held(FALL)], "r2", fence)
        [one] = desk.decisions.waiting()
        assert (one.first_run, one.last_run) == ("r1", "r2")
        assert len(desk.told()) in (0, 1)
        assert desk.decisions.of_run("r1") == desk.decisions.of_run("r2") == [one]
        assert desk.decisions.of_run("r3") == []

    def test_another_value_for_the_same_field_makes_the_first_stale(
        self, desk: Desk, fence: Fence
    ) -> None:
        """Another field of the record waits beside it."""
        waiting(desk, fence)
        desk.book.hold([held(RENAME, Rule.HAND_EDIT)], "r2", fence)
        assert desk.states() == [HeldState.OPEN, HeldState.OPEN]
        desk.book.hold([held(LOWER)], "r3", fence)
        assert desk.states() == [HeldState.STALE, HeldState.OPEN, HeldState.OPEN]

    def test_what_was_carried_out_is_done_with(self, desk: Desk, fence: Fence) -> None:
        """Also as a part of a larger change."""
        waiting(desk, fence)
        desk.book.passed([RENAME], "r1", fence)
        assert desk.states() == [HeldState.OPEN]
        desk.book.passed([replace(FALL, deltas={**FALL.deltas, **RENAME.deltas})], "r2", fence)
        assert desk.states() == [HeldState.APPLIED]

    @pytest.mark.parametrize("written", [False, True])
    def test_a_product_in_order_waits_for_nothing(
        self, desk: Desk, fence: Fence, *, written: bool
    ) -> None:
        """Stale, or applied where a run died before it could say so."""
        waiting(desk, fence)
        if written:
            outcome = replace(an_outcome(FALL), at=datetime.now(UTC))
            desk.bench.ledger.record([outcome], "r1", fence)
        done = a_result(OWNER, ProductStatus.OK, targets=[TargetName.CRM])
        desk.bench.ledger.settle([done], "r1", fence, NOW)
        desk.book.tidy(NOW, fence)
        assert desk.states() == [HeldState.APPLIED if written else HeldState.STALE]

    def test_a_run_that_lost_its_lock_keeps_nothing(self, desk: Desk, fence: Fence) -> None:
        desk.bench.take_over()
        writes: list[Callable[[], None]] = [
            lambda: desk.book.hold([held(FALL)], "r1", fence),
            lambda: desk.book.approve([held(FALL)], "r1", fence, ANN),
            lambda: desk.book.passed([FALL], "r1", fence),
            lambda: desk.book.tidy(NOW, fence),
        ]
        for write in writes:
            with pytest.raises(LeaseLostError):
                write()
        assert desk.states() == []


class TestApproving:
    def test_an_approved_change_passes_until_the_approval_expires(
        self, desk: Desk, fence: Fence
    ) -> None:
        [one] = waiting(desk, fence)
        assert desk.approved() == frozenset()
        assert desk.decisions.approve([one], ANN) == {one.number}
        assert desk.approved() == {mark_of(FALL)}
        assert desk.approved(now=NOW + timedelta(days=8)) == frozenset()
        [kept] = desk.decisions.waiting()
        assert (kept.decided_by, kept.note) == (ANN.by, ANN.note)
        assert kept.approved(NOW)
        assert kept.asks(NOW + timedelta(days=8))

    def test_holding_it_again_leaves_the_approval_alone(self, desk: Desk, fence: Fence) -> None:
        """Until it has expired: then it is open again, and the history says so."""
        desk.decisions.approve(waiting(desk, fence), ANN)
        desk.book.hold([held(FALL)], "r1", fence)
        assert desk.states() == [HeldState.APPROVED]
        desk.bench.ledger.begin(a_run("r2", started_at=NOW + timedelta(days=8)), fence)
        desk.book.hold([held(FALL)], "r2", fence)
        [one] = desk.decisions.waiting()
        assert (one.state, one.decided_by, one.expires_at) == (HeldState.OPEN, "", None)
        assert desk.told()[2:] in ([], ["held /  / its approval has expired"])

    def test_two_people_do_not_decide_over_each_others_heads(
        self, desk: Desk, fence: Fence
    ) -> None:
        """The second one saw something that is no longer so."""
        seen = waiting(desk, fence)
        assert len(desk.decisions.approve(seen, ANN)) == 1
        assert desk.decisions.reject(seen, BEN) == frozenset()
        assert desk.decisions.approve(seen, BEN) == frozenset()
        assert [one.decided_by for one in desk.decisions.waiting()] == [ANN.by]
        assert desk.refused() == set()

    def test_what_others_decided_twice_is_not_what_was_seen(self, desk: Desk, fence: Fence) -> None:
        """It stands so again, but by another decision than the one that was shown."""
        desk.decisions.approve(waiting(desk, fence), ANN)
        as_approved = desk.decisions.waiting()
        desk.decisions.reject(as_approved, BEN)
        as_rejected = desk.decisions.of_run("r1")
        desk.decisions.approve(as_rejected, ANN)
        assert desk.decisions.reject(as_approved, BEN) == frozenset()
        assert desk.approved() == {mark_of(FALL)}
        desk.decisions.reject(desk.decisions.waiting(), BEN)
        assert desk.decisions.approve(as_rejected, ANN) == frozenset()
        assert desk.approved() == frozenset()

    def test_what_moved_meanwhile_cannot_be_approved(self, desk: Desk, fence: Fence) -> None:
        seen = waiting(desk, fence)
        desk.book.hold([held(LOWER)], "r2", fence)
        assert desk.decisions.approve(seen, ANN) == frozenset()
        assert desk.approved() == frozenset()

    def test_an_approval_within_a_run_counts_at_once(self, desk: Desk, fence: Fence) -> None:
        """With who said so in the history."""
        desk.book.approve([held(FALL)], "r1", fence, ANN)
        assert desk.states() == [HeldState.APPROVED]
        assert desk.approved() == {mark_of(FALL)}
        assert desk.told()[1:] in ([], ["approved / Ann Example / agreed with sales"])

    def test_an_approval_without_its_change_is_outdated(self, desk: Desk, fence: Fence) -> None:
        """What is only open is left alone."""
        first, second = waiting(desk, fence, FALL, PLAN)
        desk.decisions.approve([first], ANN)
        desk.decisions.outdate([first.number, second.number])
        assert desk.states() == [HeldState.STALE, HeldState.OPEN]


class TestRejecting:
    def test_a_rejected_value_is_refused(self, desk: Desk, fence: Fence) -> None:
        """Nobody is asked about it any more; of what would be made whole the amounts are enough."""
        seen = waiting(desk, fence, PLAN)
        assert len(desk.decisions.reject(seen, BEN)) == 1
        assert desk.decisions.waiting() == []
        evidence = desk.book.evidence([PLAN], NOW, GuardLimits())
        refused = {n: r.value for (_, n), r in evidence.refused.items()}
        assert refused == {"recurring_price": Decimal("899.00")}
        assert {r.note for r in evidence.refused.values()} == {"too low"}
        desk.book.hold([held(PLAN, Rule.REJECTED)], "r2", fence)
        assert desk.decisions.waiting() == []
        assert desk.told()[1:] in ([], ["rejected / Ben Example / too low"])

    def test_an_approval_can_be_taken_back(self, desk: Desk, fence: Fence) -> None:
        desk.decisions.approve(waiting(desk, fence), ANN)
        desk.decisions.reject(desk.decisions.waiting(), BEN)
        assert desk.approved() == frozenset()
        assert desk.refused() == {("Unit_Price", BEN.by)}

    @pytest.mark.parametrize("within_a_run", [False, True])
    def test_a_rejection_can_be_taken_back(
        self, desk: Desk, fence: Fence, *, within_a_run: bool
    ) -> None:
        """The refusals are lifted, and it is the same change again."""
        desk.decisions.reject(waiting(desk, fence), BEN)
        if within_a_run:
            desk.book.approve([held(FALL, Rule.REJECTED)], "r2", fence, ANN)
        else:
            desk.decisions.approve(desk.decisions.of_run("r1"), ANN)
        [one] = desk.decisions.waiting()
        assert (one.state, one.rules) == (HeldState.APPROVED, (Rule.PRICE_FALL,))
        assert desk.refused() == set()

    def test_a_refusal_ends_when_the_catalogue_wants_something_else(
        self, desk: Desk, fence: Fence
    ) -> None:
        """Then it is no part of what its run held any more."""
        desk.decisions.reject(waiting(desk, fence), BEN)
        desk.book.lift([(FALL.key, "Product_Name")], fence)
        assert desk.refused() == {("Unit_Price", BEN.by)}
        assert len(desk.decisions.of_run("r1")) == 1
        desk.book.lift([(FALL.key, "Unit_Price")], fence)
        assert desk.refused() == set()
        assert desk.decisions.of_run("r1") == []

    def test_a_refusal_ends_when_the_product_is_in_order(self, desk: Desk, fence: Fence) -> None:
        """Found so by a later run than the one that was decided about."""
        desk.decisions.reject(waiting(desk, fence), BEN)
        later = NOW + timedelta(days=1)
        for status, at, left in (
            (ProductStatus.OK, NOW, 1),
            (ProductStatus.SKIPPED, later, 1),
            (ProductStatus.OK, later, 0),
        ):
            result = a_result(OWNER, status, targets=[TargetName.CRM])
            desk.bench.ledger.settle([result], "r2", fence, at)
            desk.book.tidy(at, fence)
            assert len(desk.refused()) == left
