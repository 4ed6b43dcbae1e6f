"""Refusals of the accounts server (zoho-facts §1.5)."""

from __future__ import annotations

from collections.abc import Sequence

from zoho_emulator.dialect import Throttle
from zoho_emulator.wire import Response

TOO_MANY = "You have made too many requests continuously. Please try again after some time."


def denied(status: int, retry_after: float | None = None) -> Response:
    """The refresh throttle's answer; its status is 400 as observed, or 200 as documented."""
    headers = {} if retry_after is None else {"retry-after": str(max(1, round(retry_after)))}
    body = {"error_description": TOO_MANY, "error": "Access Denied", "status": "failure"}
    return Response.json(status, body, headers)


def refused(error: str) -> Response:
    """Most refusals come with HTTP 200 and an `error` member."""
    return Response.json(200, {"error": error})


class OAuthDialect:
    """The framework's refusals in the accounts server's words."""

    def invalid_token(self) -> Response:
        return refused("invalid_token")

    def missing_token(self) -> Response:
        return refused("invalid_token")

    def scope_mismatch(self, scopes: Sequence[str]) -> Response:
        return Response.json(200, {"error": "invalid_scope", "scope": ",".join(scopes)})

    def not_found(self, path: str) -> Response:
        return Response.html(404, f"<html><body><h1>404</h1><p>{path}</p></body></html>")

    def method_not_allowed(self, method: str) -> Response:
        return Response.html(405, f"<html><body><h1>405 {method}</h1></body></html>")

    def throttled(self, kind: Throttle, retry_after: float | None, path: str = "") -> Response:
        del kind, path  # one refusal for all of them
        return denied(400, retry_after)

    def broken(self, status: int = 500) -> Response:
        return Response.html(status, "<html><body><h1>Internal error</h1></body></html>")


DIALECT = OAuthDialect()
