"""What a job's end means to whoever called: the status, and the body of the cron endpoint."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from trueup.domain.jobs import Ending, Job
from trueup.domain.runs import Tally

MOST_RESULTS = 10
_USAGE = 2
_CREDENTIALS = 4


def status_of(job: Job) -> HTTPStatus:
    """The status for a job that is over.

    | it ended | status |
    |---|---|
    | succeeded | 200 |
    | partial, held, cancelled by a person; or every product failed | 207 |
    | no target could be read or written: down, paused, credentials refused | 503 |
    | the database, its schema or the configured table is not there | 503 |
    | otherwise: the catalogue cannot be trusted, a bug | 500 |
    """
    if job.ending is Ending.SUCCEEDED:
        return HTTPStatus.OK
    if job.ending is not Ending.FAILED:
        return HTTPStatus.MULTI_STATUS
    report = job.report
    summary = report.get("summary", {})
    if summary.get("crmFailed", 0) + summary.get("billingFailed", 0) > 0:
        return HTTPStatus.MULTI_STATUS
    # A plan was drawn up, so the catalogue was read: what stopped it is a target.
    looked = bool(report.get("fingerprint"))
    if looked or report.get("exit_code") in (_USAGE, _CREDENTIALS):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.INTERNAL_SERVER_ERROR


def outcome_as_json(job: Job) -> dict[str, Any]:
    """Run id, summary and the first results, as far as there are any yet."""
    results, total = _results(job)
    return {
        "runId": job.run_id or None,
        "summary": _summary(job),
        "results": results[:MOST_RESULTS],
        "resultsCount": total,
        "jobId": job.job_id,
        "workspace": job.request.workspace,
    }


def message_of(job: Job) -> str:
    """How it went, in a sentence."""
    if job.ending is None:
        return "accepted: GET the address in the Location header to see how it goes"
    counts = _summary(job)
    if not counts:
        told = "" if told_of(job) else str(job.ending)
    elif job.request.terms.dry_run:
        told = f"planned only: {counts['changes']} changes, {counts['held']} of them held"
    else:
        told = (
            f"{counts['processed']} products looked at; in agreement: CRM {counts['crmSucceeded']},"
            f" Billing {counts['billingSucceeded']}; failed: CRM {counts['crmFailed']},"
            f" Billing {counts['billingFailed']}; held: {counts['held']};"
            f" deferred: {counts['deferred']}"
        )
    cancelled = f"cancelled by {job.cancelled_by}" if job.ending is Ending.CANCELLED else ""
    return "; ".join(part for part in (cancelled, told, told_of(job)) if part)


def told_of(job: Job) -> str:
    """The job's own message, unless it is that of a fault of ours: its words are for the log."""
    ours = job.ending is Ending.FAILED and not {"state", "remedy"} & job.report.keys()
    if ours and "changes" not in job.report:
        return f"something went wrong here; the log has the reason under job {job.job_id}"
    return job.message


def job_as_json(job: Job) -> dict[str, Any]:
    """A job as `GET /api/jobs/{id}` shows it."""
    request = job.request
    return {
        "kind": request.kind.value,
        "trigger": request.trigger.value,
        "state": job.state.value,
        "ending": job.ending.value if job.ending else None,
        "askedAt": job.asked_at.isoformat(),
        "startedAt": _iso(job.started_at),
        "finishedAt": _iso(job.finished_at),
        "attempt": job.attempt,
        "message": told_of(job),
        "cancelledBy": job.cancelled_by or None,
        **outcome_as_json(job),
    }


def _summary(job: Job) -> dict[str, int]:
    """The counts of a finished job; those of a dry run tell of its plan."""
    report = job.report
    if "changes" not in report:
        summary = report.get("summary")
        return Tally().as_summary() | dict(summary) if summary else {}
    counts = report["counts"]
    return Tally().as_summary() | {
        "totalCandidates": counts["products"],
        "held": counts["held"],
        "findings": counts["findings"],
        "changes": counts["changes"],
    }


def _results(job: Job) -> tuple[list[dict[str, Any]], int]:
    report = job.report
    if "changes" in report:
        return list(report["changes"]), report["counts"]["changes"]
    results = list(report.get("results", ()))
    return results, report.get("resultsCount", len(results))


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
