"""Judging in tests: changes of many products, what is known of a target, what was held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from support.builders import MAPPING, a_change, a_key, an_id
from trueup.domain.changes import Action, Change, Reason
from trueup.domain.guards import Evidence, GuardLimits, Held, Rule
from trueup.domain.plan import mark_of
from trueup.domain.records import Kind, TargetName
from trueup.planner.guard import Guard, Judgement
from trueup.planner.mapping import FieldMap

PRICE, NAME, TEXT = "Unit_Price", "Product_Name", "Description"


def judge(
    changes: Iterable[Change],
    evidence: Evidence | None = None,
    mapping: FieldMap = MAPPING,
    **limits: Any,
) -> Judgement:
    """Judge with the limits of the specification, or others by name."""
    return Guard(GuardLimits(**limits), mapping).judge(list(changes), evidence or Evidence())


def rules(judged: Judgement) -> list[tuple[Rule, ...]]:
    """The rules that hold something, change by change; an empty tuple where all of it passes."""
    return [tuple(rule for one in held for rule in one.rules) for held in judged.held]


def rule_of(change: Change, evidence: Evidence | None = None, **limits: Any) -> Rule | None:
    """The one rule that holds a change, or None when it passes whole."""
    judged = judge([change], evidence, **limits)
    [found], [free] = rules(judged), judged.free
    if not found:
        assert free == [change]
        return None
    [rule] = found
    return rule


def amount(text: str) -> Decimal:
    """Money."""
    return Decimal(text)


def numbered(count: int, **more: Any) -> list[Change]:
    """Small re-pricings of so many products."""
    return [one(number, **more) for number in range(1, count + 1)]


def one(number: int, **more: Any) -> Change:
    price = {PRICE: (amount("1000.00"), amount("1010.00"))}
    given = {
        "key": a_key(f"FIB-{number:03}"),
        "sku": f"FIB-{number:03}",
        "owner": an_id(number),
        "remote_id": f"r-{number}",
        "applied": {PRICE: amount("1000.00")},
    }
    deltas = more.pop("deltas", price)
    return a_change(deltas, **(given | more))


def retired(count: int, first: int = 1) -> list[Change]:
    gone = {"Product_Active": (True, False)}
    numbers = range(first, first + count)
    return [
        one(n, deltas=gone, action=Action.RETIRE, reason=Reason.WITHDRAWN, applied={})
        for n in numbers
    ]


def created(count: int) -> list[Change]:
    new = {PRICE: (None, amount("899.00"))}
    return [
        one(n, deltas=new, action=Action.CREATE, reason=Reason.MISSING, remote_id="", applied={})
        for n in range(1, count + 1)
    ]


def of(products: int, *, established: bool = True, target: TargetName = TargetName.CRM) -> Evidence:
    """A target with so many products of ours; what changes there is bound."""
    written = frozenset((Kind.CRM_PRODUCT, f"r-{n}") for n in range(1, 1000))
    return Evidence(
        {target: products}, frozenset({target}) if established else frozenset(), written
    )


def waiting(held: Sequence[Held], evidence: Evidence) -> Evidence:
    """What is known the next time, when these changes wait."""
    marks = {mark_of(one.change): frozenset(one.rules) for one in held}
    return replace(evidence, waiting=marks)


def fallen(after: str = "1.00", **more: Any) -> Change:
    """A price that falls too far, and a new name beside it."""
    deltas = {PRICE: (amount("899.00"), amount(after)), NAME: ("Fibre", "Faser")}
    return a_change(deltas, **({"applied": {PRICE: amount("899.00"), NAME: "Fibre"}} | more))


def approving(*held: Held) -> Evidence:
    """A person has approved these."""
    return Evidence(approved=frozenset(mark_of(one.change) for one in held))
