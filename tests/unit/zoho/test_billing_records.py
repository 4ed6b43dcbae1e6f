"""What goes back to Billing: everything that may be written, in the form of requests."""

from decimal import Decimal
from typing import Any

import httpx2
import pytest

from support.zoho import a_create, an_update, nobody, scripted
from trueup.domain.errors import LostAnswerError, RejectedError, RetryableError
from trueup.domain.records import Fields, Kind, RecordKey, Ref
from trueup.ports import Written
from trueup.zoho.billing import BillingTarget
from trueup.zoho.billing_records import ITEM, PLAN, PRODUCT

PRICE = Decimal("949.00")
READ_PLAN: dict[str, Any] = {
    "plan_id": "1",
    "plan_code": "FIB-1",
    "name": "Fibre",
    "recurring_price": Decimal("899.00"),
    "interval": 1,
    "interval_unit": "months",
    "status": "active",
    "url": "https://x",
    "account_name": "Sales",
    "description": "",
    "unit": "",
    "product_id": "7",
    "setup_fee": 0,
    "tax_id": None,
    "is_taxable": "true",
    "tags": [{"tag_id": 1, "tag_option_id": 2, "tag_name": "Area", "is_tag_mandatory": "false"}],
    "custom_fields": [
        {"customfield_id": "5", "label": "Region", "value": "West", "is_active": "true"},
        {"customfield_id": "6", "label": "Zone", "value": "", "is_active": "true"},
    ],
    "addons": [{"addon_code": "A", "name": "Addon", "status": "active", "price_brackets": []}],
}


def billing(*answers: httpx2.Response | Exception) -> tuple[BillingTarget, list[httpx2.Request]]:
    z, asked = scripted(*answers)
    return BillingTarget(z.door, org_id="700", clock=z.clock, tax_id="T-15"), asked


def answer(status: int = 200, **content: Any) -> httpx2.Response:
    return httpx2.Response(status, json={"code": 0, "message": "", **content})


def refusal(code: int, status: int = 400) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "message": ""})


def test_a_plan_goes_back_in_the_form_of_requests() -> None:
    """No read-only key, no null, rows cut to the members that requests know."""
    assert PLAN.replacement(READ_PLAN, {"recurring_price": PRICE}) == {
        "plan_code": "FIB-1",
        "name": "Fibre",
        "recurring_price": PRICE,
        "interval": 1,
        "interval_unit": "months",
        "setup_fee": 0,
        "is_taxable": "true",
        "tags": [{"tag_id": 1, "tag_option_id": 2}],
        "custom_fields": [{"label": "Region", "value": "West"}],
        "addons": [{"addon_code": "A", "name": "Addon"}],
    }


def test_custom_fields_of_items_go_back_by_id() -> None:
    fields = [{"customfield_id": 5, "label": "Region", "value": "West"}]
    body = ITEM.replacement({"name": "I", "rate": 1, "custom_fields": fields}, {})
    assert body["custom_fields"] == [{"customfield_id": 5, "value": "West"}]


def test_a_cleared_text_is_empty_and_never_null() -> None:
    assert PRODUCT.replacement({"name": "P", "description": "x"}, {"description": None}) == {
        "name": "P",
        "description": "",
    }


def test_what_an_answer_leaves_out_has_its_documented_default() -> None:
    """But a price that is not there was not read: it is neither zero nor empty."""
    fields = PLAN.read({"plan_code": "A", "name": "N", "interval": 1})
    assert fields["billing_cycles"] == -1
    assert fields["setup_fee"] == Decimal("0.00")
    assert "recurring_price" not in fields
    assert "active" not in fields


def test_ids_become_text_and_status_a_flag() -> None:
    record = ITEM.record(
        {"item_id": 903000000045027, "name": "I", "sku": "S", "status": "Inactive"}
    )
    assert (record.remote_id, record.code, record.fields["active"]) == (
        "903000000045027",
        "S",
        False,
    )


def test_a_code_stays_one_segment_of_its_path() -> None:
    assert PLAN.path("A/B C?") == "/billing/v1/plans/A%2FB%20C%3F"


def test_a_plan_waits_for_its_product() -> None:
    target, asked = billing()
    deltas: Fields = {"plan_code": "A", "product_id": Ref(RecordKey(Kind.BILLING_PRODUCT, "A"))}
    (result,) = target.apply([a_create(Kind.BILLING_PLAN, "A", deltas)], nobody)
    assert isinstance(result, RetryableError)
    assert asked == []


def test_only_the_mark_is_sent_when_nothing_else_changes() -> None:
    target, asked = billing(answer())
    change = an_update(Kind.BILLING_ITEM, "S", "5", {"active": (True, False)})
    assert target.apply([change], nobody) == [Written("5")]
    assert [(r.method, r.url.path) for r in asked] == [("POST", "/billing/v1/items/5/inactive")]
    assert asked[0].headers["X-com-zoho-subscriptions-organizationid"] == "700"


def test_an_empty_answer_confirms_no_mark() -> None:
    target, _ = billing(httpx2.Response(204))
    change = an_update(Kind.BILLING_ITEM, "S", "5", {"active": (True, False)})
    (result,) = target.apply([change], nobody)
    assert isinstance(result, LostAnswerError)


@pytest.mark.parametrize(
    ("action", "edited", "paths"),
    [
        (True, ("a", "b"), ["", "", "/markasactive"]),
        (True, ("x", "a"), ["", "/markasactive"]),
        (False, ("x", "a"), [""]),
    ],
)
def test_what_is_already_so_is_not_sent(
    action: bool, edited: tuple[str, str], paths: list[str]
) -> None:
    """Read, then at most one PUT and one mark."""
    product = {"product_id": "5", "name": "a", "status": "inactive"}
    target, asked = billing(*[answer(product=product) for _ in paths])
    deltas: dict[str, tuple[Any, Any]] = {"name": edited, "active": (not action, action)}
    change = an_update(Kind.BILLING_PRODUCT, "P", "5", deltas)
    assert target.apply([change], nobody) == [Written("5")]
    assert [r.url.path.removeprefix("/billing/v1/products/5") for r in asked] == paths


def test_another_record_than_asked_for_is_never_written() -> None:
    target, asked = billing(answer(plan=READ_PLAN | {"plan_code": "OTHER", "recurring_price": 899}))
    change = an_update(Kind.BILLING_PLAN, "FIB-1", "FIB-1", {"name": ("Fibre", "New")})
    (result,) = target.apply([change], nobody)
    assert isinstance(result, RejectedError)
    assert result.code == "GONE"
    assert [r.method for r in asked] == ["GET"]


@pytest.mark.parametrize("shown", [{}, {"item": {}}, {"item": {"name": "I"}}])
def test_a_create_without_an_id_is_not_confirmed(shown: dict[str, Any]) -> None:
    target, _ = billing(answer(201, **shown))
    (result,) = target.apply([a_create(Kind.BILLING_ITEM, "S", {"name": "I"})], nobody)
    assert isinstance(result, LostAnswerError)


def test_the_tax_is_put_on_new_items_only() -> None:
    target, asked = billing(
        answer(201, item={"item_id": 5}), answer(201, product={"product_id": "6"})
    )
    target.apply([a_create(Kind.BILLING_ITEM, "S", {"name": "I", "active": True})], nobody)
    target.apply([a_create(Kind.BILLING_PRODUCT, "P", {"name": "P", "active": True})], nobody)
    assert [r.content for r in asked] == [b'{"name":"I","tax_id":"T-15"}', b'{"name":"P"}']


@pytest.mark.parametrize(
    ("answers", "duplicate"),
    [
        ([refusal(1000)], True),
        ([refusal(4)], False),
        ([refusal(123), answer(items=[{"item_id": 9, "name": "i "}], page_context={})], True),
        ([refusal(123), answer(items=[{"item_id": 9, "name": "J"}], page_context={})], False),
    ],
)
def test_a_refused_create_is_a_duplicate_when_the_record_is_there(
    answers: list[httpx2.Response], duplicate: bool
) -> None:
    """An unknown code is settled by looking, a known one needs no request (zoho-facts §3.8)."""
    target, asked = billing(*answers)
    (result,) = target.apply([a_create(Kind.BILLING_ITEM, "S", {"name": "I"})], nobody)
    assert isinstance(result, RejectedError)
    assert result.duplicate is duplicate
    assert len(asked) == len(answers)
