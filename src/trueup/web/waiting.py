"""Waiting for the end of a job, as long as somebody can still bring it about and somebody listens.

Whoever stops waiting stops nothing: the job is written down and goes on without its audience.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus

from starlette.requests import Request

from trueup.domain.jobs import Job, JobState
from trueup.web.parts import Parts, threaded
from trueup.web.refusals import Refusal, refusal_of

LOOK_AGAIN = 2.0  # seconds, where no bell was heard
PATIENCE = 60.0  # seconds without a database, or without any worker


async def await_end(parts: Parts, request: Request, job: Job) -> Job | None:
    """The job as it ended; None when the server stops, or the client has left.

    Raises the `Refusal` 503, which names the job, when nobody could bring it to its end for
    `PATIENCE` seconds.
    """
    monotonic = parts.deployment.clock.monotonic
    well_at = monotonic()
    with parts.bell.rings_for(job.job_id) as bell:
        while True:
            trouble = await _look(parts, job)
            if isinstance(trouble, Job):
                return trouble
            if parts.stopping.is_set() or await request.is_disconnected():
                return None
            if trouble is None:
                well_at = monotonic()
            elif monotonic() - well_at > PATIENCE:
                raise trouble
            await first_of(LOOK_AGAIN, bell, parts.stopping)
            bell.clear()


async def _look(parts: Parts, job: Job) -> Job | Refusal | None:
    """The job when it is over, what is in its way, or None when it is on its way."""
    try:
        now = await threaded(parts.deployment.queue.get, job.job_id)
        if now is None or now.state is JobState.DONE:
            return now or job
        if await threaded(parts.workers):
            return None
    except Exception as error:
        refusal = refusal_of(error)
        if refusal.status is not HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        refusal.more = {"jobId": job.job_id}
        return refusal
    return no_worker(job)


def no_worker(job: Job | None = None) -> Refusal:
    """Nobody is there to carry a job out."""
    more = {} if job is None else {"jobId": job.job_id}
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "no worker is alive",
        "start `trueup worker`, or `trueup serve` without --no-worker"
        + ("" if job is None else "; the job is written down and waits for it"),
        headers={"Retry-After": "60"},
        **more,
    )


async def first_of(seconds: float, *events: asyncio.Event) -> None:
    """Wait for any of these events, at most so long."""
    waiting = {asyncio.create_task(event.wait()) for event in events}
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        for task in waiting:
            with suppress(asyncio.CancelledError):
                await task
