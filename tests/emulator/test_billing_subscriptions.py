"""Billing subscriptions: a list that is read and nothing else (zoho-facts §3.10)."""

from __future__ import annotations

from typing import Any

import pytest

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.clock import ManualClock
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options

LIST = "/billing/v1/subscriptions"


def a_caller(scope: str = "", **billing: Any) -> Caller:
    """Two plans: A with three live subscriptions and two cancelled ones, B with one."""
    options = Options(
        billing=BillingOptions(**billing),
        limits=LimitOptions.unlimited(),
        oauth=OAuthOptions(scope=scope) if scope else OAuthOptions(),
    )
    caller = Caller(Emulator(options, ManualClock()))
    product = caller.emulator.add("billing", "products", {"name": "Fibre"})["id"]
    for code, live, cancelled in (("A", 3, 2), ("B", 1, 0)):
        plan = {"plan_code": code, "name": f"Plan {code}", "recurring_price": 9.5, "interval": 1}
        caller.emulator.add("billing", "plans", plan | {"product_id": product})
        caller.emulator.attach_subscriptions(code, live, cancelled)
    return caller


def listed(caller: Caller, **query: str) -> list[dict[str, Any]]:
    status, answer = caller("GET", LIST, **query)
    assert status == 200, answer
    return list(answer["subscriptions"])


def test_what_the_console_attached_is_listed() -> None:
    caller = a_caller()
    rows = listed(caller)
    assert [(r["plan_code"], r["status"]) for r in rows] == [
        ("B", "live"), ("A", "live"), ("A", "live"), ("A", "live"),
        ("A", "cancelled"), ("A", "cancelled"),
    ]  # fmt: skip
    assert len({r["subscription_id"] for r in rows}) == 6
    assert all(len(r["subscription_id"]) == 19 for r in rows)
    assert {r["name"] for r in rows} == {"Fibre-Plan A", "Fibre-Plan B"}
    assert listed(caller) == rows


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("SubscriptionStatus.All", 6),
        ("SubscriptionStatus.LIVE", 4),
        ("SubscriptionStatus.ACTIVE", 4),
        ("SubscriptionStatus.CANCELLED", 2),
        ("SubscriptionStatus.TRIAL", 0),
        ("SubscriptionMode.OFFLINE", 6),
        ("SubscriptionMode.ONLINE", 0),
    ],
)
def test_the_documented_filters(wanted: str, count: int) -> None:
    assert len(listed(a_caller(), filter_by=wanted)) == count


def test_another_filter_is_refused() -> None:
    caller = a_caller()
    assert caller("GET", LIST, filter_by="SubscriptionStatus.Live")[1]["code"] == 2
    customer = listed(caller)[0]["customer_id"]
    assert len(listed(caller, customer_id=customer)) == 1
    assert listed(caller, reference_contains="x") == []


def test_undocumented_filters_are_ignored_unless_honoured() -> None:
    assert len(listed(a_caller(), plan_code="B")) == 6
    assert len(listed(a_caller(honour_undocumented_filters=True), plan_code="B")) == 1


def test_where_the_plan_code_stands() -> None:
    nested = listed(a_caller(subscription_plan_code="nested"))[0]
    assert nested["plan"] == {"plan_code": "B"}
    assert "plan_code" not in nested
    absent = listed(a_caller(subscription_plan_code="absent"))[0]
    assert absent["plan_name"] == "Plan B"
    assert not {"plan", "plan_code"} & set(absent)


def test_pages() -> None:
    caller = a_caller()
    first = caller("GET", LIST, per_page="4")[1]
    second = caller("GET", LIST, per_page="4", page="2")[1]
    assert first["page_context"]["has_more_page"] is True
    assert second["page_context"]["has_more_page"] is False
    assert second["page_context"]["report_name"] == "Subscriptions"
    ids = [r["subscription_id"] for r in (*first["subscriptions"], *second["subscriptions"])]
    assert ids == [r["subscription_id"] for r in listed(caller)]


def test_it_wants_its_own_permission_and_is_only_read() -> None:
    narrow = a_caller(scope="ZohoSubscriptions.plans.READ")
    assert narrow("GET", LIST)[0] == 401
    right = a_caller(scope="ZohoSubscriptions.subscriptions.READ")
    assert right("GET", LIST)[0] == 200
    assert right("POST", LIST, {"plan": {"plan_code": "A"}})[0] == 405


def test_a_plan_with_cancelled_subscriptions_cannot_be_deleted() -> None:
    caller = a_caller()
    caller.emulator.attach_subscriptions("A", 0, 1)
    assert caller("DELETE", "/billing/v1/plans/A")[0] == 400
    caller.emulator.attach_subscriptions("A", 0)
    assert caller("DELETE", "/billing/v1/plans/A")[0] == 200
