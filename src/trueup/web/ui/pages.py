"""All pages, one file each, and the files that they need."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from importlib.resources import files
from mimetypes import guess_type

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from starlette.requests import Request

from trueup.web.parts import Parts
from trueup.web.refusals import Refusal
from trueup.web.ui import (
    account_page,
    approvals,
    deeds_page,
    drift,
    duplicates,
    errands,
    health_page,
    job,
    overview,
    people_page,
    product,
    products,
    reverts,
    run,
    runs,
    settings_page,
    signing_in,
    signing_in_elsewhere,
    trends,
)
from trueup.web.ui.access import House, SignInFirst
from trueup.web.ui.rooms import Rooms
from trueup.web.ui.session import login_address, see_other

_PAGES = (
    signing_in,
    overview,
    runs,
    approvals,
    reverts,
    run,
    job,
    drift,
    duplicates,
    trends,
    errands,
    products,
    product,
    account_page,
    deeds_page,
    health_page,
    people_page,
    settings_page,
    signing_in_elsewhere,
)
_FOR_EVER = "public, max-age=31536000, immutable"  # another content has another address


def add_pages(app: FastAPI, parts: Parts) -> House:
    """Put the pages below `/`; the house is closed by whoever closes the app."""
    house = House(parts, Rooms(parts.deployment))
    for page in _PAGES:
        app.include_router(page.router(house))
    app.include_router(_static())

    async def sign_in_first(request: Request, _: Exception) -> Response:
        return see_other(login_address(request))

    app.add_exception_handler(SignInFirst, sign_in_first)
    return house


def _static() -> APIRouter:
    found = APIRouter(include_in_schema=False)

    @found.get("/static/{digest}/{name}")
    def file(digest: str, name: str) -> Response:
        """A file that comes with us. The digest is for browsers, which keep it for ever."""
        content = _content(name)
        if content is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"there is no file {name!r} ({digest})")
        kind = guess_type(name)[0] or "application/octet-stream"
        return Response(content, media_type=kind, headers={"Cache-Control": _FOR_EVER})

    return found


@cache
def _content(name: str) -> bytes | None:
    folder = files("trueup.web.ui") / "static"
    known = {entry.name: entry for entry in folder.iterdir() if entry.is_file()}
    return known[name].read_bytes() if name in known else None
