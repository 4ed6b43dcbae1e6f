"""What people see when something cannot be shown: a page with a way on, never JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from trueup.domain.errors import DatabaseUnavailableError
from trueup.web.front import Front, Page
from trueup.web.hiding import Hiding
from trueup.web.refusals import Refusal
from trueup.web.ui.problems import last_page, problem

HIDDEN = "an-invented-hidden-word"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FAULTS: dict[str, Exception] = {
    "bug": RuntimeError(HIDDEN),
    "away": psycopg.OperationalError("connection to server at 192.0.2.1 failed"),
    "down": DatabaseUnavailableError("the database is away", ""),
    "told": Refusal(HTTPStatus.CONFLICT, f"{HIDDEN} is in the way"),
}


def _app() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.api_route("/w/default/{fault}", methods=["GET", "HEAD", "POST"])
    @app.api_route("/api/{fault}", methods=["GET"])
    def fail(fault: str) -> None:
        raise FAULTS[fault]

    return app


def _client(page: Page = last_page) -> TestClient:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    app = _app()
    app.add_middleware(
        Front, hiding=Hiding([HIDDEN]), now=lambda: now, monotonic=lambda: 0.0, page=page
    )
    return TestClient(app, headers=BROWSER, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return _client()


@pytest.mark.parametrize(
    ("fault", "status", "title"),
    [
        ("bug", 500, "Something went wrong here"),
        ("away", 503, "This cannot be shown right now"),
        ("down", 503, "This cannot be shown right now"),
        ("told", 409, "That is not possible now"),
    ],
)
def test_a_browser_gets_a_page_with_ways_on(
    client: TestClient, fault: str, status: int, title: str
) -> None:
    answer = client.get(f"/w/default/{fault}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    assert f"<h1>{title}</h1>" in answer.text
    assert 'href="/w/default/products"' in answer.text
    assert HIDDEN not in answer.text
    assert "192.0.2.1" not in answer.text


def test_a_fault_of_ours_can_be_tried_again_and_found_in_the_log(client: TestClient) -> None:
    answer = client.get("/w/default/bug")
    assert 'href="/w/default/bug">Try again' in answer.text
    assert f"<code>{answer.headers['x-request-id']}</code>" in answer.text
    pressed = client.post("/w/default/bug")
    assert "Try again" not in pressed.text
    assert "it may have been done" in pressed.text


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/api/away", BROWSER["Accept"]), ("/w/default/away", "application/json")],
)
def test_a_program_gets_json(client: TestClient, path: str, accept: str) -> None:
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 503
    assert answer.json()["error"] == "the database cannot be reached"


def test_a_page_that_cannot_be_made_is_json_instead() -> None:
    def broken(_scope: Scope, _refusal: Refusal) -> None:
        raise KeyError

    answer = _client(broken).get("/w/default/bug")
    assert answer.status_code == 500
    assert answer.json()["error"] == "something went wrong here"


def test_a_head_request_gets_no_body(client: TestClient) -> None:
    assert client.head("/w/default/bug").content == b""


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "/w/<b>/x"])
def test_no_way_on_leads_elsewhere(path: str) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    refusal = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "it is away")
    page = bytes(problem(Request(scope), refusal).body).decode()
    assert 'href="//' not in page
    assert 'href="/\\' not in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("status", "said"), [(404, "nothing at this address"), (405, "in that way")]
)
def test_what_is_not_there_is_said_in_words(status: int, said: str) -> None:
    scope = {"type": "http", "method": "GET", "path": "/w/a/b", "query_string": b"", "headers": []}
    answer = problem(Request(scope), HTTPException(status, headers={"Allow": "GET"}))
    assert answer.status_code == status
    assert answer.headers["allow"] == "GET"
    assert said.encode() in bytes(answer.body)
