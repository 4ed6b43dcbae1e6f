"""What every request meets first: its id, its line in the log, safe headers, and a last resort.

A plain ASGI layer around all routes. Nothing that a route raises reaches the client: it is logged
under the request's id, without secrets, and answered in the shape of every other error: a page
for people, JSON for programs.
"""

from __future__ import annotations

import json
import re
import secrets
import traceback
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trueup import logs
from trueup.logs import MASK
from trueup.web.hiding import Hiding
from trueup.web.refusals import Refusal, refusal_of

REQUEST_ID: Final = "X-Request-ID"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH = 200
# What is asked every few seconds, or by a flood: only a detailed log shows it.
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_QUIET_STATUSES = frozenset({HTTPStatus.TOO_MANY_REQUESTS})
_JSON: Final = {"content-type": "application/json"}
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HTTPS_ONLY: Final = "max-age=31536000"  # seconds: a year, of this host alone
_OPENS_SOMETHING: Final = "/welcome/"  # what follows lets somebody in, so no log may have it


Page = Callable[[Scope, Refusal], Response | None]


def _no_page(_scope: Scope, _refusal: Refusal) -> None:
    """Where nobody but programs asks."""


class Front:
    """The outermost layer; `monotonic` gives seconds, `now` the instant for error bodies.

    `page` makes the answer where a person reads it, None where a program does.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hiding: Hiding,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        page: Page = _no_page,
    ) -> None:
        self._app = app
        self._hiding = hiding
        self._now = now
        self._monotonic = monotonic
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._answer(_Exchange(scope, send, request_id), receive)

    async def _answer(self, exchange: _Exchange, receive: Receive) -> None:
        began = self._monotonic()
        try:
            await self._app(exchange.scope, receive, exchange.send)
        except Exception as error:  # noqa: BLE001 (the last resort: whatever it was is logged)
            await self._resort(exchange, error)
        finally:
            self._note(exchange, self._monotonic() - began)

    async def _resort(self, exchange: _Exchange, error: Exception) -> None:
        refusal = refusal_of(error)
        if not isinstance(error, Refusal):
            logs.logger().error("request_failed", error=self._hiding.text(_stack(error)))
        if exchange.status is None and (page := self._page_of(exchange, refusal)) is not None:
            await exchange.refuse(refusal, bytes(page.body), dict(page.headers))
        elif exchange.status is None:
            body = self._hiding.value(refusal.body(self._now(), exchange.request_id))
            content = json.dumps(body, ensure_ascii=False).encode()
            await exchange.refuse(refusal, content, _JSON)

    def _page_of(self, exchange: _Exchange, refusal: Refusal) -> Response | None:
        """The page for it, without secrets; None for programs, and where it cannot be made."""
        told = [self._hiding.text(text) for text in (refusal.error, refusal.remedy)]
        try:
            return self._page(exchange.scope, Refusal(refusal.status, *told))
        except Exception as error:  # noqa: BLE001 (a last resort must not need another one)
            logs.logger().error("page_failed", error=self._hiding.text(_stack(error)))
            return None

    def _note(self, exchange: _Exchange, seconds: float) -> None:
        path = _path(exchange.scope)
        quiet = path in _QUIET_PATHS or exchange.status in _QUIET_STATUSES
        (logs.logger().debug if quiet else logs.logger().info)(
            "request",
            method=exchange.scope["method"],
            path=self._hiding.text(_without_link(path))[:_LONGEST_PATH],
            status=exchange.status,
            ms=round(seconds * 1000, 1),
            client=client_of(exchange.scope),
        )


class _Exchange:
    """One request and what was answered so far."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self.scope = scope
        self.request_id = request_id
        self.status: int | None = None
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, text in _HEADERS.items():
                headers.setdefault(name, text)
            if self.scope.get("scheme") == "https":
                headers.setdefault("Strict-Transport-Security", _HTTPS_ONLY)
            headers[REQUEST_ID] = self.request_id
        await self._send(message)

    async def refuse(self, refusal: Refusal, content: bytes, described: dict[str, str]) -> None:
        headers = described | {"content-length": str(len(content)), **refusal.headers}
        pairs = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
        start = {"type": "http.response.start", "status": int(refusal.status), "headers": pairs}
        await self.send(start)
        without = self.scope["method"] == "HEAD"
        await self.send({"type": "http.response.body", "body": b"" if without else content})


def client_of(scope: Scope) -> str:
    """The address that the request came from; behind a trusted proxy, the one it tells."""
    client = scope.get("client")
    return client[0] if client else ""


def _request_id(scope: Scope) -> str:
    """The client's own id when it is a harmless one, else a new one."""
    wanted = REQUEST_ID.lower().encode()
    given = [value for name, value in scope["headers"] if name == wanted]
    if len(given) == 1 and _SANE_ID.fullmatch(given[0]):
        return bytes(given[0]).decode()
    return secrets.token_hex(8)


def _path(scope: Scope) -> str:
    """As it was sent, percent-encoded, so that it stays one line; never the query."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("unicode_escape")
    return raw.partition(b"?")[0].decode("ascii", "replace")


def _without_link(path: str) -> str:
    """The path as a log may have it."""
    return f"{_OPENS_SOMETHING}{MASK}" if path.startswith(_OPENS_SOMETHING) else path


def _stack(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
