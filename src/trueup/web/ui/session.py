"""Who is signed in: a random token in a cookie, of which the database keeps a digest."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from trueup.domain.people import Person
from trueup.postgres.people import SESSION_SECONDS, People
from trueup.web.refusals import Refusal

_COOKIE: Final = "trueup_session"
_SECURE_COOKIE: Final = "__Host-trueup_session"  # browsers take it over https only
FORM_FIELD: Final = "form_token"


def cookie_name(request: Request) -> str:
    """The cookie of this address; over https it cannot be set from elsewhere."""
    return _SECURE_COOKIE if request.url.scheme == "https" else _COOKIE


def person_of(request: Request, people: People) -> Person | None:
    """Who sent the request."""
    token = request.cookies.get(cookie_name(request), "")
    return people.whose(token) if token else None


def sign_in(request: Request, people: People, person: Person, client: str) -> Response:
    """A new session, never one that was there before (nobody can fix it beforehand)."""
    old = request.cookies.get(cookie_name(request), "")
    if old:
        people.close(old)
    token = secrets.token_urlsafe(32)
    people.open(person.person_id, token, client)
    answer = see_other(local_path(request.query_params.get("next", "/")))
    answer.set_cookie(
        cookie_name(request),
        token,
        max_age=int(SESSION_SECONDS),
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="lax",
        path="/",
    )
    return answer


def sign_out(request: Request, people: People) -> Response:
    """The session ends here and in the database."""
    people.close(request.cookies.get(cookie_name(request), ""))
    answer = see_other("/login")
    answer.delete_cookie(cookie_name(request), path="/")
    return answer


def form_token(request: Request) -> str:
    """What a form of this session carries: a page elsewhere cannot know it."""
    session = request.cookies.get(cookie_name(request), "")
    return hmac.new(session.encode(), b"form", hashlib.sha256).hexdigest()


def require_own_form(request: Request, given: str) -> None:
    """Raise `Refusal` (403) for a form that was not shown by us to this session."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    ours = site in ("same-origin", "none") and _same_origin(request)
    if not (ours and hmac.compare_digest(given.encode(), form_token(request).encode())):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "this form was not sent from a page of yours, or it is too old",
            "open the page again and repeat it",
        )


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin in (None, "null") or urlsplit(origin).netloc == request.url.netloc


def see_other(path: str) -> RedirectResponse:
    """Go and look there."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def login_address(request: Request) -> str:
    """Where to sign in, and to come back from."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(wanted, safe='')}" if request.method == "GET" else "/login"


def local_path(wanted: str) -> str:
    """A path of ours; whatever leads elsewhere is the first page."""
    parts = urlsplit(wanted.replace("\\", "/"))
    plain = wanted.isprintable() and not parts.scheme and not parts.netloc
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else "/"
