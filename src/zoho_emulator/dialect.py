"""How a service says no: the same seven refusals in each service's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from zoho_emulator.wire import Response

Throttle = Literal["minute", "day", "concurrency"]


class Dialect(Protocol):
    """The refusals that the framework issues before, or instead of, a handler."""

    def invalid_token(self) -> Response:
        """The access token is unknown, expired or pushed out by a newer one."""

    def missing_token(self) -> Response:
        """No `Authorization: Zoho-oauthtoken …` header."""

    def scope_mismatch(self, scopes: Sequence[str]) -> Response:
        """The token is good, but was not granted any of `scopes`."""

    def not_found(self, path: str) -> Response:
        """No operation has this path."""

    def method_not_allowed(self, method: str) -> Response:
        """The path exists, but not with this method."""

    def throttled(self, kind: Throttle, retry_after: float | None, path: str = "") -> Response:
        """Too many requests; `retry_after` in seconds becomes a header when given."""

    def broken(self, status: int = 500) -> Response:
        """The service broke; `status` is 500 or above."""
