"""What holds of every address, found by walking the routes: a new page is covered by itself.

Who may see it, from where a form may come, what every answer carries, and that nothing which
somebody types into an address ends in an error of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2
import pytest

import trueup.web.ui
from support import postgres
from support.all_routes import Way
from support.guests import COOKIE, SECRETS, Guests, open_guests, session
from support.served import SECRET
from trueup.domain.deeds import Did
from trueup.domain.jobs import JobKind, JobRequest, Priority
from trueup.domain.people import Deed, Role
from trueup.domain.runs import Trigger

# A page is for viewers and its forms are for operators, but for these.
NEEDED: Final[Mapping[str, Role]] = {
    "POST /w/{workspace}/account/out": Role.VIEWER,
    "POST /w/{workspace}/account/password": Role.VIEWER,
    "GET /w/{workspace}/approvals/decide": Role.APPROVER,
    "POST /w/{workspace}/approvals/decide": Role.APPROVER,
    "GET /w/{workspace}/drift/repair": Role.OPERATOR,
    "GET /w/{workspace}/duplicates/adopt": Role.OPERATOR,
    "GET /w/{workspace}/products/id/{offering_id}/adopt": Role.OPERATOR,
    "GET /w/{workspace}/runs/{run_id}/revert": Role.APPROVER,
    "POST /w/{workspace}/runs/{run_id}/revert": Role.APPROVER,
    "POST /w/{workspace}/runs/{run_id}/revert/look": Role.APPROVER,
}
PLANTED: Final = [one for one in SECRETS.values() if "/" not in one]
ROLES: Final = [Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN]
FOR_ADMINS: Final = "/w/{workspace}/people"
MAY_NOT: Final = re.compile(r"[Yy]our role \w+ may not do this")
NOT_OURS: Final = "his form was not sent from a page of yours"
OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
NASTY: Final = ("\x00", "9" * 5000, "sNaN", "é\u202e'\"<b>")
# Whatever a page may read of a query: a new page's words are among them.
SOURCES: Final = Path(trueup.web.ui.__file__).parent
ASKED: Final = sorted(
    word
    for source in SOURCES.glob("*.py")
    for word in re.findall(r'(?:get|getlist|_text)\((?:\w+, )?"([a-z]+)"', source.read_text())
)


@pytest.fixture(scope="module")
def guests(postgres_server: str, template: str) -> Iterator[Guests]:
    with postgres.fresh_database(postgres_server, template) as url, open_guests(url) as found:
        yield found


def needed(way: Way) -> Role:
    """The least role that may go there."""
    if way.path.startswith(FOR_ADMINS):
        return Role.ADMIN
    return NEEDED.get(str(way), Role.VIEWER if way.method == "GET" else Role.OPERATOR)


def is_stream(way: Way) -> bool:
    """Whether its answer goes on for as long as there are news."""
    return way.path.endswith(("/events", "/moves"))


def test_the_walk_finds_the_pages(guests: Guests) -> None:
    """Else what follows would hold of nothing; and the table above names what is there."""
    known = {str(way) for way in guests.ways}
    assert len(guests.pages) > 45
    assert NEEDED.keys() <= known
    assert {"GET /", "POST /w/{workspace}/people/{person_id}/disable", "GET /login"} <= known
    assert {way.method for way in guests.pages} == {"GET", "POST"}


@pytest.mark.parametrize(
    "cookie", ["", f"{COOKIE}=guessed", "trueup_session=" + session(Role.ADMIN)]
)
def test_nobody_sees_a_page_without_a_session(guests: Guests, cookie: str) -> None:
    """Neither with a made-up one, nor with one under the name that http may set."""
    before = guests.traces()
    for way in guests.pages:
        answer = guests.ask(way.method, way.at(), headers={"cookie": cookie})
        assert answer.status_code == 303, way
        assert answer.headers["location"].startswith("/login"), way
        assert answer.content == b"", way
    assert guests.traces() == before


@pytest.mark.parametrize("way_in", ["nothing", "session", "query", "cron secret", "wrong scheme"])
def test_nobody_uses_the_api_without_a_token(guests: Guests, way_in: str) -> None:
    """A session opens pages alone, the secret of the schedule its own endpoints alone."""
    headers = {
        "session": {"cookie": f"{COOKIE}={session(Role.ADMIN)}"},
        "cron secret": {"authorization": f"Bearer {SECRET}"},
        "wrong scheme": {"authorization": f"Basic {SECRET}"},
    }.get(way_in, {})
    query = f"?token={SECRET}&access_token={SECRET}" if way_in == "query" else ""
    mine = [way for way in guests.ways if way.path.startswith("/api/v1")]
    assert len(mine) > 20
    for way in mine:
        guests.clock.slept += 60
        answer = guests.ask(way.method, way.at(product_id="1") + query, headers=headers)
        assert answer.status_code == 401, way
        assert answer.json()["error"] == "the token is wrong, expired, revoked or missing"


def test_nobody_uses_the_other_endpoints_without_the_secret(guests: Guests) -> None:
    for way in guests.ways:
        if way.path.startswith("/api/") and not way.path.startswith("/api/v1"):
            guests.clock.slept += 60
            admin = {"cookie": f"{COOKIE}={session(Role.ADMIN)}"}
            assert guests.ask(way.method, way.at(), headers=admin).status_code == 401, way


def test_every_page_is_refused_to_every_role_below_its_own(guests: Guests) -> None:
    """And not to that one: who may send a form is told that this is none of ours."""
    before = guests.traces()
    for way in guests.pages:
        least = needed(way)
        for role in ROLES[: ROLES.index(least)]:
            answer = guests.ask(way.method, way.at(), role)
            assert answer.status_code == 403, (way, role)
            assert MAY_NOT.search(answer.text), (way, role)
        if not is_stream(way):
            answer = guests.ask(way.method, way.at(), least)
            assert not MAY_NOT.search(answer.text), (way, least)
            assert (NOT_OURS in answer.text) == (way.method == "POST"), (way, least)
    assert guests.traces() == before


def test_no_form_is_taken_from_elsewhere(guests: Guests) -> None:
    """Without its token, with another's, from another site: of every form there is."""
    before = guests.traces()
    right, others = guests.form_token(Role.ADMIN), guests.form_token(Role.OPERATOR)
    forgeries: list[tuple[str, dict[str, str]]] = [
        ("", {}),
        ("x" * 64, {}),
        ("é", {}),
        (others, {}),
        (right, {"sec-fetch-site": "cross-site"}),
        (right, {"sec-fetch-site": "same-site"}),
        (right, {"origin": "https://evil.example"}),
        (right, {"origin": "null"}),
        (right, {"origin": "https://[evil"}),
    ]
    for way in (one for one in guests.pages if one.method == "POST"):
        for token, headers in forgeries:
            fields = {"form_token": token} if token else {}
            answer = guests.ask("POST", way.at(), Role.ADMIN, data=fields, headers=headers)
            assert answer.status_code == 403, (way, token, headers)
            assert NOT_OURS in answer.text, (way, token, headers)
    assert guests.traces() == before


def test_a_form_is_small_and_plain(guests: Guests) -> None:
    """More than anybody types is not read, nor what no form of ours is made of."""
    token = guests.form_token(Role.ADMIN)
    plain = {"content-type": "application/x-www-form-urlencoded"}
    for way in (one for one in guests.pages if one.method == "POST"):
        for status, sent in (
            (413, {"data": {"form_token": token, "x": "x" * 70_000}}),
            (413, {"content": b"", "headers": plain | {"content-length": "9" * 5000}}),
            (411, {"content": iter([b"x"]), "headers": plain}),
            (415, {"data": {"form_token": token}, "files": {"x": b"x"}}),
            (415, {"json": {"form_token": token}}),
        ):
            assert guests.ask("POST", way.at(), Role.ADMIN, **sent).status_code == status, way


def test_a_workspace_that_is_not_there_is_not_there(guests: Guests) -> None:
    """On every page, for everybody; names are no paths."""
    for way in guests.pages:
        for name in ("nowhere", "..%2Fdefault"):
            if "{workspace}" in way.path:
                answer = guests.ask(way.method, way.at(workspace=name), Role.ADMIN)
                assert answer.status_code == 404, (way, name)


def test_a_job_of_another_workspace_is_not_there(guests: Guests) -> None:
    """All jobs are in one table: what says whose they are is the page."""
    asked = JobRequest("other", JobKind.DRIFT, Trigger.CLI, Priority.PERSON, asked_by="Somebody")
    job = guests.deployment.queue.ask(asked)
    assert job is not None
    number, token = str(job.job_id), guests.form_token(Role.ADMIN)
    found = [w for w in guests.pages if {"job_id", "number"} & set(w.parameters)]
    assert len(found) >= 3
    for way in found:
        fields = {"form_token": token}
        there = way.at(number=number, job_id=number)
        answer = guests.ask(
            way.method, there, Role.ADMIN, **({"data": fields} if way.method == "POST" else {})
        )
        assert answer.status_code == 404, way
    assert guests.ask("GET", f"/w/other/jobs/{number}", Role.VIEWER).status_code == 200
    assert guests.deployment.queue.open_jobs("other") == [job]
    guests.deployment.queue.cancel(job.job_id, "the end of the test")


@pytest.fixture(scope="module")
def answers(guests: Guests) -> dict[Way, httpx2.Response]:
    """What an admin is answered at every address, after somebody wrote secrets into a reason."""
    told = " ".join(PLANTED)
    guests.people.note(Deed(datetime.now(UTC), "Ann", Did.CHECKED, told, "default", reason=told))
    found = {}
    for way in (one for one in guests.ways if not is_stream(one)):
        guests.clock.slept += 60
        found[way] = guests.ask(way.method, way.at(product_id="1"), Role.ADMIN)
    return found


def test_safe_headers_are_on_every_answer(answers: dict[Way, httpx2.Response]) -> None:
    """A page may load its own files and nothing else, be framed by nobody, and is kept nowhere."""
    for way, answer in answers.items():
        said = answer.headers
        policy = dict(
            one.strip().split(" ", 1) for one in said["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'", way
        assert policy["frame-ancestors"] == "'none'", way
        assert set(policy.values()) <= {"'none'", "'self'"}, way
        assert said["x-content-type-options"] == "nosniff", way
        assert said["x-frame-options"] == "DENY", way
        assert said["referrer-policy"] in ("no-referrer", "same-origin"), way
        assert said["cross-origin-opener-policy"] == "same-origin", way
        assert said["cross-origin-resource-policy"] == "same-origin", way
        assert said["strict-transport-security"] == "max-age=31536000", way
        assert "server" not in said, way
        assert "access-control-allow-origin" not in said, way
        kept = "public" in said["cache-control"]
        assert kept == (way.path.startswith("/static/")), way
        assert "no-store" in said["cache-control"] or kept, way
        if "html" in said.get("content-type", ""):
            assert policy["form-action"] == "'self'", way
            assert policy["base-uri"] == "'none'", way
            assert {"script-src", "style-src", "connect-src", "img-src"} <= policy.keys(), way


def test_over_http_nothing_is_said_of_https(guests: Guests) -> None:
    answer = guests.client.get("http://trueup.example/login")
    assert "strict-transport-security" not in answer.headers
    assert "secure" not in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("text", NASTY, ids=["nul", "digits", "nan", "signs"])
def test_nothing_in_an_address_is_an_error_of_ours(guests: Guests, text: str) -> None:
    """In the path and in the query, of every page; what is said of it is a page without a stack."""
    some = ASKED if len(text) < 100 else ["page", "after", "before", "job", "days", "upto", "id"]
    for way in guests.ways:
        if way.method != "GET" or way.path.startswith("/api/") or way.path in OPEN:
            continue
        odd = {name: "".join(f"%{b:02X}" for b in text.encode()[:60]) for name in way.parameters}
        stream = is_stream(way)
        for address, query in ((way.at(**odd), {}), (way.at(), dict.fromkeys(some, text))):
            if stream and query:
                continue
            answer = guests.ask("GET", address, Role.ADMIN, params=query or None)
            assert answer.status_code < 500, (way, text[:9])
            assert "Traceback" not in answer.text, way
            kind = answer.headers.get("content-type", "")
            assert answer.status_code < 400 or kind.startswith("text/html"), (way, kind)


def test_no_other_method_does_anything(guests: Guests) -> None:
    """The answer names those that do, and is a page where people ask."""
    before, methods = guests.traces(), {"PUT", "PATCH", "DELETE", "TRACE"}
    paths = {way.path: {w.method for w in guests.ways if w.path == way.path} for way in guests.ways}
    for path, known in paths.items():
        for method in sorted(methods - known):
            answer = guests.ask(method, Way(path, method).at(product_id="1"), Role.ADMIN)
            assert answer.status_code in (404, 405), (method, path)
            if answer.status_code == 405:
                assert answer.headers["allow"], (method, path)
    assert guests.traces() == before


def test_no_secret_is_in_any_answer(answers: dict[Way, httpx2.Response]) -> None:
    """Neither of the settings nor of a session or a link, whoever looks or wrote it down."""
    words = [*PLANTED, "invented-password", SECRET]
    words += [*(f"link-{role.value}" for role in Role), *(session(role) for role in Role)]
    hidden = [way for way, answer in answers.items() if "*** *** ***" in answer.text]
    assert {str(way) for way in hidden} >= {
        "GET /w/{workspace}/deeds",
        "GET /w/{workspace}/deeds.csv",
    }
    for way, answer in answers.items():
        assert [word for word in words if word in answer.text] == [], way
