"""Making custom fields by API, one by one and in company (zoho-facts §2.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.crm_support import CrmAccount, document, first
from emulator.test_crm_metadata import fields_of
from zoho_emulator.app import Emulator
from zoho_emulator.state import restore, save
from zoho_emulator.wire import Response

FIELDS = "/crm/v8/settings/fields"
TEXT = {"field_label": "ct_colour", "data_type": "text", "length": 60}


def make(account: CrmAccount, *fields: object, **query: str) -> Response:
    return account.send("POST", FIELDS, {"module": "Products", **query}, {"fields": list(fields)})


def test_a_new_field_is_described_and_can_be_written() -> None:
    account = CrmAccount()
    before = account.created()
    answer = make(account, TEXT)

    assert answer.status == 201
    [result] = document(answer)["fields"]
    assert (result["code"], result["message"]) == ("SUCCESS", "field created")
    assert set(result["details"]) == {"id"}
    described = fields_of(account)["ct_colour"]
    assert described["id"] == result["details"]["id"]
    assert (described["field_label"], described["data_type"]) == ("ct_colour", "text")
    assert (described["length"], described["custom_field"]) == (60, True)
    assert account.read(account.created(ct_colour="red"))["ct_colour"] == "red"
    assert account.read(before)["ct_colour"] is None


@pytest.mark.parametrize(
    ("asked", "length", "decimals", "value"),
    [
        ({"data_type": "text"}, 255, None, "x"),
        ({"data_type": "textarea"}, 2000, None, "x"),
        ({"data_type": "textarea", "textarea": {"type": "large"}}, 32000, None, "x"),
        ({"data_type": "integer"}, 9, None, 5),
        ({"data_type": "bigint"}, 18, None, "5"),
        ({"data_type": "double", "decimal_place": 3}, 16, 3, 1.5),
        ({"data_type": "currency", "length": 12}, 12, 2, 1.5),
        ({"data_type": "boolean"}, 5, None, True),
        ({"data_type": "date"}, 20, None, "2026-11-22"),
        (
            {
                "data_type": "picklist",
                "pick_list_values": [{"display_value": "A", "actual_value": "A"}],
            },
            120,
            None,
            "A",
        ),
    ],
)
def test_every_type_that_a_catalogue_needs(
    asked: dict[str, Any], length: int, decimals: int | None, value: object
) -> None:
    account = CrmAccount()
    assert make(account, {"field_label": "New one", **asked}).status == 201
    described = fields_of(account)["New_one"]
    assert (described["length"], described["decimal_place"]) == (length, decimals)
    assert account.read(account.created(New_one=value))["New_one"] == value


@pytest.mark.parametrize(
    ("wrong", "code", "about"),
    [
        ({"field_label": None}, "MANDATORY_NOT_FOUND", "field_label"),
        ({"data_type": None}, "MANDATORY_NOT_FOUND", "data_type"),
        ({"field_label": "x" * 26}, "INVALID_DATA", "field_label"),
        ({"field_label": 5}, "INVALID_DATA", "field_label"),
        ({"field_label": "Unit Price"}, "DUPLICATE_DATA", "field_label"),
        ({"field_label": "unit price"}, "DUPLICATE_DATA", "field_label"),
        ({"data_type": "money"}, "INVALID_DATA", "data_type"),
        ({"data_type": "formula"}, "NOT_SUPPORTED", "data_type"),
        ({"length": 256}, "INVALID_DATA", "length"),
        ({"length": 0}, "INVALID_DATA", "length"),
        ({"length": "60"}, "INVALID_DATA", "length"),
        ({"data_type": "integer", "length": 10}, "INVALID_DATA", "length"),
        ({"data_type": "date"}, "INVALID_DATA", "length"),
        ({"api_name": "ct_colour"}, "INVALID_DATA", "api_name"),
        ({"data_type": "currency", "length": 9, "unique": True}, "INVALID_DATA", "unique"),
        ({"data_type": "picklist", "length": None}, "INVALID_DATA", "length"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], code: str, about: str) -> None:
    account = CrmAccount()
    before = set(fields_of(account))
    answer = make(account, {**TEXT, **wrong})
    assert answer.status == 400, answer.body
    [result] = document(answer)["fields"]
    assert (result["code"], result["details"]["api_name"]) == (code, about)
    assert result["details"]["json_path"] == f"$.fields[0].{about}"
    assert set(fields_of(account)) == before


def test_each_field_has_its_own_result() -> None:
    account = CrmAccount()
    answer = make(account, TEXT, TEXT, {"field_label": "ct_size", "data_type": "integer"}, 7)
    codes = [result["code"] for result in document(answer)["fields"]]
    assert (answer.status, codes) == (
        207,
        ["SUCCESS", "DUPLICATE_DATA", "SUCCESS", "INVALID_DATA"],
    )
    assert {"ct_colour", "ct_size"} <= set(fields_of(account))


def test_five_at_a_time() -> None:
    account = CrmAccount()
    some = [{"field_label": f"f{n}", "data_type": "date"} for n in range(6)]
    refused = make(account, *some)
    assert (refused.status, document(refused)["code"]) == (400, "LIMIT_EXCEEDED")
    assert make(account, *some[:5]).status == 201


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ({"module": "Vendors"}, {"fields": [TEXT]}, "INVALID_MODULE"),
        ({"module": "Nothing"}, {"fields": [TEXT]}, "INVALID_MODULE"),
        ({}, {"fields": [TEXT]}, "REQUIRED_PARAM_MISSING"),
        ({"module": "Products"}, {"fields": []}, "MANDATORY_NOT_FOUND"),
        ({"module": "Products"}, [], "INVALID_DATA"),
    ],
)
def test_a_request_that_is_none(query: dict[str, str], body: object, code: str) -> None:
    answer = CrmAccount().send("POST", FIELDS, query, body)
    assert (answer.status, document(answer)["code"]) == (400, code)


def test_the_name_follows_from_the_label() -> None:
    account = CrmAccount(api_names_from_labels="capitalised")
    make(account, TEXT, {"field_label": "Speed (Mbps)", "data_type": "integer"})
    assert {"Ct_Colour", "Speed_Mbps"} <= set(fields_of(account))
    taken = CrmAccount()
    make(taken, {"field_label": "ct_provider", "data_type": "text"})
    assert {"ct_provider", "ct_provider1"} <= set(fields_of(taken))


def test_it_wants_the_permission_to_create() -> None:
    narrow = CrmAccount(scope="ZohoCRM.settings.fields.READ")
    assert document(make(narrow, TEXT))["code"] == "OAUTH_SCOPE_MISMATCH"
    assert make(CrmAccount(scope="ZohoCRM.settings.fields.CREATE"), TEXT).status == 201


def test_a_unique_field_is_enforced() -> None:
    account = CrmAccount()
    account.created()
    make(account, {**TEXT, "unique": {"case_sensitive": False}})
    account.created(ct_colour="red")
    answer = account.post([{"Product_Name": "Other", "ct_colour": "Red"}])
    assert first(answer)["code"] == "DUPLICATE_DATA"


def test_a_state_keeps_fields_layouts_and_people() -> None:
    account = CrmAccount()
    make(account, TEXT)
    record_id = account.created(ct_colour="red")
    account.emulator.demand("Standard", "ct_colour")
    account.emulator.edit("crm", "products", record_id, {"Unit_Price": 5.0}, by="Otto Other")

    later = Emulator(account.options, account.clock)
    restore(later.world, json.loads(json.dumps(save(account.emulator.world))))

    assert save(later.world) == save(account.emulator.world)
    assert later.records("crm", "products") == account.emulator.records("crm", "products")
    assert later.world.crm.fields["ct_colour"] == account.store.fields["ct_colour"]
    assert later.world.crm.layouts == {"Standard": frozenset({"ct_colour"})}
    assert later.records("crm", "products")[0]["Modified_By"] == "Otto Other"
