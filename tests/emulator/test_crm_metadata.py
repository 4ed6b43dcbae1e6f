"""What the organisation tells about itself, and how its options show there."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount, document
from zoho_emulator.crm.fields import CATALOGUE_FIELDS, STANDARD_FIELDS

FIELDS = "/crm/v8/settings/fields"
MODULES = "/crm/v8/settings/modules"


def fields_of(account: CrmAccount) -> dict[str, dict[str, Any]]:
    listed = document(account.get(FIELDS, module="Products"))["fields"]
    return {field["api_name"]: field for field in listed}


def test_thirty_one_standard_and_eleven_custom_fields() -> None:
    fields = fields_of(CrmAccount())

    assert (len(STANDARD_FIELDS), len(CATALOGUE_FIELDS), len(fields)) == (31, 11, 42)
    assert [name for name, field in fields.items() if field["system_mandatory"]] == ["Product_Name"]
    assert {name for name, field in fields.items() if field["custom_field"]} == {
        field.api_name for field in CATALOGUE_FIELDS
    }


def test_product_code_is_not_unique_and_forty_long_by_default() -> None:
    code = fields_of(CrmAccount())["Product_Code"]

    assert (code["unique"], code["external"], code["length"]) == ({}, {}, 40)
    assert (code["data_type"], code["json_type"]) == ("text", "string")


def test_overrides_show_in_the_metadata() -> None:
    account = CrmAccount(
        field_overrides={
            "Product_Code": {"unique": True, "length": 100},
            "Product_Category": {"pick_list_values": ["Fibre", "LTE"]},
            "ct_product_id": {"external": "org"},
        },
        missing_fields=("ct_provider",),
    )
    fields = fields_of(account)

    assert fields["Product_Code"]["unique"] == {"casesensitive": "false"}
    assert fields["Product_Code"]["length"] == 100
    assert fields["ct_product_id"]["external"]["type"] == "org"
    assert "ct_provider" not in fields
    options = fields["Product_Category"]["pick_list_values"]
    assert [option["actual_value"] for option in options] == ["Fibre", "LTE"]


def test_money_and_lookups_carry_their_attributes() -> None:
    fields = fields_of(CrmAccount())

    assert fields["Unit_Price"]["currency"] == {"rounding_option": "normal", "precision": 2}
    assert fields["Vendor_Name"]["lookup"]["module"]["api_name"] == "Vendors"
    assert fields["Created_Time"]["operation_type"]["api_create"] is False


@pytest.mark.parametrize(
    "overrides",
    [{"Nothing": {"length": 1}}, {"Unit_Price": {"unique": True}}],
)
def test_impossible_overrides_are_refused(overrides: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"Nothing|Unit_Price"):
        CrmAccount(field_overrides=overrides)


def test_one_field_and_its_pick_list_by_id() -> None:
    account = CrmAccount()
    fields = fields_of(account)
    category, price = (fields[name]["id"] for name in ("Product_Category", "Unit_Price"))

    one = document(account.get(f"{FIELDS}/{category}", module="Products"))["fields"]
    values = account.get(f"{FIELDS}/{category}/pick_list_values", module="Products")
    none = account.get(f"{FIELDS}/{price}/pick_list_values", module="Products")

    assert [field["api_name"] for field in one] == ["Product_Category"]
    assert len(document(values)["pick_list_values"]) == 4
    assert none.status == 400
    assert account.get(f"{FIELDS}/1", module="Products").status == 204


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"module": "Nothing"}, 400),
        ({"module": "Vendors"}, 204),
        ({"module": "Products", "type": "unused"}, 204),
        ({"module": "Products", "type": "odd"}, 400),
    ],
)
def test_fields_of_other_modules(query: dict[str, str], status: int) -> None:
    assert CrmAccount().get(FIELDS, **query).status == status


def test_modules_by_name_and_id() -> None:
    account = CrmAccount()
    listed = document(account.get(MODULES))["modules"]
    products = next(module for module in listed if module["api_name"] == "Products")

    by_id = document(account.get(f"{MODULES}/{products['id']}"))["modules"]

    assert by_id == [products]
    assert document(account.get(f"{MODULES}/Nothing"))["code"] == "INVALID_MODULE"
    assert account.get(MODULES, status="user_hidden").status == 204
    assert account.get(MODULES, status="lost").status == 400


def test_the_organisation_names_its_currency_and_its_id() -> None:
    account = CrmAccount()
    org = document(account.get("/crm/v8/org"))["org"][0]

    assert (org["zgid"], org["iso_code"]) == (account.options.org_id, "ZAR")
    assert org["time_zone"] == "Africa/Johannesburg"


def test_users() -> None:
    account = CrmAccount()

    assert len(document(account.get("/crm/v8/users"))["users"]) == 2
    assert len(document(account.get("/crm/v8/users", type="CurrentUser"))["users"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/crm/v8/Leads", 400, "INVALID_MODULE"),
        ("GET", "/crm/v8/Products/1/2/3", 404, "INVALID_URL_PATTERN"),
        ("PATCH", PRODUCTS, 400, "INVALID_REQUEST_METHOD"),
    ],
)
def test_what_is_not_there(method: str, path: str, status: int, code: str) -> None:
    answer = CrmAccount().send(method, path)

    assert (answer.status, document(answer)["code"]) == (status, code)


def test_tokens_are_asked_for_in_crms_words() -> None:
    account = CrmAccount()

    missing = account.get(PRODUCTS, {"authorization": ""})
    wrong = account.get(PRODUCTS, {"authorization": "Zoho-oauthtoken nobody"})

    assert (missing.status, document(missing)["code"]) == (401, "AUTHENTICATION_FAILURE")
    assert (wrong.status, document(wrong)["code"]) == (401, "INVALID_TOKEN")
