"""Signing in, signing out, and choosing a password through a link."""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup import logs
from trueup.domain.deeds import Did
from trueup.domain.people import Deed, Person
from trueup.settings.secret_key import secret_key
from trueup.web.front import client_of
from trueup.web.parts import request_id, threaded
from trueup.web.ui import passwords
from trueup.web.ui.access import House
from trueup.web.ui.look import counted, render
from trueup.web.ui.passwords import Hashing
from trueup.web.ui.session import (
    cookie_name,
    door_token,
    fields_of,
    keep_door,
    local_path,
    person_of,
    see_other,
    set_cookie,
    sign_in,
    sign_out,
)
from trueup.web.ui.turnstile import Turnstile, browser_mark, lanes

_WRONG: Final = "That login and that password do not belong together."
_USED: Final = "this link was used already, or it is too old"
_ANOTHER: Final = "an admin can make another one: People, Reset the password"
_KNOWN: Final = "trueup_known"  # this browser's owner has signed in here before
_KNOWN_SECONDS: Final = 365 * 86_400


def router(house: House) -> APIRouter:
    """`/login`, `/logout` and `/welcome/…`."""
    found = APIRouter(include_in_schema=False)
    door = Door(house)
    _with_password(door, found)
    _with_link(door, found)
    return found


@dataclass
class Door:
    """What is needed to let somebody in."""

    house: House
    hashing: Hashing = field(default_factory=Hashing)

    @cached_property
    def turnstile(self) -> Turnstile:
        """How often somebody may try."""
        return Turnstile(self.house.parts.deployment.clock.monotonic)

    @cached_property
    def key(self) -> str:
        """The deployment's own secret."""
        return secret_key(self.house.parts.deployment.home.settings)

    def lanes(self, request: Request, login: str) -> tuple[str, str]:
        """What a try is counted under."""
        mark = request.cookies.get(cookie_name(request, _KNOWN), "")
        known = hmac.compare_digest(mark.encode(), browser_mark(self.key, login).encode())
        return lanes(client_of(request.scope), login, known=known)

    async def open(self, request: Request, person: Person, deed: Did) -> Response:
        """A new session, and the deed."""
        await threaded(_note, self.house, request, person, deed)
        client = client_of(request.scope)
        answer = await threaded(lambda: sign_in(request, self.house.people, person, client))
        mark = await threaded(browser_mark, self.key, person.login)
        set_cookie(request, answer, _KNOWN, mark, _KNOWN_SECONDS)
        return answer


def _with_password(door: Door, found: APIRouter) -> None:
    house = door.house

    @found.get("/login")
    def ask(request: Request) -> Response:
        """The form; who is signed in already goes on."""
        if person_of(request, house.people) is not None:
            return see_other(local_path(request.query_params.get("next", "/")))
        return _form(house, request, empty=not house.people.everybody())

    @found.post("/login")
    async def enter(request: Request) -> Response:
        """Tries are counted by client and by login: beyond a few a minute they must wait."""
        fields = await fields_of(request, door=True)
        login, password = fields.get("login", "").strip(), fields.get("password", "")
        mine = await threaded(door.lanes, request, login)
        if wait := door.turnstile.enter(mine):
            return _too_often(house, request, login, wait)
        person, kept = await threaded(lambda: house.people.at_the_door(login))
        if not await door.hashing.matches(kept, password) or person is None or kept is None:
            logs.logger().info("wrong_password", client=client_of(request.scope))
            status = HTTPStatus.UNAUTHORIZED
            return _form(house, request, login=login, wrong=_WRONG, status=status)
        door.turnstile.give_back(mine)
        if passwords.is_outdated(kept):
            again = await door.hashing.hashed(password)
            await threaded(lambda: house.people.rehash(person.person_id, again))
        return await door.open(request, person, Did.SIGNED_IN)

    @found.post("/logout")
    async def leave(request: Request) -> Response:
        """Sign out."""
        await fields_of(request)
        return await threaded(lambda: sign_out(request, house.people))


def _with_link(door: Door, found: APIRouter) -> None:
    house = door.house  # its database may be away while the program starts

    @found.get("/welcome/{token}")
    def welcome(request: Request, token: str) -> Response:
        """Choose a password."""
        return _welcome(request, house.people.invited(token))

    @found.post("/welcome/{token}")
    async def choose(request: Request, token: str) -> Response:
        """Take the password, and sign in with it."""
        fields = await fields_of(request, door=True)
        password = fields.get("password", "")
        person = await threaded(lambda: house.people.invited(token))
        if person is None:
            return _welcome(request, None)
        if why := passwords.why_not(password, person.login):
            return _welcome(request, person, why)
        kept = await door.hashing.hashed(password)
        taken = await threaded(lambda: house.people.accept(token, kept))
        if taken is None:
            return _welcome(request, None)
        return await door.open(request, taken, Did.ACCEPTED)


def _note(house: House, request: Request, person: Person, action: Did) -> None:
    deed = Deed(house.parts.deployment.clock.now(), person.name, action, person.login)
    house.people.note(deed, request_id(request))


def _form(
    house: House,
    request: Request,
    *,
    login: str = "",
    wrong: str = "",
    empty: bool = False,
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    shown = {"login": login, "wrong": wrong, "empty": empty}
    return at_the_door(request, "login.html", shown | _elsewhere(house, request), status)


def _elsewhere(house: House, request: Request) -> dict[str, Any]:
    """Where else one can sign in, if anywhere."""
    home = house.parts.deployment.home.settings
    wanted = local_path(request.query_params.get("next", "/"))
    address = f"/login/oidc?next={quote(wanted, safe='')}" if home.oidc_issuer else ""
    return {"elsewhere": address, "issuer": home.oidc_name}


def at_the_door(
    request: Request, template: str, shown: dict[str, Any], status: HTTPStatus
) -> HTMLResponse:
    """A page with a form for somebody who is not signed in."""
    answer = render(request, template, shown | {"form_token": door_token(request)}, status)
    keep_door(request, answer)
    return answer


def _too_often(house: House, request: Request, login: str, wait: float) -> Response:
    seconds = math.ceil(wait)
    said = f"Too many wrong passwords. Try again in {counted(seconds, 'second')}."
    status = HTTPStatus.TOO_MANY_REQUESTS
    answer = _form(house, request, login=login, wrong=said, status=status)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _welcome(request: Request, person: Person | None, why: str = "") -> HTMLResponse:
    if person is None:
        status = HTTPStatus.GONE
        context = {"title": "This link works no more", "error": _USED, "remedy": _ANOTHER}
        return render(request, "problem.html", context, status)
    status = HTTPStatus.BAD_REQUEST if why else HTTPStatus.OK
    shown = {"invited": person, "wrong": why, "shortest": passwords.SHORTEST}
    return at_the_door(request, "welcome.html", shown, status)
