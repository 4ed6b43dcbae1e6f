"""How many requests a plan costs, before any is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from trueup.domain.changes import Action, Change
from trueup.domain.records import TargetName


def count_requests(changes: Iterable[Change], batch_size: int) -> int:
    """An upper bound: CRM records travel in batches, Billing records one by one.

    A Billing update reads the record again just before it is written, the sale status has requests
    of its own (zoho-facts §3.2), and a plan that goes looks at the one that takes over.
    """
    crm: Counter[bool] = Counter()
    billing = 0
    for change in changes:
        if not change.writes:
            continue
        if change.target is TargetName.CRM:
            crm[change.action is Action.CREATE] += 1
        elif change.action is Action.CREATE:
            billing += 1
        else:
            fields = len(change.deltas) - (change.activates is not None)
            billing += 2 * bool(fields) + (change.activates is not None) + len(change.needs)
    return billing + sum(-(-count // batch_size) for count in crm.values())
