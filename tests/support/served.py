"""The web application over real parts: a site, a deployment, and a worker beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient

from trueup.clock import SystemClock
from trueup.deployment import Deployment, open_deployment
from trueup.domain.jobs import Job, JobState
from trueup.settings import Settings, load
from trueup.web.app import make_app

SECRET = "an-invented-secret-of-the-tests"
BEFORE = "the-invented-secret-before-it"
BEARER = {"Authorization": f"Bearer {SECRET}"}
CRON = "/api/cron/zoho-sync"
_PATIENCE = 60.0  # seconds that a test waits for something that should happen
_LOOK = 0.02


@dataclass
class HastyClock(SystemClock):
    """Waiting takes no time, but counts."""

    slept: float = field(default=0.0)

    def monotonic(self) -> float:
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class HastyDeployment(Deployment):
    """Its workspaces do not wait between two attempts at a target."""

    def open(self, settings: Settings, **parts: Any) -> Any:
        return super().open(settings, **{"clock": HastyClock()} | parts)


def settings_of(env: Mapping[str, str], **changes: Any) -> Settings:
    """Settings of these variables, with a secret, and with changes."""
    variables = {"CRON_SECRET": SECRET, "CRON_SECRET_PREVIOUS": BEFORE, **env}
    settings = load(environment=variables, use_file=False)
    return replace(settings, **changes)


@contextmanager
def deployed(settings: Settings, **others: Settings) -> Iterator[Deployment]:
    """A deployment of these; `settings` are the home and, alone, the workspace `default`."""
    with open_deployment(settings, others or {"default": settings}) as found:
        yield HastyDeployment(found.home, found.workspaces)


@contextmanager
def calling(deployment: Deployment, **options: Any) -> Iterator[TestClient]:
    """A client of the app of this deployment, which carries the secret."""
    app = make_app(deployment, **options)
    with TestClient(app, headers=BEARER, raise_server_exceptions=False) as client:
        yield client


def outcome_of(client: TestClient, answer: httpx2.Response) -> dict[str, Any]:
    """The job of an answer, when it is over."""
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(client.get(f"/api/jobs/{answer.json()['jobId']}").json())
        return bool(found["state"] == "done")

    wait_for(over)
    return found


def wait_for(happened: Any, what: str = "it") -> None:
    until = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(_LOOK)


def quiet(deployment: Deployment) -> bool:
    """Whether no job waits or runs."""
    return not deployment.queue.open_jobs()


def is_over(deployment: Deployment, job_id: int) -> bool:
    job: Job | None = deployment.queue.get(job_id)
    return job is not None and job.state is JobState.DONE


def call_and_leave(app: FastAPI, path: str, leaves: Callable[[], bool]) -> dict[str, Any]:
    """Call with the secret, as a client does that hangs up once `leaves` says so; what was sent."""

    async def call() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            if not leaves():
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await app(_scope(path), receive, send)
        return sent

    [start, *_] = asyncio.run(call())
    headers = {name.decode(): text.decode() for name, text in start["headers"]}
    return {"status": start["status"], "headers": headers}


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), text.encode()) for name, text in BEARER.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
