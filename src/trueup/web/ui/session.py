"""Who is signed in: a random token in a cookie, of which the database keeps a digest.

Forms carry a token that only a page of the same session knows. Whoever is not signed in yet has a
cookie of their own for it, so that nobody can be signed in as somebody else by a page elsewhere.
"""

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

SESSION: Final = "trueup_session"
_BEFORE: Final = "trueup_before"  # whose form of signing in it is
FORM_FIELD: Final = "form_token"
LARGEST_FORM: Final = 64 * 1024
_PLAIN_FORM: Final = "application/x-www-form-urlencoded"
_DIGITS: Final = 9  # of a size that anybody means
_AN_HOUR: Final = 3600


def cookie_name(request: Request, name: str = SESSION) -> str:
    """The cookie of this address; over https it cannot be set from elsewhere."""
    return f"__Host-{name}" if request.url.scheme == "https" else name


def set_cookie(request: Request, answer: Response, name: str, content: str, seconds: int) -> None:
    """A cookie for this site alone, that no script reads; over https it goes over nothing else."""
    answer.set_cookie(
        cookie_name(request, name),
        content,
        max_age=seconds,
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="lax",
        path="/",
    )


def drop_cookie(request: Request, answer: Response, name: str) -> None:
    """Let the browser forget it."""
    secure = request.url.scheme == "https"
    answer.delete_cookie(cookie_name(request, name), path="/", secure=secure, httponly=True)


def token_of(request: Request) -> str:
    """The secret of the session that the request says it belongs to."""
    return request.cookies.get(cookie_name(request), "")


def person_of(request: Request, people: People) -> Person | None:
    """Who sent the request."""
    token = token_of(request)
    return people.whose(token) if token else None


def sign_in(
    request: Request, people: People, person: Person, client: str, wanted: str | None = None
) -> Response:
    """A new session, never one that was there before (nobody can fix it beforehand).

    It leads to `wanted`, else to where the request wants to come back to.
    """
    if old := token_of(request):
        people.close(old)
    token = secrets.token_urlsafe(32)
    people.open(person.person_id, token, client)
    chosen = request.query_params.get("next", "/") if wanted is None else wanted
    answer = see_other(local_path(chosen))
    set_cookie(request, answer, SESSION, token, int(SESSION_SECONDS))
    drop_cookie(request, answer, _BEFORE)
    return answer


def sign_out(request: Request, people: People) -> Response:
    """The session ends here and in the database."""
    people.close(token_of(request))
    answer = see_other("/login")
    drop_cookie(request, answer, SESSION)
    return answer


# --- forms ---------------------------------------------------------------------------------------


def form_token(request: Request) -> str:
    """What a form of this session carries: a page elsewhere cannot know it."""
    return _mark(token_of(request), b"form")


def door_token(request: Request) -> str:
    """The same for a form of somebody who is not signed in; `keep_door` must send its cookie."""
    return _mark(_before(request), b"door")


def keep_door(request: Request, answer: Response) -> None:
    """Send the cookie that belongs to `door_token`."""
    set_cookie(request, answer, _BEFORE, _before(request), _AN_HOUR)


async def fields_of(request: Request, *, door: bool = False) -> dict[str, str]:
    """The fields of a form that we showed to this session, or at the `door` to this browser.

    Raises `Refusal`: 403 for any other form, 411 and 413 for one of unknown or unlikely size, 415
    for what no form of ours sends (files, say).
    """
    kind = request.headers.get("content-type", _PLAIN_FORM).partition(";")[0].strip().lower()
    if kind != _PLAIN_FORM:
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "that is no form of a page of ours")
    size = request.headers.get("content-length", "")
    if not size.isdecimal():
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "the size of the form is not stated")
    if len(size) > _DIGITS or int(size) > LARGEST_FORM:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the form is too large", "write less")
    given = await request.form()
    # Postgres keeps no NUL in a text, and nobody types one.
    fields = {k: v.replace("\x00", "") for k, v in given.items() if isinstance(v, str)}
    expected = door_token(request) if door else form_token(request)
    _require(request, fields.get(FORM_FIELD, ""), expected)
    return fields


def _require(request: Request, given: str, expected: str) -> None:
    site = request.headers.get("sec-fetch-site", "same-origin")
    ours = site in ("same-origin", "none") and _same_origin(request)
    if not (ours and hmac.compare_digest(given.encode(), expected.encode())):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "this form was not sent from a page of yours, or it is too old",
            "open the page again and repeat it",
        )


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == request.url.netloc
    except ValueError:
        return False


def _before(request: Request) -> str:
    """The browser's cookie from before signing in, made up where there is none yet."""
    known = request.cookies.get(cookie_name(request, _BEFORE), "")
    if not hasattr(request.state, "before"):
        request.state.before = known or secrets.token_urlsafe(32)
    return str(request.state.before)


def _mark(secret: str, purpose: bytes) -> str:
    return hmac.new(secret.encode(), purpose, hashlib.sha256).hexdigest()


# --- addresses -----------------------------------------------------------------------------------


def see_other(path: str) -> RedirectResponse:
    """Go and look there."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def login_address(request: Request) -> str:
    """Where to sign in, and to come back from."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(wanted, safe='')}" if request.method == "GET" else "/login"


def local_path(wanted: str) -> str:
    """A path of ours; whatever leads elsewhere is the first page."""
    read = wanted.replace("\\", "/")  # as browsers do
    try:
        parts = urlsplit(read)
    except ValueError:
        return "/"
    plain = wanted.isprintable() and not parts.scheme and not parts.netloc
    return wanted if plain and read.startswith("/") and not read.startswith("//") else "/"
