"""The bodies of answers, for the OpenAPI document; each is written as plain JSON elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Responses = dict[int | str, dict[str, Any]]


class Answer(BaseModel):
    """The base of all: a key may be added later."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)


class RunAnswer(Answer):
    """How a sync went, or that it was accepted."""

    success: bool
    message: str
    timestamp: str
    duration_ms: int = Field(alias="duration_ms", description="From the request to this answer.")
    run_id: str | None = Field(description="null until the run begins, and for a dry run.")
    summary: dict[str, int] = Field(description="Empty until the run has ended.")
    results: list[dict[str, Any]] = Field(description="The first 10; of a dry run, changes.")
    results_count: int
    job_id: int
    workspace: str
    dry_run: bool
    request_id: str
    error: str | None = Field(default=None, description="Only where the run failed as a whole.")


class JobAnswer(Answer):
    """A job as it stands."""

    job_id: int
    workspace: str
    kind: str
    trigger: str
    state: Literal["waiting", "running", "done"]
    ending: str | None = Field(description="How it ended; null before.")
    asked_at: str
    started_at: str | None
    finished_at: str | None
    attempt: int
    run_id: str | None
    message: str
    cancelled_by: str | None
    summary: dict[str, int]
    results: list[dict[str, Any]]
    results_count: int
    request_id: str


class AcceptedAnswer(Answer):
    """A resync that was written down."""

    success: bool
    message: str
    timestamp: str
    job_id: int
    run_id: str | None
    skus: int = Field(description="How many products were asked for.")
    request_id: str


class ErrorAnswer(Answer):
    """What is wrong and what to do about it."""

    success: bool
    error: str
    remedy: str
    timestamp: str
    request_id: str
    job_id: int | None = None
    run_id: str | None = None


class Check(BaseModel):
    """One thing that the service needs."""

    name: str
    ok: bool
    message: str


class ReadyAnswer(BaseModel):
    """Whether work can be done here."""

    ready: bool
    checks: list[Check]


class AliveAnswer(BaseModel):
    """That the process answers."""

    alive: bool


_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
LOCATION: Final = {
    "Location": {"description": "The job: GET /api/jobs/{id}.", "schema": {"type": "string"}}
}
_BEARER = {"WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}}}
_ERRORS: Mapping[int, tuple[str, dict[str, Any]]] = {
    HTTPStatus.BAD_REQUEST: ("A parameter or the body is not as expected.", {}),
    HTTPStatus.UNAUTHORIZED: ("The secret is wrong or missing.", _BEARER),
    HTTPStatus.FORBIDDEN: ("The token's role may not do this.", {}),
    HTTPStatus.NOT_FOUND: ("There is no such workspace, product or job.", {}),
    HTTPStatus.CONFLICT: ("A sync runs or waits already; or the job is over.", _RETRY),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("The body is too large.", {}),
    HTTPStatus.TOO_MANY_REQUESTS: ("Too many wrong secrets from this address.", _RETRY),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("No secret is configured, or something broke.", {}),
    HTTPStatus.SERVICE_UNAVAILABLE: ("A target, the database or every worker is down.", _RETRY),
}


def errors(*statuses: HTTPStatus) -> Responses:
    """These errors, and those that every protected endpoint has, for the OpenAPI document."""
    always = (
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    found: Responses = {}
    for status in sorted({*statuses, *always}):
        text, headers = _ERRORS[status]
        found[int(status)] = {"model": ErrorAnswer, "description": text}
        if headers:
            found[int(status)]["headers"] = headers
    return found
