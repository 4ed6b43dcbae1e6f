"""Drift: what differs, who moved it, a look now, and a repair of some of it or all."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.jobs import Job, JobKind, Terms
from trueup.domain.people import Role
from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger
from trueup.domain.threeway import Moved
from trueup.planner.explain import SIDES
from trueup.views import drift
from trueup.views.deeds import subject_of
from trueup.views.desk import Desk
from trueup.views.drift import NEW, Drift, Repair, Wanted
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House, Seat
from trueup.web.ui.errands import errands
from trueup.web.ui.given import number, words
from trueup.web.ui.session import see_other

_PAGE: Final = 50  # products
_WHO: Final[Mapping[str, str]] = {
    Moved.THEIRS: "changed at Zoho",
    Moved.OURS: "changed in the catalogue",
    Moved.BOTH: "changed on both sides",
    Moved.UNKNOWN: SIDES[Moved.UNKNOWN],
    NEW: "not there at all",
}
_WORDS: Final = {JobKind.DRIFT: "A look at everything", JobKind.SYNC: "A repair"}
_DONE: Final = {
    "look": "It will be looked at. What is found appears here.",
    "repair": "The repair is written down. What it has written is marked below.",
}


def router(house: House) -> APIRouter:
    """The page, the look, and the repair with its question."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/drift")
    def page(request: Request, workspace: str) -> HTMLResponse:
        """What the last look found."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            return seat.show("drift.html", desk, **_shown(house, seat, desk))

    @found.post("/w/{workspace}/drift/look")
    async def look(request: Request, workspace: str) -> Response:
        """Ask for a look."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        await threaded(_ask_to_look, seat)
        return see_other(f"/w/{workspace}/drift?done=look")

    @found.get("/w/{workspace}/drift/repair")
    def question(request: Request, workspace: str) -> HTMLResponse:
        """What a repair would do, before it is asked for."""
        seat = house.seat(request, workspace, Role.OPERATOR)
        everything = "all" in request.query_params
        with seat.desk() as desk:
            seen, repair = _wished(desk, request.query_params.getlist("sku"), everything=everything)
            return seat.show(
                "drift_repair.html", desk, drift=seen, repair=repair, everything=everything
            )

    @found.post("/w/{workspace}/drift/repair")
    async def repair(request: Request, workspace: str) -> Response:
        """Ask for the repair."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        fields = await seat.form()
        skus = [str(sku) for sku in (await request.form()).getlist("sku")]
        everything, reason = "all" in fields, words(fields, "reason")
        await threaded(_ask_to_repair, seat, skus, reason, everything=everything)
        return see_other(f"/w/{workspace}/drift?done=repair")

    return found


def _shown(house: House, seat: Seat, desk: Desk) -> dict[str, Any]:
    seen, asked = drift.gather(desk), seat.request.query_params
    wanted = _wanted(asked)
    products = seen.only(wanted) if seen else ()
    pages = max(1, ceil(len(products) / _PAGE))
    page = min(number(asked.get("page", "")) or 1, pages)
    return {
        "drift": seen,
        "wanted": wanted,
        "who": _WHO,
        "matching": len(products),
        "products": products[(page - 1) * _PAGE : page * _PAGE],
        "page": page,
        "pages": pages,
        "errands": errands(house, seat.workspace, desk, _concerns),
        "words": _WORDS,
        "done": _DONE.get(asked.get("done", "")),
    }


def _wanted(asked: Mapping[str, str]) -> Wanted:
    """What of it is to be shown; a word that we never wrote is no filter."""
    who, target = asked.get("who", ""), asked.get("target", "")
    return Wanted(
        who if who in _WHO else "",
        target if target in set(TargetName) else "",
        asked.get("field", ""),
    )


def _concerns(job: Job) -> bool:
    return job.request.kind is JobKind.DRIFT or job.request.trigger is Trigger.REPAIR


def _wished(desk: Desk, skus: list[str], *, everything: bool) -> tuple[Drift, Repair]:
    """The last look, and the repair that is meant; raises `Refusal` where there is none."""
    seen = drift.gather(desk)
    if seen is None:
        raise Refusal(HTTPStatus.CONFLICT, "nobody has looked yet", "look first, then repair")
    repair = seen.repair_of_all() if everything else seen.repair_of(set(skus))
    if not everything and not repair.skus:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "no product is selected that differs",
            "select some on the page of drift",
        )
    return seen, repair


def _ask_to_look(seat: Seat) -> None:
    job_id = seat.ask(JobKind.DRIFT, Trigger.REPAIR, merge="look-drift")
    seat.note(Did.ASKED_FOR_DRIFT, "everything", after={"job": job_id})


def _ask_to_repair(seat: Seat, skus: list[str], reason: str, *, everything: bool) -> None:
    with seat.desk() as desk:
        _, repair = _wished(desk, skus, everything=everything)
    terms = Terms(repair.skus, force=True, reason=reason)
    job_id = seat.ask(JobKind.SYNC, Trigger.REPAIR, terms, merge="repair")
    subject = subject_of(() if everything else repair.skus)
    after = {"job": job_id, "products": repair.products}
    seat.note(Did.ASKED_FOR_REPAIR, subject, reason=reason, after=after)
