"""One suite for every `Target`: the one in memory, and the real adapters over the emulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from support.memory_target import MemoryTarget
from support.zoho import MANAGED, a_create, an_update, emulated, nobody
from trueup.domain.changes import Action, Change
from trueup.domain.errors import LostAnswerError, PausedError, RejectedError, StaleError
from trueup.domain.records import (
    ACTIVE,
    KINDS_OF,
    NAME,
    Fields,
    Intent,
    Kind,
    RecordKey,
    Ref,
    RemoteRecord,
)
from trueup.ports import Target, Written
from trueup.zoho.billing import BillingTarget
from trueup.zoho.crm import CrmTarget
from zoho_emulator.app import Emulator

PRICE, NEW_PRICE = Decimal("899.00"), Decimal("949.50")
_RESOURCE = {
    Kind.CRM_PRODUCT: ("crm", "products"),
    Kind.BILLING_PRODUCT: ("billing", "products"),
    Kind.BILLING_PLAN: ("billing", "plans"),
    Kind.BILLING_ITEM: ("billing", "items"),
}
_PRICE_FIELD = {
    Kind.CRM_PRODUCT: "Unit_Price",
    Kind.BILLING_PLAN: "recurring_price",
    Kind.BILLING_ITEM: "rate",
}


@dataclass
class Scene:
    """A target of one kind of record, and what people and the weather do to it."""

    kind: Kind
    target: Target
    by_hand: Callable[[str, dict[str, Any]], None]
    delete: Callable[[str], None]
    fail: Callable[[str], None]
    wait: Callable[[], None]
    parent: str = ""

    def fields(self, code: str, name: str = "") -> dict[str, Any]:
        """What a new record of this kind holds."""
        name = name or f"Fibre {code}"
        match self.kind:
            case Kind.CRM_PRODUCT:
                return {"Product_Name": name, "Product_Code": code, "Description": "Text",
                        "Unit_Price": PRICE, "Product_Active": True}  # fmt: skip
            case Kind.BILLING_PRODUCT:
                return {"name": name, "description": "Text", "active": True}
            case Kind.BILLING_PLAN:
                return {"plan_code": code, "name": name, "description": "Text",
                        "recurring_price": PRICE, "interval": 1, "interval_unit": "months",
                        "billing_cycles": -1, "setup_fee": Decimal("0.00"), "active": True,
                        "product_id": Ref(RecordKey(Kind.BILLING_PRODUCT, "PARENT"))}  # fmt: skip
            case Kind.BILLING_ITEM:
                return {"name": name, "sku": code, "rate": PRICE, "description": "Text",
                        "active": True}  # fmt: skip

    def remote_id(self, key: RecordKey) -> str | None:
        """Only the parent product is known."""
        return self.parent if key.code == "PARENT" else None

    def apply(self, *changes: Change) -> list[Any]:
        """Carry out changes, group by group."""
        results: list[Any] = []
        for group in self.target.group(changes):
            results += self.target.apply(group, self.remote_id)
        return results

    def create(self, code: str, name: str = "") -> str:
        """A record that exists; returns its id."""
        (written,) = self.apply(a_create(self.kind, code, self.fields(code, name)))
        assert isinstance(written, Written)
        return written.remote_id

    def read(self, remote_id: str) -> RemoteRecord:
        """A record as a listing shows it."""
        (found,) = [r for r in self.target.records(self.kind) if r.remote_id == remote_id]
        return found

    def update(self, code: str, remote_id: str, **after: Any) -> Change:
        """A change of some fields, made from what is there now."""
        there = self.read(remote_id)
        deltas = {name: (there.fields[name], value) for name, value in after.items()}
        return an_update(self.kind, code, remote_id, deltas, there.version)

    def mark(self, code: str, remote_id: str, *, active: bool) -> Change:
        """A change of nothing but the active field."""
        change = self.update(code, remote_id, **{ACTIVE[self.kind]: active})
        action = Action.UPDATE if active else Action.RETIRE
        deltas = {n: (d.before, d.after) for n, d in change.deltas.items()}
        return an_update(self.kind, code, remote_id, deltas, change.version, action)


# One create is refused or lost; a repeated create would pass, and so be noticed.
_WEATHER: dict[str, dict[str, Any]] = {
    "lost_before": {"do": "reset_before"},
    "lost_after": {"do": "reset_after"},
    "throttle": {"do": "throttle", "retry_after": 9999},
}


def _over_emulator(kind: Kind) -> Scene:
    z, emulator = emulated()
    target: Target = BillingTarget(z.door, org_id=emulator.options.org_id, clock=z.clock)
    if kind is Kind.CRM_PRODUCT:
        target = CrmTarget(z.door, managed=MANAGED, clock=z.clock)
    service, resource = _RESOURCE[kind]

    def edit(remote_id: str, fields: dict[str, Any]) -> None:
        z.clock.advance(5)  # CRM's Modified_Time counts whole seconds
        emulator.edit(service, resource, remote_id, fields)

    def fail(fault: str) -> None:
        match = {"service": service, "method": "POST", "times": 1}
        emulator.add_faults([{"match": match, **_WEATHER[fault]}])

    def wait() -> None:
        z.clock.advance(10_000)

    def delete(remote_id: str) -> None:
        emulator.delete(service, resource, remote_id)

    return Scene(kind, target, edit, delete, fail, wait, _parent(emulator, kind))


def _parent(emulator: Emulator, kind: Kind) -> str:
    if kind is not Kind.BILLING_PLAN:
        return ""
    return str(emulator.add("billing", "products", {"name": "Parent"})["id"])


def _in_memory(kind: Kind) -> Scene:
    target = MemoryTarget(kind.target)
    parent = (
        target.add(Kind.BILLING_PRODUCT, {"name": "Parent"}) if kind is Kind.BILLING_PLAN else ""
    )

    def edit(remote_id: str, fields: dict[str, Any]) -> None:
        if "status" in fields:
            fields = {ACTIVE[kind]: fields["status"] == "active"}
        money = {n: Decimal(str(v)) if isinstance(v, float) else v for n, v in fields.items()}
        target.edit(remote_id, **money)

    def fail(fault: Any) -> None:
        target.fail(fault)

    return Scene(kind, target, edit, target.delete, fail, lambda: None, parent)


@pytest.fixture(params=[(m, k) for m in (_in_memory, _over_emulator) for k in Kind],
                ids=lambda p: f"{p[0].__name__.strip('_')}-{p[1].value}")  # fmt: skip
def scene(request: pytest.FixtureRequest) -> Scene:
    make, kind = request.param
    found: Scene = make(kind)
    return found


def test_what_is_created_reads_back_as_wanted(scene: Scene) -> None:
    """Field by field, by `==`: nothing is left for a next plan."""
    remote_id = scene.create("FIB-100")
    record = scene.read(remote_id)
    wanted = {n: v for n, v in scene.fields("FIB-100").items() if n != "product_id"}
    assert {name: record.fields[name] for name in wanted} == wanted
    assert record.code == ("" if scene.kind is Kind.BILLING_PRODUCT else "FIB-100")
    assert record.parent_id == scene.parent
    assert record.name == "Fibre FIB-100"


def test_the_schema_knows_every_field_that_is_wanted(scene: Scene) -> None:
    schema = scene.target.schema()
    assert set(schema.kinds) == set(KINDS_OF[scene.kind.target])
    assert all(schema.has(scene.kind, name) for name in scene.fields("A"))


def test_an_update_changes_its_fields_and_no_others(scene: Scene) -> None:
    remote_id = scene.create("FIB-100")
    before = scene.read(remote_id)
    change = scene.update("FIB-100", remote_id, **{NAME[scene.kind]: "Fibre new"})
    assert scene.apply(change) == [Written(remote_id)]
    assert scene.read(remote_id).fields == {**before.fields, NAME[scene.kind]: "Fibre new"}


def test_texts_can_be_cleared(scene: Scene) -> None:
    remote_id = scene.create("FIB-100")
    name = "Description" if scene.kind is Kind.CRM_PRODUCT else "description"
    scene.apply(scene.update("FIB-100", remote_id, **{name: ""}))
    assert scene.read(remote_id).fields[name] == ""


def test_retired_and_returned_keeps_the_record(scene: Scene) -> None:
    remote_id = scene.create("FIB-100")
    assert scene.apply(scene.mark("FIB-100", remote_id, active=False)) == [Written(remote_id)]
    assert scene.read(remote_id).fields[ACTIVE[scene.kind]] is False
    assert scene.apply(scene.mark("FIB-100", remote_id, active=True)) == [Written(remote_id)]
    assert scene.read(remote_id).fields[ACTIVE[scene.kind]] is True
    assert len([r for r in scene.target.records(scene.kind) if r.name == "Fibre FIB-100"]) == 1


def test_a_price_and_the_active_field_change_together(scene: Scene) -> None:
    field = _PRICE_FIELD.get(scene.kind)
    if field is None:
        pytest.skip("this kind has no price")
    remote_id = scene.create("FIB-100")
    scene.apply(scene.mark("FIB-100", remote_id, active=False))
    change = scene.update("FIB-100", remote_id, **{field: NEW_PRICE, ACTIVE[scene.kind]: True})
    assert scene.apply(change) == [Written(remote_id)]
    there = scene.read(remote_id).fields
    assert (there[field], there[ACTIVE[scene.kind]]) == (NEW_PRICE, True)


def test_one_bad_record_is_one_bad_outcome(scene: Scene) -> None:
    """The others pass, in their order."""
    changes = [
        a_create(scene.kind, code, scene.fields(code, name))
        for code, name in (("A-1", "One"), ("A-2", "T" * 300), ("A-3", "Three"))
    ]
    first, second, third = scene.apply(*changes)
    assert isinstance(first, Written)
    assert isinstance(second, RejectedError)
    assert isinstance(third, Written)
    assert scene.read(third.remote_id).name == "Three"


def test_a_record_that_is_gone_is_said_to_be_gone(scene: Scene) -> None:
    remote_id = scene.create("FIB-100")
    change = scene.update("FIB-100", remote_id, **{NAME[scene.kind]: "New"})
    scene.delete(remote_id)
    (result,) = scene.apply(change)
    assert isinstance(result, RejectedError)
    assert result.code == "GONE"


def test_a_record_edited_since_the_plan_is_stale(scene: Scene) -> None:
    """Somebody's edit of the very field is not overwritten unseen."""
    remote_id = scene.create("FIB-100")
    change = scene.update("FIB-100", remote_id, **{NAME[scene.kind]: "Ours"})
    scene.by_hand(remote_id, {NAME[scene.kind]: "Theirs"})
    (result,) = scene.apply(change)
    assert isinstance(result, StaleError)
    assert scene.read(remote_id).name == "Theirs"


@pytest.mark.parametrize(("fault", "made"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_create_is_unknown_and_can_be_found(scene: Scene, fault: str, made: int) -> None:
    """Sent once, never twice; `find` tells whether it was carried out (spec law 4)."""
    scene.apply(a_create(scene.kind, "WARM-1", scene.fields("WARM-1")))
    scene.fail(fault)
    change = a_create(scene.kind, "FIB-100", scene.fields("FIB-100"))
    (result,) = scene.apply(change)
    assert isinstance(result, LostAnswerError)
    found = scene.target.find([Intent(change.key, "Fibre FIB-100")])
    assert [r.name for r in found] == ["Fibre FIB-100"] * made


def test_a_throttled_target_pauses_and_nothing_was_carried_out(scene: Scene) -> None:
    scene.fail("throttle")
    with pytest.raises(PausedError):
        scene.apply(a_create(scene.kind, "FIB-100", scene.fields("FIB-100")))
    scene.wait()
    assert "Fibre FIB-100" not in [r.name for r in scene.target.records(scene.kind)]


def test_a_second_record_with_a_unique_code_is_a_duplicate(scene: Scene) -> None:
    if scene.kind is Kind.CRM_PRODUCT:
        pytest.skip("Product_Code is not unique by default (zoho-facts §2.5)")
    scene.create("FIB-100")
    (result,) = scene.apply(a_create(scene.kind, "FIB-100", scene.fields("FIB-100")))
    assert isinstance(result, RejectedError)
    assert result.duplicate


def test_find_takes_no_record_of_another_code_or_name(scene: Scene) -> None:
    scene.create("FIB-100")
    wanted: Fields = scene.fields("FIB-1000")
    key = RecordKey(scene.kind, "FIB-1000")
    assert scene.target.find([Intent(key, str(wanted[NAME[scene.kind]]))]) == []


def test_an_equal_record_is_bound_without_a_request(scene: Scene) -> None:
    remote_id = scene.create("FIB-100")
    change = an_update(scene.kind, "FIB-100", remote_id, {}, action=Action.ADOPT)
    assert scene.target.apply([change], nobody) == [Written(remote_id)]
    assert scene.read(remote_id).name == "Fibre FIB-100"


def test_groups_keep_every_change_and_the_order_of_one_record(scene: Scene) -> None:
    remote_id = scene.create("FIB-100")
    one = scene.update("FIB-100", remote_id, **{NAME[scene.kind]: "One"})
    two = scene.update("FIB-100", remote_id, **{NAME[scene.kind]: "Two"})
    news = [a_create(scene.kind, f"N-{i}", scene.fields(f"N-{i}")) for i in range(3)]
    groups = scene.target.group([one, *news, two])
    flat = [change for group in groups for change in group]
    assert sorted(map(id, flat)) == sorted(map(id, [one, two, *news]))
    assert flat.index(one) < flat.index(two)
    assert not any(one in group and two in group for group in groups)
