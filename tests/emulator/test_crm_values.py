"""Lookups, users, taxes and tags; the acts of a person; the rarer ways of naming a record."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount, codes, document, first


def test_a_vendor_has_to_exist() -> None:
    account = CrmAccount(vendors={"900": "Cable Works"})

    kept = account.read(account.created(Vendor_Name={"id": "900"}))
    refused = account.post([{"Product_Name": "A", "Vendor_Name": {"id": "901"}}])
    malformed = account.post([{"Product_Name": "A", "Vendor_Name": {"id": "x"}}])

    assert kept["Vendor_Name"] == {"name": "Cable Works", "id": "900"}
    assert first(refused)["message"] == first(malformed)["message"]
    assert first(refused)["message"] == "the id given seems to be invalid"


def test_an_owner_is_a_user_and_never_nobody() -> None:
    account = CrmAccount()
    person = account.store.person
    record_id = account.created(Owner={"id": person.id})
    account.put([{"id": record_id, "Owner": None}])

    assert account.read(record_id)["Owner"] == person.reference()
    assert account.post([{"Product_Name": "A", "Owner": {"id": "1"}}]).status == 400


@pytest.mark.parametrize(
    ("tax", "status"),
    [(["Vat - 15.0 %"], 201), ([{"value": "Vat"}], 201), ([], 201), ([1], 400), ("Vat", 400)],
)
def test_taxes_are_names_or_objects(tax: Any, status: int) -> None:
    assert CrmAccount().post([{"Product_Name": "A", "Tax": tax}]).status == status


def test_ids_may_be_numbers_as_the_official_sdk_sends_them() -> None:
    account = CrmAccount()
    record_id = account.created()

    assert account.put([{"id": int(record_id), "Unit_Price": 3}]).status == 200


def test_none_in_a_pick_list_clears_it() -> None:
    account = CrmAccount()
    record_id = account.created(Product_Category="Hardware")
    account.put([{"id": record_id, "Product_Category": "-None-"}])

    assert account.read(record_id)["Product_Category"] is None


def test_a_read_only_field_may_be_passed_over_instead() -> None:
    account = CrmAccount(read_only_fields="ignore")
    record_id = account.created(Created_Time="2020-01-01T00:00:00+02:00")

    assert account.read(record_id)["Created_Time"] == "2026-01-05T02:00:00+02:00"


def test_a_person_adds_edits_and_deletes() -> None:
    account = CrmAccount()
    record = account.store.add_foreign({"Product_Name": "Their own"})
    account.store.edit_by_person(record.id, {"Unit_Price": 1.0})

    (raw,) = account.store.raw_records()
    assert (raw["Product_Name"], raw["Unit_Price"]) == ("Their own", 1.0)
    assert raw["Created_By"] == raw["Modified_By"] == account.store.person.name
    with pytest.raises(KeyError):
        account.store.edit_by_person(record.id, {"Nothing": 1})
    account.store.delete_by_person(record.id)
    gone = first(account.get(f"{PRODUCTS}/deleted"))
    assert gone["deleted_by"]["name"] == account.store.person.name


def test_an_upsert_with_an_id_means_that_record() -> None:
    account = CrmAccount()
    record_id = account.created(Product_Name="A")

    answer = account.upsert([{"id": record_id, "Product_Name": "B"}, {"id": "1"}])

    assert (answer.status, codes(answer)) == (207, ["SUCCESS", "INVALID_DATA"])
    assert first(answer)["duplicate_field"] == "id"


def test_an_unknown_key_in_the_address_fails_the_one_record() -> None:
    account = CrmAccount(field_overrides={"ct_product_id": {"external": "org"}})
    external = {"x-external": "Products.ct_product_id"}
    body = {"data": [{"Unit_Price": 1}]}

    by_id = account.send("PUT", f"{PRODUCTS}/77", {}, body)
    by_value = account.send("PUT", f"{PRODUCTS}/our-7", {}, body, external)
    in_batch = account.put([{"ct_product_id": "our-7"}], external)

    assert by_id.status == by_value.status == in_batch.status == 400
    assert codes(by_id) == codes(by_value) == codes(in_batch) == ["INVALID_DATA"]
    assert first(in_batch)["message"] == "The value of the external field is invalid."


def test_too_many_ids_are_refused() -> None:
    account = CrmAccount()
    ids = ",".join(["1"] * 101)

    for answer in (
        account.get(PRODUCTS, fields="id", ids=ids),
        account.send("DELETE", PRODUCTS, {"ids": ids}),
    ):
        assert (answer.status, document(answer)["code"]) == (400, "LIMIT_EXCEEDED")
