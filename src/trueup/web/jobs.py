"""`GET /api/jobs/{id}` and `POST /api/jobs/{id}/cancel`: what became of what was asked for."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Security
from fastapi.responses import JSONResponse
from starlette.requests import Request

from trueup.domain.jobs import Job
from trueup.web.answers import JobAnswer, errors
from trueup.web.bearer import SCHEME
from trueup.web.outcome import job_as_json
from trueup.web.parts import Parts, opened, request_id, threaded
from trueup.web.refusals import Refusal

PATH = "/api/jobs/{job_id}"
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "job_id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        "description": "As `jobId` of another answer.",
    }
]


def router(parts: Parts) -> APIRouter:
    """Both endpoints."""
    found = APIRouter(dependencies=[Security(SCHEME), Depends(parts.gate.check)])

    @found.get(
        PATH,
        operation_id="job",
        responses={
            200: {"model": JobAnswer, "description": "As it stands."},
            **errors(HTTPStatus.NOT_FOUND),
        },
        openapi_extra={"parameters": _PARAMETERS},
        summary="How a job stands",
        tags=["jobs"],
    )
    async def show(request: Request) -> JSONResponse:
        """Its results are those of the cron endpoint."""
        return _answer(request, await threaded(_find, request))

    @found.post(
        PATH + "/cancel",
        operation_id="cancel_job",
        responses={
            200: {"model": JobAnswer, "description": "It is over, or was told to stop."},
            **errors(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        },
        openapi_extra={"parameters": _PARAMETERS},
        summary="Stop a job",
        tags=["jobs"],
    )
    async def cancel(request: Request) -> JSONResponse:
        """One that waits is over at once; one that runs stops after its requests in flight."""
        job = await threaded(_find, request)
        by = f"request {request_id(request)}"
        told = await threaded(parts.deployment.queue.cancel, job.job_id, by)
        if told is None:
            ended = f"it {job.ending.value}" if job.ending else "it has just ended"
            raise Refusal(
                HTTPStatus.CONFLICT, "the job is over", ended, jobId=job.job_id, runId=job.run_id
            )
        return _answer(request, told)

    def _find(request: Request) -> Job:
        given: str = request.path_params["job_id"]
        job = parts.deployment.queue.get(int(given)) if _NUMBER.fullmatch(given) else None
        if job is None or job.request.workspace not in opened(request):
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such job")
        return job

    def _answer(request: Request, job: Job) -> JSONResponse:
        return parts.answer(HTTPStatus.OK, {**job_as_json(job), "requestId": request_id(request)})

    return found
