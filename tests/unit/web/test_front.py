"""What every request meets: its id, its line, safe headers, and the last resort."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from trueup import logs
from trueup.domain.errors import DatabaseUnavailableError, RecordError, UsageError
from trueup.web.front import Front
from trueup.web.hiding import Hiding
from trueup.web.refusals import Refusal

HIDDEN = "an-invented-hidden-word"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Told:
    """What was logged and answered."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): text.decode() for name, text in self.sent[0]["headers"]}

    @property
    def body(self) -> Any:
        return json.loads(self.sent[1]["body"])


def ask(
    answer: Any, path: str = "/there", method: str = "GET", headers: Any = (), **scope: Any
) -> Told:
    """One request to a front before this application."""
    told = Told()

    async def send(message: Any) -> None:
        told.sent.append(dict(message))

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    front = Front(answer, hiding=Hiding([HIDDEN]), now=lambda: NOW, monotonic=lambda: 0.0)
    given = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": list(headers),
        "client": ("192.0.2.1", 1),
    }
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as told.lines:
        asyncio.run(front(given | scope, receive, send))
    return told


@pytest.fixture(autouse=True)
def _logging() -> None:
    logs.set_up(verbose=True)


async def well(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def raising(error: Exception) -> Any:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    return app


@pytest.mark.parametrize("given", ["night-7", "A.b_c-9", "x" * 64])
def test_a_sane_request_id_is_kept(given: str) -> None:
    told = ask(well, headers=[(b"x-request-id", given.encode())])
    assert told.headers["x-request-id"] == given
    assert told.lines[0]["request_id"] == given


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 65, "a\nb", "ä", "<b>"])
def test_another_one_is_replaced(given: str) -> None:
    told = ask(well, headers=[(b"x-request-id", given.encode())])
    assert told.headers["x-request-id"] not in ("", given)
    assert told.lines[0]["request_id"] == told.headers["x-request-id"]


def test_of_two_ids_none_is_believed() -> None:
    told = ask(well, headers=[(b"x-request-id", b"one"), (b"x-request-id", b"two")])
    assert told.headers["x-request-id"] not in ("one", "two")


def test_a_request_is_one_line_without_its_query() -> None:
    told = ask(well, path="/api/x%0Ay", query_string=f"secret={HIDDEN}".encode())
    [line] = told.lines
    assert {name: line[name] for name in ("event", "method", "path", "status", "client")} == {
        "event": "request",
        "method": "GET",
        "path": "/api/x%0Ay",
        "status": 200,
        "client": "192.0.2.1",
    }
    assert HIDDEN not in str(told.lines)


def test_a_secret_in_the_path_is_not_in_the_line() -> None:
    assert HIDDEN not in str(ask(well, path=f"/api/{HIDDEN}").lines)


def test_a_link_that_lets_somebody_in_is_in_no_line() -> None:
    """It works until it is used, so that whoever reads the log must not find it there."""
    [line] = ask(well, path="/welcome/an-invented-link").lines
    assert line["path"] == "/welcome/***"


def test_over_https_a_browser_is_told_to_stay_there() -> None:
    assert ask(well, scheme="https").headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in ask(well, scheme="http").headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_is_asked_every_few_seconds_is_for_a_detailed_log(path: str) -> None:
    assert [line["log_level"] for line in ask(well, path=path).lines] in ([], ["debug"])


def test_safe_headers_are_on_every_answer_and_a_page_may_have_its_own() -> None:
    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        own = [(b"content-security-policy", b"default-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": b""})

    assert ask(page).headers["content-security-policy"] == "default-src 'self'"
    for told in (ask(well), ask(raising(RuntimeError("x")))):
        assert told.headers["x-content-type-options"] == "nosniff"
        assert told.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in told.headers["content-security-policy"]
        assert "server" not in told.headers


def test_a_fault_of_ours_is_500_and_for_the_log() -> None:
    told = ask(raising(RuntimeError(f"secret {HIDDEN}")))
    assert (told.status, told.body["success"]) == (500, False)
    assert told.body["requestId"] == told.headers["x-request-id"]
    assert told.body["timestamp"] == NOW.isoformat()
    [fault, line] = told.lines
    assert (fault["event"], line["status"]) == ("request_failed", 500)
    assert "RuntimeError" in fault["error"]
    assert HIDDEN not in str(told.lines) + str(told.sent)
    assert "RuntimeError" not in str(told.sent)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Refusal(409, "already running"), 409, "already running"),
        (UsageError("no such thing", "try"), 400, "no such thing"),
        (
            DatabaseUnavailableError("host db.example refused"),
            503,
            "the database cannot be reached",
        ),
        (RecordError("odd"), 500, "something went wrong here"),
    ],
)
def test_an_error_has_its_status(error: Exception, status: int, said: str) -> None:
    told = ask(raising(error))
    assert (told.status, told.body["error"]) == (status, said)


def test_a_head_request_has_no_body_even_then() -> None:
    told = ask(raising(RuntimeError("x")), method="HEAD")
    assert (told.status, told.sent[1]["body"]) == (500, b"")


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def half(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("x")

    told = ask(half)
    assert [message["type"] for message in told.sent] == ["http.response.start"]
    assert told.lines[0]["event"] == "request_failed"


def test_an_answer_hides_what_is_secret_and_keeps_the_names_of_products() -> None:
    hiding = Hiding([HIDDEN, "ab", ""])
    given = {"name": "Basic Fibre ab", "error": [f"Bearer {HIDDEN}", 1, None], HIDDEN: True}
    assert hiding.value(given) == {
        "name": "Basic Fibre ab", "error": ["Bearer ***", 1, None], "***": True
    }  # fmt: skip
