"""Drawing up a plan without carrying it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trueup.domain.errors import TargetStoppedError
from trueup.domain.plan import Plan
from trueup.domain.records import TargetName
from trueup.planner.order import choose
from trueup.reconcile.scope import Scope, Workshop
from trueup.reconcile.survey import survey


@dataclass(frozen=True, slots=True)
class Drawn:
    """A plan, and why it lacks a target, if it does."""

    plan: Plan
    stopped: Mapping[TargetName, TargetStoppedError] = field(default_factory=dict)

    @property
    def trouble(self) -> TargetStoppedError | None:
        """What stopped a target; of two, the one that a person must mend."""
        return max(self.stopped.values(), key=lambda error: error.exit_code, default=None)


def draw(
    shop: Workshop,
    scope: Scope,
    reading: str,
    *,
    max_products: int | None = None,
    trust_smaller: bool = False,
) -> Drawn:
    """Look at both sides and plan for at most so many products; `reading` names what is read."""
    seen = survey(shop, scope, reading, trust_smaller=trust_smaller)
    if max_products is not None:
        chosen, _ = choose([d.whole_work() for d in seen.drafts if d.changes], max_products)
        kept = {work.owner for work in chosen}
        for draft in seen.drafts:
            if draft.offering_id not in kept:
                draft.changes = []
    plan = seen.plan(batch_size=shop.limits.batch_size, rate=shop.limits.rate)
    return Drawn(plan, seen.stopped)


def drawn_as_json(drawn: Drawn) -> dict[str, Any]:
    """The one document of a plan; `error` and `remedy` where a target could not be read."""
    document = drawn.plan.as_json()
    if drawn.trouble is None:
        return document
    return {**document, "error": drawn.trouble.message, "remedy": drawn.trouble.remedy}
