"""How CRM says no before any of its operations has looked at a request (zoho-facts §2.14)."""

from __future__ import annotations

from collections.abc import Sequence

from zoho_emulator.crm.errors import failure
from zoho_emulator.dialect import Throttle
from zoho_emulator.wire import Response

TOO_MANY = (
    "Number of API requests for the 24 hour period is exceeded or the concurrency limit "
    "of the user for the app is exceeded."
)
_AWAY = 503


class CrmDialect:
    """The framework's refusals in CRM's words."""

    def invalid_token(self) -> Response:
        """The access token is unknown, expired or pushed out by a newer one."""
        return Response.json(401, failure("INVALID_TOKEN", "invalid oauth token"))

    def missing_token(self) -> Response:
        """No usable `Authorization` header."""
        return Response.json(401, failure("AUTHENTICATION_FAILURE", "Authentication failed"))

    def scope_mismatch(self, scopes: Sequence[str]) -> Response:
        """The token lacks the scope; Zoho does not name it, so neither do we."""
        del scopes
        return Response.json(401, failure("OAUTH_SCOPE_MISMATCH", "Unauthorized"))

    def not_found(self, path: str) -> Response:
        """No operation has this path."""
        del path
        text = "Please check if the URL trying to access is a correct one"
        return Response.json(404, failure("INVALID_URL_PATTERN", text))

    def method_not_allowed(self, method: str) -> Response:
        """The path exists, but not with this method."""
        del method
        text = "The http request method type is not a valid one"
        return Response.json(400, failure("INVALID_REQUEST_METHOD", text))

    def throttled(self, kind: Throttle, retry_after: float | None, path: str = "") -> Response:
        """Credits or concurrency exhausted: CRM does not say which (zoho-facts §2.13).

        Search has a code of its own for it.
        """
        del kind
        headers = {} if retry_after is None else {"retry-after": str(max(1, round(retry_after)))}
        if path.endswith("/search"):
            body = failure("RATE_LIMIT_EXCEEDED", "rate limit exceeded")
            return Response.json(429, body, headers)
        return Response.json(429, failure("TOO_MANY_REQUESTS", TOO_MANY), headers)

    def broken(self, status: int = 500) -> Response:
        """The service broke, or says that it is away for a while (zoho-facts §2.14)."""
        if status == _AWAY:
            return Response.json(status, failure("SERVICE_UNAVAILABLE", "service unavailable"))
        return Response.json(status, failure("INTERNAL_ERROR", "Internal Server Error"))


DIALECT = CrmDialect()
