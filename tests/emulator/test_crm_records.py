"""Writing products: statuses, positions, validation, uniqueness, external ids."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount, codes, document, first


def test_an_insert_answers_201_with_ids_by_position() -> None:
    account = CrmAccount()

    answer = account.post([{"Product_Name": "A"}, {"Product_Name": "B"}])

    results = document(answer)["data"]
    assert answer.status == 201
    assert [result["message"] for result in results] == ["record added"] * 2
    names = [account.read(result["details"]["id"])["Product_Name"] for result in results]
    assert names == ["A", "B"]
    assert results[0]["details"]["Created_Time"] == "2026-01-05T02:00:00+02:00"


def test_a_mixed_batch_answers_207_and_an_all_failed_one_400() -> None:
    account = CrmAccount()

    mixed = account.post([{"Product_Name": "A"}, {"Product_Code": "no name"}])
    failed = account.post([{"Product_Code": "no name"}])

    assert (mixed.status, codes(mixed)) == (207, ["SUCCESS", "MANDATORY_NOT_FOUND"])
    assert failed.status == 400
    assert first(failed)["details"] == {
        "api_name": "Product_Name",
        "json_path": "$.data[0].Product_Name",
    }


def test_the_same_insert_twice_makes_two_records() -> None:
    account = CrmAccount()
    account.created(Product_Code="FIB-1")
    account.created(Product_Code="FIB-1")

    assert len(account.store.records) == 2


@pytest.mark.parametrize(
    ("field", "value", "details"),
    [
        ("Unit_Price", "499.00", {"expected_data_type": "double"}),
        ("Unit_Price", True, {"expected_data_type": "double"}),
        ("Unit_Price", 10**15, {"maximum_length": 16}),
        ("Product_Name", "x" * 51, {"maximum_length": 50}),
        ("Product_Name", 12, {"expected_data_type": "text"}),
        ("Product_Category", ["Hardware"], {"expected_data_type": "text"}),
        ("Product_Active", "true", {"expected_data_type": "boolean"}),
        ("Sales_Start_Date", "05/01/2026", {"expected_data_type": "date"}),
        ("Sales_Start_Date", "2026-02-30", {"expected_data_type": "date"}),
        ("ct_download_speed_mbps", 100.0, {"expected_data_type": "integer"}),
        ("ct_download_speed_mbps", 10**9, {"maximum_length": 9}),
        ("Vendor_Name", "Acme", {"expected_data_type": "jsonobject"}),
        ("Tag", [{"id": "1"}], {"expected_data_type": "jsonobject"}),
        ("Modified_Time", "2026-01-01T00:00:00+02:00", {}),
    ],
)
def test_a_value_that_its_field_cannot_take_is_invalid_data(
    field: str, value: Any, details: dict[str, Any]
) -> None:
    answer = CrmAccount().post([{"Product_Name": "A", field: value}])

    assert (answer.status, codes(answer)) == (400, ["INVALID_DATA"])
    assert first(answer)["details"] == details | {
        "api_name": field,
        "json_path": f"$.data[0].{field}",
    }


def test_several_faults_of_one_record_come_together() -> None:
    answer = CrmAccount().post([{"Unit_Price": "1", "Taxable": 0}])

    faults = first(answer)["details"]["errors"]
    assert codes(answer) == ["MULTIPLE_OR_MULTI_ERRORS"]
    assert [fault["code"] for fault in faults] == [
        "INVALID_DATA",
        "INVALID_DATA",
        "MANDATORY_NOT_FOUND",
    ]


def test_an_unknown_field_is_refused_or_dropped_as_configured() -> None:
    record = {"Product_Name": "A", "ct_nothing": 1}

    refused = CrmAccount().post([record])
    dropped = CrmAccount(unknown_fields="ignore").post([record])

    assert first(refused)["message"] == "the field api name given seems to be invalid"
    assert dropped.status == 201


def test_a_missing_custom_field_is_unknown() -> None:
    account = CrmAccount(missing_fields=("ct_provider",))

    answer = account.post([{"Product_Name": "A", "ct_provider": "Harbour"}])

    assert codes(answer) == ["INVALID_DATA"]


def test_an_unlisted_pick_list_value_is_kept_unless_strict() -> None:
    record = {"Product_Name": "A", "Product_Category": "Connectivity"}

    kept = CrmAccount().post([record])
    refused = CrmAccount(unlisted_picklist="strict").post([record])

    assert kept.status == 201
    assert "Hardware" in first(refused)["details"]["supported_values"]


@pytest.mark.parametrize(
    ("sent", "stored"), [(499.995, 500.0), (0.125, 0.13), (1.004, 1.0), (7, 7.0)]
)
def test_money_is_kept_to_the_cent_half_up(sent: float, stored: float) -> None:
    account = CrmAccount()

    assert account.read(account.created(Unit_Price=sent))["Unit_Price"] == stored


def test_null_and_the_empty_string_clear() -> None:
    account = CrmAccount()
    record_id = account.created(Description="old", Product_Code="FIB-1")

    account.put([{"id": record_id, "Description": None, "Product_Code": ""}])

    record = account.read(record_id)
    assert (record["Description"], record["Product_Code"]) == (None, None)


def test_text_is_kept_with_its_blanks_unless_the_organisation_trims() -> None:
    kept, trimmed = CrmAccount(), CrmAccount(trims_text=True)

    assert kept.read(kept.created(Product_Code=" F "))["Product_Code"] == " F "
    assert trimmed.read(trimmed.created(Product_Code=" F "))["Product_Code"] == "F"


def test_an_update_changes_only_what_it_names() -> None:
    account = CrmAccount()
    record_id = account.created(Product_Code="FIB-1", Unit_Price=100)
    account.advance(60)

    answer = account.put([{"id": record_id, "Unit_Price": 110}])

    record = account.read(record_id)
    assert (answer.status, first(answer)["message"]) == (200, "record updated")
    assert (record["Product_Code"], record["Unit_Price"]) == ("FIB-1", 110.0)
    assert record["Modified_Time"] == "2026-01-05T02:01:00+02:00"
    assert record["Created_Time"] == "2026-01-05T02:00:00+02:00"


def test_an_update_of_an_unknown_id_or_none_fails_by_itself() -> None:
    account = CrmAccount()
    record_id = account.created()

    answer = account.put([{"id": "1"}, {"Unit_Price": 1}, {"id": record_id, "Unit_Price": 1}])

    assert answer.status == 207
    assert codes(answer) == ["INVALID_DATA", "MANDATORY_NOT_FOUND", "SUCCESS"]
    assert first(answer)["message"] == "the id given seems to be invalid"


def test_a_record_that_moved_since_is_already_modified_412() -> None:
    account = CrmAccount()
    record_id = account.created()
    account.advance(60)
    account.put([{"id": record_id, "Unit_Price": 5}])
    since = {"if-unmodified-since": "2026-01-05T02:00:30+02:00"}

    late = account.put([{"id": record_id, "Unit_Price": 6}], since)
    by_id = account.send("PUT", f"{PRODUCTS}/{record_id}", {}, {"data": [{"Unit_Price": 6}]}, since)

    assert (late.status, codes(late)) == (412, ["ALREADY_MODIFIED"])
    assert (by_id.status, codes(by_id)) == (412, ["ALREADY_MODIFIED"])
    assert first(late)["details"]["Modified_Time"] == "2026-01-05T02:01:00+02:00"
    assert account.read(record_id)["Unit_Price"] == 5.0


def test_more_than_a_hundred_records_are_refused_whole() -> None:
    account = CrmAccount()

    answer = account.post([{"Product_Name": f"P{i}"} for i in range(101)])

    assert (answer.status, codes(answer)) == (400, ["LIMIT_EXCEEDED"])
    assert not account.store.records


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"data":[]}', b'{"data":{}}'])
def test_a_body_that_is_no_batch_is_invalid_data(body: bytes) -> None:
    answer = CrmAccount().send("POST", PRODUCTS, {}, body)

    assert (answer.status, document(answer)["code"]) == (400, "INVALID_DATA")


def test_an_unknown_trigger_is_invalid_data() -> None:
    account = CrmAccount()

    assert account.post([{"Product_Name": "A"}], trigger=["nothing"]).status == 400
    assert account.post([{"Product_Name": "A"}], trigger=[]).status == 201


def test_a_unique_field_refuses_the_second_holder() -> None:
    account = CrmAccount(field_overrides={"Product_Code": {"unique": True}})
    holder = account.created(Product_Code="FIB-1")
    other = account.created(Product_Code="FIB-2")

    inserted = account.post([{"Product_Name": "B", "Product_Code": "fib-1"}])
    updated = account.put([{"id": other, "Product_Code": "FIB-1"}])
    itself = account.put([{"id": holder, "Product_Code": "FIB-1"}])

    details = first(inserted)["details"]
    assert codes(inserted) == codes(updated) == ["DUPLICATE_DATA"]
    assert (details["api_name"], details["id"]) == ("Product_Code", holder)
    assert details["duplicate_record"]["module"]["api_name"] == "Products"
    assert itself.status == 200


def test_the_second_of_two_equal_records_in_one_request_is_the_duplicate() -> None:
    account = CrmAccount(field_overrides={"Product_Code": {"unique": True}})

    answer = account.post([{"Product_Name": "A", "Product_Code": "F"}] * 2)

    assert (answer.status, codes(answer)) == (207, ["SUCCESS", "DUPLICATE_DATA"])


def test_a_deleted_record_frees_its_unique_value() -> None:
    account = CrmAccount(field_overrides={"Product_Code": {"unique": True}})
    account.send("DELETE", f"{PRODUCTS}/{account.created(Product_Code='FIB-1')}")

    assert account.post([{"Product_Name": "B", "Product_Code": "FIB-1"}]).status == 201


def test_deletion_answers_per_id() -> None:
    account = CrmAccount()
    ids = [account.created(), "77", account.created()]

    answer = account.send("DELETE", PRODUCTS, {"ids": ",".join(ids)})

    assert (answer.status, codes(answer)) == (207, ["SUCCESS", "INVALID_DATA", "SUCCESS"])
    assert first(answer)["details"] == {"id": ids[0]}
    assert not account.store.records
    assert account.send("DELETE", PRODUCTS).status == 400


def test_external_ids_address_records() -> None:
    account = CrmAccount(field_overrides={"ct_product_id": {"external": "org"}})
    external = {"x-external": "Products.ct_product_id"}
    record_id = account.created(ct_product_id="our-7")

    found = account.get(f"{PRODUCTS}/our-7", external)
    unknown = account.get(f"{PRODUCTS}/our-8", external)
    updated = account.put([{"ct_product_id": "our-7", "Unit_Price": 9}], external)
    clash = account.post([{"Product_Name": "B", "ct_product_id": "our-7"}])
    deleted = account.send("DELETE", f"{PRODUCTS}/our-7", headers=external)

    assert first(found)["id"] == record_id
    assert (unknown.status, unknown.body) == (204, b"")
    assert first(updated)["details"]["ct_product_id"] == "our-7"
    assert first(clash)["message"] == "The external field contains duplicate data."
    assert (deleted.status, len(account.store.records)) == (200, 0)


def test_an_external_header_about_an_ordinary_field_is_refused() -> None:
    account = CrmAccount()

    assert account.get(f"{PRODUCTS}/x", {"x-external": "Products.Product_Code"}).status == 400


def test_a_partial_fault_fails_single_records() -> None:
    account = CrmAccount()
    account.emulator.add_faults([{"match": {"service": "crm"}, "do": "partial"}])

    answer = account.post([{"Product_Name": "A"}, {"Product_Name": "B"}])

    assert (answer.status, codes(answer)) == (207, ["SUCCESS", "DEPENDENT_SERVICE_ERROR"])


def test_a_person_leaves_another_signature() -> None:
    account = CrmAccount()
    record_id = account.created(Unit_Price=5)
    account.advance(60)

    account.store.edit_by_person(record_id, {"Unit_Price": 6.0})

    record = account.read(record_id)
    assert record["Modified_By"]["name"] != record["Created_By"]["name"]
    assert record["Modified_Time"] > record["Created_Time"]


def test_an_unknown_key_beside_the_records_is_refused() -> None:
    """A misspelt `trigger` would let every workflow run (zoho-facts §2.3)."""
    answer = CrmAccount().post([{"Product_Name": "Fibre"}], triggers=[])
    assert (answer.status, document(answer)["details"]) == (400, {"api_name": "triggers"})
    lenient = CrmAccount(unknown_fields="ignore").post([{"Product_Name": "Fibre"}], triggers=[])
    assert lenient.status == 201
