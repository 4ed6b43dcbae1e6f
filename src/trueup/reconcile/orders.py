"""What somebody asks a run to do, and what they let pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trueup.domain.changes import Change
from trueup.domain.guards import Held
from trueup.domain.plan import Plan, change_as_json, fingerprint_of_json, mark_of
from trueup.domain.runs import Trigger
from trueup.ports import Decision
from trueup.reconcile.scope import Scope
from trueup.reconcile.surveyed import Survey

_NOT_APPROVED = "needs something that is not in the approved plan"


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person lets pass in this run: a plan's fingerprint, or that of one of its violations.

    It is void when the plan is another one by now.
    """

    fingerprint: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked for: a scope, who asked, and how.

    `approved_plan` limits the run to exactly these changes; what differs from them is stale.
    """

    scope: Scope
    trigger: Trigger
    approved_plan: Sequence[Mapping[str, object]] | None = None
    trust_smaller: bool = False
    bounded: bool = True
    approval: Approval | None = None


def approved_by(plan: Plan, fingerprint: str) -> list[Held]:
    """What somebody approves who names a plan, one of its violations, or a single change.

    What a person has said no to is approved by its own fingerprint alone.
    """
    if fingerprint == plan.fingerprint:
        return [one for one in plan.held if not one.rejected]
    rules = {(v.target, v.rule) for v in plan.violations if v.fingerprint == fingerprint}
    return [
        one
        for one in plan.held
        if mark_of(one.change) == fingerprint
        or (not one.rejected and any((one.change.target, rule) in rules for rule in one.rules))
    ]


def keep_only(seen: Survey, approved: Sequence[Mapping[str, object]]) -> int:
    """Drop every change that is not exactly among the approved ones; returns how many are stale."""
    wanted = {fingerprint_of_json([change]) for change in approved}
    kept: set[str] = set()

    def stays(change: Change) -> bool:
        mark = fingerprint_of_json([change_as_json(change)])
        kept.add(mark)
        return mark in wanted

    for held in seen.held:
        stays(held.change)
    for draft in seen.drafts:
        dropped = [change for change in draft.changes if not stays(change)]
        draft.unread = {**draft.unread, **{c.target: _NOT_APPROVED for c in dropped}}
        draft.changes = [change for change in draft.changes if stays(change)]
    seen.leftovers = [change for change in seen.leftovers if stays(change)]
    return len(wanted - kept)
