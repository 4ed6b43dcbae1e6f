"""Who changed a record last: told by listings, never compared, and never ourselves."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from support.zoho import MANAGED, a_create, an_update, emulated, nobody, scripted
from trueup.domain.records import Kind
from trueup.ports import Written
from trueup.zoho import crm_answers
from trueup.zoho.crm import MOST_FIELDS, CrmTarget

CRM = Kind.CRM_PRODUCT
PATH = "/crm/v8/Products"


def a_target(managed: Any = MANAGED) -> tuple[CrmTarget, Any, Any]:
    zoho, emulator = emulated()
    return CrmTarget(zoho.door, managed=managed, clock=zoho.clock), zoho, emulator


def editors(target: CrmTarget) -> dict[str, str]:
    return {record.code: record.editor for record in target.records(CRM)}


def test_the_listing_names_who_changed_a_record() -> None:
    """In the one request that reads it anyway; what is compared stays as it was."""
    target, zoho, emulator = a_target()
    made = {"Product_Name": "Fibre", "Product_Code": "A-1", "Unit_Price": 5.0}
    record_id = emulator.add("crm", "products", made)["id"]
    emulator.edit("crm", "products", record_id, {"Unit_Price": 7.0}, "Otto Other")
    before = len(zoho.events)
    [record] = target.records(CRM)
    assert record.editor == "Otto Other"
    assert "Modified_By" not in record.fields
    listings = [event for event in zoho.events[before:] if event.path == PATH]
    assert len(listings) == 1


def test_our_own_user_is_nobody_once_it_is_known() -> None:
    """CRM names the user of a write in its answer."""
    target, zoho, emulator = a_target()
    [made] = target.apply(
        [a_create(CRM, "A-1", {"Product_Name": "Fibre", "Product_Code": "A-1"})], nobody
    )
    assert isinstance(made, Written)
    assert editors(target) == {"A-1": ""}
    emulator.edit("crm", "products", made.remote_id, {"Unit_Price": 7.0}, "Otto Other")
    assert editors(target) == {"A-1": "Otto Other"}
    change = an_update(CRM, "A-1", made.remote_id, {"Product_Name": ("Fibre", "Faser")})
    [written] = target.apply([change], nobody)
    assert isinstance(written, Written)
    assert editors(target) == {"A-1": ""}
    # A process that has not written yet cannot know, and says what CRM says.
    other = CrmTarget(zoho.door, managed=MANAGED, clock=zoho.clock)
    assert editors(other) == {"A-1": emulator.world.crm.api_user.name}


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ({"id": "7", "name": "Otto  Other\n", "email": "otto@other.example"}, ("7", "Otto Other")),
        ({"id": 7}, ("7", "")),
        ({"name": None}, ("", "")),
        (None, ("", "")),
        ("7", ("", "")),
    ],
)
def test_a_user_is_read_from_whatever_is_there(value: Any, user: tuple[str, str]) -> None:
    assert crm_answers.user_of(value) == user


def test_a_refusal_teaches_nothing_about_ourselves() -> None:
    """It names who changed the record before us (zoho-facts §2.4)."""
    refused = {
        "code": "ALREADY_MODIFIED",
        "status": "error",
        "message": "",
        "details": {"id": "1", "Modified_By": {"id": "9", "name": "Otto Other"}},
    }
    fields = {"fields": [{"api_name": "Product_Name", "data_type": "text"}]}
    listing = {"data": [{"id": "1", "Modified_By": {"id": "9", "name": "Otto Other"}}]}
    zoho, _ = scripted(
        httpx2.Response(200, json=fields),
        httpx2.Response(412, json={"data": [refused]}),
        httpx2.Response(200, json=listing | {"info": {"more_records": False}}),
    )
    target = CrmTarget(zoho.door, managed=["Product_Name"], clock=zoho.clock)
    target.apply([an_update(CRM, "A-1", "1", {"Product_Name": ("a", "b")})], nobody)
    assert [record.editor for record in target.records(CRM)] == ["Otto Other"]


@pytest.mark.parametrize(("count", "asked"), [(MOST_FIELDS - 6, True), (MOST_FIELDS - 5, False)])
def test_a_managed_field_is_worth_more_than_a_name(count: int, *, asked: bool) -> None:
    """CRM lets us read fifty fields (zoho-facts §2.7): the last place is for one that is mapped."""
    extra = [f"ct_field_{number}" for number in range(count)]
    names = ["Product_Name", "Product_Code", "ct_service_package_id", *extra]
    fields = {"fields": [{"api_name": name, "data_type": "text"} for name in names]}
    listing = {"data": [], "info": {"more_records": False}}
    zoho, requests = scripted(httpx2.Response(200, json=fields), httpx2.Response(200, json=listing))
    target = CrmTarget(zoho.door, managed=names, clock=zoho.clock)
    assert list(target.records(CRM)) == []
    columns = requests[1].url.params["fields"].split(",")
    assert ("Modified_By" in columns) is asked
    assert len(columns) == MOST_FIELDS
