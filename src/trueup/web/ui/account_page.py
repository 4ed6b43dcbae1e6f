"""One's own account: the password, and where one is signed in."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.people import Role
from trueup.web.front import client_of
from trueup.web.parts import threaded
from trueup.web.ui import passwords
from trueup.web.ui.access import House, Seat
from trueup.web.ui.passwords import Hashing
from trueup.web.ui.session import see_other, sign_in, token_of
from trueup.web.ui.turnstile import Turnstile, lanes

_DEEDS: Final = 10
_DONE: Final = {
    "password": "The password is changed. You are signed out everywhere else.",
    "elsewhere": "You are signed out everywhere else.",
}


def router(house: House) -> APIRouter:
    """`/account` of whoever asks; nobody can see another's."""
    found = APIRouter(include_in_schema=False, prefix="/w/{workspace}/account")
    hashing = Hashing()
    turnstile = Turnstile(house.parts.deployment.clock.monotonic)

    @found.get("")
    def account(request: Request, workspace: str) -> HTMLResponse:
        """Who you are here, and where you are signed in."""
        return _page(house.seat(request, workspace))

    @found.post("/password")
    async def password(request: Request, workspace: str) -> Response:
        """Another password, for who knows the one before; other sessions end."""
        seat = await threaded(house.seat, request, workspace)
        fields = await seat.form()
        old, new, person = fields.get("password", ""), fields.get("new", ""), seat.person
        mine = lanes(client_of(request.scope), person.login)
        if wait := turnstile.enter(mine):
            said = f"too many wrong passwords; try again in {math.ceil(wait)} seconds"
            return await threaded(_page, seat, said, HTTPStatus.TOO_MANY_REQUESTS)
        kept = await threaded(house.people.password_hash, person.person_id)
        if not await hashing.matches(kept, old):
            return await threaded(_page, seat, "that is not your password", HTTPStatus.FORBIDDEN)
        turnstile.give_back(mine)
        if why := passwords.why_not(new, person.login):
            return await threaded(_page, seat, why, HTTPStatus.BAD_REQUEST)
        again = await hashing.hashed(new)
        return await threaded(_take, seat, again)

    @found.post("/out")
    async def out(request: Request, workspace: str) -> Response:
        """Sign out everywhere else, or everywhere."""
        seat = await threaded(house.seat, request, workspace)
        here = (await seat.form()).get("here") == "too"
        return await threaded(_sign_out, seat, here=here)

    return found


def _take(seat: Seat, password_hash: str) -> Response:
    people, person = seat.house.people, seat.person
    people.rehash(person.person_id, password_hash)
    people.close_all(person.person_id)
    seat.note(Did.CHANGED_ACCOUNT, person.login)
    client = client_of(seat.request.scope)
    wanted = f"/w/{seat.workspace}/account?done=password"
    return sign_in(seat.request, people, person, client, wanted)


def _sign_out(seat: Seat, *, here: bool) -> Response:
    token = token_of(seat.request)
    seat.house.people.close_all(seat.person.person_id, but="" if here else token)
    seat.note(Did.SIGNED_OUT_EVERYWHERE if here else Did.SIGNED_OUT_ELSEWHERE, seat.person.login)
    return see_other("/login" if here else f"/w/{seat.workspace}/account?done=elsewhere")


def _page(seat: Seat, wrong: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    people, person = seat.house.people, seat.person
    shown = {
        "roles": list(Role),
        "has_password": people.password_hash(person.person_id) is not None,
        "shortest": passwords.SHORTEST,
        "sessions": people.sessions(person.person_id, token_of(seat.request)),
        "deeds": people.deeds(_DEEDS, who=person.name),
        "done": _DONE.get(seat.request.query_params.get("done", ""), ""),
        "wrong": wrong,
    }
    with seat.desk() as desk:
        return seat.show("account.html", desk, status, **shown)
