"""Changes are carried out in lanes: references first, durable at once, stopped cleanly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_change, a_create, a_key, an_id
from support.workshop import Floor, a_floor, applied_by
from trueup.domain.changes import Action, Change, Outcome, Status
from trueup.domain.errors import LeaseLostError, PausedError
from trueup.domain.records import Kind, RecordKey, Ref, TargetName
from trueup.domain.runs import ProductStatus, Verdict
from trueup.planner.order import Work
from trueup.ports import Fence
from trueup.reconcile.applying import Lane
from trueup.reconcile.scope import HeldLock

PRODUCT = RecordKey(Kind.BILLING_PRODUCT, "S-1")


class Bench:
    """One lane over a memory target, with everything that it decided."""

    def __init__(self, target: TargetName = TargetName.BILLING, **limits: Any) -> None:
        self.floor: Floor = a_floor(**limits)
        self.target = self.floor.crm if target is TargetName.CRM else self.floor.billing
        self.verdicts: dict[str, Verdict] = {}
        self.asked = applied_by(self.target)

    def carry_out(self, *work: Work, ends_at: float | None = None) -> Lane:
        with self.floor.lock.hold("run-1") as lock:
            lane = self._lane(lock, ends_at)
            lane.carry_out(work)
        return lane

    def _lane(self, lock: HeldLock, ends_at: float | None) -> Lane:
        def decided(work: Work, _: TargetName, verdict: Verdict) -> None:
            self.verdicts[work.sku] = verdict

        shop, brake = self.floor.shop, self.floor.brake
        return Lane(shop, self.target, lock, "run-1", brake, ends_at, decided)

    def status(self, sku: str) -> ProductStatus:
        return self.verdicts[sku].status


def work(number: int, *changes: Change) -> Work:
    return Work(an_id(number), f"S-{number}", changes)


def product(number: int) -> Work:
    """A Billing product and the plan that needs its id."""
    code = f"S-{number}"
    key = RecordKey(Kind.BILLING_PRODUCT, code)
    return work(
        number,
        a_create(Kind.BILLING_PRODUCT, code, number, name=f"Product {number}"),
        a_create(Kind.BILLING_PLAN, code, number, plan_code=code, product_id=Ref(key)),
    )


def crm(number: int) -> Work:
    code = f"S-{number}"
    return work(number, a_create(Kind.CRM_PRODUCT, code, number, Product_Code=code))


def seen(lane: Lane) -> list[tuple[str, Status]]:
    return [(str(o.change.key), o.status) for o in lane.outcomes]


def test_a_reference_is_resolved_by_what_was_written_just_before() -> None:
    """The plan is created with the id that its product got."""
    bench = Bench()
    lane = bench.carry_out(product(1))
    assert [status for _, status in seen(lane)] == [Status.APPLIED, Status.APPLIED]
    [plan] = [s for s in bench.target.stored.values() if s.kind is Kind.BILLING_PLAN]
    assert plan.fields["product_id"] == bench.floor.ledger.remote_id(PRODUCT)
    assert bench.status("S-1") is ProductStatus.OK


def test_what_waits_for_a_refused_record_is_not_sent() -> None:
    """The plan is skipped, and the product's failure names the refusal, not the wait."""
    bench = Bench()
    bench.target.fail("refuse")
    lane = bench.carry_out(product(1))
    assert [status for _, status in seen(lane)] == [Status.REJECTED, Status.SKIPPED]
    assert bench.target.requests == 1
    verdict = bench.verdicts["S-1"]
    assert (verdict.status, verdict.permanent) == (ProductStatus.FAILED, True)
    assert verdict.error is not None
    assert verdict.error.startswith("billing_product/S-1: refused")


def test_a_taken_name_is_tried_again_later() -> None:
    """Whoever holds it may give it up, without any change to this product: no quarantine."""
    bench = Bench()
    bench.carry_out(product(1))
    taken = a_create(PRODUCT.kind, "S-2", 2, name="Product 1")
    lane = bench.carry_out(work(2, taken))
    assert [status for _, status in seen(lane)] == [Status.FAILED]
    assert bench.verdicts["S-2"].permanent is False


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_lost_answer_is_a_failure_that_may_pass(fault: Any) -> None:
    """It is not known to be refused, so the product is not quarantined."""
    bench = Bench()
    bench.target.fail(fault)
    lane = bench.carry_out(product(1))
    assert [status for _, status in seen(lane)] == [Status.UNKNOWN, Status.SKIPPED]
    assert bench.verdicts["S-1"].permanent is False
    assert [i.key for i in bench.floor.ledger.intents(tuple(Kind))] == [PRODUCT]


def test_one_bad_record_is_one_bad_outcome() -> None:
    """In a batch of CRM records, the others are written."""
    bench = Bench(TargetName.CRM)
    bench.target.fail("partial")
    bench.carry_out(crm(1), crm(2), crm(3))
    assert [bench.status(f"S-{n}").value for n in (1, 2, 3)] == ["ok", "failed", "ok"]


def test_a_stopped_target_defers_the_rest_without_another_request() -> None:
    """Its products do not fail for it."""
    bench = Bench()
    bench.target.fail("throttle")
    lane = bench.carry_out(product(1), product(2), product(3))
    assert isinstance(lane.stopped, PausedError)
    assert bench.target.requests == 1
    assert {v.status for v in bench.verdicts.values()} == {ProductStatus.DEFERRED}
    assert bench.floor.notes.stops == [(TargetName.BILLING, lane.stopped)]
    assert bench.floor.ledger.intents(tuple(Kind)) == []


def test_a_stop_in_the_middle_keeps_what_was_done() -> None:
    """The first product is in order, the second is deferred with the reason."""
    bench = Bench()
    bench.target.fail("partial", "partial", "throttle")
    bench.carry_out(product(1), product(2))
    assert bench.status("S-1") is ProductStatus.OK
    assert bench.status("S-2") is ProductStatus.DEFERRED
    assert "too many requests" in (bench.verdicts["S-2"].error or "")


def test_a_pulled_brake_begins_no_further_request() -> None:
    """What is left is deferred with the reason that was given."""
    bench = Bench()
    bench.floor.brake.pull("somebody pressed Ctrl-C")
    bench.floor.brake.pull("a second reason comes too late")
    bench.carry_out(product(1))
    assert bench.target.requests == 0
    assert bench.verdicts["S-1"] == Verdict(ProductStatus.DEFERRED, "somebody pressed Ctrl-C")


def test_the_deadline_defers_what_is_left() -> None:
    """Nothing is begun at or after it."""
    bench = Bench()
    bench.carry_out(product(1), ends_at=0.0)
    assert bench.target.requests == 0
    assert bench.verdicts["S-1"] == Verdict(
        ProductStatus.DEFERRED, "the run's deadline was reached"
    )


def test_a_deadline_ahead_defers_nothing() -> None:
    """A run that has time uses it."""
    bench = Bench()
    bench.carry_out(product(1), ends_at=1.0)
    assert bench.status("S-1") is ProductStatus.OK


def test_a_lost_lock_stops_before_the_next_request() -> None:
    """Another run may be writing by now."""
    bench = Bench()
    with bench.floor.lock.hold("run-1") as lock:
        lane = bench._lane(lock, None)
        bench.floor.lock.steal()
        with pytest.raises(LeaseLostError):
            lane.carry_out([product(1)])
    assert bench.target.requests == 0


def test_binding_an_equal_record_needs_no_request() -> None:
    """It is remembered, and counts as found equal."""
    bench = Bench(TargetName.CRM)
    bench.carry_out(work(1, a_change({}, action=Action.ADOPT)))
    assert bench.target.requests == 0
    assert bench.floor.ledger.remote_id(a_key()) == "r-1"
    assert bench.status("S-1") is ProductStatus.UNCHANGED


def test_a_plan_may_refer_to_a_product_that_is_only_bound() -> None:
    """Binding comes first, so the reference is known."""
    bench = Bench()
    bound = a_change({}, action=Action.ADOPT, key=PRODUCT, remote_id="b-1")
    plan = a_create(Kind.BILLING_PLAN, "S-1", plan_code="S-1", product_id=Ref(PRODUCT))
    bench.carry_out(work(1, bound, plan))
    assert bench.target.stored["S-1"].fields["product_id"] == "b-1"


def test_records_travel_in_batches_and_are_durable_between_them() -> None:
    """CRM takes many records in one request; each batch is written down before the next."""
    bench = Bench(TargetName.CRM, batch_size=2)
    durable: list[int] = []
    carry_out = bench.target.apply

    def noted(changes: Sequence[Change], remote_id: Any) -> Any:
        durable.append(len(bench.floor.ledger.bound))
        return carry_out(changes, remote_id)

    bench.target.apply = noted  # type: ignore[method-assign]  # a twin of ours, listened to
    bench.carry_out(*(crm(n) for n in range(1, 6)))
    assert durable == [0, 2, 4]
    assert bench.floor.notes.batches == [(TargetName.CRM, n, 3) for n in (1, 2, 3)]


def test_several_workers_keep_the_order_within_a_product() -> None:
    """Products go side by side, the plan never before its product."""
    bench = Bench(workers=3)
    bench.carry_out(*(product(n) for n in range(1, 9)))
    assert {v.status for v in bench.verdicts.values()} == {ProductStatus.OK}
    order = [str(change.key) for group in bench.asked for change in group]
    for number in range(1, 9):
        before = order.index(f"billing_product/S-{number}")
        assert before < order.index(f"billing_plan/S-{number}")


def test_a_worker_that_dies_ends_the_lane() -> None:
    """An error that is nobody's record is not swallowed."""
    bench = Bench(workers=3)

    def broken(outcomes: Sequence[Outcome], run_id: str, fence: Fence) -> None:
        raise OSError("the disk is gone")

    bench.floor.ledger.record = broken  # type: ignore[method-assign]  # a twin of ours, broken
    with pytest.raises(OSError, match="disk"):
        bench.carry_out(product(1), product(2))


def test_amounts_are_sent_as_planned() -> None:
    """What the target is asked to write is what the change says."""
    bench = Bench(TargetName.CRM)
    fields = {"Product_Code": "S-1", "Unit_Price": Decimal("899.00")}
    bench.carry_out(work(1, a_create(Kind.CRM_PRODUCT, "S-1", **fields)))  # type: ignore[arg-type]
    [stored] = bench.target.stored.values()
    assert stored.fields["Unit_Price"] == Decimal("899.00")
