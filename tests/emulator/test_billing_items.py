"""Billing items (zoho-facts §3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.clock import ManualClock
from zoho_emulator.options import LimitOptions, Options

ITEMS = "/billing/v1/items"


def an_account(**billing: Any) -> Caller:
    options = Options(billing=BillingOptions(**billing), limits=LimitOptions.unlimited())
    return Caller(Emulator(options, ManualClock()))


def make(caller: Caller, name: str = "Router", rate: float = 10, **more: Any) -> str:
    status, answer = caller("POST", ITEMS, {"name": name, "rate": rate, **more})
    assert status == 201
    return str(answer["item"]["item_id"])


def names(caller: Caller, **query: str) -> list[str]:
    return [row["name"] for row in caller("GET", ITEMS, **query)[1]["items"]]


def test_an_item_lives_through_all_seven_operations() -> None:
    caller = an_account()
    status, answer = caller("POST", ITEMS, {"name": "Router", "rate": 10, "sku": "R-1"})
    assert (status, answer["message"]) == (201, "The item has been added.")
    one = f"{ITEMS}/{answer['item']['item_id']}"
    assert caller("GET", one)[1]["item"]["rate"] == 10.0
    updated = caller("PUT", one, {"name": "Router", "rate": 12})[1]
    assert updated["message"] == "Item details have been saved."
    assert updated["item"]["sku"] == "R-1"
    message = "The item has been marked Inactive."
    assert caller("POST", f"{one}/inactive")[1] == {"code": 0, "message": message}
    assert caller("POST", f"{one}/markasinactive")[1]["code"] == 5
    assert caller("GET", one)[1]["item"]["status"] == "inactive"
    assert caller("POST", f"{one}/active")[1]["message"] == "The item has been marked Active."
    assert caller("DELETE", one)[1]["message"] == "The item has been deleted."
    assert caller("GET", one) == (404, {"code": 2006, "message": "Item does not exist."})


@pytest.mark.parametrize(("numbers", "kind"), [(True, int), (False, str)])
def test_item_ids_are_bare_numbers_unless_switched_off(numbers: bool, kind: type) -> None:
    caller = an_account(item_ids_as_numbers=numbers)
    item_id = caller("POST", ITEMS, {"name": "Router", "rate": 1})[1]["item"]["item_id"]
    assert type(item_id) is kind
    assert int(item_id) > 2**53


def test_the_list_shows_active_items_alone_by_default() -> None:
    caller = an_account()
    make(caller, "On")
    caller("POST", f"{ITEMS}/{make(caller, 'Off')}/inactive")
    assert names(caller) == ["On"]
    assert names(caller, filter_by="Status.All") == ["Off", "On"]
    assert names(caller, filter_by="Status.Inactive") == ["Off"]
    assert caller("GET", ITEMS, filter_by="Status.Odd")[1]["code"] == 2


def test_names_are_unique_also_against_inactive_items() -> None:
    caller = an_account()
    item_id = make(caller, "Router")
    caller("POST", f"{ITEMS}/{item_id}/inactive")
    status, answer = caller("POST", ITEMS, {"name": " ROUTER ", "rate": 1})
    assert (status, answer["code"]) == (400, 1000)
    assert caller("PUT", f"{ITEMS}/{item_id}", {"name": "router", "rate": 1})[0] == 200


def test_a_second_item_of_one_sku_is_refused_unless_allowed() -> None:
    caller = an_account()
    make(caller, "A", sku="S-1")
    assert caller("POST", ITEMS, {"name": "B", "rate": 1, "sku": "s-1"})[1]["code"] == 9999
    make(caller, "C", sku="")
    make(caller, "D", sku="")
    caller = an_account(item_skus_unique=False)
    make(caller, "A", sku="S-1")
    make(caller, "B", sku="S-1")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "router"}, ["Router"]),
        ({"name_startswith": "Rou"}, ["Router", "Router XL"]),
        ({"name_contains": "XL"}, ["Router XL"]),
        ({"description_contains": "wall"}, ["Mount"]),
        ({"rate": "10"}, ["Router"]),
        ({"rate_less_than": "10"}, ["Mount"]),
        ({"rate_greater_equals": "10"}, ["Router", "Router XL"]),
        ({"search_text": "WALL"}, ["Mount"]),
        ({"name_startswith": "Rou", "rate_greater_than": "10"}, ["Router XL"]),
        ({"sort_column": "rate"}, ["Mount", "Router", "Router XL"]),
        ({"sku": "R-1"}, ["Mount", "Router", "Router XL"]),
        ({"tax_id": "5"}, []),
    ],
)
def test_documented_filters_are_honoured_and_others_ignored(
    query: dict[str, str], expected: list[str]
) -> None:
    caller = an_account()
    make(caller, "Router", 10, sku="R-1")
    make(caller, "Router XL", 20)
    make(caller, "Mount", 5, description="For the wall")
    assert names(caller, **query) == expected


def test_the_sku_filter_can_be_switched_on() -> None:
    caller = an_account(honour_undocumented_filters=True)
    make(caller, "Router", sku="R-1")
    make(caller, "Mount")
    assert names(caller, sku="R-1") == ["Router"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"rate": "ten"}, "rate"),
        ({"sort_column": "sku"}, "sort_column"),
        ({"search_text": "x" * 101}, "search_text"),
    ],
)
def test_bad_filters_are_refused(query: dict[str, str], field: str) -> None:
    status, answer = an_account()("GET", ITEMS, **query)
    assert (status, answer["message"]) == (400, f"Invalid value passed for {field}")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rate": "10"}, 2),
        ({"rate": None}, 2),
        ({"name": "N" * 101}, 15),
        ({"description": "D" * 2001}, 15),
        ({"product_type": "digital"}, 2),
        ({"unit": "piece"}, 2),
        ({"name": "  "}, 4),
    ],
)
def test_a_bad_item_is_refused(changes: dict[str, Any], code: int) -> None:
    body = {"name": "Router", "rate": 1} | changes
    assert an_account()("POST", ITEMS, body)[1]["code"] == code


def test_goods_do_not_become_a_service() -> None:
    caller = an_account()
    one = f"{ITEMS}/{make(caller, product_type='goods')}"
    body = {"name": "Router", "rate": 1, "product_type": "service"}
    assert caller("PUT", one, body)[1]["code"] == 2076


def test_an_item_in_a_transaction_cannot_be_deleted() -> None:
    caller = an_account()
    item_id = make(caller)
    caller.emulator.world.billing.transactions.add(item_id)
    assert caller("DELETE", f"{ITEMS}/{item_id}")[1]["code"] == 2049


def test_the_tax_of_an_item_is_a_text_with_a_sign() -> None:
    caller = an_account()
    tax_id = caller("GET", "/billing/v1/settings/taxes")[1]["taxes"][0]["tax_id"]
    one = f"{ITEMS}/{make(caller, tax_id=tax_id)}"
    assert caller("GET", one)[1]["item"]["tax_percentage"] == "15%"


def test_a_list_is_fresh_after_every_write() -> None:
    caller = an_account()
    item_id = make(caller, "A")
    assert names(caller) == ["A"]
    make(caller, "B")
    assert names(caller) == ["A", "B"]
    caller("PUT", f"{ITEMS}/{item_id}", {"name": "C", "rate": 1})
    assert names(caller) == ["B", "C"]
    caller("DELETE", f"{ITEMS}/{item_id}")
    assert names(caller) == ["B"]
