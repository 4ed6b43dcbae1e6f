"""Jobs that a page has asked for: what waits or runs, how the last ended, a word when one moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from trueup.domain.jobs import Ending, Job, JobKind, JobState
from trueup.planner.explain import counted
from trueup.postgres import looks
from trueup.views.desk import Desk
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House
from trueup.web.ui.live import Broadcast, Newsroom, stream

_LATELY = 20  # ended jobs of a workspace among which the last of a page is looked for
_LOOKS = (JobKind.DRIFT, JobKind.DUPLICATES)
_GONE_WRONG = frozenset({Ending.FAILED, Ending.PARTIAL, Ending.HELD, Ending.CANCELLED})


@dataclass(frozen=True, slots=True)
class Errands:
    """What a page should tell of its jobs. `last` ended; without `workers` nobody does them.

    `progress` says how far those that look have come, by job.
    """

    open: tuple[Job, ...]
    last: Job | None
    workers: bool
    progress: Mapping[int, str]

    @property
    def went_wrong(self) -> bool:
        """Whether the last one needs somebody."""
        return self.last is not None and self.last.ending in _GONE_WRONG

    def busy(self, kind: str) -> bool:
        """Whether a job of this kind waits or runs."""
        return any(job.request.kind == kind for job in self.open)


def errands(house: House, workspace: str, desk: Desk, concerns: Callable[[Job], bool]) -> Errands:
    """The jobs of a workspace that concern a page."""
    queue = house.parts.deployment.queue
    still = tuple(job for job in queue.open_jobs(workspace) if concerns(job))
    last = next((job for job in queue.recent(_LATELY, workspace) if concerns(job)), None)
    told = {job.job_id: progress_of(desk, job) for job in still}
    return Errands(still, last, bool(house.parts.workers()), told)


def router(house: House) -> APIRouter:
    """`/w/…/jobs/…/moves`, for pages that show a job which is not over."""
    found = APIRouter(include_in_schema=False)
    newsroom = Newsroom()

    @found.get("/w/{workspace}/jobs/{job_id}/moves")
    async def moves(request: Request, workspace: str, job_id: int) -> StreamingResponse:
        """How the job stands, whenever that is news, and its end."""
        await threaded(house.seat, request, workspace)
        queue = house.parts.deployment.queue
        job = await threaded(queue.get, job_id)
        if job is None or job.request.workspace != workspace:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such job")

        def look() -> tuple[bool, str] | None:
            now = queue.get(job_id)
            if now is None:
                return None
            with house.rooms.desk(workspace) as desk:
                return now.state is JobState.DONE, f"{stands(now)}\n{progress_of(desk, now)}"

        news = Broadcast(f"job {job_id}", look, lambda told: told[1], lambda told: told[0])
        return stream(house, newsroom, request, news)

    return found


def progress_of(desk: Desk, job: Job) -> str:
    """How far a look has come, in words; empty for any other job."""
    looks_now = job.request.kind in _LOOKS and job.state is JobState.RUNNING
    told = looks.progress(desk.connection, job.job_id) if looks_now else None
    if told is None:
        return ""
    phase, records = told
    return f"{phase.replace('_', ' ')}; {counted(records, 'record')} read so far"


def stands(job: Job) -> str:
    """How a job stands, for comparing: another word, another page."""
    return f"{job.state.value} {job.run_id}".strip()
