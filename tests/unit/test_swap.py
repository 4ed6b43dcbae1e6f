"""Two versions of a plan that change places when a run is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_row, an_id
from support.memory_past import managed, take_back
from support.workshop import Floor, a_floor, assert_settled
from trueup.domain.changes import Action, FieldDelta, Reason
from trueup.domain.errors import RejectedError
from trueup.domain.past import PastWrite
from trueup.domain.records import Binding, FieldValue, Kind, RecordKey, Ref, RemoteRecord, Slot
from trueup.domain.runs import RunState
from trueup.planner.due import Look
from trueup.planner.revert import Present, Restoration
from trueup.planner.revert import take_back as plan_back
from trueup.planner.swap import next_version, sku_of

V1, V2, V3 = (
    RecordKey(Kind.BILLING_PLAN, code) for code in ("FIB-100", "FIB-100-V2", "FIB-100-V3")
)


def a_write(key: RecordKey, action: Action, *, on_sale: bool, by: Reason) -> PastWrite:
    """What the run did to one version."""
    before = None if action is Action.CREATE else not on_sale
    deltas = {"active": FieldDelta(before, on_sale)}
    return PastWrite(key, action, by, deltas, key.code, an_id(1), "FIB-100")


def restoring(
    writes: list[PastWrite],
    on_sale: Mapping[RecordKey, bool],
    refused: Mapping[Any, FieldValue] | None = None,
    codes: tuple[str, ...] = (),
) -> Restoration:
    """What taking the run back comes to, with these versions as they are now."""
    prices = {V1: Decimal("899.00"), V2: Decimal("1299.00")}
    fields = {k: {"active": a, "recurring_price": prices[k]} for k, a in on_sale.items()}
    remotes = {
        (k.kind, k.code): RemoteRecord(k.kind, k.code, k.code, of) for k, of in fields.items()
    }
    bindings = [Binding(k, Slot.PLAN, k.code, an_id(1), "FIB-100", of) for k, of in fields.items()]
    taken = frozenset({k.code for k in on_sale} | set(codes))
    return plan_back("cli-1", writes, Present(remotes, bindings, {}, refused or {}, taken))


REPRICED = [
    a_write(V2, Action.CREATE, on_sale=True, by=Reason.REPRICED),
    a_write(V1, Action.RETIRE, on_sale=False, by=Reason.REPRICED),
]
TAKEN_BACK = [
    a_write(V1, Action.UPDATE, on_sale=True, by=Reason.REVERTED),
    a_write(V2, Action.RETIRE, on_sale=False, by=Reason.REVERTED),
]


def test_the_old_version_is_on_sale_before_the_new_one_goes() -> None:
    found = {c.key: c for c in restoring(REPRICED, {V1: False, V2: True}).changes}
    assert (found[V1].activates, found[V2].activates) == (True, False)
    assert ((), (Ref(V1),)) == (found[V1].needs, found[V2].needs)
    assert found[V2].stands == {"active": (True,)}


def test_what_is_refused_is_the_price_on_the_version_that_would_be_next() -> None:
    """Not that the old one goes: another price may take over from it."""
    found = restoring(REPRICED, {V1: False, V2: True})
    assert {(V3, "recurring_price"): Decimal("1299.00")} == found.refuse
    assert found.without([V2]).refuse == {}
    taken = restoring(REPRICED, {V1: False, V2: True}, codes=("fib-100-v3",))
    assert [key.code for key, _ in taken.refuse] == ["FIB-100-V4"]


def test_a_revert_taken_back_lifts_that_and_refuses_nothing() -> None:
    refused = {(V3, "recurring_price"): Decimal("1299.00")}
    found = restoring(TAKEN_BACK, {V1: True, V2: False}, refused)
    assert ({}, set(refused)) == (found.refuse, found.lift)
    assert (Ref(V2),) == next(c.needs for c in found.changes if c.key == V1)


def test_the_revert_of_a_revert_taken_back_refuses_the_price_again() -> None:
    again = [
        a_write(V2, Action.UPDATE, on_sale=True, by=Reason.REVERTED),
        a_write(V1, Action.RETIRE, on_sale=False, by=Reason.REVERTED),
    ]
    found = restoring(again, {V1: False, V2: True})
    assert {(V3, "recurring_price"): Decimal("1299.00")} == found.refuse


def test_the_plan_of_a_renamed_product_is_no_other_version() -> None:
    """Each is wanted under a code of its own, so it is their being on sale that is refused."""
    renamed = [replace(write, sku="FIB-100-V2") for write in REPRICED]
    found = restoring(renamed, {V1: False, V2: True})
    assert found.refuse == {(V1, "active"): False, (V2, "active"): True}


def test_the_next_version_and_the_sku_of_a_code() -> None:
    assert next_version("A", []).code == "A-V2"
    assert next_version("A", ["A", "a-v2", "A-V4"]).code == "A-V3"
    assert [sku_of(c) for c in ("A", "A-V2", "A-V2-V3", "A-VX")] == ["A", "A", "A-V2", "A-VX"]


# --- carried out --------------------------------------------------------------------------------


def repriced(floor: Floor, monthly: str) -> str:
    """A run that changes the price; returns its id."""
    amount = Decimal(monthly)
    pricing = {"monthly": amount, "setup": Decimal("900.00")}
    floor.catalogue.edit(an_id(1), price=amount, base_price_zar=amount, pricing=pricing)
    return floor.run().run.run_id


def on_sale(floor: Floor) -> list[str]:
    """The codes of the plans on sale."""
    fields = managed(floor)
    return sorted(
        place[1] for place, of in fields.items() if place[0] is Kind.BILLING_PLAN and of["active"]
    )


def a_versioned_floor() -> Floor:
    """A product that is on sale, in an organisation in which prices make versions."""
    floor = a_floor([a_row(1)]).versioned()
    floor.run()
    return floor


def test_the_nights_after_it_leave_the_old_version_on_sale_until_there_is_another_price() -> None:
    floor = a_versioned_floor()
    done = take_back(floor, repriced(floor, "1299.00"))
    assert done.report.run.state is RunState.SUCCEEDED
    assert on_sale(floor) == ["FIB-100"]
    left = managed(floor)
    for _ in range(2):
        floor.run(look=Look.EVERYTHING)
    assert left == managed(floor)

    repriced(floor, "1499.00")
    assert on_sale(floor) == ["FIB-100-V3"]
    assert_settled(floor)


def test_taken_back_and_back_again_every_version_is_as_it_was() -> None:
    floor = a_versioned_floor()
    run_id = repriced(floor, "1299.00")
    after = managed(floor)
    done = take_back(floor, run_id)
    take_back(floor, done.report.run.run_id)
    assert (after, {}) == (managed(floor), floor.guardbook.refused)
    assert_settled(floor)


def test_the_new_version_stays_on_sale_while_the_old_one_cannot_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never none on sale; the same command does the rest."""
    floor = a_versioned_floor()
    run_id = repriced(floor, "1299.00")
    carry_out = floor.billing.apply

    def stubborn(changes: Any, remote_id: Any) -> Any:
        if any(change.activates for change in changes):
            return [RejectedError("not now", code="NOT_NOW") for _ in changes]
        return carry_out(changes, remote_id)

    with monkeypatch.context() as patch:
        patch.setattr(floor.billing, "apply", stubborn)
        done = take_back(floor, run_id)
    assert done.report.run.state is RunState.PARTIAL
    assert on_sale(floor) == ["FIB-100-V2"]
    assert take_back(floor, run_id).report.run.state is RunState.SUCCEEDED
    assert on_sale(floor) == ["FIB-100"]
