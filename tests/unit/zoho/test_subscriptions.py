"""Live subscriptions by plan: counted whole, or not told at all (zoho-facts §3.10)."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from support.zoho import Zoho, emulated, scripted
from trueup.zoho.subscriptions import PATH, live_subscriptions
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options


def an_organisation(scope: str = "", **billing: Any) -> tuple[Zoho, Emulator]:
    """A has 230 live subscriptions and three cancelled ones, B one, C none."""
    options = Options(
        limits=LimitOptions.unlimited(),
        billing=BillingOptions(**billing),
        oauth=OAuthOptions(scope=scope) if scope else OAuthOptions(),
    )
    zoho, emulator = emulated(options)
    for code, live, cancelled in (("A", 230, 3), ("B", 1, 0), ("C", 0, 2)):
        plan = {"plan_code": code, "name": "Fibre", "recurring_price": 9.5, "interval": 1}
        emulator.add("billing", "plans", plan)
        emulator.attach_subscriptions(code, live, cancelled)
    return zoho, emulator


@pytest.mark.parametrize("place", ["flat", "nested"])
def test_they_are_counted_by_plan_over_all_pages(place: str) -> None:
    """A plan without any is missing; cancelled ones do not count."""
    zoho, emulator = an_organisation(subscription_plan_code=place)
    assert live_subscriptions(zoho.door, emulator.options.org_id) == {"A": 230, "B": 1}
    asked = [e for e in emulator.journal() if e["path"] == PATH]
    assert [(e["method"], e["query"]["page"]) for e in asked] == [("GET", "1"), ("GET", "2")]


def test_a_row_that_names_no_plan_makes_all_of_it_unknown() -> None:
    """Names of plans are not unique, so they are not used instead."""
    zoho, emulator = an_organisation(subscription_plan_code="absent")
    assert live_subscriptions(zoho.door, emulator.options.org_id) is None


def test_no_subscription_at_all_is_known() -> None:
    zoho, emulator = emulated()
    assert live_subscriptions(zoho.door, emulator.options.org_id) == {}


def test_a_missing_permission_is_not_zero() -> None:
    zoho, emulator = an_organisation(scope="ZohoSubscriptions.plans.READ")
    assert live_subscriptions(zoho.door, emulator.options.org_id) is None


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "refuse", "code": "5", "status": 404},
        {"do": "refuse", "code": "6041"},
        {"do": "server_error"},
        {"do": "error_html"},
        {"do": "empty_204"},
        {"do": "throttle"},
        {"do": "refuse", "code": "45", "status": 429},
    ],
)
@pytest.mark.parametrize("page", [1, 2])
def test_a_listing_that_breaks_off_is_not_a_smaller_number(
    fault: dict[str, Any], page: int
) -> None:
    zoho, emulator = an_organisation()
    emulator.add_faults([{"match": {"path": PATH, "after": page - 1}, **fault}])
    assert live_subscriptions(zoho.door, emulator.options.org_id) is None


def test_a_filter_that_is_ignored_counts_nobody_who_left() -> None:
    """The status of each row is believed, not the filter."""
    rows = [
        {"subscription_id": str(n), "status": status, "plan_code": "A"}
        for n, status in enumerate(["live", "cancelled", "Live", "trial", None])
    ]
    answer = {"code": 0, "subscriptions": rows, "page_context": {"has_more_page": False}}
    zoho, asked = scripted(httpx2.Response(200, json=answer))
    assert live_subscriptions(zoho.door, "7") == {"A": 2}
    assert asked[0].url.params["filter_by"] == "SubscriptionStatus.LIVE"
    assert asked[0].headers["X-com-zoho-subscriptions-organizationid"] == "7"
