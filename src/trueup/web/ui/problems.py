"""Pages for what could not be shown or done: what is wrong, what to do, and ways on.

They need nothing but the request, so that they can be shown without a database. Programs get the
same as JSON: whoever asks below their addresses, or asks for JSON and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from trueup.web.refusals import Refusal
from trueup.web.ui.look import render
from trueup.web.ui.session import local_path

_FOR_PROGRAMS: Final = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json")
_WORKSPACE: Final = re.compile(r"/w/([^/]+)(/|$)")
_TITLES: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "That could not be understood",
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "That cannot be done here",
    HTTPStatus.CONFLICT: "That is not possible now",
    HTTPStatus.GONE: "This is no longer here",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many tries",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here",
    HTTPStatus.SERVICE_UNAVAILABLE: "This cannot be shown right now",
}
_UNROUTED: Final[Mapping[int, tuple[str, str]]] = {
    HTTPStatus.NOT_FOUND: (
        "there is nothing at this address",
        "it may be mistyped, or what it showed was removed",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "this address cannot be used in that way",
        "open the page that led here, and press its button again",
    ),
}
_OURS: Final = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE})
_WAIT: Final = "try again in a minute; if it stays so, tell whoever looks after Trueup"
_PRESSED: Final = (
    "look at the page before you press again, it may have been done; if it happens twice, tell"
    " whoever looks after Trueup"
)


def is_page(request: Request) -> bool:
    """Whether a person reads the answer."""
    if request.scope["path"].startswith(_FOR_PROGRAMS):
        return False
    wanted = request.headers.get("accept", "")
    return "application/json" not in wanted or "text/html" in wanted


def problem(request: Request, error: Refusal | HTTPException) -> HTMLResponse:
    """The page for a refusal, or for an address or a method that is not there."""
    status = HTTPStatus(error.status if isinstance(error, Refusal) else error.status_code)
    if isinstance(error, Refusal):
        told, remedy = error.error, error.remedy
    else:
        told, remedy = _UNROUTED.get(status, (status.phrase.lower(), ""))
    reads = request.method in ("GET", "HEAD")
    if status in _OURS:
        remedy = _WAIT if reads else _PRESSED
    context = {
        "title": _TITLES.get(status, status.phrase),
        "error": told,
        "remedy": remedy,
        "ways": _ways(request),
        "again": local_path(quote(request.scope["path"])) if reads and status in _OURS else "",
        "reference": getattr(request.state, "request_id", "") if status in _OURS else "",
    }
    page = render(request, "problem.html", context, status)
    page.headers.update(error.headers or {})
    return page


def last_page(scope: Scope, refusal: Refusal) -> HTMLResponse | None:
    """The page for what nothing else has answered; None where a program asks."""
    request = Request(scope)
    return problem(request, refusal) if is_page(request) else None


def _ways(request: Request) -> list[tuple[str, str]]:
    """Pages to go on from; those of the workspace that the address names, if it is one."""
    path = request.scope["path"]
    found = _WORKSPACE.match(path)
    first = ("/", "First page")
    if found is None or path == found[0]:
        return [first]
    base = f"/w/{quote(found[1])}"
    names = (("", "To the overview"), ("/products", "All products"), ("/runs", "All runs"))
    return [*((f"{base}{page}", name) for page, name in names), first]
