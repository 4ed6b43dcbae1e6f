"""The list of runs, and asking for one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.jobs import Job, JobKind, JobRequest, Priority
from trueup.domain.people import Role
from trueup.domain.runs import RunState, Trigger
from trueup.postgres.run_lists import CountedRun, Place
from trueup.views.runs import ASKED_BY, MEANING, RunList, listed
from trueup.views.times import lasted
from trueup.web.parts import threaded
from trueup.web.ui.access import House, Seat
from trueup.web.ui.charts import Mark, bars
from trueup.web.ui.session import see_other

if TYPE_CHECKING:
    from trueup.views.times import BusinessTime

MOODS = {
    RunState.SUCCEEDED: "good",
    RunState.FAILED: "bad",
    RunState.PARTIAL: "warn",
    RunState.HELD: "warn",
    RunState.INTERRUPTED: "warn",
}
_STATES = tuple(state for state in RunState if state is not RunState.ALREADY_RUNNING)


def router(house: House) -> APIRouter:
    """`/w/{workspace}/runs`."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/runs")
    def runs(request: Request, workspace: str) -> HTMLResponse:
        """A page of runs, with how long they took."""
        seat = house.seat(request, workspace)
        states, triggers = _chosen(request)
        with seat.desk() as desk:
            page = listed(desk, states, triggers, _place(request))
            return seat.show(
                "runs.html",
                desk,
                page=page,
                bars=bars,
                marks=duration_marks(page.runs, desk.time),
                state=states[0].value if states else "",
                trigger=triggers[0].value if triggers else "",
                states=_STATES,
                asked_by=ASKED_BY,
                meaning=MEANING,
                older=_older(page, states, triggers),
                is_first="after" not in request.query_params,
            )

    @found.post("/w/{workspace}/runs")
    async def ask(request: Request, workspace: str) -> Response:
        """A run of what is due, as soon as a worker can; then the page that shows it."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        job = await threaded(_ask, seat)
        return see_other(f"/w/{workspace}/jobs/{job.job_id}" if job else f"/w/{workspace}/runs")

    return found


def duration_marks(runs: Sequence[CountedRun], time: BusinessTime) -> list[Mark]:
    """How long each took, the oldest first, in words too."""
    return [_mark(one, time) for one in reversed(runs)]


def _mark(one: CountedRun, time: BusinessTime) -> Mark:
    run = one.run
    began = f"{run.started_at.astimezone(time.zone):%Y-%m-%d %H:%M}"
    if run.finished_at is None:
        return Mark(None, f"{began}: {run.state.value}")
    seconds = run.duration_ms / 1000
    title = f"{began}: {lasted(seconds)}, {run.state.value}, {one.applied:,} changes"
    return Mark(seconds, title, MOODS.get(run.state, ""))


def _ask(seat: Seat) -> Job | None:
    """Two who press at one moment get one run."""
    job = seat.house.parts.deployment.queue.ask(
        JobRequest(
            workspace=seat.workspace,
            kind=JobKind.SYNC,
            trigger=Trigger.CLI,
            priority=Priority.PERSON,
            merge="person",
            asked_by=seat.person.name,
        )
    )
    if job is not None:
        seat.note(Did.ASKED_FOR_RUN, f"job {job.job_id}")
    return job


def _chosen(request: Request) -> tuple[tuple[RunState, ...], tuple[Trigger, ...]]:
    """The filters of the address; what is none is not there."""
    state, trigger = (request.query_params.get(name, "") for name in ("state", "trigger"))
    return (
        tuple(one for one in _STATES if one.value == state),
        tuple(one for one in Trigger if one.value == trigger),
    )


def _place(request: Request) -> Place | None:
    """Where the page begins; an address that says nothing sensible is that of the first one."""
    try:
        began = datetime.fromisoformat(request.query_params["after"])
    except (KeyError, ValueError):
        return None
    return Place(began, request.query_params.get("run", "")) if began.tzinfo else None


def _older(page: RunList, states: Sequence[RunState], triggers: Sequence[Trigger]) -> str:
    """The address of the next page; empty on the last one."""
    if page.after is None:
        return ""
    wanted: dict[str, Any] = {
        **({"state": states[0].value} if states else {}),
        **({"trigger": triggers[0].value} if triggers else {}),
        "after": page.after.started_at.isoformat(),
        "run": page.after.run_id,
    }
    return f"?{urlencode(wanted)}"
