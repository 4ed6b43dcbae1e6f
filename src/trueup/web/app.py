"""The web application: every endpoint, one file each, and what all of them have in common.

`/` and below it are left for people; programs have `/api`, `/healthz`, `/readyz`, `/metrics` and
`/openapi.json`. Pages that load scripts from elsewhere (FastAPI's own reference) are off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from trueup import __version__
from trueup.deployment import Deployment
from trueup.web import cron, health, jobs, metrics, resync
from trueup.web.api import v1
from trueup.web.front import Front
from trueup.web.parts import Parts, request_id
from trueup.web.refusals import Refusal
from trueup.web.ui.pages import add_pages
from trueup.web.ui.problems import is_page, last_page, problem

_REMEDIES = {
    HTTPStatus.NOT_FOUND: "GET /openapi.json lists every address",
    HTTPStatus.METHOD_NOT_ALLOWED: "the Allow header lists the methods",
}


def make_app(deployment: Deployment, *, worker_here: bool = False) -> FastAPI:
    """All endpoints of a deployment. `worker_here`: this process should have a worker of its own.

    `app.state.parts.stopping` is to be set when the server stops.
    """
    parts = Parts(deployment, worker_here=worker_here)
    app = FastAPI(
        title="Trueup",
        version=__version__,
        summary="Keeps a product catalogue and its copies at Zoho in agreement.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.parts = parts
    for one in (cron, resync, jobs, health):
        app.include_router(one.router(parts))
    app.include_router(metrics.router(deployment))
    house = add_pages(app, parts)
    app.include_router(v1.router(house))
    app.state.house = house

    async def refuse(request: Request, refusal: Exception) -> Response:
        """A `Refusal`, or a path or method that is not there."""
        if is_page(request) and isinstance(refusal, Refusal | HTTPException):
            return problem(request, refusal)
        answered = refusal if isinstance(refusal, Refusal) else _unrouted(refusal)
        body = answered.body(deployment.clock.now(), request_id(request))
        return parts.answer(answered.status, body, answered.headers)

    app.add_exception_handler(Refusal, refuse)
    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(RequestValidationError, _refuse_address)
    clock = deployment.clock
    # The outermost of all: what is added later lies within it only if it is added above this line.
    app.add_middleware(
        Front, hiding=parts.hiding, now=clock.now, monotonic=clock.monotonic, page=last_page
    )
    return app


async def _refuse_address(request: Request, error: Exception) -> Response:
    """What should be a number in an address, and is none."""
    if is_page(request):
        return problem(request, HTTPException(HTTPStatus.NOT_FOUND))
    if not isinstance(error, RequestValidationError):
        raise error
    return await request_validation_exception_handler(request, error)


def _unrouted(error: Exception) -> Refusal:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    remedy = _REMEDIES.get(status, "")
    return Refusal(status, status.phrase.lower(), remedy, headers=error.headers)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.parts.stopping.set()
    app.state.parts.bell.close()
    app.state.house.rooms.close()
