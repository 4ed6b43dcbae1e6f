"""A plan goes only when the one that takes over stands: the same at both Billing targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from support.memory_target import MemoryTarget
from support.zoho import a_create, an_update, emulated
from trueup.domain.changes import Action, Change
from trueup.domain.errors import StaleError
from trueup.domain.records import Kind, RecordKey, Ref, TargetName
from trueup.ports import CountsSubscriptions, Target, Written
from trueup.zoho.billing import BillingTarget

PLAN = Kind.BILLING_PLAN
OLD, NEW = "FIB-100", "FIB-100-V2"
PRICE = Decimal("120.00")


@dataclass
class Scene:
    """Billing with one plan on sale, what people do to plans, and how many requests that took."""

    target: Target
    edit: Callable[[str, Decimal | None, bool | None], None]
    subscribe: Callable[[str, int], None]
    parent: str

    def remote_id(self, _: RecordKey) -> str | None:
        """Only the parent product is asked for."""
        return self.parent

    def create(self, code: str, price: str) -> None:
        """A plan that exists and is on sale."""
        fields = {
            "plan_code": code,
            "name": "Fibre 100",
            "recurring_price": Decimal(price),
            "interval": 1,
            "interval_unit": "months",
            "product_id": Ref(RecordKey(Kind.BILLING_PRODUCT, OLD)),
            "active": True,
        }
        [made] = self.target.apply([a_create(PLAN, code, fields)], self.remote_id)
        assert made == Written(code)

    def retire(self, **more: Any) -> Any:
        """The old plan goes, if the new one stands."""
        [answer] = self.target.apply([replace(a_retirement(), **more)], self.remote_id)
        return answer

    def on_sale(self) -> set[str]:
        """The codes of the plans on sale."""
        return {r.code for r in self.target.records(PLAN) if r.fields["active"]}


def a_retirement() -> Change:
    """The last step: the old plan goes when the new one is there, on sale, at its price."""
    change = an_update(PLAN, OLD, OLD, {"active": (True, False)}, action=Action.RETIRE)
    stands = {"active": (True,), "recurring_price": (Decimal("125.00"), PRICE)}
    return replace(change, needs=(Ref(RecordKey(PLAN, NEW)),), stands=stands)


def in_memory() -> Scene:
    target = MemoryTarget(TargetName.BILLING)
    parent = target.add(Kind.BILLING_PRODUCT, {"name": "Parent"})

    def edit(code: str, price: Decimal | None, active: bool | None) -> None:
        fields = {"recurring_price": price, "active": active}
        target.edit(code, **{n: v for n, v in fields.items() if v is not None})

    def subscribe(code: str, live: int) -> None:
        target.live = {**(target.live or {}), code: live}

    return Scene(target, edit, subscribe, parent)


def over_emulator() -> Scene:
    z, emulator = emulated()
    target = BillingTarget(z.door, org_id=emulator.options.org_id, clock=z.clock)
    parent = str(emulator.add("billing", "products", {"name": "Parent"})["id"])

    def edit(code: str, price: Decimal | None, active: bool | None) -> None:
        fields: dict[str, Any] = {}
        if price is not None:
            fields["recurring_price"] = float(price)
        if active is not None:
            fields["status"] = "active" if active else "inactive"
        emulator.edit("billing", "plans", code, fields)

    def subscribe(code: str, live: int) -> None:
        emulator.attach_subscriptions(code, live, cancelled=3)

    return Scene(target, edit, subscribe, parent)


@pytest.fixture(params=[in_memory, over_emulator], ids=["memory", "zoho"])
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.param()
    found.create(OLD, "100.00")
    return found


def test_it_goes_when_the_new_one_stands(scene: Scene) -> None:
    """There, on sale, and at one of the prices that we wrote."""
    scene.create(NEW, str(PRICE))
    assert scene.retire() == Written(OLD)
    assert scene.on_sale() == {NEW}
    assert scene.retire() == Written(OLD)


def test_it_stays_while_the_new_one_is_missing(scene: Scene) -> None:
    """Somebody deleted it: that is looked at again, not sent again."""
    answer = scene.retire()
    assert isinstance(answer, StaleError)
    assert f"billing_plan/{NEW}" in answer.message
    assert scene.on_sale() == {OLD}


@pytest.mark.parametrize(
    ("price", "active", "said"),
    [(None, False, "active"), (Decimal("1.00"), None, "recurring_price")],
)
def test_it_stays_while_the_new_one_is_not_as_we_wrote_it(
    scene: Scene, price: Decimal | None, active: bool | None, said: str
) -> None:
    """Not on sale, or at a price that is not ours."""
    scene.create(NEW, str(PRICE))
    scene.edit(NEW, price, active)
    answer = scene.retire()
    assert isinstance(answer, StaleError)
    assert f"its {said} is" in answer.message
    assert OLD in scene.on_sale()


def test_what_needs_nothing_just_goes(scene: Scene) -> None:
    """A product that was withdrawn has nothing that takes over."""
    assert scene.retire(needs=()) == Written(OLD)
    assert scene.on_sale() == set()


def test_subscriptions_are_counted_by_plan(scene: Scene) -> None:
    """Live ones only; a plan that nobody has is left out."""
    scene.create(NEW, str(PRICE))
    scene.subscribe(OLD, 12)
    assert isinstance(scene.target, CountsSubscriptions)
    assert scene.target.subscriptions([OLD, NEW]) == {OLD: 12}
