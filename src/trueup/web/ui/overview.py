"""The first page: does everything agree, what needs a person, when is it looked at next."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.schedule import NIGHTLY
from trueup.planner.schedule import next_occurrences
from trueup.postgres import reports
from trueup.views.desk import Desk
from trueup.views.standing import gather
from trueup.web.ui.access import House
from trueup.web.ui.session import see_other

_NIGHTS = 30


def router(house: House) -> APIRouter:
    """`/` and the overview of a workspace."""
    found = APIRouter(include_in_schema=False)

    @found.get("/")
    def first(request: Request) -> Response:
        """The only workspace, or the first one."""
        house.seat(request)
        return see_other(f"/w/{min(house.parts.deployment.workspaces)}")

    @found.get("/w/{workspace}")
    def overview(request: Request, workspace: str) -> HTMLResponse:
        """One verdict, the matrix, what needs a person, the last nights."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            return seat.show("overview.html", desk, **_gathered(desk))

    return found


def _gathered(desk: Desk) -> dict[str, Any]:
    found = gather(desk)
    settings = desk.app.settings
    nightly = next(one for one in settings.schedules if one.name == NIGHTLY)
    coming = next_occurrences(nightly, desk.time.now, 1)
    return {
        "status": found,
        "next_run": coming[0].at if coming else None,
        "nights": list(reversed(reports.last_runs(desk.connection, _NIGHTS))),
    }
