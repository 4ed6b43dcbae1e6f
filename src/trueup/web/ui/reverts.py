"""Taking a run back: first a worker looks at what that comes to, then a person says yes to it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.jobs import Ending, Job, JobKind, Terms
from trueup.domain.people import Role
from trueup.domain.records import TargetName
from trueup.domain.runs import Run, Trigger
from trueup.planner.explain import counted
from trueup.postgres import reports
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui import given
from trueup.web.ui.access import House, Seat
from trueup.web.ui.errands import stands
from trueup.web.ui.session import see_other

_LISTED: Final = 100  # changes, and things left, that the page writes out
_LONGEST_SKUS: Final = 10_000  # characters


def router(house: House) -> APIRouter:
    """`/w/…/runs/…/revert`: the look, what it found, and the yes."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/runs/{run_id}/revert")
    def page(request: Request, workspace: str, run_id: str) -> HTMLResponse:
        """What a revert is; with a job, how that stands and what it found."""
        seat = house.seat(request, workspace, Role.APPROVER)
        return _page(seat, run_id, request.query_params.get("job", ""))

    @found.post("/w/{workspace}/runs/{run_id}/revert/look")
    async def look(request: Request, workspace: str, run_id: str) -> Response:
        """Ask a worker to look at what the run wrote and what is there now; writes nothing."""
        seat = await threaded(house.seat, request, workspace, Role.APPROVER)
        fields = await seat.form()
        return await threaded(_look, seat, run_id, fields)

    @found.post("/w/{workspace}/runs/{run_id}/revert")
    async def revert(request: Request, workspace: str, run_id: str) -> Response:
        """Take back exactly what the look has shown."""
        seat = await threaded(house.seat, request, workspace, Role.APPROVER)
        fields = await seat.form()
        return await threaded(_take_back, seat, run_id, fields)

    return found


def _page(seat: Seat, run_id: str, number: str, *, again: str = "") -> HTMLResponse:
    with seat.desk() as desk:
        run = _run(desk.connection, run_id)
        job = _job(seat, run, number) if number else None
        return seat.show(
            "revert.html",
            desk,
            HTTPStatus.BAD_REQUEST if again else HTTPStatus.OK,
            run=run,
            job=job,
            stands="" if job is None else stands(job),
            found=_found(job),
            went_wrong=job is not None and job.ending in (Ending.FAILED, Ending.CANCELLED),
            workers=bool(seat.house.parts.workers()),
            listed=_LISTED,
            again=again,
        )


def _found(job: Job | None) -> dict[str, Any] | None:
    """What a look has found, once it is over and could read everything."""
    if job is None or job.ending is not Ending.SUCCEEDED or not job.request.terms.dry_run:
        return None
    return dict(job.report)


def _look(seat: Seat, run_id: str, fields: dict[str, str]) -> Response:
    skus = tuple(
        dict.fromkeys(one.strip() for one in given.words(fields, "skus", _LONGEST_SKUS).split(","))
    )
    skus = tuple(sku for sku in skus if sku)
    wanted = fields.get("target", "")
    targets = tuple(t for t in TargetName if wanted in ("", t.value))
    with seat.desk() as desk:
        run = _run(desk.connection, run_id)
    if not targets:
        raise Refusal(HTTPStatus.BAD_REQUEST, "there is no such target", "choose one of the page")
    terms = Terms(skus=skus, targets=targets, dry_run=True, takes_back=run.run_id)
    return _to(seat, run.run_id, seat.ask(JobKind.REVERT, Trigger.REVERT, terms))


def _take_back(seat: Seat, run_id: str, fields: dict[str, str]) -> Response:
    """Raises `Refusal` (409) for a look that found nothing, is not over, or was another's."""
    number, reason = fields.get("job", ""), given.words(fields, "reason")
    with seat.desk() as desk:
        run = _run(desk.connection, run_id)
    look = _job(seat, run, number)
    found = _found(look)
    if found is None or found["empty"]:
        raise Refusal(HTTPStatus.CONFLICT, "there is nothing to take back", "look once more")
    if not reason:
        return _page(seat, run_id, number, again="say why")
    asked = look.request.terms
    marks = tuple(found["marks"])
    terms = Terms(
        skus=asked.skus,
        targets=asked.targets,
        takes_back=run.run_id,
        exactly=marks,
        reason=reason,
    )
    job_id = seat.ask(JobKind.REVERT, Trigger.REVERT, terms)
    after = {"changes": len(marks), "fingerprint": found["fingerprint"], "job": job_id}
    words = f"run {run.run_id}, {counted(len(marks), 'change')}"
    seat.note(Did.REVERTED, words, reason=reason, after=after)
    return _to(seat, run.run_id, job_id)


def _to(seat: Seat, run_id: str, job_id: int) -> Response:
    return see_other(f"/w/{seat.workspace}/runs/{run_id}/revert?job={job_id}")


def _run(connection: Any, run_id: str) -> Run:
    """The run that is named in full; raises `Refusal` (404)."""
    run = reports.find_run(connection, run_id) if run_id.isprintable() else None
    if run is None or run.run_id != run_id:
        raise Refusal(HTTPStatus.NOT_FOUND, f"there is no run {run_id}", "the list of runs has all")
    return run


def _job(seat: Seat, run: Run, number: str) -> Job:
    """The revert of this run with this number; raises `Refusal` (404), also for another's."""
    job_id = given.number(number)
    job = None if job_id is None else seat.house.parts.deployment.queue.get(job_id)
    mine = job is not None and job.request.workspace == seat.workspace
    if job is None or not mine or job.request.terms.takes_back != run.run_id:
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such revert", "open it from its run again")
    return job
