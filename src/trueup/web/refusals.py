"""What is answered when a request cannot be met: one shape for every error, and nothing secret.

{"success": false, "error": "…", "remedy": "…", "timestamp": "…", "requestId": "…"}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from trueup.domain.errors import (
    CredentialsError,
    LockedError,
    SchemaError,
    ScopeError,
    TargetDownError,
    TrueupError,
    UsageError,
)
from trueup.postgres.trouble import database_trouble

_STATUSES: tuple[tuple[type[TrueupError], HTTPStatus], ...] = (
    (SchemaError, HTTPStatus.SERVICE_UNAVAILABLE),
    (CredentialsError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ScopeError, HTTPStatus.SERVICE_UNAVAILABLE),
    (TargetDownError, HTTPStatus.SERVICE_UNAVAILABLE),
    (LockedError, HTTPStatus.CONFLICT),
    (UsageError, HTTPStatus.BAD_REQUEST),
)
_SEE_LOG = "the log has the reason under this request id"


class Refusal(Exception):  # noqa: N818 (it is an answer, not an error of ours)
    """A request that is answered with `status`; `more` are further keys of the body."""

    def __init__(
        self,
        status: HTTPStatus,
        error: str,
        remedy: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.remedy = remedy
        self.headers = dict(headers or {})
        self.more = more

    def body(self, now: datetime, request_id: str) -> dict[str, Any]:
        """The document of the answer."""
        return {
            "success": False,
            "error": self.error,
            "remedy": self.remedy,
            "timestamp": now.isoformat(),
            "requestId": request_id,
            **self.more,
        }


def refusal_of(error: Exception) -> Refusal:
    """What is answered for any exception; a bug, or what we cannot tell, is a plain 500."""
    if isinstance(error, Refusal):
        return error
    if database_trouble(error) is not None:
        # The driver's words name hosts and users: they are for the log.
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the database cannot be reached", _SEE_LOG)
    if isinstance(error, TrueupError):
        status = next((s for kind, s in _STATUSES if isinstance(error, kind)), None)
        if status is not None:
            return Refusal(status, error.message, error.remedy)
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here", _SEE_LOG)
