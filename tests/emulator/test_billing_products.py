"""Billing products, organisation header, envelope and paging (zoho-facts §3.1-3.3, §3.8)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.clock import ManualClock
from zoho_emulator.options import LimitOptions, Options

PRODUCTS = "/billing/v1/products"
ORGANISATION = "x-com-zoho-subscriptions-organizationid"


def an_account(**billing: Any) -> Caller:
    options = Options(billing=BillingOptions(**billing), limits=LimitOptions.unlimited())
    return Caller(Emulator(options, ManualClock()))


def make(caller: Caller, name: str = "Fibre", **more: Any) -> str:
    status, answer = caller("POST", PRODUCTS, {"name": name, **more})
    assert status == 201
    return str(answer["product"]["product_id"])


def test_a_product_lives_through_all_seven_operations() -> None:
    caller = an_account()
    product_id = make(caller, description="Home")
    one = f"{PRODUCTS}/{product_id}"
    assert caller("GET", one)[1]["product"]["description"] == "Home"
    status, answer = caller("PUT", one, {"name": "Fibre 2"})
    assert (status, answer["message"]) == (200, "The product details have been updated.")
    assert answer["product"]["description"] == "Home"
    answer = caller("POST", f"{one}/markasinactive")[1]
    assert answer == {"code": 0, "message": "The product has been marked as inactive."}
    assert caller("GET", one)[1]["product"]["status"] == "inactive"
    assert caller("POST", f"{one}/markasactive")[1]["message"].endswith("marked as active.")
    assert caller("GET", PRODUCTS)[1]["products"][0]["status"] == "active"
    assert caller("DELETE", one) == (200, {"code": 0, "message": "The product has been deleted."})
    assert caller("GET", one) == (404, {"code": 1002, "message": "Product does not exist."})


def test_times_have_the_organisation_zone_and_no_colon() -> None:
    caller = an_account()
    shown = caller("GET", f"{PRODUCTS}/{make(caller)}")[1]["product"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0200", shown["updated_time"])


def test_an_update_moves_the_updated_time_only() -> None:
    caller = an_account()
    one = f"{PRODUCTS}/{make(caller)}"
    caller.emulator.advance(60)
    shown = caller("PUT", one, {"name": "Other"})[1]["product"]
    assert shown["created_time"].endswith("02:00:00+0200")
    assert shown["updated_time"].endswith("02:01:00+0200")


def test_live_lists_count_what_hangs_on_a_product() -> None:
    caller = an_account()
    plan = {"plan_code": "A", "name": "A", "recurring_price": 1, "interval": 1}
    caller("POST", "/billing/v1/plans", plan | {"product_id": make(caller)})
    assert caller("GET", PRODUCTS)[1]["products"][0]["plans_count"] == 1


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({}, 4, "Invalid value passed for name"),
        ({"name": ""}, 4, "Invalid value passed for name"),
        ({"name": None}, 2, "Invalid value passed for name"),
        ({"name": 5}, 2, "Invalid value passed for name"),
        ({"name": "A", "description": None}, 2, "Invalid value passed for description"),
        ({"name": "A", "sku": "X"}, 2, "Invalid value passed for sku"),
        ({"name": "A" * 101}, 15, "Please ensure that the name has less than 100 characters."),
        ([], 4, "Invalid value passed for JSONString"),
        (b"{", 4, "Invalid value passed for JSONString"),
    ],
)
def test_a_bad_body_is_refused(body: object, code: int, message: str) -> None:
    assert an_account()("POST", PRODUCTS, body) == (400, {"code": code, "message": message})


def test_unknown_fields_can_be_passed_over() -> None:
    caller = an_account(unknown_fields="ignore")
    status, answer = caller("POST", PRODUCTS, {"name": "A", "sku": "X"})
    assert status == 201
    assert "sku" not in answer["product"]


def test_a_second_product_of_one_name_is_refused_unless_allowed() -> None:
    caller = an_account(duplicate_code=4711)
    make(caller, "Fibre")
    status, answer = caller("POST", PRODUCTS, {"name": " FIBRE "})
    assert (status, answer["code"]) == (400, 4711)
    caller = an_account(product_names_unique=False)
    assert make(caller) != make(caller)


def test_a_product_keeps_its_own_name_on_update() -> None:
    caller = an_account()
    one, other = make(caller, "A"), make(caller, "B")
    assert caller("PUT", f"{PRODUCTS}/{one}", {"name": "a"})[0] == 200
    assert caller("PUT", f"{PRODUCTS}/{other}", {"name": "A"})[0] == 400


def test_a_product_with_plans_cannot_be_deleted_unless_allowed() -> None:
    for blocks, status in ((True, 400), (False, 200)):
        caller = an_account(attached_blocks_delete=blocks)
        product_id = make(caller)
        plan = {"plan_code": "A", "name": "A", "recurring_price": 1, "interval": 1}
        caller("POST", "/billing/v1/plans", plan | {"product_id": product_id})
        assert caller("DELETE", f"{PRODUCTS}/{product_id}")[0] == status


def test_the_organisation_header() -> None:
    """A wrong organisation is refused; a missing one is the default one unless strict."""
    for strict, missing in ((False, 200), (True, 400)):
        caller = an_account(strict_org_header=strict)
        org_id = caller.emulator.options.org_id
        assert caller("GET", PRODUCTS)[0] == missing
        assert caller("GET", PRODUCTS, headers={ORGANISATION: org_id})[0] == 200
        assert caller("GET", PRODUCTS, organization_id=org_id)[0] == 200
        status, answer = caller("GET", PRODUCTS, headers={ORGANISATION: "1"})
        assert (status, answer["code"]) == (400, 6041)


def test_organisations_and_taxes_can_be_read() -> None:
    caller = an_account()
    organisations = caller("GET", "/billing/v1/organizations")[1]["organizations"]
    assert [row["organization_id"] for row in organisations] == [caller.emulator.options.org_id]
    one = f"/billing/v1/organizations/{caller.emulator.options.org_id}"
    assert caller("GET", one)[1]["organization"]["currency_code"] == "ZAR"
    assert caller("GET", "/billing/v1/organizations/5")[1]["code"] == 6041
    taxes = caller("GET", "/billing/v1/settings/taxes")[1]["taxes"]
    assert [tax["tax_percentage"] for tax in taxes] == ["15", "0"]
    assert caller("GET", "/billing/v1/settings/taxexemptions")[1]["tax_exemptions"] == []
    assert caller("GET", "/billing/v1/settings/taxauthorities")[1]["tax_authorities"]


def test_unknown_paths_and_methods() -> None:
    caller = an_account()
    assert caller("GET", "/billing/v1/nothing") == (
        404,
        {"code": 5, "message": "Invalid URL Passed"},
    )
    assert caller("PATCH", PRODUCTS)[1]["code"] == 37
    assert caller.emulator.handle(caller.request("GET", "/other")).response.status == 404


def test_an_empty_list_is_an_answer_with_a_page_context() -> None:
    status, answer = an_account()("GET", PRODUCTS)
    assert (status, answer["products"]) == (200, [])
    context = answer["page_context"]
    assert (context["page"], context["per_page"], context["has_more_page"]) == (1, 200, False)


def test_more_than_two_hundred_a_page_are_cut() -> None:
    caller = an_account()
    for number in range(201):
        caller.emulator.add("billing", "products", {"name": f"P{number}"})
    answer = caller("GET", PRODUCTS, per_page="500")[1]
    assert len(answer["products"]) == 200
    assert answer["page_context"]["has_more_page"] is True
    assert len(caller("GET", PRODUCTS, page="2")[1]["products"]) == 1


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"per_page": "-1"}])
def test_bad_page_numbers_are_refused(query: dict[str, str]) -> None:
    assert an_account()("GET", PRODUCTS, **query)[1]["code"] == 2


@given(st.integers(0, 30), st.integers(1, 12))
def test_paging_yields_every_record_once(count: int, size: int) -> None:
    caller = an_account()
    made = {make(caller, f"P{number}") for number in range(count)}
    seen: list[str] = []
    page, more = 1, True
    while more:
        answer = caller("GET", PRODUCTS, page=str(page), per_page=str(size))[1]
        seen += [row["product_id"] for row in answer["products"]]
        page, more = page + 1, answer["page_context"]["has_more_page"]
    assert sorted(seen) == sorted(made)
