"""Drawing up a plan and showing it."""

from __future__ import annotations

import json as json_text
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from trueup.cli import output
from trueup.domain.changes import Action, Reason
from trueup.domain.errors import UsageError
from trueup.domain.guards import Rule
from trueup.domain.plan import Plan, count_actions, violation_as_json
from trueup.domain.records import Kind, TargetName
from trueup.planner.explain import explain_change, explain_finding, explain_violation
from trueup.reconcile import drawing
from trueup.reconcile.drawing import Drawn
from trueup.views.times import lasted

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.scope import Scope

_SHOWN = 40  # changes written out on a terminal; a pipe and a file get all


def draw(
    app: App, scope: Scope, *, max_products: int | None = None, trust_smaller: bool = False
) -> Drawn:
    """Look at both sides and plan for at most so many products."""
    return drawing.draw(
        app.workshop(),
        scope,
        f"plan-{secrets.token_hex(6)}",
        max_products=max_products,
        trust_smaller=trust_smaller,
    )


def show_plan(plan: Plan, *, findings: bool = True, whole: bool = True) -> None:
    """A plan as text: findings, changes with before and after, counts, estimate.

    Not `whole`: a target could not be read, so that no changes there mean nothing.
    """
    if plan.findings and findings:
        output.heading("Findings")
        for finding in plan.findings:
            output.say(explain_finding(finding), "magenta" if finding.held else "yellow")
    if plan.changes:
        output.heading("Changes")
    held = {id(one.change): one.rules for one in plan.held}
    shown = plan.changes[:_SHOWN] if output.on_terminal() else plan.changes
    for change in shown:
        rules = held.get(id(change), ())
        first, *rest = explain_change(change, rules)
        output.say(first, "magenta" if rules else _COLOURS[change.action])
        for line in rest:
            output.say(line, "dim" if change.action is Action.CREATE else "")
    if len(shown) < len(plan.changes):
        output.say(
            f"… and {len(plan.changes) - len(shown)} more; --out FILE or a pipe shows all", "dim"
        )
    show_violations([violation_as_json(one) for one in plan.violations])
    _show_counts(plan, whole=whole)


def show_violations(violations: Sequence[Mapping[str, Any]], run_id: str = "") -> None:
    """The guards that were broken, each with what to do: decide on the run, or let a plan pass."""
    asked = [one for one in violations if one["rule"] != Rule.REJECTED]
    _show_guards("Held for a person", asked, run_id)
    rejected = [one for one in violations if one["rule"] == Rule.REJECTED]
    _show_guards("Rejected by a person", rejected, run_id)


def _show_guards(title: str, violations: Sequence[Mapping[str, Any]], run_id: str) -> None:
    if violations:
        output.heading(title)
    for one in violations:
        first, *rest = explain_violation(one)
        output.say(first, "magenta")
        for line in rest:
            output.say(line)
        output.say(f"    → {_decision(one, run_id)}", "cyan")


def _decision(violation: Mapping[str, Any], run_id: str) -> str:
    rule, sku = violation["rule"], next(iter(violation["skus"]), "SKU")
    if rule == Rule.REJECTED:
        run = run_id or "RUN"
        return (
            f"nobody is asked again; `trueup approve {run} --sku {shlex.quote(sku)}` takes it back"
        )
    if run_id:
        return (
            f"`trueup approve {run_id} --guard {rule}` or `trueup reject {run_id} --guard {rule}`"
        )
    return f"a run holds this; `trueup run --approve {violation['fingerprint']}` lets it pass"


_COLOURS = {
    Action.CREATE: "green",
    Action.ADOPT: "cyan",
    Action.UPDATE: "yellow",
    Action.RETIRE: "red",
}


def _verdict_of_empty(plan: Plan, *, whole: bool) -> tuple[str, str]:
    """What an empty plan means, and its style: only what was compared can agree."""
    if not whole:
        return "Cannot tell: not everything could be read.", "bold red"
    if not plan.looked:
        return "Nothing is due, so nothing was compared; `trueup drift` compares it all.", "bold"
    if any(finding.blocks for finding in plan.findings):
        return "Nothing to do, but some rows wait for a correction.", "bold yellow"
    return "Nothing to do: both targets agree with the catalogue.", "bold green"


def _show_counts(plan: Plan, *, whole: bool) -> None:
    output.heading("Plan")
    rows = [
        (target.value, *(counts[action] for action in Action))
        for target, counts in count_actions(plan.changes).items()
    ]
    if plan.empty:
        output.say(*_verdict_of_empty(plan, whole=whole))
    else:
        output.table(("target", *(f"#{action.value}" for action in Action)), rows)
    held = sum(1 for f in plan.findings if f.held)
    refused = sum(1 for f in plan.findings if f.blocks and not f.held)
    output.facts(
        {
            "products compared": plan.looked,
            "need nothing": plan.unchanged,
            **({"wait for a person": _count_held(plan)} if plan.held else {}),
            "held or refused": f"{held} held, {refused} refused" if held or refused else "none",
            "estimate": f"{plan.estimate.requests} requests, {lasted(plan.estimate.seconds)}"
            " at the rate limit",
            "fingerprint": plan.fingerprint,
        }
    )


def _count_held(plan: Plan) -> str:
    asks = sum(1 for one in plan.held if not one.rejected)
    rejected = len(plan.held) - asks
    return f"{asks} changes" + (f", {rejected} more were rejected" if rejected else "")


def save_plan(plan: Plan, scope: Scope, file: Path) -> None:
    """Write a plan down so that exactly it can be applied."""
    document = {
        "trueup_plan": 1,
        "scope": {"targets": [t.value for t in scope.targets], "skus": list(scope.skus)},
        **plan.as_json(),
    }
    try:
        file.write_text(json_text.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the plan cannot be written to {file}: {error.strerror}") from None


class _SavedScope(msgspec.Struct):
    """What a saved plan was made for."""

    targets: list[TargetName]
    skus: list[str]


class _SavedChange(msgspec.Struct):
    """One change of a saved plan, as `Plan.as_json` writes it."""

    target: TargetName
    kind: Kind
    code: str
    action: Action
    reason: Reason
    sku: str
    deltas: dict[str, tuple[Any, Any]]


class _SavedPlan(msgspec.Struct):
    """A saved plan, as far as it is needed to apply it."""

    scope: _SavedScope
    changes: list[_SavedChange]


def read_plan(file: Path, scope: Scope) -> tuple[Scope, Sequence[dict[str, Any]]]:
    """A saved plan: the scope that it was made for, and its changes."""
    try:
        saved = msgspec.json.decode(file.read_bytes(), type=_SavedPlan)
    except OSError as error:
        raise UsageError(f"the plan {file} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is not a plan: {error}", "make one with `trueup plan --out FILE`"
        ) from None
    kept = tuple(t for t in scope.targets if t in saved.scope.targets)
    return replace(scope, targets=kept, skus=scope.skus or tuple(saved.scope.skus)), [
        msgspec.to_builtins(change) for change in saved.changes
    ]
