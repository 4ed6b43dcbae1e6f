"""What a run has decided so far about each product."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from trueup.domain.records import TargetName
from trueup.domain.runs import ProductResult, ProductStatus, Verdict
from trueup.planner.draft import ProductDraft
from trueup.reconcile.scope import HeldLock, Workshop


@dataclass(slots=True)
class Book:
    """What a run has decided so far; settles products as they are decided."""

    shop: Workshop
    run_id: str
    lock: HeldLock
    started: datetime
    results: dict[str, ProductResult] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    def settle(self, decided: Iterable[tuple[ProductDraft, TargetName, Verdict]]) -> None:
        """Make verdicts durable and remember them for the report."""
        results = []
        for draft, target, verdict in decided:
            one = ProductResult(
                draft.offering_id, draft.sku, draft.name, draft.revision, {target: verdict}
            )
            results.append(one)
            with self.guard:
                known = self.results.get(draft.offering_id)
                before = dict(known.verdicts) if known else {}
                verdicts = {**before, target: _in_sum(before.get(target), verdict)}
                self.results[draft.offering_id] = replace(one, verdicts=verdicts)
        if results:
            ledger, fence = self.shop.ledger, self.lock.fence
            ledger.settle(results, self.run_id, fence, self.started)
        for one in results:
            self.shop.watcher.decided(one)

    def agreed(self, drafts: list[ProductDraft]) -> None:
        """Products that need nothing are verified at once."""
        self.settle(without_changes(drafts))


def _in_sum(before: Verdict | None, now: Verdict) -> Verdict:
    """What a later pass found equal was written before; a failure it could not look at stays."""
    if before is None or before.status not in (ProductStatus.OK, ProductStatus.FAILED):
        return now
    if before.status is ProductStatus.FAILED and now.status is ProductStatus.DEFERRED:
        return before
    return Verdict(ProductStatus.OK) if now.status is ProductStatus.UNCHANGED else now


def without_changes(
    drafts: Iterable[ProductDraft],
) -> list[tuple[ProductDraft, TargetName, Verdict]]:
    return [
        (draft, target, verdict)
        for draft in drafts
        for target in draft.due
        if (verdict := draft.verdict(target)) is not None
    ]


def deferred_at(
    drafts: Iterable[ProductDraft],
) -> list[tuple[ProductDraft, TargetName, Verdict]]:
    later = Verdict(ProductStatus.DEFERRED, "the run's limit of products was reached")
    return [(d, target, later) for d in drafts for target in d.due if d.changes_at(target)]
