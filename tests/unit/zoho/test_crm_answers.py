"""Results of a batch are decided record by record (zoho-facts §2.4)."""

from typing import Any

import httpx2
import pytest

from support.zoho import a_create, an_update, emulated, nobody, scripted
from trueup.domain.changes import Change
from trueup.domain.errors import (
    LostAnswerError,
    PausedError,
    RejectedError,
    RetryableError,
    StaleError,
    TargetDownError,
)
from trueup.domain.records import Kind
from trueup.ports import Written
from trueup.zoho.coql import by_code, quoted
from trueup.zoho.crm import CrmTarget

CRM = Kind.CRM_PRODUCT
FIELDS = {"fields": [{"api_name": "Product_Name", "system_mandatory": True, "data_type": "text"}]}


def creates(count: int) -> list[Change]:
    return [a_create(CRM, f"C-{i}", {"Product_Name": f"N{i}"}) for i in range(count)]


def updates(count: int, version: str = "") -> list[Change]:
    return [
        an_update(CRM, f"C-{i}", str(i), {"Product_Name": ("a", "b")}, version)
        for i in range(count)
    ]


def fine(record_id: object) -> dict[str, Any]:
    return {"code": "SUCCESS", "status": "success", "details": {"id": record_id}, "message": ""}


def bad(code: str, **details: Any) -> dict[str, Any]:
    return {"code": code, "status": "error", "details": details, "message": "text"}


def applied(changes: list[Change], *answers: tuple[int, Any]) -> list[Any]:
    responses = [httpx2.Response(status, json=document) for status, document in answers]
    z, _ = scripted(httpx2.Response(200, json=FIELDS), *responses)
    return list(CrmTarget(z.door, managed=["Product_Name"], clock=z.clock).apply(changes, nobody))


@pytest.mark.parametrize("status", [200, 201, 202, 207])
def test_the_status_decides_nothing(status: int) -> None:
    """Sandboxes answer 200 where production answers 207."""
    document = {"data": [fine("9"), bad("INVALID_DATA", api_name="Unit_Price")]}
    first, second = applied(creates(2), (status, document))
    assert first == Written("9")
    assert (type(second), second.field) == (RejectedError, "Unit_Price")


@pytest.mark.parametrize(
    "document",
    [
        {"data": [fine("9")]},
        {"data": [fine("9"), fine("10"), fine("11")]},
        {"data": []},
        {"data": {}},
        {},
        {"data": [{"status": "success", "details": {}}] * 2},
    ],
)
def test_an_answer_that_does_not_fit_confirms_nothing(document: Any) -> None:
    results = applied(creates(2), (201, document))
    assert [type(r) for r in results] == [LostAnswerError] * 2


def test_an_update_confirmed_for_another_record_is_lost() -> None:
    (result,) = applied(updates(1), (200, {"data": [fine("77")]}))
    assert isinstance(result, LostAnswerError)


def test_a_duplicate_names_the_record_that_exists() -> None:
    document = {"data": [bad("DUPLICATE_DATA", api_name="Product_Code", id="42")]}
    (result,) = applied(creates(1), (400, document))
    assert isinstance(result, RejectedError)
    assert result.duplicate
    assert "42" in str(result)


def test_one_error_for_a_whole_batch_is_tried_one_by_one() -> None:
    """Nothing was carried out, so sending each alone cannot double anything."""
    whole = (400, {"data": [bad("LIMIT_EXCEEDED", api_name="data")]})
    alone = [(201, {"data": [fine("1")]}), (400, {"data": [bad("INVALID_DATA")]})]
    first, second = applied(creates(2), whole, *alone)
    assert first == Written("1")
    assert isinstance(second, RejectedError)


def test_a_stop_after_a_part_was_carried_out_is_no_stop_of_the_group() -> None:
    """What was written must be recorded: raising would forget it."""
    whole = (400, bad("INVALID_DATA"))
    throttled = (429, bad("TOO_MANY_REQUESTS", retry_after=9999))
    first, second = applied(creates(2), whole, (201, {"data": [fine("1")]}), throttled)
    assert first == Written("1")
    assert isinstance(second, RetryableError)


def test_a_stop_before_anything_was_carried_out_stops() -> None:
    whole = (400, bad("INVALID_DATA"))
    with pytest.raises(PausedError):
        applied(creates(2), whole, (429, bad("TOO_MANY_REQUESTS", retry_after=9999)))


def test_one_stale_record_of_a_refused_batch_is_named() -> None:
    """CRM may answer 412 once for all: the others were surely not carried out."""
    document = {"data": [bad("ALREADY_MODIFIED", id="1")]}
    changes = updates(2, "2026-01-05T00:00:00+02:00")
    first, second = applied(changes, (412, document))
    assert isinstance(first, RetryableError)
    assert isinstance(second, StaleError)


def test_metadata_that_is_missing_is_an_error() -> None:
    """204 from the metadata is not "this module has no fields" (zoho-facts §2.2)."""
    z, _ = scripted(httpx2.Response(204))
    with pytest.raises(TargetDownError):
        CrmTarget(z.door, managed=[], clock=z.clock).schema()


def test_workflows_run_unless_told_otherwise() -> None:
    """An absent `trigger` runs all of them, an empty one none (zoho-facts §2.3)."""
    z, emulator = emulated()
    triggers: list[list[str] | None] = [None, []]
    for trigger in triggers:
        target = CrmTarget(z.door, managed=[], clock=z.clock, trigger=trigger)
        target.apply([a_create(CRM, "A", {"Product_Name": "A"})], nobody)
    bodies = [e["body"] for e in emulator.journal() if e["path"].endswith("/Products")]
    assert ["trigger" in body for body in bodies] == [False, True]


def test_groups_are_full_batches_of_one_kind() -> None:
    """Up to the batch size, and never beyond what CRM takes."""
    z, _ = scripted()
    news = [a_create(CRM, f"N-{i}", {}) for i in range(250)]
    mixed = [change for pair in zip(news[:4], updates(4), strict=True) for change in pair]
    groups = CrmTarget(z.door, managed=[], clock=z.clock, batch_size=3).group(mixed)
    assert [len(group) for group in groups] == [3, 3, 1, 1]
    assert all(len({change.action for change in group}) == 1 for group in groups)
    largest = CrmTarget(z.door, managed=[], clock=z.clock, batch_size=999).group(news)
    assert [len(group) for group in largest] == [100, 100, 50]


def test_codes_in_a_query_are_quoted() -> None:
    assert quoted("A'B\\C") == "'A\\'B\\\\C'"
    assert by_code(["A"], ["id"]) == (
        "select id from Products where Product_Code in ('A') limit 0, 200"
    )
