"""How many live subscriptions each plan has: read from the listing, and nothing else is done there.

Subscriptions are what customers agreed to (zoho-facts §3.7). Trueup never writes one; it counts
them, so that a person who decides about a price knows whom it may reach.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from trueup.domain.errors import TargetStoppedError
from trueup.zoho.billing_records import BASE, ORGANISATION
from trueup.zoho.codec import text
from trueup.zoho.http import Door
from trueup.zoho.paging import Row, billing_rows

PATH = f"{BASE}/subscriptions"
_LIVE = "live"
_FILTER = {"filter_by": "SubscriptionStatus.LIVE"}


def live_subscriptions(door: Door, org_id: str) -> Mapping[str, int] | None:
    """Live subscriptions by plan code; a plan without any is missing. None: it cannot be told.

    That is so without the permission, when the listing is refused or breaks off, and when a row
    does not say which plan it is for (its documentation does not promise that, zoho-facts §3.10).
    Never zero for "not known". One request per 200 live subscriptions. Where the permission is
    missing it may also cost a new token, because Billing's refusal looks like that of an expired
    one (zoho-facts §3.8): ask once a run, and only when the number matters.
    """
    headers = {ORGANISATION: org_id} if org_id else {}
    counts: Counter[str] = Counter()
    try:
        for row in billing_rows(door, PATH, "subscriptions", "subscription_id", _FILTER, headers):
            # The filter is documented, and looked at all the same: a status speaks for itself.
            if text(row.get("status")).lower() == _LIVE:
                code = plan_code(row)
                if not code:
                    return None
                counts[code] += 1
    except TargetStoppedError:
        return None
    return dict(counts)


def plan_code(row: Row) -> str:
    """The code of a subscription's plan: flat as live lists have it, or inside `plan`."""
    plan = row.get("plan")
    inner = plan.get("plan_code") if isinstance(plan, Mapping) else None
    return text(row.get("plan_code") or inner)
