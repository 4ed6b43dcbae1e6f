"""Signing in with an OpenID Connect issuer: there and back again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from trueup import logs
from trueup.domain.deeds import Did
from trueup.domain.people import Deed, Person, Role, Standing
from trueup.web.front import client_of
from trueup.web.parts import request_id
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House
from trueup.web.ui.oidc import Issuer, NotVouchedError, Trip, Vouched
from trueup.web.ui.session import (
    cookie_name,
    drop_cookie,
    local_path,
    see_other,
    set_cookie,
    sign_in,
)

_TRIP: Final = "trueup_trip"  # what belongs to one way there and back
_TEN_MINUTES: Final = 600
_PARTS: Final = 4
_BACK: Final = "/login/oidc/back"


def router(house: House) -> APIRouter:
    """`/login/oidc` and where it comes back; nothing where no issuer is configured."""
    found = APIRouter(include_in_schema=False)
    home = house.parts.deployment.home
    if not home.settings.oidc_issuer:
        return found
    issuer = Issuer(home.settings, home.clock.monotonic, home.transport)

    @found.get("/login/oidc")
    def go(request: Request) -> Response:
        """To the issuer; the browser keeps what belongs to this way."""
        trip = Trip.begin()
        wanted = local_path(request.query_params.get("next", "/"))
        try:
            answer = see_other(issuer.ask(trip, _way_back(request)))
        except NotVouchedError as error:
            raise _refused(request, error) from None
        kept = "|".join((trip.state, trip.nonce, trip.verifier, wanted.encode().hex()))
        set_cookie(request, answer, _TRIP, kept, _TEN_MINUTES)
        return answer

    @found.get(_BACK)
    def back(request: Request) -> Response:
        """From the issuer: a session for whom it vouches."""
        kept = request.cookies.get(cookie_name(request, _TRIP), "").split("|")
        if len(kept) != _PARTS:
            raise _refused(request, NotVouchedError("this browser began no sign-in"))
        try:
            trip = Trip(*kept[:3])
            who = issuer.hear(trip, dict(request.query_params), _way_back(request))
            person = _person(house, request, who)
        except NotVouchedError as error:
            raise _refused(request, error) from None
        wanted = _decoded(kept[3])
        client = client_of(request.scope)
        answer = sign_in(request, house.people, person, client, wanted)
        drop_cookie(request, answer, _TRIP)
        return answer

    return found


def _person(house: House, request: Request, who: Vouched) -> Person:
    """The account of whom the issuer vouches for, with the role that the issuer gives today."""
    people = house.people
    if who.role is None:
        raise NotVouchedError(
            f"the issuer knows {who.login}, and nothing gives them a role here",
            "an admin of the issuer or of Trueup can (oidc.roles)",
        )
    person = people.vouched(who.issuer, who.subject)
    before = {"role": person.role.value} if person else {}
    if person is None:
        person = people.admit(
            who.login, who.name, who.role, issuer=who.issuer, subject=who.subject
        ) or people.admit(who.login, who.login, who.role, issuer=who.issuer, subject=who.subject)
    elif person.standing is Standing.DISABLED:
        raise NotVouchedError(f"{person.login} may not sign in any more", "ask an admin of Trueup")
    elif person.role is not who.role:
        person = _with_role(house, person, who.role)
    if person is None:
        raise NotVouchedError(
            f"there is another account with the login {who.login}",
            "an admin of Trueup can disable it, or the issuer can use another name",
        )
    now, after = house.parts.deployment.clock.now(), {"role": person.role.value}
    said = Did.SIGNED_IN_ELSEWHERE
    deed = Deed(now, person.name, said, person.login, before=before, after=after)
    people.note(deed, request_id(request))
    return person


def _with_role(house: House, person: Person, role: Role) -> Person | None:
    # The issuer decides, except that it cannot take the last admin away.
    keeps = role is not Role.ADMIN and house.people.is_last_admin(person.person_id)
    return person if keeps else house.people.change(person.person_id, role=role)


def _way_back(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{_BACK}"


def _decoded(kept: str) -> str:
    try:
        return bytes.fromhex(kept).decode()
    except ValueError:
        return "/"


def _refused(request: Request, error: NotVouchedError) -> Refusal:
    logs.logger().warning("not_vouched", error=error.message, client=client_of(request.scope))
    remedy = error.remedy or "begin again: sign in"
    return Refusal(HTTPStatus.FORBIDDEN, error.message, remedy)
