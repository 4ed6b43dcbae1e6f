"""How one plan of a product takes over from another: what comes with it, and what has to wait.

A new plan is created first and knows what was written on the plan before it, so that guards see
how far the price moves. The plan before goes when the new one stands: there, on sale, and with the
price that we wrote. A renamed product takes the same steps, because a plan's code is permanent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trueup.domain.changes import Action, Change, Finding, FindingKind
from trueup.domain.records import (
    ACTIVE,
    Binding,
    DesiredRecord,
    FieldValue,
    Kind,
    RecordKey,
    Ref,
    Slot,
)
from trueup.planner.mapping import FieldMap
from trueup.planner.project import retiring

_PRICE = "recurring_price"
_KEPT = frozenset({Slot.PRODUCT, Slot.INSTALLATION})  # a renamed product keeps its records there


def left_over(
    records: Sequence[DesiredRecord],
    remembered: Sequence[Binding],
    begun: Sequence[RecordKey] = (),
) -> list[DesiredRecord]:
    """Records of a product on sale that it no longer wants: former plans, a device.

    `begun` are plans whose creation was never answered: they may exist all the same.
    """
    wanted = {r.key for r in records}
    plan = next((r for r in records if r.slot is Slot.PLAN), None)
    if plan is None and not records:
        return []
    owner, sku = records[0].owner, records[0].sku
    kept = {(r.key.kind, r.slot) for r in records if r.slot in _KEPT}
    gone = {b.key: b.slot for b in remembered if (b.key.kind, b.slot) not in kept}
    gone |= dict.fromkeys(begun, Slot.PLAN)
    return [
        _retiring(key, slot, owner, sku, plan, remembered)
        for key, slot in gone.items()
        if key not in wanted
    ]


def _retiring(
    key: RecordKey,
    slot: Slot,
    owner: str,
    sku: str,
    plan: DesiredRecord | None,
    remembered: Sequence[Binding],
) -> DesiredRecord:
    if slot is not Slot.PLAN or plan is None:
        return retiring(key, slot, owner, sku)
    return retiring(
        key, slot, owner, sku, needs=(Ref(plan.key),), stands=_standing(plan, remembered)
    )


def _standing(
    plan: DesiredRecord, remembered: Sequence[Binding]
) -> dict[str, tuple[FieldValue, ...]]:
    """What the new plan must show before the former one goes: on sale, at a price of ours.

    That price may be what it was created with, while a person decides about the next one.
    """
    stands: dict[str, tuple[FieldValue, ...]] = {ACTIVE[Kind.BILLING_PLAN]: (True,)}
    applied = [b.applied for b in remembered if b.key == plan.key]
    prices = [of[_PRICE] for of in (plan.fields, *applied) if _PRICE in of]
    if prices:
        stands[_PRICE] = tuple(dict.fromkeys(prices))
    return stands


def plan_in_question(change: Change, mapping: FieldMap) -> str:
    """The code of the plan whose subscriptions a change may concern; empty for other changes.

    A new version concerns those of the plan that it takes over from.
    """
    if change.key.kind is not Kind.BILLING_PLAN:
        return ""
    if change.action is Action.CREATE:
        return str(change.applied.get("plan_code") or "")
    reprices = bool(mapping.money(change.key.kind).keys() & change.deltas.keys())
    retires = change.action is Action.RETIRE
    return change.key.code if reprices or retires else ""


def plan_in_use(change: Change) -> Finding | None:
    """A plan that goes while customers have it: nothing is wrong, and somebody should know."""
    if change.action is not Action.RETIRE or not change.subscriptions:
        return None
    return Finding(
        "plan_in_use",
        FindingKind.PLAN,
        change.sku,
        f"{in_use(change.subscriptions, change.key.code)}, which is marked inactive",
        change.owner,
        blocks=frozenset(),
    )


def in_use(count: int, code: str) -> str:
    """How many live subscriptions stay on a plan, in words."""
    one = count == 1
    return f"{count} live subscription{'' if one else 's'} stay{'s' if one else ''} on {code}"


def taking_over(record: DesiredRecord, former: Binding | None, ask: str) -> DesiredRecord:
    """A plan that takes over from a former one; `ask` says why a person is to be asked first."""
    return replace(record, previous=former.applied if former is not None else {}, ask=ask)
