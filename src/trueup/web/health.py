"""`/healthz` and `/readyz`: whether the process answers, and whether it can do its work.

Anybody may ask, so nothing is told but which part is missing and what to do; the log has the rest.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from trueup import logs
from trueup.bootstrap import require_credentials
from trueup.domain.errors import CredentialsError
from trueup.postgres.migrate import state
from trueup.web.answers import AliveAnswer, ReadyAnswer, Responses
from trueup.web.parts import Parts, threaded

_LIMIT = 2.0  # seconds until an answer
_FRESH = 1.0  # seconds for which one look is good
_CONNECT = 1.5  # seconds for a connection of the pool

_Check = dict[str, Any]


def router(parts: Parts) -> APIRouter:
    """Both endpoints, for GET and HEAD."""
    found = APIRouter(tags=["health"])
    readiness = Readiness(parts)

    async def alive() -> JSONResponse:
        """The process answers; nothing else was asked."""
        return JSONResponse({"alive": True})

    async def ready() -> JSONResponse:
        """Each thing that the service needs, and whether it is there."""
        checks = await readiness.checks()
        well = all(check["ok"] for check in checks)
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ready": well, "checks": checks}, status)

    lively: Responses = {200: {"model": AliveAnswer}}
    fit: Responses = {
        200: {"model": ReadyAnswer},
        503: {"model": ReadyAnswer, "description": "Something is missing."},
    }
    for path, answer, responses in (("/healthz", alive, lively), ("/readyz", ready, fit)):
        found.add_api_route(path, answer, methods=["GET"], responses=responses)
        found.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False)
    return found


class Readiness:
    """Looks at most once a second, in one thread, however many ask and however slow it is."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._look: asyncio.Task[list[_Check]] | None = None
        self._looked_at = 0.0

    async def checks(self) -> list[_Check]:
        """What was found; within the limit, or that nothing was."""
        monotonic = self._parts.deployment.clock.monotonic
        over = self._look is not None and self._look.done()
        if self._look is None or (over and monotonic() - self._looked_at > _FRESH):
            self._looked_at = monotonic()
            self._look = asyncio.create_task(threaded(_look, self._parts))
        done, _ = await asyncio.wait({self._look}, timeout=_LIMIT)
        if done:
            return self._look.result()
        return [_check("database", ok=False, message=f"no answer within {_LIMIT:g} s")]


def _look(parts: Parts) -> list[_Check]:
    checks = list(_database(parts))
    reached = all(check["ok"] for check in checks)
    checks.append(_credentials(parts))
    if parts.worker_here:
        checks.append(_worker(parts, reached=reached))
    if parts.stopping.is_set():
        checks.append(_check("server", ok=False, message="it is stopping"))
    return checks


def _database(parts: Parts) -> Iterator[_Check]:
    try:
        with parts.deployment.home.bare_pool.connection(timeout=_CONNECT) as connection:
            schema = state(connection)
    except Exception as error:  # noqa: BLE001 (whatever it is, the database cannot be used)
        logs.logger().warning("not_ready", error=parts.hiding.text(str(error)))
        yield _check("database", ok=False, message="cannot be reached")
        return
    yield _check("database", ok=True, message="reachable")
    message = "current" if schema.ready else "not what this version needs: `trueup db status`"
    yield _check("schema", ok=schema.ready, message=message)


def _credentials(parts: Parts) -> _Check:
    lacking = []
    for name, settings in parts.deployment.workspaces.items():
        try:
            require_credentials(settings)
        except CredentialsError:
            lacking.append(name)
    if not lacking:
        return _check("credentials", ok=True, message="known")
    # Which workspaces there are is nobody's business out here.
    return _check("credentials", ok=False, message=f"not set in {len(lacking)}: `trueup check`")


def _worker(parts: Parts, *, reached: bool) -> _Check:
    """Whether this process' own worker was heard of lately."""
    if not reached:
        return _check("worker", ok=False, message="not known without the database")
    me = (socket.gethostname(), os.getpid())
    try:
        alive = any((one.host, one.pid) == me for one in parts.alive())
    except Exception as error:  # noqa: BLE001 (it was there a moment ago)
        logs.logger().warning("not_ready", error=parts.hiding.text(str(error)))
        alive = False
    return _check("worker", ok=alive, message="alive" if alive else "not heard of lately")


def _check(name: str, *, ok: bool, message: str) -> _Check:
    return {"name": name, "ok": ok, "message": message}
