"""Bulk read: up to 200,000 rows as one CSV in a zip (zoho-facts §2.11)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.batch import body_of, list_in, object_in
from zoho_emulator.crm.bulk_jobs import (
    BulkJob,
    BulkResult,
    add_job,
    archive_answer,
    check_callback,
    job_named,
    zipped_csv,
)
from zoho_emulator.crm.errors import refusal
from zoho_emulator.crm.shapes import column
from zoho_emulator.crm.store import Record
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

Test = Callable[[Record], bool]
MOST_PAGES = 500
_STATES = {"ADDED": "ADDED", "RUNNING": "IN PROGRESS", "COMPLETED": "COMPLETED"}
_COMPARATORS: Mapping[str, Callable[[str, str], bool]] = {
    "equal": lambda cell, value: cell == value,
    "not_equal": lambda cell, value: cell != value,
    "contains": lambda cell, value: value in cell,
    "not_contains": lambda cell, value: value not in cell,
    "starts_with": lambda cell, value: cell.startswith(value),
    "ends_with": lambda cell, value: cell.endswith(value),
}
_NUMBERS = frozenset({"integer", "double", "currency"})


def create_read_job(world: World, request: Request) -> Response:
    """`POST /crm/bulk/v8/read`; costs 50 credits."""
    store, body = world.crm, body_of(request)
    check_callback(body.get("callback"))
    wanted = body.get("query")
    if not isinstance(wanted, dict):
        raise refusal(400, "QUERY_NOT_SUPPORTED", "the query is missing")
    if object_in(wanted, "module").get("api_name") != "Products":
        raise refusal(400, "MODULE_NOT_SUPPORTED", "the module is not supported")
    names = _columns(store, wanted.get("fields"))
    test = _criteria(store, wanted.get("criteria"))
    page = _page(store, wanted)
    asked = wanted | {"page": page}
    job = add_job(store, "read", asked, lambda: _read(store, names, test, page))
    details = {
        "id": job.id,
        "operation": "read",
        "state": "ADDED",
        "created_by": store.api_user.signature(),
        "created_time": store.stamp(job.created_at),
    }
    answer = {
        "status": "success",
        "code": "ADDED_SUCCESSFULLY",
        "message": "Added successfully.",
        "details": details,
    }
    return Response.json(201, {"data": [answer], "info": {}})


def read_job(world: World, request: Request, job_id: str) -> Response:
    """`GET /crm/bulk/v8/read/{id}`."""
    del request
    store = world.crm
    job = job_named(store, "read", job_id)
    shown: JsonDocument = {
        "id": job.id,
        "operation": "read",
        "state": _STATES[job.stage(store.clock.monotonic())],
        "query": job.asked,
        "created_by": store.api_user.signature(),
        "created_time": store.stamp(job.created_at),
        "file_type": "csv",
    }
    if job.result is not None:
        url = f"/crm/bulk/v8/read/{job.id}/result"
        shown["result"] = job.result.figures | {"download_url": url}
    return Response.json(200, {"data": [shown]})


def read_result(world: World, request: Request, job_id: str) -> Response:
    """`GET /crm/bulk/v8/read/{id}/result`."""
    del request
    return archive_answer(world.crm, "read", job_id)


def _columns(store: CrmStore, wanted: object) -> list[str]:
    if not wanted:
        return list(store.fields)
    names = [str(name) for name in wanted] if isinstance(wanted, list) else []
    for name in names:
        if name not in store.fields:
            raise refusal(400, "FIELD_NOT_AVAILABLE", "field not available", api_name=name)
    return names


def _page(store: CrmStore, wanted: Mapping[str, Any]) -> int:
    token = wanted.get("page_token")
    if token is None:
        page = wanted.get("page", 1)
        if isinstance(page, bool) or not isinstance(page, int) or not 1 <= page <= MOST_PAGES:
            raise refusal(400, "PAGE_RANGE_EXCEEDED", "page range exceeded", max_limit=MOST_PAGES)
        return page
    before = next((job for job in store.jobs.values() if _leads_to(job, token)), None)
    if before is None or before.result is None:
        raise refusal(400, "INVALID_DATA", "invalid data", api_name="page_token")
    return int(before.result.figures["page"]) + 1


def _leads_to(job: BulkJob, token: object) -> bool:
    return job.result is not None and job.result.next_token == token


def _read(store: CrmStore, names: Sequence[str], test: Test, page: int) -> BulkResult:
    per_page = store.options.bulk_read_page
    ordered = (store.records[i] for i in store.ordered("id", descending=False))
    found = [record for record in ordered if test(record)]
    rows = found[(page - 1) * per_page : page * per_page]
    more = page * per_page < len(found)
    token = hashlib.sha256(store.ids.next().encode()).hexdigest() if more else None
    figures: JsonDocument = {
        "page": page,
        "count": len(rows),
        "per_page": per_page,
        "more_records": more,
        "next_page_token": token,
    }
    cells = ([_cell(store, record, name) for name in names] for record in rows)
    return BulkResult(zipped_csv("products.csv", names, cells), figures, token)


def _cell(store: CrmStore, record: Record, name: str) -> str:
    """A value as text: lookups as ids, booleans in lower case, null as nothing."""
    value = column(store, record, name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return store.stamp(value)
    if isinstance(value, list):
        return ";".join(
            str(v.get("name") or v.get("value")) if isinstance(v, dict) else v for v in value
        )
    return str(value)


def _criteria(store: CrmStore, criteria: object) -> Test:
    """A group of criteria, or a single one; raises `ServiceError` for what it cannot mean."""
    if not criteria:
        return lambda _record: True
    if not isinstance(criteria, dict):
        raise refusal(400, "INVALID_CRITERIA", "invalid criteria")
    if "group" not in criteria:
        return _comparison(store, criteria)
    operator = criteria.get("group_operator")
    if operator not in ("and", "or"):
        text = "group operator not supported"
        raise refusal(400, "GROUP_OPERATOR_NOT_SUPPORTED", text, group_operator=operator)
    tests = [_criteria(store, part) for part in list_in(criteria, "group")]
    combine = all if operator == "and" else any
    return lambda record: combine(test(record) for test in tests)


def _comparison(store: CrmStore, criterion: Mapping[str, Any]) -> Test:
    name = str(object_in(criterion, "field").get("api_name"))
    if name not in store.fields:
        text = "field in criteria not available"
        raise refusal(400, "FIELD_IN_CRITERIA_NOT_AVAILABLE", text, field={"api_name": name})
    compare = _COMPARATORS.get(str(criterion.get("comparator")))
    if compare is None:
        text = "comparator not supported"
        comparator = criterion.get("comparator")
        raise refusal(
            400, "FIELD_COMPARATOR_IN_CRITERIA_NOT_SUPPORTED", text, comparator=comparator
        )
    value = _comparable(store, name, str(criterion.get("value", "")))
    return lambda record: compare(_comparable(store, name, _cell(store, record, name)), value)


def _comparable(store: CrmStore, name: str, text: str) -> str:
    """Numbers in one spelling, text without regard to case."""
    if store.fields[name].data_type in _NUMBERS and text:
        try:
            return str(Decimal(text).normalize())
        except InvalidOperation:
            return text
    return text.casefold()
