"""A plan in words: the same ones on a terminal, in a pipe and in a log."""

from __future__ import annotations

from collections.abc import Iterator

from trueup.domain.changes import Action, Change, Finding
from trueup.domain.plan import value_as_json
from trueup.domain.records import FieldValue

SIGNS = {Action.CREATE: "+", Action.ADOPT: "=", Action.UPDATE: "~", Action.RETIRE: "-"}
_LONGEST = 60


def explain_change(change: Change) -> Iterator[str]:
    """One line that says what and why, then one line a field: before -> after.

    `~ billing_plan/FIB-100 update (drifted)` and `    recurring_price  899.00 -> 949.00`.
    """
    yield f"{SIGNS[change.action]} {change.key} {change.action.value} ({change.reason.value})"
    for name, delta in change.deltas.items():
        after = explain_value(delta.after)
        if change.action is Action.CREATE:
            yield f"    {name}  {after}"
        else:
            yield f"    {name}  {explain_value(delta.before)} -> {after}"


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
