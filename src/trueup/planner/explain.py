"""A plan in words: the same ones on a terminal, in a pipe and in a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from trueup.domain.changes import Action, Change, FieldDelta, Finding, Reason
from trueup.domain.guards import Rule
from trueup.domain.plan import value_as_json
from trueup.domain.records import FieldValue
from trueup.domain.threeway import Moved
from trueup.planner.division import percent
from trueup.planner.succession import in_use

SIGNS = {Action.CREATE: "+", Action.ADOPT: "=", Action.UPDATE: "~", Action.RETIRE: "-"}
SIDES = {
    Moved.OURS: "our change",
    Moved.THEIRS: "their edit",
    Moved.BOTH: "both sides moved",
    Moved.UNKNOWN: "never written by us",
}
RULES = {
    Rule.NO_PRICE: "a price would be zero, negative or missing",
    Rule.PRICE_FALL: "a price falls too far",
    Rule.PRICE_RISE: "a price rises too far",
    Rule.MASS_CREATE: "too many would be created at once",
    Rule.MASS_REPRICE: "too many would be re-priced at once",
    Rule.MASS_RETIRE: "too many would be retired at once",
    Rule.TAKEOVER: "records that Trueup has never written would be changed",
    Rule.HAND_EDIT: "somebody edited a field that is only reported",
    Rule.SECOND_WRITER: "somebody changes a field back again and again",
    Rule.PRICE_STRATEGY: "price changes in Billing wait for a person",
    Rule.REJECTED: "a person said no",
}
_LONGEST = 60


def explain_change(change: Change, rules: Sequence[Rule] = ()) -> Iterator[str]:
    """One line that says what and why, then one line a field: before -> after, and who moved.

    `~ billing_plan/FIB-100 update (edited)  [held: price_fall]` and
    `    recurring_price  899.00 -> 449.00  (-50.06 %, our change)`.
    """
    held = f"  [held: {', '.join(rule.value for rule in rules)}]" if rules else ""
    yield f"{SIGNS[change.action]} {change.key} {change.action.value} ({change.reason.value}){held}"
    for name, delta in change.deltas.items():
        yield explain_delta(name, delta, change.moved(name), new=change.action is Action.CREATE)
    yield from _explain_versions(change)


def _explain_versions(change: Change) -> Iterator[str]:
    """From which plan a new version takes over, and whom a change of a plan may concern."""
    former = str(change.applied.get("plan_code") or change.key.code)
    if change.action is Action.CREATE and change.reason is Reason.REPRICED:
        price = explain_value(change.applied.get("recurring_price"))
        yield f"    takes over from {former}, recurring_price {price}"
    if change.subscriptions:
        yield f"    {in_use(change.subscriptions, former)}"


def explain_delta(name: str, delta: FieldDelta, moved: Moved | None, *, new: bool = False) -> str:
    """One field: before -> after, by how much where it is an amount, and which side moved."""
    after = explain_value(delta.after)
    if new:
        return f"    {name}  {after}"
    share = share_of(delta)
    more = [
        *([f"{'+' if share > 0 else ''}{percent(share)}"] if share else []),
        *([SIDES[moved]] if moved is not None else []),
    ]
    told = f"  ({', '.join(more)})" if more else ""
    return f"    {name}  {explain_value(delta.before)} -> {after}{told}"


def share_of(delta: FieldDelta) -> Decimal | None:
    """How far an amount moves, as a fraction of what is there; None for anything else."""
    before, after = delta
    if not isinstance(before, Decimal) or not isinstance(after, Decimal) or before <= 0:
        return None
    return (after - before) / before


def explain_violation(violation: Mapping[str, Any]) -> Iterator[str]:
    """A broken guard, from its JSON: the rule in words, then measure, limit and setting, products.

    `price_fall at billing: a price falls too far`
    """
    rule = Rule(violation["rule"])
    yield f"{rule.value} at {violation['target']}: {RULES[rule]}"
    yield f"    {explain_measure(violation)}"
    skus, products = violation["skus"], violation["products"]
    more = f" and {products - len(skus)} more" if products > len(skus) else ""
    counts = f"{counted(products, 'product')}, {counted(violation['changes'], 'change')}"
    yield f"    {counts}: {', '.join(skus)}{more}"
    yield f"    fingerprint {violation['fingerprint']}"


def explain_measure(violation: Mapping[str, Any]) -> str:
    """By how much: `80.04 % (limit 30 %, set by guards.price_fall)`."""
    if violation["limit"] == "none":
        return str(violation["measure"])
    return f"{violation['measure']} (limit {violation['limit']}, set by {violation['setting']})"


def counted(number: int, noun: str) -> str:
    """`1 change`, `2 changes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def explain_finding(finding: Finding) -> str:
    """A finding as one line, with the targets that the product misses for it."""
    missed = ", ".join(sorted(target.value for target in finding.blocks))
    where = f" [not sent to {missed}]" if missed else ""
    return f"! {finding.sku}: {finding.message}{where}"


def explain_value(value: FieldValue) -> str:
    """A value short enough for a line."""
    plain = value_as_json(value)
    if plain is None or plain == "":
        return "(empty)"
    text = str(plain).lower() if isinstance(plain, bool) else str(plain)
    text = text.replace("\n", " ⏎ ")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
