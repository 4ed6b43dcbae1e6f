"""Bulk write: a CSV becomes inserts and updates, row by row (zoho-facts §2.12)."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.batch import body_of, list_in
from zoho_emulator.crm.bulk_jobs import (
    BulkResult,
    add_job,
    archive_answer,
    check_callback,
    job_named,
    zipped_csv,
)
from zoho_emulator.crm.bulk_rows import Outcome, Plan, plan_of, write_row
from zoho_emulator.crm.errors import refusal
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

MOST_ROWS = 25_000
_STATES = {"ADDED": "ADDED", "RUNNING": "INPROGRESS", "COMPLETED": "COMPLETED"}


def create_write_job(world: World, request: Request) -> Response:
    """`POST /crm/bulk/v8/write`; costs 500 credits."""
    store, body = world.crm, body_of(request)
    check_callback(body.get("callback"))
    plan = plan_of(store, body)
    rows = _rows(store, plan.file_id)
    job = add_job(store, "write", body, lambda: _write(store, plan, rows))
    details = {"id": job.id, "created_by": store.api_user.signature()}
    answer = {"status": "success", "code": "SUCCESS", "message": "success", "details": details}
    return Response.json(201, answer)


def write_job(world: World, request: Request, job_id: str) -> Response:
    """`GET /crm/bulk/v8/write/{id}`. COMPLETED does not mean that every row was (§2.12)."""
    del request
    store = world.crm
    job = job_named(store, "write", job_id)
    state = _STATES[job.stage(store.clock.monotonic())]
    figures = job.result.figures if job.result else {}
    asked = job.asked["resource"][0]
    file: JsonDocument = {"status": state, "name": (list_in(asked, "file_names") or [""])[0]}
    resource = {
        "status": state,
        "type": "data",
        "module": {"api_name": "Products", "id": store.module_ids["Products"]},
        "field_mappings": asked.get("field_mappings", []),
        "file": file | figures,
    }
    shown: JsonDocument = {
        "status": state,
        "character_encoding": job.asked.get("character_encoding") or "UTF-8",
        "resource": [resource],
        "id": job.id,
        "operation": job.asked["operation"],
        "callback": job.asked.get("callback"),
        "created_by": store.api_user.signature(),
        "created_time": store.stamp(job.created_at),
    }
    if job.result is not None:
        shown["result"] = {"download_url": f"/crm/bulk/v8/write/{job.id}/result"}
    return Response.json(200, shown)


def write_result(world: World, request: Request, job_id: str) -> Response:
    """The outcome of each row; at Zoho it lies on a download host of its own."""
    del request
    return archive_answer(world.crm, "write", job_id)


def _rows(store: CrmStore, file_id: str) -> list[list[str]]:
    """The CSV of an uploaded archive, without its heading."""
    content = store.uploads.get(file_id)
    if content is None:
        raise refusal(400, "FILE_NOT_FOUND", "file not found")
    try:
        rows = _unpacked(content)
    except (zipfile.BadZipFile, csv.Error, ValueError) as error:
        raise refusal(400, "FILE_NOT_SUPPORTED", "File not supported for bulk write") from error
    if len(rows) > MOST_ROWS:
        raise refusal(400, "INVALID_DATA", "too many rows", maximum_length=MOST_ROWS)
    return rows


def _unpacked(content: bytes) -> list[list[str]]:
    """The rows below the heading; raises `ValueError` for anything but one CSV file in UTF-8."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if len(names) != 1 or not names[0].endswith(".csv"):
            raise ValueError(f"one CSV file wanted, not {names}")
        text = archive.read(names[0]).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


def _write(store: CrmStore, plan: Plan, rows: list[list[str]]) -> BulkResult:
    outcomes = [write_row(store, plan, row) for row in rows]
    header = [mapping.api_name for mapping in plan.mappings]
    header += ["RECORD_ID", "STATUS", "ERRORS"]
    table = [_reported(plan, row, outcome) for row, outcome in zip(rows, outcomes, strict=True)]
    tally = Counter(outcome.status for outcome in outcomes)
    figures: Mapping[str, Any] = {
        "added_count": tally["ADDED"],
        "updated_count": tally["UPDATED"],
        "skipped_count": tally["SKIPPED"],
        "total_count": len(rows),
    }
    return BulkResult(zipped_csv("outcome.csv", header, table), dict(figures))


def _reported(plan: Plan, row: list[str], outcome: Outcome) -> list[str]:
    """A row of the outcome; the names of the added columns are zoho-facts §2.12 [U]."""
    cells = [row[m.index] if m.index < len(row) else "" for m in plan.mappings]
    return [*cells, outcome.record_id, outcome.status, outcome.error]
