"""People: who may sign in, in which role; letting people in and shutting them out. For admins."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.people import Person, Role, Standing
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House, Seat
from trueup.web.ui.session import see_other

LONGEST: Final = 100  # characters of a login or a name
_DEEDS: Final = 10  # shown of one person
_DONE: Final = {
    "role": "The role is changed.",
    "disabled": "They cannot sign in any more, and are signed out everywhere.",
    "out": "They are signed out everywhere.",
}


def router(house: House) -> APIRouter:
    """`/people` of a workspace, and below it a page for each person."""
    found = APIRouter(include_in_schema=False, prefix="/w/{workspace}/people")
    _everybody(house, found)
    _one(house, found)
    _ways_in(house, found)
    return found


def _everybody(house: House, found: APIRouter) -> None:
    @found.get("")
    def everybody(request: Request, workspace: str) -> HTMLResponse:
        """All accounts, and a form to let somebody in."""
        return _list(house.seat(request, workspace, Role.ADMIN))

    @found.post("")
    async def invite(request: Request, workspace: str) -> HTMLResponse:
        """A new account; shows the link that lets its owner choose a password."""
        seat = await threaded(house.seat, request, workspace, Role.ADMIN)
        return await threaded(_invite, seat, await seat.form())


def _one(house: House, found: APIRouter) -> None:
    @found.get("/{person_id}")
    def one(request: Request, workspace: str, person_id: int) -> HTMLResponse:
        """Somebody: role, sessions, what they did."""
        seat = house.seat(request, workspace, Role.ADMIN)
        return _page(seat, _person(seat, person_id))

    @found.post("/{person_id}/role")
    async def role(request: Request, workspace: str, person_id: int) -> Response:
        """Another role, from the next click on."""
        seat = await threaded(house.seat, request, workspace, Role.ADMIN)
        return await threaded(_change_role, seat, person_id, await seat.form())

    @found.post("/{person_id}/out")
    async def out(request: Request, workspace: str, person_id: int) -> Response:
        """Sign somebody out everywhere."""
        seat = await threaded(house.seat, request, workspace, Role.ADMIN)
        await seat.form()
        person = await threaded(_person, seat, person_id)
        await threaded(lambda: house.people.close_all(person_id))
        await threaded(seat.note, Did.SIGNED_OUT_EVERYWHERE, person.login)
        return see_other(f"/w/{workspace}/people/{person_id}?done=out")


def _ways_in(house: House, found: APIRouter) -> None:
    @found.get("/{person_id}/{what}")
    def sure(request: Request, workspace: str, person_id: int, what: str) -> HTMLResponse:
        """What happens then, before it is done."""
        seat = house.seat(request, workspace, Role.ADMIN)
        if what not in ("disable", "reset"):
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such page")
        with seat.desk() as desk:
            return seat.show("people_sure.html", desk, one=_person(seat, person_id), what=what)

    @found.post("/{person_id}/disable")
    async def disable(request: Request, workspace: str, person_id: int) -> Response:
        """Somebody may sign in no more."""
        seat = await threaded(house.seat, request, workspace, Role.ADMIN)
        return await threaded(_disable, seat, person_id, await seat.form())

    @found.post("/{person_id}/reset")
    async def reset(request: Request, workspace: str, person_id: int) -> Response:
        """Another link; the password works no more."""
        seat = await threaded(house.seat, request, workspace, Role.ADMIN)
        return await threaded(_reset, seat, person_id, await seat.form())


# --- what is done --------------------------------------------------------------------------------


def _invite(seat: Seat, fields: dict[str, str]) -> HTMLResponse:
    login, name = fields.get("login", "").strip(), fields.get("name", "").strip()
    role = _role(fields)
    if why := why_no_login(login) or why_no_login(name or login):
        return _list(seat, why, fields)
    people = seat.house.people
    person = people.add(login, name or login, role)
    if person is None:
        return _list(seat, "that login or that name is somebody's already", fields)
    token = secrets.token_urlsafe(32)
    people.invite(person.person_id, token)
    seat.note(Did.INVITED, person.login, after={"role": role.value})
    return _link(seat, person, token)


def _change_role(seat: Seat, person_id: int, fields: dict[str, str]) -> Response:
    person, role = _person(seat, person_id), _role(fields)
    if role is not person.role:
        try:
            seat.house.people.change(person_id, role=role)
        except UsageError as error:
            return _page(seat, person, error)
        before, after = {"role": person.role.value}, {"role": role.value}
        seat.note(Did.CHANGED_ROLE, person.login, before=before, after=after)
    # Whoever gave their own role away sees no page of people any more.
    kept = person_id != seat.person.person_id or role is Role.ADMIN
    where = f"/w/{seat.workspace}"
    return see_other(f"{where}/people/{person_id}?done=role" if kept else where)


def _disable(seat: Seat, person_id: int, fields: dict[str, str]) -> Response:
    person = _person(seat, person_id)
    try:
        seat.house.people.change(person_id, standing=Standing.DISABLED)
    except UsageError as error:
        return _page(seat, person, error)
    states = {"before": {"standing": person.standing.value}, "after": {"standing": "disabled"}}
    seat.note(Did.DISABLED, person.login, reason=fields.get("reason", "")[:500], **states)
    return see_other(f"/w/{seat.workspace}/people/{person_id}?done=disabled")


def _reset(seat: Seat, person_id: int, fields: dict[str, str]) -> Response:
    person = _person(seat, person_id)
    if person_id == seat.person.person_id:
        error = UsageError(
            "your own password is changed on your own page", "open the menu with your name"
        )
        return _page(seat, person, error)
    token = secrets.token_urlsafe(32)
    seat.house.people.reset(person_id, token)
    states = {"before": {"standing": person.standing.value}, "after": {"standing": "invited"}}
    seat.note(Did.RESET_ACCOUNT, person.login, reason=fields.get("reason", "")[:500], **states)
    return _link(seat, person, token)


# --- what is shown -------------------------------------------------------------------------------


def _list(seat: Seat, wrong: str = "", fields: dict[str, str] | None = None) -> HTMLResponse:
    status = HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK
    shown = {"people": seat.house.people.everybody(), "roles": list(Role), "wrong": wrong}
    with seat.desk() as desk:
        return seat.show("people.html", desk, status, given=fields or {}, **shown)


def _page(seat: Seat, person: Person, error: UsageError | None = None) -> HTMLResponse:
    people = seat.house.people
    shown: dict[str, Any] = {
        "one": person,
        "roles": list(Role),
        "last_admin": people.is_last_admin(person.person_id),
        "sessions": people.sessions(person.person_id),
        "deeds": people.deeds(_DEEDS, who=person.name),
        "done": _DONE.get(seat.request.query_params.get("done", ""), ""),
        "error": error,
    }
    status = HTTPStatus.CONFLICT if error else HTTPStatus.OK
    with seat.desk() as desk:
        return seat.show("people_one.html", desk, status, **shown)


def _link(seat: Seat, person: Person, token: str) -> HTMLResponse:
    """The link is shown once, in this very answer: nowhere else is it kept."""
    address = seat.request.url
    link = f"{address.scheme}://{address.netloc}/welcome/{token}"
    with seat.desk() as desk:
        return seat.show("people_link.html", desk, one=person, link=link)


def _person(seat: Seat, person_id: int) -> Person:
    person = seat.house.people.get(person_id) if person_id < 2**63 else None
    if person is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such person", "People lists all of them")
    return person


def _role(fields: dict[str, str]) -> Role:
    try:
        return Role(fields.get("role", ""))
    except ValueError:
        raise Refusal(HTTPStatus.BAD_REQUEST, "there is no such role") from None


def why_no_login(text: str) -> str:
    """Why somebody cannot be called so; empty when they can."""
    if not text or not text.isprintable():
        return "give a login of letters that can be typed"
    return f"use at most {LONGEST} characters" if len(text) > LONGEST else ""
