"""What the endpoints share, and how they speak to the database without keeping the loop waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from trueup.deployment import Deployment
from trueup.postgres.listening import Listener
from trueup.postgres.queue import CHANNEL
from trueup.postgres.workers import Roster, WorkerSeen
from trueup.settings.hidden import hidden_values
from trueup.web.bearer import Attempts, Gate
from trueup.web.bell import Bell
from trueup.web.hiding import Hiding

Given = ParamSpec("Given")
Found = TypeVar("Found")


@dataclass
class Parts:
    """One for each app. `worker_here`: this process should have a worker of its own.

    `stopping` is set when the server stops: whoever waits for a job is answered at once.
    """

    deployment: Deployment
    worker_here: bool = False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @cached_property
    def hiding(self) -> Hiding:
        """Hides every secret of every workspace."""
        known = (self.deployment.home.settings, *self.deployment.workspaces.values())
        return Hiding(secret for settings in known for secret in hidden_values(settings))

    @cached_property
    def gate(self) -> Gate:
        """Who may use what."""
        deployment = self.deployment
        attempts = Attempts(deployment.clock.monotonic)
        return Gate(deployment.home.settings, deployment.workspaces, attempts)

    @cached_property
    def bell(self) -> Bell:
        """Rings when a job moves on."""
        home = self.deployment.home
        return Bell(lambda: Listener(home.database_url, [CHANNEL]))

    def alive(self) -> Sequence[WorkerSeen]:
        """Who of the deployment is alive, on whatever machine."""
        return Roster(self.deployment.home.pool).alive()

    def workers(self) -> Sequence[WorkerSeen]:
        """Who of them carries jobs out; one may only keep the schedules."""
        return [one for one in self.alive() if one.slots > 0]

    def now(self) -> str:
        """The instant, for a body."""
        return self.deployment.clock.now().isoformat()

    def answer(
        self, status: HTTPStatus, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> JSONResponse:
        """A body as it leaves the house: without secrets, whoever wrote them into a message."""
        return JSONResponse(self.hiding.value(body), status, headers)


async def threaded(
    work: Callable[Given, Found], *given: Given.args, **named: Given.kwargs
) -> Found:
    """Work that waits for the database, done in a thread; the loop goes on meanwhile."""
    return await run_in_threadpool(work, *given, **named)


def request_id(request: Request) -> str:
    """The id of this request, as the answer and the log have it."""
    found: str = request.state.request_id
    return found


def opened(request: Request) -> frozenset[str]:
    """The workspaces that the caller's secret opens."""
    found: frozenset[str] = request.state.opened
    return found
