"""Guards between planning and writing: gather what judging needs, let the pure core judge."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from trueup.planner.guard import Guard
from trueup.planner.refusals import outgrown
from trueup.reconcile.scope import Workshop
from trueup.reconcile.surveyed import Survey


def guard(shop: Workshop, seen: Survey, approved: Collection[str] = ()) -> None:
    """Divide what was planned into what passes and what waits for a person.

    `approved` are fingerprints of single changes that pass, besides those approved before.
    """
    owners = [draft for draft in seen.drafts for _ in draft.planned]
    planned = [change for draft in seen.drafts for change in draft.planned]
    planned += seen.planned_leftovers
    evidence = shop.guardbook.evidence(planned, seen.started, shop.guards)
    seen.outgrown = outgrown(planned, evidence.refused)
    refused = {place: no for place, no in evidence.refused.items() if place not in seen.outgrown}
    passing = evidence.approved | frozenset(approved)
    evidence = replace(evidence, approved=passing, refused=refused)
    judged = Guard(shop.guards, shop.mapping).judge(planned, evidence)
    seen.violations = judged.violations
    seen.leftovers, seen.held_leftovers = [], []
    for draft in seen.drafts:
        draft.changes, draft.held = [], []
    for place, (free, held) in enumerate(zip(judged.free, judged.held, strict=True)):
        if place < len(owners):
            owners[place].changes += free
            owners[place].held += held
        else:
            seen.leftovers += free
            seen.held_leftovers += held
