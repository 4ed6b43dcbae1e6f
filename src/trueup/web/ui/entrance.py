"""A link that signs somebody in without a password, once: for the demo, and nothing else.

It is kept in the memory of one process. An installation has no such address: nothing that it
serves mounts this file.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from starlette.requests import Request

from trueup.web.front import client_of
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House
from trueup.web.ui.session import person_of, see_other, sign_in


def add_entrance(app: FastAPI, login: str, token: str) -> None:
    """`/enter/{token}`: whoever opens it first is signed in as the person of that login."""
    house: House = app.state.house
    unused = [token.encode()]
    found = APIRouter(include_in_schema=False)

    @found.get("/enter/{given}")
    def enter(request: Request, given: str) -> Response:
        """Browsers open an address that is typed twice: who is signed in goes on."""
        if person_of(request, house.people) is not None:
            return see_other("/")
        person = house.people.find(login)
        if person is None or not unused or not hmac.compare_digest(unused[0], given.encode()):
            raise Refusal(
                HTTPStatus.GONE,
                "this link was used already, or it is of an earlier demo",
                "sign in with the login and the password that the demo has printed",
            )
        unused.clear()
        return sign_in(request, house.people, person, client_of(request.scope))

    app.include_router(found)
