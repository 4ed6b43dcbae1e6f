"""Whatever a run did and people did before and after it: taking it back restores what it wrote.

For every managed field of every record, with the value before the run, after it, and at the time
of the revert:

    the run did not write it                    stays as it is now
    it is as the run left it                    the value before the run
    somebody changed it since                   stays as they left it
    the record was made by the run              inactive, the rest as it is now

Taking the revert back restores what was there before the revert, and foreign records are never
touched.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from support.memory_past import MemoryPast
from support.memory_world import MemoryWorld
from support.profiles import effort
from support.workshop import planned
from support.worlds import Known
from trueup.domain.records import ACTIVE, FieldValue, Kind, Slot
from trueup.domain.runs import RunState
from trueup.planner.due import Look
from trueup.planner.versions import PriceChanges, version_number
from trueup.ports import Decision
from trueup.reconcile.applying import Brake
from trueup.reconcile.reverting import RevertReport, revert
from trueup.reconcile.way_back import RevertOrder

Snapshot = dict[Known, dict[str, FieldValue]]

SOLD = (("A-1", "Alpha"), ("B-2", "Beta"), ("C-3", "Gamma"))
ROW = st.integers(0, 5)
DEVICE = st.sampled_from(["", "own", "shared"])
CATALOGUE_EDIT = st.one_of(
    st.tuples(
        st.just("edit"),
        ROW,
        st.sampled_from(["price", "text", "name", "device", "no device", "half a price"]),
        st.sampled_from(["799.00", "899.00", "949.50", "0.01"]),
    ),
    st.tuples(st.just("status"), ROW, st.sampled_from(["active", "archived", "draft"])),
    st.tuples(st.just("publish"), st.integers(1, 3), DEVICE),
    st.tuples(st.just("rename"), ROW, st.sampled_from(["D-4", "E-5"])),
    st.tuples(st.just("again"), ROW),
)
HAND_EDIT = st.one_of(
    st.tuples(st.just("edit"), st.integers(0, 20), st.integers(0, 4)),
    st.tuples(st.just("stranger"), st.sampled_from(["Alpha", "Somebody"])),
)
AFTERWARDS = st.one_of(HAND_EDIT, st.tuples(st.just("delete"), st.integers(0, 20)))


class TimedWorld(MemoryWorld):
    """A world of which runs are taken back."""

    def __init__(self, *, versions: bool) -> None:
        super().__init__()
        if versions:
            self.shop = replace(self.shop, price_changes=PriceChanges())
        self.past = MemoryPast(self.ledger, self.shop.guardbook)  # type: ignore[arg-type]

    def edit_catalogue(self, edit: tuple[Any, ...]) -> None:
        what, *rest = edit
        match what:
            case "edit":
                self.edit(*rest)
            case "status":
                self.change_status(*rest)
            case "publish":
                number, device = rest
                known = {row.sku for row in self.catalogue.rows.values()}
                if f"N-{number}" not in known:
                    self.publish(f"N-{number}", f"New {number}", "459.00", device)
            case "rename":
                self.rename(*rest)
            case _:
                self.insert_again(*rest)

    def do_by_hand(self, edit: tuple[Any, ...]) -> None:
        what, *rest = edit
        match what:
            case "edit":
                self.edit_by_hand(*rest)
            case "stranger":
                self.add_a_stranger(*rest)
            case _:
                self.delete_by_hand(*rest)

    def snapshot(self) -> Snapshot:
        """Every managed field of every record of ours; empty is None."""
        return {
            known: {n: None if v == "" else v for n, v in record.fields.items()}
            for target in self.targets
            for kind in self.shop.mapping.rules
            if kind.target is target.name
            for record in target.records(kind)
            if (known := Known(kind, record.remote_id)) not in self.strangers
        }

    def take_back(self, run_id: str) -> RevertReport:
        order = RevertOrder(run_id, Decision("Thandi"))
        done = revert(self.shop, self.past, order, Brake())
        self.clock.sleep(3600)
        assert done.report.run.state is RunState.SUCCEEDED, (done.report, self.notes.outcomes[-5:])
        return done

    def requests(self) -> tuple[int, int]:
        return self.crm.requests, self.billing.requests


def expected(before: Snapshot, after: Snapshot, now: Snapshot) -> Snapshot:
    """What taking the run back must leave, told without the planner."""
    return {
        known: {
            name: _expected(known, name, value, before, after) for name, value in fields.items()
        }
        for known, fields in now.items()
    }


def _expected(
    known: Known, name: str, now: FieldValue, before: Snapshot, after: Snapshot
) -> FieldValue:
    if known not in before:
        return False if name == ACTIVE[known.kind] else now
    written = before[known][name] != after[known][name]
    return before[known][name] if written and now == after[known][name] else now


@given(
    devices=st.lists(DEVICE, min_size=1, max_size=3),
    earlier=st.lists(HAND_EDIT, max_size=3),
    edits=st.lists(CATALOGUE_EDIT, min_size=1, max_size=5),
    since=st.lists(AFTERWARDS, max_size=3),
    versions=st.booleans(),
)
@effort(150)
def test_a_run_is_taken_back_and_the_revert_is_too(
    devices: list[str],
    earlier: list[tuple[Any, ...]],
    edits: list[tuple[Any, ...]],
    since: list[tuple[Any, ...]],
    *,
    versions: bool,
) -> None:
    world = TimedWorld(versions=versions)
    for (sku, name), device in zip(SOLD, devices, strict=False):
        world.publish(sku, name, "899.00", device)
    world.night()
    for edit in earlier:
        world.do_by_hand(edit)
    before = world.snapshot()
    for edit in edits:
        world.edit_catalogue(edit)
    run = world.run(Look.EVERYTHING).run
    after = world.snapshot()
    settled = not planned(world.shop).changes
    for edit in since:
        world.do_by_hand(edit)
    now = world.snapshot()
    note(f"{run.state}: {run.error}")

    first = world.take_back(run.run_id)
    assert expected(before, after, now) == world.snapshot()
    world.expect_strangers_untouched()
    assert world.take_back(run.run_id).idle

    if settled and not since:
        sent, left = world.requests(), world.snapshot()
        world.run(Look.EVERYTHING)
        assert (sent, left) == (world.requests(), world.snapshot())

    if not first.idle:
        world.take_back(first.report.run.run_id)
        assert now == world.snapshot()
        world.expect_strangers_untouched()
    if settled and not since:
        sent = world.requests()
        world.run(Look.EVERYTHING)
        assert (sent, now) == (world.requests(), world.snapshot())


@given(edits=st.lists(CATALOGUE_EDIT, min_size=1, max_size=4), row=ROW, versions=st.booleans())
@effort(60)
def test_what_the_catalogue_wants_next_is_written(
    edits: list[tuple[Any, ...]], row: int, *, versions: bool
) -> None:
    """A revert holds back what was refused, and nothing else; one plan of its SKU is on sale."""
    world = TimedWorld(versions=versions)
    for sku, name in SOLD:
        world.publish(sku, name, "899.00")
    world.night()
    for edit in edits:
        world.edit_catalogue(edit)
    run_id = world.run(Look.EVERYTHING).run.run_id
    world.take_back(run_id)

    offering_id = sorted(world.catalogue.rows)[row % len(world.catalogue.rows)]
    wanted = Decimal("925.25")
    setup = {"monthly": wanted, "setup": Decimal("900.00")}
    columns = {"price": wanted, "base_price_zar": wanted, "pricing": setup, "status": "active"}
    world.catalogue.edit(offering_id, **columns)
    world.run(Look.EVERYTHING)
    bound = world.ledger.bindings([offering_id], [])
    [record] = [b.remote_id for b in bound if b.key.kind is Kind.CRM_PRODUCT]
    now = world.snapshot()
    assert wanted == now[Known(Kind.CRM_PRODUCT, record)]["Unit_Price"]
    plans = [now[Known(b.key.kind, b.remote_id)] for b in bound if b.slot is Slot.PLAN]
    # Under another SKU is a plan whose withdrawal, or renaming, was taken back.
    sku = world.catalogue.rows[offering_id].sku or ""
    mine = [plan for plan in plans if version_number(sku, str(plan["plan_code"]))]
    assert [plan["recurring_price"] for plan in mine if plan["active"]] in ([wanted], []), plans
