"""Verdicts about products as columns: thousands of them travel in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trueup.domain.records import TargetName
from trueup.domain.runs import ProductResult, Verdict
from trueup.postgres.jsonfields import clean
from trueup.postgres.ledger_rows import STANDING


def settlement_values(results: Iterable[ProductResult]) -> dict[str, list[Any]]:
    """The arrays that `trueup.settle_products` takes; what was deferred is left out.

    Where a product is named twice for a target, the later verdict counts.
    """
    latest: dict[tuple[str, TargetName], tuple[ProductResult, Verdict]] = {}
    for result in results:
        for target, verdict in result.verdicts.items():
            if verdict.status in STANDING:
                latest[result.offering_id, target] = (result, verdict)
    decided = [(target, *pair) for (_, target), pair in latest.items()]
    return {
        "offerings": [result.offering_id for _, result, _ in decided],
        "skus": [clean(result.sku) for _, result, _ in decided],
        "targets": [target.value for target, _, _ in decided],
        "statuses": [STANDING[verdict.status].value for _, _, verdict in decided],
        "revisions": [result.revision for _, result, _ in decided],
        "errors": [_error(verdict) for _, _, verdict in decided],
        "permanent": [verdict.permanent for _, _, verdict in decided],
    }


def _error(verdict: Verdict) -> str | None:
    """Why it does not agree; where it does there is nothing to say."""
    if verdict.status.agrees or verdict.error is None:
        return None
    return clean(verdict.error)
