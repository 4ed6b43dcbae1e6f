"""Health: what Trueup relies on, and what works by itself; Zoho is asked when somebody wants it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.people import Role
from trueup.views.checking import ask_everything, nothing_made
from trueup.views.health import gather
from trueup.views.preflight import Findings
from trueup.web.once import OneCheck
from trueup.web.parts import threaded
from trueup.web.ui.access import House, Seat
from trueup.web.ui.charts import gauge


def router(house: House) -> APIRouter:
    """`/health` of a workspace, and the checks that cost requests."""
    found = APIRouter(include_in_schema=False, prefix="/w/{workspace}/health")
    one_check = OneCheck()

    @found.get("")
    def health(request: Request, workspace: str) -> HTMLResponse:
        """What can be said without a request to Zoho."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            return seat.show(
                "health.html",
                desk,
                health=gather(desk, house.parts.deployment),
                gauge=gauge,
                concurrency=desk.app.settings.concurrency,
                reserve=desk.app.settings.daily_reserve,
            )

    @found.post("/check")
    async def check(request: Request, workspace: str) -> HTMLResponse:
        """Everything that `trueup check` asks: about 25 requests, nothing is written."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        with one_check.of(workspace):
            return await threaded(_checked, seat)

    return found


def _checked(seat: Seat) -> HTMLResponse:
    found = Findings(lambda _: None)
    with seat.desk() as desk:
        ask_everything(desk.app, found, nothing_made())
        seat.note(Did.CHECKED, "everything", after={"verdict": found.verdict.value})
        return seat.show("health_checked.html", desk, found=found)
