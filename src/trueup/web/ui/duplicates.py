"""Duplicates: records that may be one thing twice, how they differ, and which of them to adopt."""

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
from trueup.domain.runs import Trigger
from trueup.planner.duplicates import Certainty, Why
from trueup.views import duplicates
from trueup.views.desk import Desk
from trueup.views.duplicates import REASONS, Group, Offer
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House, Seat
from trueup.web.ui.errands import errands
from trueup.web.ui.given import number, words
from trueup.web.ui.session import see_other

_PAGE: Final = 25  # groups
_CERTAINTY: Final[Mapping[Certainty, str]] = {
    Certainty.CERTAIN: "certainly one thing",
    Certainty.LIKELY: "probably one thing",
    Certainty.POSSIBLE: "possibly one thing",
}
_WORDS: Final = {JobKind.DUPLICATES: "A search for duplicates", JobKind.ADOPT: "An adoption"}
_DONE: Final = {
    "search": "It will be searched. What is found appears here.",
    "adopt": "The adoption is written down. The record is marked as bound once it is.",
}


def router(house: House) -> APIRouter:
    """The page, the search, and the adoption with its question."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/duplicates")
    def page(request: Request, workspace: str) -> HTMLResponse:
        """What the last search found."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            return seat.show("duplicates.html", desk, **_shown(house, seat, desk))

    @found.post("/w/{workspace}/duplicates/search")
    async def search(request: Request, workspace: str) -> Response:
        """Ask for a search."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        await threaded(_ask_to_search, seat)
        return see_other(f"/w/{workspace}/duplicates?done=search")

    @found.get("/w/{workspace}/duplicates/adopt")
    def question(request: Request, workspace: str) -> HTMLResponse:
        """What an adoption means, before it is asked for."""
        seat = house.seat(request, workspace, Role.OPERATOR)
        with seat.desk() as desk:
            group, offer = _offered(desk, request.query_params)
            return seat.show("duplicates_adopt.html", desk, group=group, offer=offer)

    @found.post("/w/{workspace}/duplicates/adopt")
    async def adopt(request: Request, workspace: str) -> Response:
        """Ask for the adoption."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        fields = await seat.form()
        await threaded(_ask_to_adopt, seat, fields)
        return see_other(f"/w/{workspace}/duplicates?done=adopt")

    return found


def _shown(house: House, seat: Seat, desk: Desk) -> dict[str, Any]:
    seen, asked = duplicates.gather(desk), seat.request.query_params
    why = asked.get("why", "")
    groups = [one for one in seen.groups if why not in set(Why) or one.why == why] if seen else []
    pages = max(1, ceil(len(groups) / _PAGE))
    page = min(number(asked.get("page", "")) or 1, pages)
    return {
        "duplicates": seen,
        "why": why if why in set(Why) else "",
        "reasons": REASONS,
        "certainty": _CERTAINTY,
        "matching": len(groups),
        "groups": groups[(page - 1) * _PAGE : page * _PAGE],
        "page": page,
        "pages": pages,
        "errands": errands(house, seat.workspace, desk, _concerns),
        "words": _WORDS,
        "done": _DONE.get(asked.get("done", "")),
    }


def _concerns(job: Job) -> bool:
    return job.request.kind in _WORDS


def _offered(desk: Desk, asked: Mapping[str, str]) -> tuple[Group, Offer]:
    """The record that is meant, as the last search saw it; raises `Refusal` (404)."""
    seen = duplicates.gather(desk)
    found = seen.offer(asked.get("kind", ""), asked.get("id", "")) if seen else None
    if found is None:
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "the last search offers no such record",
            "it may be bound by now; the page of duplicates says how it stands",
        )
    return found


def _ask_to_search(seat: Seat) -> None:
    job_id = seat.ask(JobKind.DUPLICATES, Trigger.CLI, merge="look-duplicates")
    seat.note(Did.ASKED_FOR_DUPLICATES, "everything", after={"job": job_id})


def _ask_to_adopt(seat: Seat, fields: Mapping[str, str]) -> None:
    with seat.desk() as desk:
        _, offer = _offered(desk, fields)
    reason = words(fields, "reason")
    terms = Terms(
        (offer.sku,),
        (offer.target,),
        remote_id=offer.record.remote_id,
        part=offer.part,
        reason=reason,
    )
    job_id = seat.ask(JobKind.ADOPT, Trigger.ADOPT, terms)
    seat.note(
        Did.ADOPTED,
        offer.sku,
        reason=reason,
        before={offer.target.value: offer.former or None},
        after={offer.target.value: offer.record.remote_id, "job": job_id},
    )
