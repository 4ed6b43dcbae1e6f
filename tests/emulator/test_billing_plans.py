"""Billing plans and addons (zoho-facts §3.4, §3.5)."""

from __future__ import annotations

from typing import Any

import pytest

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.clock import ManualClock
from zoho_emulator.options import LimitOptions, Options

PLANS = "/billing/v1/plans"
ADDONS = "/billing/v1/addons"
PUT_BODY = {"plan_code": "FIB-100", "name": "Fibre 100", "recurring_price": 899, "interval": 1}


class Account(Caller):
    """A caller with one product to hang plans on."""

    def __init__(self, **billing: Any) -> None:
        options = Options(billing=BillingOptions(**billing), limits=LimitOptions.unlimited())
        super().__init__(Emulator(options, ManualClock()))
        answer = self("POST", "/billing/v1/products", {"name": "Fibre"})[1]
        self.product_id: str = answer["product"]["product_id"]

    def plan(self, **changes: Any) -> dict[str, Any]:
        return PUT_BODY | {"product_id": self.product_id} | changes

    def addon(self, **changes: Any) -> dict[str, Any]:
        return {
            "addon_code": "IP-1",
            "name": "Static address",
            "unit_name": "address",
            "price_brackets": [{"price": 49.0}],
            "product_id": self.product_id,
        } | changes


def test_a_plan_lives_through_all_seven_operations() -> None:
    caller = Account()
    status, answer = caller("POST", PLANS, caller.plan())
    assert (status, answer["message"]) == (201, "The plan has been created.")
    assert answer["plan"]["billing_cycles"] == -1
    assert answer["plan"]["interval_unit"] == "months"
    assert isinstance(answer["plan"]["recurring_price"], float)
    one = f"{PLANS}/FIB-100"
    status, answer = caller("PUT", one, PUT_BODY | {"recurring_price": 949.0})
    assert (status, answer["message"]) == (200, "The plan details has been updated.")
    assert caller("GET", one)[1]["plan"]["recurring_price"] == 949.0
    assert caller("POST", f"{one}/markasinactive")[1]["message"].endswith("marked as inactive.")
    assert caller("GET", PLANS, filter_by="PlanStatus.ACTIVE")[1]["plans"] == []
    assert caller("POST", f"{one}/markasactive")[0] == 200
    assert caller("DELETE", one)[1]["message"] == "The plan has been deleted."
    assert caller("GET", one) == (404, {"code": 1002, "message": "Plan does not exist."})


def test_a_plan_id_is_in_lists_and_by_option_everywhere() -> None:
    for everywhere in (False, True):
        caller = Account(plan_id_everywhere=everywhere)
        created = caller("POST", PLANS, caller.plan())[1]["plan"]
        assert ("plan_id" in created) is everywhere
        assert "plan_id" in caller("GET", PLANS)[1]["plans"][0]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"billing_cycles": 0}, 2, "billing_cycles"),
        ({"billing_cycles": -2}, 2, "billing_cycles"),
        ({"plan_code": "FIB 100"}, 2, "plan_code"),
        ({"plan_code": "FIB/100"}, 2, "plan_code"),
        ({"plan_code": "F" * 100}, 15, "plan_code"),
        ({"name": "F" * 100}, 15, "name"),
        ({"recurring_price": "899.00"}, 2, "recurring_price"),
        ({"recurring_price": None}, 2, "recurring_price"),
        ({"recurring_price": True}, 2, "recurring_price"),
        ({"recurring_price": -1}, 2, "recurring_price"),
        ({"interval": 1.5}, 2, "interval"),
        ({"interval": 0}, 2, "interval"),
        ({"interval_unit": "monthly"}, 2, "interval_unit"),
        ({"product_id": "1"}, 4, "product_id"),
        ({"product_id": ""}, 4, "product_id"),
        ({"tax_id": "1"}, 4, "tax_id"),
        ({"status": "active"}, 2, "status"),
        ({"currency_code": "ZAR"}, 2, "currency_code"),
        ({"description": "x" * 2001}, 15, "description"),
        ({"tags": "x"}, 2, "tags"),
        ({"tags": ["x"]}, 2, "tags"),
        ({"custom_fields": [{"label": "Speed", "value": "1"}]}, 120129, "custom_fields"),
    ],
)
def test_a_bad_plan_is_refused(changes: dict[str, Any], code: int, field: str) -> None:
    caller = Account()
    status, answer = caller("POST", PLANS, caller.plan(**changes))
    assert (status, answer["code"]) == (400, code)
    assert field in answer["message"]
    assert caller.emulator.records("billing", "plans") == []


@pytest.mark.parametrize("missing", ["plan_code", "name", "recurring_price", "interval"])
def test_put_needs_what_the_documentation_says(missing: str) -> None:
    caller = Account()
    caller("POST", PLANS, caller.plan())
    body = {name: value for name, value in PUT_BODY.items() if name != missing}
    status, answer = caller("PUT", f"{PLANS}/FIB-100", body)
    assert (status, answer["code"]) == (400, 4)
    assert missing in answer["message"]


def test_a_plan_moves_neither_its_product_nor_its_code() -> None:
    caller = Account()
    caller("POST", PLANS, caller.plan())
    assert caller("PUT", f"{PLANS}/FIB-100", caller.plan())[1]["code"] == 2
    renamed = PUT_BODY | {"plan_code": "FIB-200"}
    assert caller("PUT", f"{PLANS}/FIB-100", renamed)[1]["code"] == 2


@pytest.mark.parametrize(("resets", "setup_fee", "cycles"), [(False, 99.0, 12), (True, 0.0, -1)])
def test_what_a_put_leaves_out_stays_or_resets(resets: bool, setup_fee: float, cycles: int) -> None:
    caller = Account(put_resets=resets)
    caller("POST", PLANS, caller.plan(setup_fee=99, billing_cycles=12))
    plan = caller("PUT", f"{PLANS}/FIB-100", PUT_BODY)[1]["plan"]
    assert (plan["setup_fee"], plan["billing_cycles"]) == (setup_fee, cycles)
    assert plan["product_id"] == caller.product_id


def test_plan_codes_are_unique_without_regard_to_case_and_status() -> None:
    caller = Account()
    caller("POST", PLANS, caller.plan())
    caller("POST", f"{PLANS}/FIB-100/markasinactive")
    assert caller("POST", PLANS, caller.plan(plan_code="fib-100"))[1]["code"] == 9999
    assert caller("GET", f"{PLANS}/fib-100")[0] == 404


def test_prices_are_rounded_half_up_to_the_cent() -> None:
    caller = Account()
    plan = caller("POST", PLANS, caller.plan(recurring_price=10.005))[1]["plan"]
    assert plan["recurring_price"] == 10.01


def test_the_undocumented_plan_code_filter_is_ignored_unless_switched_on() -> None:
    for honoured, found in ((False, 2), (True, 1)):
        caller = Account(honour_undocumented_filters=honoured)
        caller("POST", PLANS, caller.plan())
        caller("POST", PLANS, caller.plan(plan_code="FIB-200"))
        assert len(caller("GET", PLANS, plan_code="FIB-100")[1]["plans"]) == found


def test_documented_plan_filters() -> None:
    caller = Account()
    caller("POST", PLANS, caller.plan())
    caller("POST", PLANS, caller.plan(plan_code="FIB-200"))
    caller("POST", f"{PLANS}/FIB-200/markasinactive")

    def codes(**query: str) -> list[str]:
        return [plan["plan_code"] for plan in caller("GET", PLANS, **query)[1]["plans"]]

    assert codes() == ["FIB-200", "FIB-100"]
    assert codes(filter_by="PlanStatus.INACTIVE") == ["FIB-200"]
    assert codes(product_id=caller.product_id, filter_by="PlanStatus.ACTIVE") == ["FIB-100"]
    assert codes(product_id="1") == []
    assert caller("GET", PLANS, filter_by="Nonsense")[1]["code"] == 2


def test_an_encoded_slash_stays_inside_its_segment() -> None:
    caller = Account()
    fields = {"plan_code": "A/B", "name": "Odd", "recurring_price": 1.0, "interval": 1}
    caller.emulator.add("billing", "plans", fields)
    assert caller("GET", f"{PLANS}/A%2FB")[1]["plan"]["plan_code"] == "A/B"
    assert caller("GET", f"{PLANS}/A/B")[1]["code"] == 5


def test_an_addon_lives_through_all_seven_operations() -> None:
    caller = Account()
    status, answer = caller("POST", ADDONS, caller.addon())
    assert (status, answer["message"]) == (201, "The addon has been created")
    assert answer["addon"]["pricing_scheme"] == "unit"
    one = f"{ADDONS}/IP-1"
    assert caller("GET", one)[1]["addon"]["type"] == "recurring"
    updated = caller("PUT", one, caller.addon(name="Address"))[1]
    assert updated["message"] == "The addon details have been updated."
    listed = caller("GET", ADDONS, filter_by="AddonStatus.RECURRING")[1]["addons"]
    assert listed[0]["addon_id"]
    assert caller("GET", ADDONS, filter_by="AddonStatus.ONETIME")[1]["addons"] == []
    assert caller("POST", f"{one}/markasinactive")[1]["message"].endswith("marked as inactive.")
    assert caller("POST", f"{one}/markasactive")[0] == 200
    assert caller("DELETE", one)[1]["message"] == "The addon has been deleted."
    assert caller("GET", one)[1] == {"code": 1002, "message": "Addon does not exist."}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"interval_unit": "months"}, "interval_unit"),
        ({"applicable_to_all_plans": False}, "plans"),
        ({"plans": [{"plan_code": "NONE"}]}, "plan_code"),
        ({"price_brackets": []}, "price_brackets"),
        ({"price_brackets": [{"price": "1"}]}, "price"),
        ({"pricing_scheme": "volume"}, "start_quantity"),
        ({"pricing_scheme": "package"}, "end_quantity"),
        ({"addon_code": "IP 1"}, "addon_code"),
        ({"product_id": "1"}, "product_id"),
    ],
)
def test_a_bad_addon_is_refused(changes: dict[str, Any], field: str) -> None:
    caller = Account()
    status, answer = caller("POST", ADDONS, caller.addon(**changes))
    assert status == 400
    assert answer["message"].endswith(field)
