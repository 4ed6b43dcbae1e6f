"""Listings: every record once, or an error."""

from typing import Any

import httpx2
import pytest

from support.zoho import Zoho, scripted
from trueup.domain.errors import TargetDownError
from trueup.zoho.paging import billing_rows, crm_rows


def crm_page(
    ids: range | list[int], *, more: bool = False, token: str | None = None
) -> httpx2.Response:
    info = {"more_records": more, "next_page_token": token}
    return httpx2.Response(200, json={"data": [{"id": str(i)} for i in ids], "info": info})


def billing_page(
    ids: range | list[int], *, more: bool = False, context: Any = None
) -> httpx2.Response:
    document = {
        "code": 0,
        "items": [{"item_id": i} for i in ids],
        "page_context": {"has_more_page": more} if context is None else context,
    }
    return httpx2.Response(200, json=document)


def crm_ids(z: Zoho) -> list[str]:
    return [row["id"] for row in crm_rows(z.door, "/crm/v8/Products", {"fields": "id"})]


def billing_ids(z: Zoho) -> list[int]:
    rows = billing_rows(z.door, "/billing/v1/items", "items", "item_id", {"filter_by": "x"}, {})
    return [row["item_id"] for row in rows]


def test_crm_pages_by_token_as_soon_as_there_is_one() -> None:
    z, asked = scripted(
        crm_page(range(200), more=True, token="T1"),
        crm_page(range(200, 400), more=True, token="T2"),
        crm_page([400]),
    )
    assert crm_ids(z) == [str(i) for i in range(401)]
    places = [(r.url.params.get("page"), r.url.params.get("page_token")) for r in asked]
    assert places == [("1", None), (None, "T1"), (None, "T2")]
    assert {r.url.params["per_page"] for r in asked} == {"200"}


def test_crm_counts_ten_pages_without_a_token_and_no_further() -> None:
    pages = [crm_page(range(i * 200, i * 200 + 200), more=True) for i in range(10)]
    z, asked = scripted(*pages)
    with pytest.raises(TargetDownError):
        crm_ids(z)
    assert [r.url.params["page"] for r in asked] == [str(i) for i in range(1, 11)]


def test_a_record_that_moved_to_a_later_page_is_told_once() -> None:
    z, _ = scripted(crm_page([1, 2], more=True, token="T"), crm_page([2, 3]))
    assert crm_ids(z) == ["1", "2", "3"]


def test_nothing_there_is_believed_the_second_time() -> None:
    """A 204 that is wrong would make every product a new one."""
    z, _ = scripted(httpx2.Response(204), httpx2.Response(204))
    assert crm_ids(z) == []
    z, _ = scripted(httpx2.Response(204), crm_page([1]))
    assert crm_ids(z) == ["1"]


@pytest.mark.parametrize(
    "pages",
    [
        [crm_page([1], more=True, token="T"), crm_page([2], more=True, token="T")],
        [crm_page([1], more=True, token="T"), httpx2.Response(204), httpx2.Response(204)],
        [httpx2.Response(200, json={"info": {}})],
        [httpx2.Response(200, json={"data": [{"Product_Code": "A"}], "info": {}})],
        [crm_page([1], more=True, token="T"), *[httpx2.Response(502, text="<html>")] * 4],
        [httpx2.Response(400, json={"code": "EXPIRED_VALUE", "status": "error"})],
    ],
)
def test_a_listing_that_cannot_be_completed_is_an_error(pages: list[httpx2.Response]) -> None:
    z, _ = scripted(*pages)
    with pytest.raises(TargetDownError):
        crm_ids(z)


def test_billing_pages_by_number_while_more_are_promised() -> None:
    z, asked = scripted(billing_page(range(200), more=True), billing_page([200]))
    assert billing_ids(z) == list(range(201))
    assert [r.url.params["page"] for r in asked] == ["1", "2"]
    assert {r.url.params["filter_by"] for r in asked} == {"x"}


def test_an_empty_list_is_an_answer_of_billing() -> None:
    z, _ = scripted(billing_page([]))
    assert billing_ids(z) == []


def test_a_page_context_in_a_list_is_understood() -> None:
    z, _ = scripted(billing_page([1], context=[{"has_more_page": True}]), billing_page([2]))
    assert billing_ids(z) == [1, 2]


@pytest.mark.parametrize(
    "pages",
    [
        [httpx2.Response(204)] * 2,
        [billing_page([], more=True)],
        [httpx2.Response(200, json={"code": 0, "message": "success"})],
        [billing_page([1], more=True), httpx2.Response(404, json={"code": 5})],
    ],
)
def test_a_broken_listing_of_billing_is_an_error(pages: list[httpx2.Response]) -> None:
    z, _ = scripted(*pages)
    with pytest.raises(TargetDownError):
        billing_ids(z)
