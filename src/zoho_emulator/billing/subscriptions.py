"""Billing subscriptions: what customers have, read-only here (zoho-facts §3.10).

Nobody subscribes and nobody is billed: the console says how many subscriptions run on a plan, and
the list shows that many rows, made up as they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zoho_emulator.billing.dialect import refuse_value
from zoho_emulator.billing.paging import cut_page
from zoho_emulator.billing.resource import answer
from zoho_emulator.billing.store import BillingStore, Record
from zoho_emulator.wire import JsonDocument, Request, Response
from zoho_emulator.world import World

_STATUSES = (
    "All", "ACTIVE", "LIVE", "FUTURE", "TRIAL", "PAST_DUE", "UNPAID", "NON_RENEWING",
    "CANCELLED_FROM_DUNNING", "CANCELLED", "EXPIRED", "TRIAL_EXPIRED", "CANCELLED_LAST_MONTH",
    "CANCELLED_THIS_MONTH",
)  # fmt: skip
_FILTERS: Mapping[str, str] = {
    **{f"SubscriptionStatus.{status}": status for status in _STATUSES},
    "SubscriptionMode.ONLINE": "none",  # every subscription here is paid by invoice
    "SubscriptionMode.OFFLINE": "All",
}
# What `ACTIVE` takes in is not documented: here it is what `LIVE` is (zoho-facts §3.10).
_SHOWN: Mapping[str, frozenset[str]] = {
    "All": frozenset({"live", "cancelled"}),
    "ACTIVE": frozenset({"live"}),
    "LIVE": frozenset({"live"}),
    "CANCELLED": frozenset({"cancelled"}),
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One row; `number` counts the subscriptions of its plan."""

    plan: Record
    status: str
    number: int

    @property
    def id(self) -> str:
        """A 19-digit id that follows from the plan's, so that it is the same on every page."""
        return f"{self.plan.id[:13]}{self.number:06d}"

    @property
    def customer_id(self) -> str:
        """Everybody has one subscription."""
        return f"{self.plan.id[:12]}1{self.number:06d}"


def list_subscriptions(world: World, request: Request) -> Response:
    """`GET /subscriptions`, newest plan first; `plan_code` and `product_id` are no filters."""
    store = world.billing
    applied = request.query.get("filter_by", "SubscriptionStatus.All")
    if applied not in _FILTERS:
        refuse_value("filter_by")
    statuses = _SHOWN.get(_FILTERS[applied], frozenset())
    wanted = _test(store, request.query)
    rows = [row for row in _every(store) if row.status in statuses and wanted(row)]
    context: JsonDocument = {
        "report_name": "Subscriptions",
        "applied_filter": applied,
        "sort_column": "created_time",
        "sort_order": "D",
    }
    page, page_context = cut_page(request, rows, context)
    shown = [_show(store, row) for row in page]
    return answer(200, "success", {"subscriptions": shown, "page_context": page_context})


def _every(store: BillingStore) -> list[Subscription]:
    found: list[Subscription] = []
    for plan in reversed(store.all("plans")):
        live = store.subscriptions.get(plan.id, 0)
        ended = store.cancelled.get(plan.id, 0)
        found += [Subscription(plan, "live", number) for number in range(live)]
        found += [Subscription(plan, "cancelled", live + number) for number in range(ended)]
    return found


def _test(store: BillingStore, query: Mapping[str, str]) -> Callable[[Subscription], bool]:
    """The documented filters, and by option those that clients wish for."""
    customer = query.get("customer_id")
    reference = query.get("reference_contains", "")
    honoured = query if store.options.honour_undocumented_filters else {}
    code, product = honoured.get("plan_code"), honoured.get("product_id")

    def wanted(row: Subscription) -> bool:
        fields = row.plan.fields
        return (
            not reference  # no subscription here has a reference
            and customer in {None, row.customer_id}
            and code in {None, fields["plan_code"]}
            and product in {None, fields.get("product_id")}
        )

    return wanted


def _show(store: BillingStore, row: Subscription) -> JsonDocument:
    """A row of the list: the plan's name always, its code as live lists have it, or by option."""
    fields = row.plan.fields
    created = store.stamp(row.plan.created_at)
    product = store.get("products", str(fields.get("product_id", "")))
    product_name = product.fields.get("name", "") if product else ""
    return {
        "subscription_id": row.id,
        "name": f"{product_name}-{fields.get('name', '')}",
        "status": row.status,
        "amount": fields.get("recurring_price"),
        "created_at": created[:10],
        "activated_at": created[:10],
        "current_term_starts_at": created[:10],
        "interval": fields.get("interval"),
        "interval_unit": fields.get("interval_unit", "months"),
        "auto_collect": False,
        "created_time": created,
        "updated_time": created,
        "reference_id": "",
        "customer_id": row.customer_id,
        "customer_name": f"Customer {row.number + 1}",
        "email": f"customer{row.number + 1}@harbour.example",
        "plan_name": fields.get("name", ""),
        "currency_code": store.org.currency,
        **_plan_code(store, str(fields["plan_code"])),
    }


def _plan_code(store: BillingStore, code: str) -> JsonDocument:
    match store.options.subscription_plan_code:
        case "flat":
            return {"plan_code": code}
        case "nested":
            return {"plan": {"plan_code": code}}
    return {}
