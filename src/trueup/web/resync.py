"""`POST /api/resync`: a catalogue that cannot notify says which of its products have changed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Security
from fastapi.responses import JSONResponse
from starlette.requests import Request

from trueup.domain.jobs import Job, JobKind, JobRequest, Priority, Terms
from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger
from trueup.web.answers import LOCATION, AcceptedAnswer, Responses, errors
from trueup.web.asking import known_skus, which_workspace
from trueup.web.bearer import SCHEME
from trueup.web.bodies import read_json
from trueup.web.parts import Parts, opened, request_id, threaded
from trueup.web.refusals import Refusal

PATH = "/api/resync"
_MOST_SKUS = 1000
_LONGEST_SKU = 200
_LONGEST_REASON = 200

# Postgres keeps no NUL in a text; and a SKU is more than blanks.
_TEXT = r"^[^\x00]*$"
_MORE_THAN_BLANKS = r"^[^\x00]*[^\x00\s][^\x00]*$"

Sku = Annotated[str, msgspec.Meta(max_length=_LONGEST_SKU, pattern=_MORE_THAN_BLANKS)]
Named = Literal["crm", "billing"]


class ResyncOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be looked at again."""

    skus: Annotated[list[Sku], msgspec.Meta(min_length=1, max_length=_MOST_SKUS)]
    targets: Annotated[list[Named], msgspec.Meta(min_length=1, max_length=2)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=_LONGEST_REASON, pattern=_TEXT)] = ""
    workspace: str | None = None


_BODY: dict[str, Any] = {
    "type": "object",
    "required": ["skus"],
    "additionalProperties": False,
    "properties": {
        "skus": {
            "type": "array",
            "minItems": 1,
            "maxItems": _MOST_SKUS,
            "items": {"type": "string", "maxLength": _LONGEST_SKU, "pattern": _MORE_THAN_BLANKS},
        },
        "targets": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {"type": "string", "enum": [target.value for target in TargetName]},
            "description": "Without it, both.",
        },
        "reason": {"type": "string", "maxLength": _LONGEST_REASON, "pattern": _TEXT},
        "workspace": {"type": "string", "description": "Needed where there are several."},
    },
    "example": {"skus": ["FIB-100"], "reason": "new price"},
}
_RESPONSES: Responses = {
    202: {"model": AcceptedAnswer, "description": "Written down.", "headers": LOCATION},
    **errors(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
}


def router(parts: Parts) -> APIRouter:
    """The endpoint."""
    found = APIRouter(dependencies=[Security(SCHEME), Depends(parts.gate.check)])

    @found.post(
        PATH,
        status_code=HTTPStatus.ACCEPTED,
        operation_id="resync",
        responses=_RESPONSES,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}}
        },
        summary="Look at these products again, soon",
        tags=["resync"],
    )
    async def resync(request: Request) -> JSONResponse:
        """Several calls while one waits are one job. Back-off is not lifted."""
        order = await read_json(request, ResyncOrder)
        workspace = which_workspace(parts.deployment, opened(request), order.workspace)
        job, skus = await threaded(_ask, parts, workspace, order)
        body = {
            "success": True,
            "message": f"{len(skus)} products are looked at next",
            "timestamp": parts.now(),
            "jobId": job.job_id,
            "runId": None,
            "skus": len(skus),
            "requestId": request_id(request),
        }
        return parts.answer(HTTPStatus.ACCEPTED, body, {"Location": f"/api/jobs/{job.job_id}"})

    return found


def _ask(parts: Parts, workspace: str, order: ResyncOrder) -> tuple[Job, tuple[str, ...]]:
    """Write the job down, with or without a worker: it waits for one."""
    with parts.deployment.open(parts.deployment.settings(workspace)) as app:
        skus = known_skus(app, order.skus)
    targets = tuple(t for t in TargetName if order.targets is None or t.value in order.targets)
    # What is merged has one set of targets: a job for one of them must not swallow the other.
    suffix = "" if targets == tuple(TargetName) else f":{'+'.join(targets)}"
    reason = f": {order.reason}" if order.reason else ""
    job = parts.deployment.queue.ask(
        JobRequest(
            workspace=workspace,
            kind=JobKind.SYNC,
            trigger=Trigger.WATCH,
            priority=Priority.WATCH,
            terms=Terms(skus=skus, targets=targets),
            merge=f"watch{suffix}",
            asked_by=f"resync endpoint{reason}",
        )
    )
    if job is None:
        raise Refusal(HTTPStatus.CONFLICT, "it was asked for already")
    return job, skus
