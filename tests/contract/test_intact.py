"""Whose records were read as they were last written: one suite for both catalogues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from support.ledgers import (
    Bench,
    MemoryBench,
    PostgresBench,
    a_change,
    a_record,
    an_outcome,
    key,
    offering,
)
from support.memory_catalogue import MemoryCatalogue, a_row
from trueup.domain.changes import Action
from trueup.domain.records import ACTIVE, KINDS_OF, Kind, RecordKey, Ref, Slot, TargetName
from trueup.ports import Glance
from trueup.postgres.catalogue import PostgresCatalogue
from trueup.postgres.pool import open_pool

P1 = offering(1)
CRM, BILLING = TargetName.CRM, TargetName.BILLING
PRODUCT, PLAN, ITEM = KINDS_OF[BILLING]
PRICES = {Kind.CRM_PRODUCT: "Unit_Price", PLAN: "recurring_price", ITEM: "rate"}
GLANCE = Glance(
    "r",
    {kind: [ACTIVE[kind], *([PRICES[kind]] if kind in PRICES else [])] for kind in Kind},
    {kind: ["product_id"] if kind is PLAN else [] for kind in Kind},
)
SLOTS = {PLAN: Slot.PLAN, ITEM: Slot.INSTALLATION}


@dataclass
class Stage:
    """A product of which all was written and read back; a test spoils one thing first."""

    bench: Bench
    catalogue: MemoryCatalogue | PostgresCatalogue

    def write(self, kind: Kind, code: str = "A", **more: Any) -> None:
        fields = written(kind) | more.pop("fields", {})
        slot = more.pop("slot", SLOTS.get(kind, Slot.PRODUCT))
        change = a_change(key(code, kind), Action.UPDATE, owner=P1, fields=fields, slot=slot)
        outcome = an_outcome(change, remote_id=more.pop("remote_id", f"{kind.value}-1"))
        self.bench.ledger.record([outcome], "run", self.bench.take_over())

    def read(self, kind: Kind, **more: Any) -> None:
        fields = {**written(kind), **({"product_id": "7"} if kind is PLAN else {}), **more}
        record = a_record(f"{kind.value}-1", "A", kind, fields=fields)
        self.bench.ledger.observe("r", kind, [record])

    def everything(self, *but: Kind) -> None:
        for kind in Kind:
            self.write(kind)
            if kind not in but:
                self.read(kind)

    def intact(self, glance: Glance | None = GLANCE) -> frozenset[TargetName]:
        [entry] = self.catalogue.entries((), glance)
        return entry.intact


def written(kind: Kind) -> Mapping[str, Any]:
    fields: dict[str, Any] = {ACTIVE[kind]: True}
    if kind in PRICES:
        fields[PRICES[kind]] = Decimal("899.00")
    if kind is PLAN:
        fields["product_id"] = Ref(RecordKey(PRODUCT, "A"))
    return fields


@pytest.fixture(params=["memory", "postgres"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "memory":
        bench = MemoryBench()
        yield Stage(bench, MemoryCatalogue([a_row(P1, sku="A")], bench.ledger))
        return
    with open_pool(request.getfixturevalue("database_url"), 4) as pool:
        in_postgres = PostgresBench(pool)
        in_postgres.add_products(P1)
        yield Stage(in_postgres, PostgresCatalogue(pool))


def test_what_was_read_as_it_was_written_is_intact(stage: Stage) -> None:
    """At both targets; without a glance nothing is known."""
    stage.everything()
    assert frozenset(TargetName) == stage.intact()
    assert frozenset() == stage.intact(None)


def test_a_field_that_somebody_edited_spoils_one_target(stage: Stage) -> None:
    """The other one stays intact."""
    stage.everything(Kind.CRM_PRODUCT)
    stage.read(Kind.CRM_PRODUCT, Unit_Price=Decimal("1.00"))
    assert frozenset({BILLING}) == stage.intact()


def test_a_record_that_was_not_read_spoils_its_target(stage: Stage) -> None:
    """It was deleted, or the listing is from elsewhere."""
    stage.everything(ITEM)
    assert frozenset({CRM}) == stage.intact()


def test_a_record_that_is_not_on_sale_spoils_its_target(stage: Stage) -> None:
    """A retired record is nobody's present."""
    stage.everything()
    stage.write(PLAN, fields={"active": False})
    stage.read(PLAN, active=False)
    assert frozenset({CRM}) == stage.intact()


def test_a_field_that_is_only_filled_must_hold_something(stage: Stage) -> None:
    """What it holds is somebody else's business."""
    stage.everything(PLAN)
    stage.read(PLAN, product_id="")
    assert frozenset({CRM}) == stage.intact()


def test_a_field_that_was_never_written_spoils_its_target(stage: Stage) -> None:
    """The target has a new field that we are to fill."""
    stage.everything()
    wider = {**GLANCE.enforced, Kind.CRM_PRODUCT: ["Product_Active", "Unit_Price", "ct_new"]}
    assert frozenset({BILLING}) == stage.intact(Glance("r", wider, GLANCE.filled))


def test_a_further_record_spoils_its_target(stage: Stage) -> None:
    """A device, or the plan before a rename, must be looked at."""
    stage.everything()
    stage.write(ITEM, "A-HARDWARE", slot=Slot.DEVICE, remote_id="device")
    record = a_record("device", "A-HARDWARE", ITEM, fields=written(ITEM))
    stage.bench.ledger.observe("r", ITEM, [record])
    assert frozenset({CRM}) == stage.intact()


def test_a_target_that_was_not_read_is_not_intact(stage: Stage) -> None:
    """Cannot tell is not no change."""
    stage.everything()
    crm = {Kind.CRM_PRODUCT: GLANCE.enforced[Kind.CRM_PRODUCT]}
    assert frozenset({CRM}) == stage.intact(Glance("r", crm, {Kind.CRM_PRODUCT: []}))
