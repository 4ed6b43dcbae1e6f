"""Bulk jobs: asked for now, done `bulk_seconds` of emulated time later (zoho-facts §2.11)."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from zoho_emulator.crm.errors import refusal
from zoho_emulator.wire import JsonDocument, Response, ServiceError

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore

Stage = Literal["ADDED", "RUNNING", "COMPLETED"]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a finished job leaves: an archive to fetch and figures about it."""

    archive: bytes
    figures: JsonDocument
    next_token: str | None = None


@dataclass(slots=True)
class BulkJob:
    """One read or write job. `begins` and `ends` are emulated seconds of the store's clock."""

    id: str
    kind: Literal["read", "write"]
    asked: Mapping[str, Any]
    created_at: datetime
    begins: float
    ends: float
    run: Callable[[], BulkResult]
    result: BulkResult | None = field(default=None)

    def stage(self, now: float) -> Stage:
        """How far the job is at emulated second `now`."""
        if self.result is not None:
            return "COMPLETED"
        return "RUNNING" if now >= self.begins else "ADDED"


def add_job(
    store: CrmStore,
    kind: Literal["read", "write"],
    asked: Mapping[str, Any],
    run: Callable[[], BulkResult],
) -> BulkJob:
    """Queue a job."""
    now, takes = store.clock.monotonic(), store.options.bulk_seconds
    job = BulkJob(store.ids.next(), kind, asked, store.now(), now + takes / 2, now + takes, run)
    store.jobs[job.id] = job
    return job


def run_due_jobs(store: CrmStore) -> None:
    """Carry out what should be done by now; called before every CRM operation."""
    now = store.clock.monotonic()
    for job in store.jobs.values():
        if job.result is None and now >= job.ends:
            job.result = job.run()


def job_named(store: CrmStore, kind: str, job_id: str) -> BulkJob:
    """The job, or 404 RESOURCE_NOT_FOUND (zoho-facts §2.11)."""
    job = store.jobs.get(job_id)
    if job is None or job.kind != kind:
        raise resource_not_found(job_id)
    return job


def resource_not_found(name: str) -> ServiceError:
    """No such job, or nothing to fetch yet."""
    text = "The requested resource doesn't exist."
    return refusal(404, "RESOURCE_NOT_FOUND", text, resource=name)


def archive_answer(store: CrmStore, kind: str, job_id: str) -> Response:
    """The zip of a finished job."""
    job = job_named(store, kind, job_id)
    if job.result is None:
        raise resource_not_found(job_id)
    disposition = f"attachment;filename={job_id}.zip"
    headers = {"content-type": "application/zip", "content-disposition": disposition}
    return Response(200, job.result.archive, headers)


def zipped_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """An archive with one CSV file, the same bytes for the same rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text.getvalue())
    return packed.getvalue()


def check_callback(callback: object) -> None:
    """A callback is optional, but has to be an https address called by post; it is never called."""
    if callback is None:
        return
    known = callback if isinstance(callback, dict) else {}
    if not str(known.get("url", "")).startswith("https://"):
        raise refusal(400, "INVALID_CALLBACK_URL", "invalid callback url")
    if known.get("method") != "post":
        text = "invalid callback method"
        raise refusal(400, "INVALID_CALLBACK_METHOD", text, supported_callback_methods=["post"])
