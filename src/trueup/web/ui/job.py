"""A job that somebody asked for: what it waits for, then its run, or how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.jobs import Job, JobKind, JobState
from trueup.domain.people import Role
from trueup.views.runs import find
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House, Seat
from trueup.web.ui.live import Broadcast, Newsroom, stream
from trueup.web.ui.look import render
from trueup.web.ui.session import see_other

_DIGITS: Final = 18  # a longer number is no job's


@dataclass(frozen=True, slots=True)
class About:
    """A kind of job in words, and the page on which one sees what it has done."""

    words: str
    page: str = "/runs"
    name: str = "All runs"
    look: str = ""  # the words of one that only looks


ABOUT: Final[Mapping[JobKind, About]] = {
    JobKind.SYNC: About("A run", look="A look at what a run would write"),
    JobKind.VERIFY: About("A verification", "/drift", "What differs"),
    JobKind.REPORT: About("A report", "/health", "Health"),
    JobKind.PRUNE: About("Removing what is past its time", "/health", "Health"),
    JobKind.DRIFT: About("A look for drift", "/drift", "What differs"),
    JobKind.DUPLICATES: About("A search for duplicates", "/duplicates", "Duplicates"),
    JobKind.APPROVE: About("What was approved", "/approvals", "What waits for a decision"),
    JobKind.REVERT: About("A revert", look="A look at what a revert would write"),
    JobKind.ADOPT: About("An adoption", "/duplicates", "Duplicates"),
}


@dataclass(frozen=True, slots=True)
class JobNow:
    """A job, the one of its workspace that runs before it, and whether any worker is alive.

    `has_run`: its run was written down. One that waits for the run lock, or that finds nothing to
    take back, names a run that never began.
    """

    job: Job
    before: Job | None
    somebody_works: bool
    has_run: bool

    @property
    def settled(self) -> bool:
        """Whether there is a run to look at, or nothing more to wait for."""
        return self.has_run or self.job.state is JobState.DONE


def router(house: House) -> APIRouter:
    """`/w/{workspace}/jobs/{number}`, its events, and cancelling it."""
    found = APIRouter(include_in_schema=False)
    newsroom = Newsroom()

    @found.get("/w/{workspace}/jobs/{number}")
    def show(request: Request, workspace: str, number: str) -> Response:
        """Its run as soon as there is one; until then, what it waits for."""
        seat = house.seat(request, workspace)
        now = _job_now(seat, number)
        if now.has_run:
            return see_other(f"/w/{workspace}/runs/{now.job.run_id}")
        with seat.desk() as desk:
            about, counts = _about(now.job), _counts(now.job)
            return seat.show("run_job.html", desk, now=now, about=about, counts=counts)

    @found.get("/w/{workspace}/jobs/{number}/events")
    async def events(request: Request, workspace: str, number: str) -> StreamingResponse:
        """What is new, until there is a run or an end."""
        seat = await threaded(house.seat, request, workspace)
        await threaded(_job_now, seat, number)
        return stream(house, newsroom, request, _broadcast(seat, number))

    @found.post("/w/{workspace}/jobs/{number}/cancel")
    async def cancel(request: Request, workspace: str, number: str) -> Response:
        """One that waits is over at once."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        await threaded(_cancel, seat, number)
        return see_other(f"/w/{workspace}/jobs/{number}")

    return found


def _job_now(seat: Seat, number: str) -> JobNow:
    """The job as it stands; raises `Refusal` (404), also for one of another workspace."""
    parts = seat.house.parts
    queue, job = parts.deployment.queue, None
    if number.isascii() and number.isdigit() and len(number) <= _DIGITS:
        job = queue.get(int(number))
    if job is None or job.request.workspace != seat.workspace:
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such job", "the runs show what was done")
    running = (j for j in queue.open_jobs(seat.workspace) if j.state is JobState.RUNNING)
    before = next((one for one in running if one.job_id != job.job_id), None)
    return JobNow(job, before, bool(parts.workers()), _has_run(seat, job))


def _has_run(seat: Seat, job: Job) -> bool:
    if not job.run_id:
        return False
    with seat.house.rooms.desk(seat.workspace) as desk:
        run = find(desk, job.run_id)
    return run is not None and run.run_id == job.run_id


def _about(job: Job) -> About:
    found = ABOUT[job.request.kind]
    return replace(found, words=found.look) if found.look and job.request.terms.dry_run else found


def _counts(job: Job) -> dict[str, int]:
    """What a job counted that makes no run, in words of its own."""
    counts = job.report.get("counts", {})
    return {
        str(name).replace("_", " "): number
        for name, number in (counts.items() if isinstance(counts, Mapping) else ())
        if isinstance(number, int)
    }


def _cancel(seat: Seat, number: str) -> None:
    job = _job_now(seat, number).job
    if seat.house.parts.deployment.queue.cancel(job.job_id, seat.person.name) is not None:
        seat.note(Did.CANCELLED_JOB, f"job {job.job_id}")


def _broadcast(seat: Seat, number: str) -> Broadcast:
    def look() -> JobNow | None:
        try:
            return _job_now(seat, number)
        except Refusal:
            return None

    def shown(now: JobNow) -> str:
        context = {"now": now, "base": f"/w/{seat.workspace}"}
        return bytes(render(seat.request, "run_job_live.html", context).body).decode()

    return Broadcast(f"{seat.workspace} job {number}", look, shown, lambda now: bool(now.settled))
