"""Layouts: what a page demands, and what that means for records (zoho-facts §2.2)."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.crm_support import CrmAccount, document, first
from emulator.test_crm_metadata import fields_of

LAYOUTS = "/crm/v8/settings/layouts"


def layouts_of(account: CrmAccount) -> list[dict[str, Any]]:
    return list(document(account.get(LAYOUTS, module="Products"))["layouts"])


def required(layout: dict[str, Any]) -> set[str]:
    return {
        field["api_name"]
        for section in layout["sections"]
        for field in section["fields"]
        if field["required"]
    }


def test_one_layout_that_demands_the_name_alone() -> None:
    account = CrmAccount()
    [layout] = layouts_of(account)
    assert (layout["name"], layout["status"]) == ("Standard", "active")
    assert required(layout) == {"Product_Name"}
    assert layout["profiles"][0]["_default_view"]["id"] == layout["id"]
    named = [field["api_name"] for field in layout["sections"][0]["fields"]]
    assert named == list(fields_of(account))
    one = document(account.get(f"{LAYOUTS}/{layout['id']}", module="Products"))["layouts"]
    assert one == [layout]
    assert account.get(f"{LAYOUTS}/1", module="Products").status == 204
    assert account.get(LAYOUTS, module="Vendors").status == 204
    assert account.get(LAYOUTS).status == 400


def test_what_a_layout_demands_is_demanded_of_records() -> None:
    """By the first layout, unless a record names another; `settings/fields` does not tell."""
    account = CrmAccount(layouts={"Standard": ("Manufacturer",), "Short": ()})
    standard, short = layouts_of(account)
    assert required(standard) == {"Product_Name", "Manufacturer"}
    assert required(short) == {"Product_Name"}
    for layout in (standard, short):
        assert layout["profiles"][0]["_default_view"]["id"] == standard["id"]
    assert fields_of(account)["Manufacturer"]["system_mandatory"] is False

    refused = first(account.post([{"Product_Name": "Fibre"}]))
    assert (refused["code"], refused["details"]["api_name"]) == (
        "MANDATORY_NOT_FOUND",
        "Manufacturer",
    )
    record_id = account.created(Manufacturer="Acme")
    account.created(Layout={"id": short["id"]})
    cleared = first(account.put([{"id": record_id, "Manufacturer": None}]))
    assert cleared["code"] == "MANDATORY_NOT_FOUND"
    assert first(account.put([{"id": record_id, "Unit_Price": 5}]))["code"] == "SUCCESS"


@pytest.mark.parametrize("layout", [{"id": "1"}, "Standard", {}])
def test_a_layout_that_is_not_there(layout: object) -> None:
    answer = first(CrmAccount().post([{"Product_Name": "Fibre", "Layout": layout}]))
    assert (answer["code"], answer["details"]["api_name"]) == ("INVALID_DATA", "Layout")


def test_the_console_switches_it() -> None:
    account = CrmAccount()
    account.emulator.demand("Standard", "Manufacturer")
    assert account.post([{"Product_Name": "Fibre"}]).status == 400
    account.emulator.demand("Standard", "Manufacturer", required=False)
    assert account.post([{"Product_Name": "Fibre"}]).status == 201
    for layout, field in (("Nowhere", "Manufacturer"), ("Standard", "Nothing")):
        with pytest.raises(KeyError):
            account.emulator.demand(layout, field)


def test_impossible_layouts_are_refused() -> None:
    for layouts in ({"Standard": ("Nothing",)}, {}):
        with pytest.raises(ValueError, match="layout"):
            CrmAccount(layouts=layouts)


def test_it_wants_its_own_permission() -> None:
    narrow = CrmAccount(scope="ZohoCRM.settings.fields.READ")
    assert narrow.get(LAYOUTS, module="Products").status == 401
    assert CrmAccount(scope="ZohoCRM.settings.layouts.READ").get(LAYOUTS, module="Products")
