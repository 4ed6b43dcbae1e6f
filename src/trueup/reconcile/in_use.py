"""How many live subscriptions the plans have that a survey would re-price or retire.

They are never touched (zoho-facts §3.7): a person who decides about a price should know whom it may
reach, and who stays on a plan that is sold no more. Asked once, and only when it matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trueup.domain.changes import Change
from trueup.domain.records import TargetName
from trueup.planner.mapping import FieldMap
from trueup.planner.succession import plan_in_question, plan_in_use
from trueup.ports import CountsSubscriptions
from trueup.reconcile.scope import Workshop
from trueup.reconcile.surveyed import Survey


def count_subscriptions(shop: Workshop, seen: Survey) -> None:
    """Note on each change of a plan's price or sale how many live subscriptions it may reach."""
    target: object = shop.targets.get(TargetName.BILLING)
    codes = {
        code
        for draft in seen.drafts
        for change in draft.planned
        if (code := plan_in_question(change, shop.mapping))
    }
    if not codes or not isinstance(target, CountsSubscriptions):
        return
    shop.watcher.phase("counting subscriptions")
    counts = target.subscriptions(sorted(codes))
    if counts is None:
        return
    for draft in seen.drafts:
        draft.planned = [_counted(change, counts, shop.mapping) for change in draft.planned]
        draft.findings += [found for c in draft.planned if (found := plan_in_use(c)) is not None]


def _counted(change: Change, counts: Mapping[str, int], mapping: FieldMap) -> Change:
    code = plan_in_question(change, mapping)
    return replace(change, subscriptions=counts.get(code, 0)) if code else change
