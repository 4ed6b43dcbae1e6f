"""Signing in, signing out, and choosing a password through a link."""

from __future__ import annotations

import math
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.people import Deed, Person
from trueup.web.bearer import Attempts
from trueup.web.front import client_of
from trueup.web.parts import request_id, threaded
from trueup.web.ui import passwords
from trueup.web.ui.access import House
from trueup.web.ui.look import render
from trueup.web.ui.session import (
    FORM_FIELD,
    person_of,
    require_own_form,
    see_other,
    sign_in,
    sign_out,
)

_WRONG = "That login and that password do not belong together."
_USED = "This link was used already, or it is too old. An admin can make another one."


def router(house: House) -> APIRouter:
    """`/login`, `/logout` and `/welcome/…`."""
    found = APIRouter(include_in_schema=False)
    _with_password(house, found)
    _with_link(house, found)
    return found


def _with_password(house: House, found: APIRouter) -> None:
    attempts = Attempts(house.parts.deployment.clock.monotonic)

    @found.get("/login")
    def ask(request: Request) -> Response:
        """The form; who is signed in already goes on."""
        if person_of(request, house.people) is not None:
            return see_other("/")
        return _form(request, empty=not house.people.everybody())

    @found.post("/login")
    async def enter(request: Request) -> Response:
        """Wrong ones are counted by client and by login: beyond a few a minute they must wait."""
        fields = await request.form()
        login, password = str(fields.get("login", "")).strip(), str(fields.get("password", ""))
        require_own_form(request, str(fields.get(FORM_FIELD, "")))
        person = await threaded(_known, house, login, password)
        if person is None:
            waits = [attempts.count(key) for key in (client_of(request.scope), f"login:{login}")]
            return _refused(request, login, max(waits))
        await threaded(_note, house, request, person, "signed in")
        return await threaded(sign_in, request, house.people, person, client_of(request.scope))

    @found.post("/logout")
    async def leave(request: Request) -> Response:
        """Sign out."""
        fields = await request.form()
        require_own_form(request, str(fields.get(FORM_FIELD, "")))
        return await threaded(sign_out, request, house.people)


def _with_link(house: House, found: APIRouter) -> None:
    @found.get("/welcome/{token}")
    def welcome(request: Request, token: str) -> Response:
        """Choose a password."""
        return _welcome(request, house.people.invited(token))

    @found.post("/welcome/{token}")
    async def choose(request: Request, token: str) -> Response:
        """Take the password, and sign in with it."""
        fields = await request.form()
        require_own_form(request, str(fields.get(FORM_FIELD, "")))
        password = str(fields.get("password", ""))
        person = await threaded(house.people.invited, token)
        if person is None:
            return _welcome(request, None)
        if why := passwords.why_not(password, person.login):
            return _welcome(request, person, why)
        taken = await threaded(house.people.accept, token, passwords.hashed(password))
        if taken is None:
            return _welcome(request, None)
        await threaded(_note, house, request, taken, "chose a password")
        return await threaded(sign_in, request, house.people, taken, client_of(request.scope))


def _known(house: House, login: str, password: str) -> Person | None:
    """Whose login and password these are; takes as long when there is no such person."""
    person = house.people.find(login)
    kept = house.people.password_hash(person.person_id) if person else None
    if not passwords.matches(kept, password) or person is None or kept is None:
        return None
    if passwords.is_outdated(kept):
        house.people.rehash(person.person_id, passwords.hashed(password))
    return person


def _note(house: House, request: Request, person: Person, action: str) -> None:
    deed = Deed(house.parts.deployment.clock.now(), person.name, action, person.login)
    house.people.note(deed, request_id(request))


def _form(
    request: Request,
    *,
    login: str = "",
    wrong: str = "",
    empty: bool = False,
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    return render(request, "login.html", {"login": login, "wrong": wrong, "empty": empty}, status)


def _refused(request: Request, login: str, wait: float) -> Response:
    if not wait:
        return _form(request, login=login, wrong=_WRONG, status=HTTPStatus.UNAUTHORIZED)
    seconds = math.ceil(wait)
    answer = _form(
        request,
        login=login,
        wrong=f"Too many wrong passwords. Try again in {seconds} seconds.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _welcome(request: Request, person: Person | None, why: str = "") -> HTMLResponse:
    if person is None:
        status = HTTPStatus.GONE
        context = {"title": "This link works no more", "error": _USED, "remedy": ""}
        return render(request, "problem.html", context, status)
    status = HTTPStatus.BAD_REQUEST if why else HTTPStatus.OK
    shown = {"invited": person, "wrong": why, "shortest": passwords.SHORTEST}
    return render(request, "welcome.html", shown, status)
