"""Bulk read and write: jobs that end later, archives, outcomes per row."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest

from emulator.crm_support import CrmAccount, document, first
from zoho_emulator.wire import Response

READ, WRITE = "/crm/bulk/v8/read", "/crm/bulk/v8/write"
SECONDS = 20
UNIQUE_CODE = {"Product_Code": {"unique": True}}


def rows_in(archive: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        (name,) = opened.namelist()
        return list(csv.reader(io.StringIO(opened.read(name).decode())))


def asked_to_read(account: CrmAccount, **query: Any) -> Response:
    return account.send("POST", READ, {}, {"query": {"module": {"api_name": "Products"}, **query}})


def read_rows(account: CrmAccount, **query: Any) -> list[list[str]]:
    job = first(asked_to_read(account, **query))["details"]["id"]
    account.advance(SECONDS)
    return rows_in(account.get(f"{READ}/{job}/result").body)


def zipped(rows: Sequence[Sequence[str]], name: str = "products.csv") -> bytes:
    text, packed = io.StringIO(newline=""), io.BytesIO()
    csv.writer(text).writerows(rows)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text.getvalue())
    return packed.getvalue()


def uploaded(account: CrmAccount, content: bytes, **headers: str) -> Response:
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="p.zip"\r\n'
    body = head + b"Content-Type: application/zip\r\n\r\n" + content + b"\r\n--edge--\r\n"
    sent = {
        "content-type": "multipart/form-data; boundary=edge",
        "feature": "bulk-write",
        "x-crm-org": account.options.org_id,
        **headers,
    }
    return account.send("POST", "/crm/v8/upload", {}, body, sent)


def asked_to_write(
    account: CrmAccount, operation: str, rows: Sequence[Sequence[str]], **resource: Any
) -> Response:
    """A job over `rows`, whose first is the heading with API names."""
    file_id = document(uploaded(account, zipped(rows)))["details"]["file_id"]
    mappings = [{"api_name": name, "index": index} for index, name in enumerate(rows[0])]
    described = {
        "type": "data",
        "module": {"api_name": "Products"},
        "file_id": file_id,
        "file_names": ["products.csv"],
        "field_mappings": mappings,
        **resource,
    }
    return account.send("POST", WRITE, {}, {"operation": operation, "resource": [described]})


def finished(account: CrmAccount, answer: Response) -> tuple[dict[str, Any], list[list[str]]]:
    """The file's figures and the outcome rows of a finished job."""
    assert answer.status == 201, answer.body
    job = document(answer)["details"]["id"]
    account.advance(SECONDS)
    told = document(account.get(f"{WRITE}/{job}"))
    assert told["status"] == "COMPLETED"
    outcome = account.get(told["result"]["download_url"])
    return told["resource"][0]["file"], rows_in(outcome.body)


def test_a_read_job_passes_through_its_states() -> None:
    account = CrmAccount()
    account.created(Product_Code="A")
    answer = asked_to_read(account, fields=["Product_Code"])
    job = first(answer)["details"]["id"]

    seen = []
    for _ in range(3):
        state = first(account.get(f"{READ}/{job}"))["state"]
        seen.append((state, account.get(f"{READ}/{job}/result").status))
        account.advance(SECONDS / 2)

    assert (answer.status, first(answer)["code"]) == (201, "ADDED_SUCCESSFULLY")
    assert seen == [("ADDED", 404), ("IN PROGRESS", 404), ("COMPLETED", 200)]
    archive = account.get(f"{READ}/{job}/result")
    assert archive.headers["content-type"] == "application/zip"
    assert first(account.get(f"{READ}/{job}"))["result"]["count"] == 1


def test_a_read_holds_the_columns_asked_for_as_text() -> None:
    account = CrmAccount()
    record_id = account.created(Product_Active=True, Unit_Price=5, Description='with "quotes"\n')

    names = ["id", "Product_Active", "Unit_Price", "Description", "Owner", "ct_provider"]
    heading, row = read_rows(account, fields=names)

    owner = account.store.api_user.id
    assert heading == names
    assert row == [record_id, "true", "5.0", 'with "quotes"\n', owner, ""]


@pytest.mark.parametrize(
    ("comparator", "field", "value", "expected"),
    [
        ("equal", "Product_Code", "a1", ["A1"]),
        ("not_equal", "Product_Code", "A1", ["A2", "B1"]),
        ("starts_with", "Product_Code", "A", ["A1", "A2"]),
        ("ends_with", "Product_Code", "1", ["A1", "B1"]),
        ("contains", "Product_Code", "2", ["A2"]),
        ("equal", "Product_Active", "true", ["B1"]),
        ("equal", "Unit_Price", "7", ["A2"]),
    ],
)
def test_a_read_can_be_narrowed(
    comparator: str, field: str, value: str, expected: list[str]
) -> None:
    account = CrmAccount()
    account.created(Product_Code="A1")
    account.created(Product_Code="A2", Unit_Price=7)
    account.created(Product_Code="B1", Product_Active=True)
    criterion = {"field": {"api_name": field}, "comparator": comparator, "value": value}

    rows = read_rows(
        account,
        fields=["Product_Code"],
        criteria={"group_operator": "and", "group": [criterion]},
    )

    assert sorted(row[0] for row in rows[1:]) == expected


def test_a_long_read_goes_on_by_page_and_by_token() -> None:
    account = CrmAccount(bulk_read_page=2)
    for number in range(3):
        account.created(Product_Code=str(number))
    job = first(asked_to_read(account, fields=["Product_Code"]))["details"]["id"]
    account.advance(SECONDS)
    result = first(account.get(f"{READ}/{job}"))["result"]

    by_token = read_rows(account, fields=["Product_Code"], page_token=result["next_page_token"])

    assert (result["count"], result["more_records"]) == (2, True)
    assert by_token == read_rows(account, fields=["Product_Code"], page=2)
    assert len(by_token) == 2


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"fields": ["Nothing"]}, "FIELD_NOT_AVAILABLE"),
        ({"module": {"api_name": "Leads"}}, "MODULE_NOT_SUPPORTED"),
        ({"page": 501}, "PAGE_RANGE_EXCEEDED"),
        ({"criteria": {"group_operator": "nor", "group": []}}, "GROUP_OPERATOR_NOT_SUPPORTED"),
        (
            {"criteria": {"field": {"api_name": "No"}, "comparator": "equal"}},
            "FIELD_IN_CRITERIA_NOT_AVAILABLE",
        ),
        (
            {"criteria": {"field": {"api_name": "Product_Code"}, "comparator": "like"}},
            "FIELD_COMPARATOR_IN_CRITERIA_NOT_SUPPORTED",
        ),
    ],
)
def test_a_read_that_cannot_be_is_refused(query: dict[str, Any], code: str) -> None:
    answer = asked_to_read(CrmAccount(), **query)

    assert (answer.status, document(answer)["code"]) == (400, code)


def test_unknown_jobs_are_404() -> None:
    account = CrmAccount()

    for path in (f"{READ}/1", f"{READ}/1/result", f"{WRITE}/1"):
        answer = account.get(path)
        assert (answer.status, document(answer)["code"]) == (404, "RESOURCE_NOT_FOUND")


def test_a_callback_has_to_be_https_by_post() -> None:
    account = CrmAccount()
    query = {"module": {"api_name": "Products"}}
    for callback, code in (
        ({"url": "http://harbour.example", "method": "post"}, "INVALID_CALLBACK_URL"),
        ({"url": "https://harbour.example", "method": "get"}, "INVALID_CALLBACK_METHOD"),
    ):
        answer = account.send("POST", READ, {}, {"query": query, "callback": callback})
        assert document(answer)["code"] == code


def test_a_bulk_insert_reports_each_row() -> None:
    account = CrmAccount()
    rows = [
        ["Product_Name", "Product_Code", "Unit_Price", "ct_valid_from", "Product_Active"],
        ["Fibre", "FIB-1", "499.00", "01/31/2026", "true"],
        ["", "FIB-2", "1", "", ""],
        ["Fibre 3", "FIB-3", "dear", "", "false"],
    ]

    figures, outcome = finished(account, asked_to_write(account, "insert", rows))

    assert (figures["added_count"], figures["skipped_count"], figures["total_count"]) == (1, 2, 3)
    assert outcome[0][-3:] == ["RECORD_ID", "STATUS", "ERRORS"]
    assert [row[-2] for row in outcome[1:]] == ["ADDED", "SKIPPED", "SKIPPED"]
    record = account.read(outcome[1][-3])
    assert (record["Unit_Price"], record["ct_valid_from"]) == (499.0, "2026-01-31")
    assert record["Product_Active"] is True


def test_nothing_is_written_before_the_job_runs_and_all_of_it_without_a_poll() -> None:
    account = CrmAccount()
    asked_to_write(account, "insert", [["Product_Name"], ["Fibre"]])
    before = account.get("/crm/v8/Products", fields="id")
    account.advance(SECONDS)

    assert before.status == 204
    assert account.get("/crm/v8/Products", fields="id").status == 200


def test_a_bulk_upsert_finds_by_a_unique_field_and_may_ignore_blanks() -> None:
    account = CrmAccount(field_overrides=UNIQUE_CODE)
    record_id = account.created(Product_Code="FIB-1", Description="kept")
    rows = [
        ["Product_Name", "Product_Code", "Description"],
        ["Renamed", "FIB-1", ""],
        ["New", "FIB-2", ""],
    ]

    answer = asked_to_write(account, "upsert", rows, find_by="Product_Code", ignore_empty=True)
    figures, _ = finished(account, answer)

    record = account.read(record_id)
    assert (figures["updated_count"], figures["added_count"]) == (1, 1)
    assert (record["Product_Name"], record["Description"]) == ("Renamed", "kept")


def test_a_bulk_update_clears_by_blanks_and_skips_unknown_ids() -> None:
    account = CrmAccount()
    record_id = account.created(Description="old")
    rows = [["id", "Description"], [record_id, ""], ["1", "x"]]

    figures, outcome = finished(account, asked_to_write(account, "update", rows, find_by="id"))

    assert (figures["updated_count"], figures["skipped_count"]) == (1, 1)
    assert outcome[2][-1] == "RECORD_NOT_FOUND"
    assert account.read(record_id)["Description"] is None


@pytest.mark.parametrize(
    ("operation", "heading", "resource", "code"),
    [
        ("merge", "Product_Name", {}, "MANDATORY_NOT_FOUND"),
        ("upsert", "Product_Name", {}, "MISSING_REQUIRED_KEY"),
        ("upsert", "Product_Name", {"find_by": "Product_Code"}, "INVALID_DATA"),
        ("insert", "Product_Code", {}, "MANDATORY_FIELDS_NOT_MAPPED"),
        ("insert", "Nothing", {}, "INVALID_FIELD"),
        ("insert", "Product_Name", {"file_id": "1"}, "FILE_NOT_FOUND"),
        ("insert", "Product_Name", {"module": {"api_name": "Leads"}}, "MODULE_NOT_AVAILABLE"),
    ],
)
def test_a_write_that_cannot_be_is_refused(
    operation: str, heading: str, resource: dict[str, Any], code: str
) -> None:
    answer = asked_to_write(CrmAccount(), operation, [[heading], ["x"]], **resource)

    assert (answer.status, document(answer)["code"]) == (400, code)


def test_an_upload_wants_its_headers_and_a_zip() -> None:
    account = CrmAccount()
    content = zipped([["Product_Name"]])

    assert document(uploaded(account, content))["code"] == "FILE_UPLOAD_SUCCESS"
    assert document(uploaded(account, content, feature="other"))["code"] == "MANDATORY_NOT_FOUND"
    assert document(uploaded(account, b"plain"))["code"] == "INVALID_FILE_FORMAT"
    assert uploaded(account, content, **{"x-crm-org": "1"}).status == 400
    assert uploaded(account, content, **{"content-type": "text/csv"}).status == 400


@pytest.mark.parametrize(
    "files",
    [{"products.csv": b"\xff\xfe"}, {"a.csv": b"a", "b.csv": b"b"}, {"products.txt": b"a"}],
)
def test_an_archive_that_is_not_one_readable_csv_is_refused(files: dict[str, bytes]) -> None:
    account, packed = CrmAccount(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    file_id = document(uploaded(account, packed.getvalue()))["details"]["file_id"]

    answer = asked_to_write(account, "insert", [["Product_Name"], ["x"]], file_id=file_id)

    assert document(answer)["code"] == "FILE_NOT_SUPPORTED"
