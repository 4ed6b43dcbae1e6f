"""`GET|POST /api/cron/zoho-sync`: the whole job, for a platform's cron or a monitor.

The statuses are those of spec §3.3; docs/http.md tells each with an example.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Security
from fastapi.responses import JSONResponse
from starlette.requests import Request

from trueup.domain.jobs import Job, Terms
from trueup.web.answers import LOCATION, Responses, RunAnswer, errors
from trueup.web.asking import ask_for_sync, which_workspace
from trueup.web.bearer import SCHEME
from trueup.web.outcome import message_of, outcome_as_json, status_of, told_of
from trueup.web.parts import Parts, opened, request_id, threaded
from trueup.web.query import PARAMETERS, read_query
from trueup.web.waiting import await_end

PATH = "/api/cron/zoho-sync"
_RESPONSES: Responses = {
    200: {"model": RunAnswer, "description": "All well."},
    202: {"model": RunAnswer, "description": "Accepted, not ended yet.", "headers": LOCATION},
    207: {"model": RunAnswer, "description": "Some failed, or wait for a person."},
    **errors(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
}


def router(parts: Parts) -> APIRouter:
    """The endpoint."""
    found = APIRouter(dependencies=[Security(SCHEME), Depends(parts.gate.check)])

    async def sync(request: Request) -> JSONResponse:
        """Plan and apply what is due."""
        began = parts.deployment.clock.monotonic()
        asked = read_query(request.query_params.multi_items())
        workspace = which_workspace(parts.deployment, opened(request), asked.workspace)
        terms = Terms(max_products=asked.max_products, dry_run=asked.dry_run)
        asked_by = f"cron endpoint, request {request_id(request)}"
        job = await threaded(ask_for_sync, parts, workspace, terms, asked_by)
        ended = await await_end(parts, request, job) if asked.wait else None
        status = HTTPStatus.ACCEPTED if ended is None else status_of(ended)
        seconds = parts.deployment.clock.monotonic() - began
        headers = {} if ended else {"Location": f"/api/jobs/{job.job_id}"}
        body = _body(parts, request, ended or job, status, seconds)
        return parts.answer(status, body, headers)

    for method in ("GET", "POST"):
        found.add_api_route(
            PATH,
            sync,
            methods=[method],
            operation_id=f"sync_by_{method.lower()}",
            responses=_RESPONSES,
            openapi_extra={"parameters": PARAMETERS},
            summary="Plan and apply what is due",
            tags=["cron"],
        )
    return found


def _body(
    parts: Parts, request: Request, job: Job, status: HTTPStatus, seconds: float
) -> dict[str, Any]:
    message = message_of(job)
    body = {
        "success": status in (HTTPStatus.OK, HTTPStatus.ACCEPTED),
        "message": message,
        "timestamp": parts.now(),
        "duration_ms": round(seconds * 1000),
        **outcome_as_json(job),
        "dryRun": job.request.terms.dry_run,
        "requestId": request_id(request),
    }
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return body
    # In the shape of every error too.
    remedy = str(job.report.get("remedy", "")) or "`trueup check` says what is wrong"
    return body | {"error": told_of(job) or message, "remedy": remedy}
