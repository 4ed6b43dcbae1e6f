"""Upsert: what it matches on, and what it says about it."""

from __future__ import annotations

import pytest

from emulator.crm_support import CrmAccount, codes, document, first

UNIQUE_CODE = {"Product_Code": {"unique": True}}


def test_without_named_fields_an_upsert_matches_the_product_name() -> None:
    account = CrmAccount()
    record_id = account.created(Product_Name="Fibre 100", Product_Code="FIB-100")

    answer = account.upsert([{"Product_Name": "fibre 100", "Product_Code": "FIB-200"}])

    result = first(answer)
    assert (result["action"], result["duplicate_field"]) == ("update", "Product_Name")
    assert result["details"]["id"] == record_id


def test_a_renamed_product_is_inserted_a_second_time() -> None:
    account = CrmAccount()
    account.created(Product_Name="Fibre 100", Product_Code="FIB-100")

    answer = account.upsert([{"Product_Name": "Fibre 100 Pro", "Product_Code": "FIB-100"}])

    assert (first(answer)["action"], first(answer)["duplicate_field"]) == ("insert", None)
    assert (answer.status, len(account.store.records)) == (200, 2)


@pytest.mark.parametrize("field", ["Product_Code", "Nothing"])
def test_a_field_that_is_not_unique_cannot_be_named(field: str) -> None:
    account = CrmAccount()

    answer = account.upsert([{"Product_Name": "A"}], duplicate_check_fields=[field])

    assert answer.status == 400
    assert document(answer)["code"] == "INVALID_DATA"
    assert document(answer)["details"]["supported_values"] == ["Product_Name"]


def test_a_named_unique_field_replaces_the_name() -> None:
    account = CrmAccount(field_overrides=UNIQUE_CODE)
    record_id = account.created(Product_Name="Fibre 100", Product_Code="FIB-100")
    records = [
        {"Product_Name": "Fibre 100 Pro", "Product_Code": "FIB-100"},
        {"Product_Name": "Fibre 100 Pro", "Product_Code": "FIB-200"},
    ]

    answer = account.upsert(records, duplicate_check_fields=["Product_Code"])

    results = document(answer)["data"]
    assert [result["action"] for result in results] == ["update", "insert"]
    assert results[0]["details"]["id"] == record_id


def test_other_unique_fields_are_still_checked() -> None:
    account = CrmAccount(field_overrides=UNIQUE_CODE)
    record_id = account.created(Product_Name="Fibre 100", Product_Code="FIB-100")

    answer = account.upsert(
        [{"Product_Name": "Other", "Product_Code": "FIB-100"}],
        duplicate_check_fields=["Product_Name"],
    )

    assert first(answer)["duplicate_field"] == "Product_Code"
    assert first(answer)["details"]["id"] == record_id


def test_the_second_of_two_equal_records_updates_the_first() -> None:
    account = CrmAccount(field_overrides=UNIQUE_CODE)
    record = {"Product_Name": "Fibre", "Product_Code": "FIB-1"}

    answer = account.upsert([record, record], duplicate_check_fields=["Product_Code"])

    assert [result["action"] for result in document(answer)["data"]] == ["insert", "update"]


def test_an_upsert_that_fails_names_no_action() -> None:
    answer = CrmAccount().upsert([{"Product_Code": "FIB-1"}, {"Product_Name": "A"}])

    assert (answer.status, codes(answer)) == (207, ["MANDATORY_NOT_FOUND", "SUCCESS"])
    assert "action" not in first(answer)


def test_the_external_value_wins_over_the_id() -> None:
    account = CrmAccount(field_overrides={"ct_product_id": {"external": "org"}})
    holder = account.created(ct_product_id="our-7")
    other = account.created()
    body = {"data": [{"id": other, "ct_product_id": "our-7", "Unit_Price": 3}]}

    answer = account.send(
        "POST",
        "/crm/v8/Products/upsert",
        {},
        body,
        {"x-external": "Products.ct_product_id"},
    )

    assert first(answer)["details"]["id"] == holder
