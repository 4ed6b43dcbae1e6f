"""How Billing says no: `{"code": number, "message": text}` (zoho-facts §3.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from zoho_emulator.dialect import Throttle
from zoho_emulator.wire import Response, ServiceError

THROTTLES: Mapping[Throttle, tuple[int, str]] = {
    "minute": (
        44,
        (
            "For security reasons your organization has been blocked as it have exceeded the"
            " maximum number of requests per minute that can originate from an organization."
        ),
    ),
    "day": (
        45,
        "The API call for this organization has exceeded the maximum call rate limit of 1000.",
    ),
    "concurrency": (
        1070,
        (
            "You have reached the maximum number of in process requests allowed."
            " Kindly try again after some time."
        ),
    ),
}
UNAUTHORISED = "You are not authorized to perform this operation"


def failure(
    status: int, code: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An error answer in Billing's envelope."""
    return Response.json(status, {"code": code, "message": message}, headers)


def refuse(status: int, code: int, message: str) -> NoReturn:
    """Leave a handler with an error answer."""
    raise ServiceError(failure(status, code, message))


def refuse_value(name: str, code: int = 2) -> NoReturn:
    """Leave a handler because of one value: code 2, or 4 for a missing or dangling one (§3.8)."""
    refuse(400, code, f"Invalid value passed for {name}")


class BillingDialect:
    """The framework's refusals in Billing's words."""

    def invalid_token(self) -> Response:
        return failure(401, 57, UNAUTHORISED)

    def missing_token(self) -> Response:
        return failure(401, 57, UNAUTHORISED)

    def scope_mismatch(self, scopes: Sequence[str]) -> Response:
        """Indistinguishable from a bad token by its code (§3.8)."""
        del scopes
        return failure(401, 57, UNAUTHORISED)

    def not_found(self, path: str) -> Response:
        del path
        return failure(404, 5, "Invalid URL Passed")

    def method_not_allowed(self, method: str) -> Response:
        return failure(405, 37, f"The HTTP method {method} is not allowed for the requested URL")

    def throttled(self, kind: Throttle, retry_after: float | None, path: str = "") -> Response:
        del path
        code, message = THROTTLES[kind]
        headers = {} if retry_after is None else {"retry-after": str(max(1, round(retry_after)))}
        return failure(429, code, message, headers)

    def broken(self, status: int = 500) -> Response:
        return failure(status, 1000, "Internal error")


DIALECT = BillingDialect()
