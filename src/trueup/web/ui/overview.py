"""The first page: does everything agree, what needs a person, when is it looked at next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.records import TargetName
from trueup.domain.schedule import NIGHTLY
from trueup.domain.states import Standing
from trueup.planner.schedule import next_occurrences
from trueup.views.desk import Desk
from trueup.views.runs import ASKED_BY, Night, last_nights
from trueup.views.standing import gather
from trueup.views.times import lasted
from trueup.views.words import STANDINGS
from trueup.web.ui.access import House
from trueup.web.ui.charts import Mark, bars, gauge
from trueup.web.ui.session import see_other

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.postgres.reports import Overview

_NIGHTS: Final = 30


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

    @found.get("/w/{workspace}/")
    def typed(request: Request, workspace: str) -> Response:
        """The same, for people who type addresses."""
        house.seat(request, workspace)
        return see_other(f"/w/{quote(workspace)}")

    return found


def _gathered(desk: Desk) -> dict[str, Any]:
    found = gather(desk)
    nights = last_nights(desk, _NIGHTS)
    figures = [night.figures for night in nights if night.figures]
    return {
        "standing": found,
        "next_run": _next_run(desk),
        "asked_by": ASKED_BY,
        "words": STANDINGS,
        "across": _standings(found.overview, TargetName.BILLING),
        "down": _standings(found.overview, TargetName.CRM),
        "cells": {(c.crm, c.billing): c.products for c in found.overview.standings},
        "nights": nights,
        "durations": _marks(nights, "duration"),
        "changes": _marks(nights, "changes"),
        "failures": _marks(nights, "failures"),
        "longest": max((one.duration_ms / 1000 for one in figures), default=0),
        "most_changes": max((one.changes for one in figures), default=0),
        "most_failures": max((one.failures for one in figures), default=0),
        "usage": desk.app.budget.usage(),
        "bars": bars,
        "gauge": gauge,
    }


def _next_run(desk: Desk) -> datetime | None:
    """When the nightly schedule is due next; None where it never is."""
    nightly = next((s for s in desk.app.settings.schedules if s.name == NIGHTLY), None)
    coming = next_occurrences(nightly, desk.time.now, 1) if nightly else []
    return coming[0].at if coming else None


def _standings(overview: Overview, target: TargetName) -> list[Standing]:
    """Those that occur at a target, agreement first."""
    return [one for one in STANDINGS if overview.products(target, one)]


def _marks(nights: Sequence[Night], what: str) -> list[Mark]:
    return [_mark(night, what) for night in nights]


def _mark(night: Night, what: str) -> Mark:
    figures, day = night.figures, f"{night.day:%a} {night.day:%Y-%m-%d}"
    if figures is None:
        return Mark(None, f"{day}: no run")
    if what == "duration":
        seconds = figures.duration_ms / 1000
        return Mark(seconds, f"{day}: {lasted(seconds)}")
    number = figures.changes if what == "changes" else figures.failures
    return Mark(number, f"{day}: {number:,} {what}", "bad" if what == "failures" else "")
