"""One product of Billing that several products of the catalogue were put into.

The predecessor kept Billing products by name, so that products of one name share one. Trueup never
shares: the first of them in the catalogue keeps it (`identity.Claimed`) and the others get their
own. Zoho cannot move a plan (zoho-facts §3.4), so a plan of the others stays where it is, with its
subscriptions, until it is replaced by a version, which lies in the right product. Until then what
it lies in is not taken off sale under it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from trueup.domain.changes import Action, Change, Finding, FindingKind
from trueup.domain.records import DesiredRecord, Kind, RemoteRecord
from trueup.planner.identity import Identity

_LISTED = 5


def misplaced(record: DesiredRecord, plan: RemoteRecord, identity: Identity) -> Finding | None:
    """What to say of a plan that lies in a Billing product which is not its own."""
    if record.key.kind is not Kind.BILLING_PLAN or record.retiring or not plan.parent_id:
        return None
    keeper = identity.keeper_of(plan.parent_id, record)
    if keeper is None:
        return None
    message = (
        f"the plan {record.key.code} lies in the Billing product {plan.parent_id}"
        f"{f' of {keeper}' if keeper else ', which is not its own'}: Zoho cannot move a plan,"
        " so it stays there until its next version, which will lie in its own"
    )
    return Finding(
        "plan_elsewhere", FindingKind.IDENTITY, record.sku, message, record.owner, frozenset()
    )


def leaving_products(changes: Iterable[Change]) -> frozenset[str]:
    """The remote ids of the Billing products that some change takes off sale."""
    return frozenset(c.remote_id for c in changes if _takes_product_off(c))


def occupied_products(
    changes: Iterable[Change], residents: Mapping[str, Collection[str]]
) -> dict[str, tuple[str, ...]]:
    """The products in which plans stay on sale, with those plans, when the changes are made."""
    leaving = {
        c.remote_id
        for c in changes
        if c.action is Action.RETIRE and c.key.kind is Kind.BILLING_PLAN
    }
    staying = {product: sorted(set(of) - leaving) for product, of in residents.items()}
    return {product: tuple(plans) for product, plans in staying.items() if plans}


def spared(
    changes: Iterable[Change], occupied: Mapping[str, tuple[str, ...]]
) -> tuple[list[Change], list[Finding]]:
    """The changes of one product without those that take an occupied product off sale, and why."""
    kept: list[Change] = []
    said: list[Finding] = []
    for change in changes:
        plans = occupied.get(change.remote_id, ()) if _takes_product_off(change) else ()
        if plans:
            said.append(_in_use(change, plans))
        else:
            kept.append(change)
    return kept, said


def _takes_product_off(change: Change) -> bool:
    return change.action is Action.RETIRE and change.key.kind is Kind.BILLING_PRODUCT


def _in_use(change: Change, plans: tuple[str, ...]) -> Finding:
    more = len(plans) - _LISTED
    named = ", ".join(plans[:_LISTED]) + (f" and {more} more" if more > 0 else "")
    message = (
        f"the Billing product {change.remote_id} stays active: plans that are not its own are in"
        f" it and on sale ({named})"
    )
    return Finding(
        "product_in_use", FindingKind.IDENTITY, change.sku, message, change.owner, frozenset()
    )
