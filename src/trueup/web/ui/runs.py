"""The list of runs, and asking for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.jobs import JobKind
from trueup.domain.people import Role
from trueup.domain.runs import RunState, Trigger
from trueup.planner.explain import counted
from trueup.postgres.run_lists import CountedRun, Place
from trueup.views.runs import ASKED_BY, RunList, listed
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
        wish = _wish(request)
        with seat.desk() as desk:
            page = listed(desk, wish.states, wish.triggers, _place(request), wish.day)
            return seat.show(
                "runs.html",
                desk,
                page=page,
                bars=bars,
                marks=_charts(page.runs, desk.time),
                longest=max((one.run.duration_ms for one in page.runs), default=0) / 1000,
                most_changes=max((one.applied for one in page.runs), default=0),
                most_failures=max((one.failed for one in page.runs), default=0),
                wish=wish,
                states=_STATES,
                asked_by=ASKED_BY,
                older=_older(page, wish),
                is_first="after" not in request.query_params,
            )

    @found.post("/w/{workspace}/runs")
    async def ask(request: Request, workspace: str) -> Response:
        """A run of what is due, as soon as a worker can; then the page that shows it."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        job_id = await threaded(_ask, seat)
        return see_other(f"/w/{workspace}/jobs/{job_id}")

    return found


def _charts(runs: Sequence[CountedRun], time: BusinessTime) -> dict[str, list[Mark]]:
    """How long each took, what it wrote and what failed, the oldest first, in words too."""
    found: dict[str, list[Mark]] = {"duration": [], "changes": [], "failures": []}
    for one in reversed(runs):
        run = one.run
        began = f"{run.started_at.astimezone(time.zone):%Y-%m-%d %H:%M}"
        seconds = run.duration_ms / 1000
        took = (
            Mark(None, f"{began}: {run.state.value}")
            if run.finished_at is None
            else Mark(
                seconds, f"{began}: {lasted(seconds)}, {run.state.value}", MOODS.get(run.state, "")
            )
        )
        found["duration"].append(took)
        found["changes"].append(Mark(one.applied, f"{began}: {counted(one.applied, 'change')}"))
        found["failures"].append(Mark(one.failed, f"{began}: {one.failed:,} failed", "bad"))
    return found


def _ask(seat: Seat) -> int:
    """Two who press at one moment get one run."""
    job_id = seat.ask(JobKind.SYNC, Trigger.CLI, merge="person")
    seat.note(Did.ASKED_FOR_RUN, f"job {job_id}")
    return job_id


@dataclass(frozen=True, slots=True)
class Wish:
    """Which runs an address asks for; what is none in it is not there."""

    state: str
    trigger: str
    day: date | None

    @property
    def states(self) -> tuple[RunState, ...]:
        """The state, if it names one."""
        return tuple(one for one in _STATES if one.value == self.state)

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Who asked, if it names one."""
        return tuple(one for one in Trigger if one.value == self.trigger)

    @property
    def query(self) -> dict[str, str]:
        """The filters, as an address has them."""
        named = {"state": self.state, "trigger": self.trigger}
        day = {} if self.day is None else {"day": self.day.isoformat()}
        return {name: word for name, word in named.items() if word} | day


def _wish(request: Request) -> Wish:
    asked = request.query_params
    state, trigger = asked.get("state", ""), asked.get("trigger", "")
    try:
        day = date.fromisoformat(asked.get("day", ""))
    except ValueError:
        day = None
    wish = Wish(state, trigger, day)
    known = state if wish.states else "", trigger if wish.triggers else ""
    return Wish(*known, day)


def _place(request: Request) -> Place | None:
    """Where the page begins; an address that says nothing sensible is that of the first one."""
    try:
        began = datetime.fromisoformat(request.query_params["after"])
    except (KeyError, ValueError):
        return None
    return Place(began, request.query_params.get("run", "")) if began.tzinfo else None


def _older(page: RunList, wish: Wish) -> str:
    """The address of the next page; empty on the last one."""
    if page.after is None:
        return ""
    place = {"after": page.after.started_at.isoformat(), "run": page.after.run_id}
    return f"?{urlencode(wish.query | place)}"
