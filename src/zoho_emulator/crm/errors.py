"""CRM's error envelope, of a whole answer or one record (zoho-facts §2.4, §2.14)."""

from __future__ import annotations

from typing import Any

from zoho_emulator.wire import JsonDocument, Response, ServiceError

NO_CONTENT = Response(204)
NOT_MODIFIED = Response(304)


def failure(code: str, message: str, details: JsonDocument | None = None) -> JsonDocument:
    """The error object; the same at the top level and inside `data[]`."""
    return {"code": code, "details": details or {}, "message": message, "status": "error"}


def refusal(status: int, code: str, message: str, **details: Any) -> ServiceError:
    """An error answer; the object is at the top level, as in real ones (zoho-facts §2.7)."""
    return ServiceError(Response.json(status, failure(code, message, details)))


def wrapped_refusal(status: int, error: JsonDocument) -> ServiceError:
    """An error answer of a write operation: the object inside `data[]`."""
    return ServiceError(Response.json(status, {"data": [error]}))


def invalid(field: str, path: str, **details: Any) -> JsonDocument:
    """INVALID_DATA about one field of one record."""
    return failure(
        "INVALID_DATA", "invalid data", {**details, "api_name": field, "json_path": path}
    )


def invalid_parameter(name: str, **details: Any) -> ServiceError:
    """A parameter or header that cannot be; nobody captured the exact body."""
    return refusal(400, "INVALID_DATA", "invalid data", param_name=name, **details)
