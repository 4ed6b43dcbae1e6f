"""Answers are judged by status and code, never by text (zoho-facts §1.5, §2.4, §2.14, §3.8)."""

from typing import Any

import pytest

from trueup.zoho.verdict import Ruling, judge, judge_record

HTML = None  # what a page decodes to


def crm(code: str | int, **details: Any) -> dict[str, Any]:
    return {"code": code, "details": details, "message": "text of the day", "status": "error"}


def wrapped(code: str, **details: Any) -> dict[str, Any]:
    return {"data": [crm(code, **details)]}


def billing(code: int | str) -> dict[str, Any]:
    return {"code": code, "message": "text of the day"}


SUCCESS = {
    "code": "SUCCESS",
    "details": {"id": "1"},
    "message": "record added",
    "status": "success",
}

CASES: list[tuple[str, int, Any, Ruling]] = [
    ("crm", 200, {"data": [{"id": "1"}], "info": {}}, Ruling.OK),
    ("crm", 200, {"fields": []}, Ruling.OK),
    ("crm", 204, None, Ruling.EMPTY),
    ("crm", 304, None, Ruling.EMPTY),
    ("crm", 201, {"data": [SUCCESS]}, Ruling.OK),
    ("crm", 207, {"data": [SUCCESS, crm("INVALID_DATA")]}, Ruling.OK),
    ("crm", 400, wrapped("INVALID_DATA"), Ruling.OK),
    ("crm", 412, wrapped("ALREADY_MODIFIED"), Ruling.OK),
    ("crm", 200, HTML, Ruling.UNREADABLE),
    ("crm", 502, HTML, Ruling.SERVER),
    ("crm", 429, HTML, Ruling.THROTTLED),
    ("crm", 401, HTML, Ruling.TOKEN),
    ("crm", 401, crm("INVALID_TOKEN"), Ruling.TOKEN),
    ("crm", 401, wrapped("INVALID_TOKEN"), Ruling.TOKEN),
    ("crm", 401, crm("AUTHENTICATION_FAILURE"), Ruling.TOKEN),
    ("crm", 401, crm("OAUTH_SCOPE_MISMATCH"), Ruling.SCOPE),
    ("crm", 403, crm("OAUTH_SCOPE_MISMATCH"), Ruling.SCOPE),
    ("crm", 403, crm("NO_PERMISSION"), Ruling.PERMISSION),
    ("crm", 403, crm("SOMETHING_NEW"), Ruling.PERMISSION),
    ("crm", 429, crm("TOO_MANY_REQUESTS"), Ruling.THROTTLED),
    ("crm", 400, crm("TOO_MANY_REQUESTS"), Ruling.THROTTLED),
    ("crm", 429, crm("RATE_LIMIT_EXCEEDED"), Ruling.THROTTLED),
    ("crm", 429, {"code": 429, "error": "TOO_MANY_REQUESTS"}, Ruling.THROTTLED),
    ("crm", 500, crm("INTERNAL_ERROR"), Ruling.SERVER),
    ("crm", 500, crm("INVALID_DATA"), Ruling.SERVER),
    ("crm", 503, crm("SERVICE_UNAVAILABLE"), Ruling.SERVER),
    ("crm", 400, crm("INVALID_MODULE"), Ruling.REFUSED),
    ("crm", 404, crm("INVALID_URL_PATTERN"), Ruling.REFUSED),
    ("crm", 400, crm("SOMETHING_NEW"), Ruling.UNKNOWN),
    ("crm", 200, crm("INVALID_DATA"), Ruling.REFUSED),
    ("billing", 200, billing(0), Ruling.OK),
    ("billing", 200, billing("0"), Ruling.OK),
    ("billing", 201, billing(0), Ruling.OK),
    ("billing", 200, billing(1002), Ruling.GONE),
    ("billing", 200, {"message": "no envelope"}, Ruling.UNREADABLE),
    ("billing", 200, HTML, Ruling.UNREADABLE),
    ("billing", 404, billing(2006), Ruling.GONE),
    ("billing", 400, billing(4), Ruling.REFUSED),
    ("billing", 400, billing(1000), Ruling.DUPLICATE),
    ("billing", 500, billing(1000), Ruling.SERVER),
    ("billing", 400, billing(9999), Ruling.UNKNOWN),
    ("billing", 401, billing(57), Ruling.TOKEN),
    ("billing", 401, billing(14), Ruling.TOKEN),
    ("billing", 429, billing(44), Ruling.THROTTLED),
    ("billing", 429, billing(1070), Ruling.THROTTLED),
    ("billing", 429, billing(45), Ruling.QUOTA),
    ("billing", 400, billing(6041), Ruling.CONFIGURATION),
    ("billing", 400, billing(9), Ruling.CONFIGURATION),
    ("oauth", 200, {"access_token": "t"}, Ruling.OK),
    ("oauth", 200, {"access_token": ""}, Ruling.UNREADABLE),
    ("oauth", 200, {"error": "invalid_code"}, Ruling.CONFIGURATION),
    ("oauth", 400, {"error": "invalid_client"}, Ruling.CONFIGURATION),
    ("oauth", 400, {"error": "Access Denied", "status": "failure"}, Ruling.THROTTLED),
    ("oauth", 200, {"error": "Access Denied"}, Ruling.THROTTLED),
    ("oauth", 429, {"error": "other"}, Ruling.THROTTLED),
    ("oauth", 200, HTML, Ruling.UNREADABLE),
    ("oauth", 503, HTML, Ruling.SERVER),
]


@pytest.mark.parametrize(("service", "status", "document", "ruling"), CASES)
def test_an_answer_is_judged(service: str, status: int, document: Any, ruling: Ruling) -> None:
    assert ruling is judge(service, status, document).kind


@pytest.mark.parametrize(("service", "status", "document", "ruling"), CASES)
def test_texts_decide_nothing(service: str, status: int, document: Any, ruling: Ruling) -> None:
    """The same answer in another language means the same."""
    if isinstance(document, dict) and "message" in document:
        assert ruling is judge(service, status, document | {"message": "请求过于频繁"}).kind


@pytest.mark.parametrize(
    ("entry", "ruling"),
    [
        (SUCCESS, Ruling.OK),
        ({**SUCCESS, "details": {}}, Ruling.UNREADABLE),
        (None, Ruling.UNREADABLE),
        (crm("DUPLICATE_DATA", api_name="Product_Code", id="7"), Ruling.DUPLICATE),
        (crm("INVALID_DATA", api_name="id", id="0"), Ruling.GONE),
        (crm("INVALID_DATA", api_name="Unit_Price"), Ruling.REFUSED),
        (crm("RECORD_LOCKED"), Ruling.BUSY),
        (crm("ALREADY_MODIFIED"), Ruling.STALE),
        (crm("WHATEVER"), Ruling.UNKNOWN),
    ],
)
def test_one_record_of_a_batch_is_judged(entry: Any, ruling: Ruling) -> None:
    assert ruling is judge_record(entry).kind


def test_a_duplicate_names_the_record_in_the_way() -> None:
    """In both shapes that Zoho has used."""
    new = crm("DUPLICATE_DATA", api_name="Product_Code", duplicate_record={"id": "42"})
    old = crm("DUPLICATE_DATA", api_name="Product_Code", id="42")
    assert [judge_record(e).existing_id for e in (new, old)] == ["42", "42"]


def test_several_errors_of_one_record_are_told_together() -> None:
    """The fields of each are named, and a duplicate among them counts."""
    inner = [
        crm("INVALID_DATA", api_name="Unit_Price"),
        crm("DUPLICATE_DATA", api_name="Product_Code"),
    ]
    verdict = judge_record(crm("MULTIPLE_OR_MULTI_ERRORS", errors=inner))
    assert (verdict.kind, verdict.field) == (Ruling.DUPLICATE, "Unit_Price, Product_Code")


def test_a_wait_is_read_from_header_or_details() -> None:
    """The header wins over what some answers carry in their details."""
    answer = crm("TOO_MANY_REQUESTS", retry_after=60)
    assert judge("crm", 429, answer).retry_after == 60.0
    assert judge("crm", 429, answer, 5.0).retry_after == 5.0
