"""What an answer of Zoho means, decided by status and code, never by the text of a message.

ruling          what the door does
ok, empty       gives the answer to the adapter (204 is an ordinary answer, zoho-facts §2.7)
unreadable      HTML, broken JSON: whether the request was carried out is not known
server          the same, said by the server itself
throttled       not carried out; wait and send it again
quota           not carried out; the day's quota is used up
token           one new token, then once more
scope, permission, configuration    nothing more will pass
the others      this request was understood and refused
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Ruling(StrEnum):
    """The kinds of answer."""

    OK = "ok"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    SERVER = "server"
    THROTTLED = "throttled"
    QUOTA = "quota"
    TOKEN = "token"  # noqa: S105 - a ruling about tokens, not one
    SCOPE = "scope"
    PERMISSION = "permission"
    CONFIGURATION = "configuration"
    GONE = "gone"
    DUPLICATE = "duplicate"
    STALE = "stale"
    BUSY = "busy"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer, or one record of it, judged.

    `field` is the field that Zoho named, `existing_id` the record that stands in the way of a
    duplicate, `retry_after` the wait that was asked for, in seconds.
    """

    kind: Ruling
    code: str = ""
    message: str = ""
    field: str = ""
    retry_after: float | None = None
    existing_id: str = ""

    @property
    def duplicate(self) -> bool:
        """Refused because such a record exists already."""
        return self.kind is Ruling.DUPLICATE

    def __str__(self) -> str:
        about = f" ({self.field})" if self.field else ""
        return f"{self.code or self.kind}{about}: {self.message}".rstrip(": ")


OK = Verdict(Ruling.OK)
_OK_STATUSES = range(200, 300)
_SERVER_ERRORS = 500
_TOO_MANY = 429

# Statuses speak where there is no code that we know (zoho-facts §2.14, §3.8).
_BY_STATUS: Mapping[int, Ruling] = {
    401: Ruling.TOKEN,
    403: Ruling.PERMISSION,
    412: Ruling.STALE,
    _TOO_MANY: Ruling.THROTTLED,
}

# zoho-facts §2.4, §2.13, §2.14. AUTHENTICATION_FAILURE sometimes replaces INVALID_TOKEN.
_CRM: Mapping[str, Ruling] = {
    "INVALID_TOKEN": Ruling.TOKEN,
    "AUTHENTICATION_FAILURE": Ruling.TOKEN,
    "OAUTH_SCOPE_MISMATCH": Ruling.SCOPE,
    "NO_PERMISSION": Ruling.PERMISSION,
    "TOO_MANY_REQUESTS": Ruling.THROTTLED,
    "RATE_LIMIT_EXCEEDED": Ruling.THROTTLED,
    "429": Ruling.THROTTLED,
    "INTERNAL_ERROR": Ruling.SERVER,
    "SERVICE_UNAVAILABLE": Ruling.SERVER,
    "ALREADY_MODIFIED": Ruling.STALE,
    "DUPLICATE_DATA": Ruling.DUPLICATE,
    "RECORD_LOCKED": Ruling.BUSY,
    "DEPENDENT_SERVICE_ERROR": Ruling.BUSY,
} | dict.fromkeys(
    (
        "INVALID_DATA", "MANDATORY_NOT_FOUND", "MULTIPLE_OR_MULTI_ERRORS", "LIMIT_EXCEEDED",
        "EXPECTED_FIELD_MISSING", "DEPENDENT_FIELD_MISSING", "DEPENDENT_MISMATCH",
        "NOT_APPROVED", "NOT_REVIEWED", "AUTHORIZATION_FAILED", "INVALID_URL_PATTERN",
        "INVALID_MODULE", "INVALID_REQUEST_METHOD", "METHOD_NOT_ALLOWED", "INVALID_QUERY",
        "SYNTAX_ERROR", "REQUIRED_PARAM_MISSING", "EXPECTED_PARAM_MISSING", "EXPIRED_VALUE",
        "DISCRETE_PAGINATION_LIMIT_EXCEEDED", "PAGINATION_LIMIT_EXCEEDED",
        "TOKEN_BOUND_DATA_MISMATCH",
    ),
    Ruling.REFUSED,
)  # fmt: skip

# Codes that speak of the whole request even when Zoho wraps them in data[].
_WHOLE = frozenset({Ruling.TOKEN, Ruling.SCOPE, Ruling.PERMISSION, Ruling.THROTTLED, Ruling.SERVER})

# Billing's codes that surely do not mean "such a record exists already".
BILLING_VALIDATION = frozenset({"2", "4", "5", "15", "37", "2049", "2076", "120129"})

# zoho-facts §3.6, §3.8. 1000 is "item name exists"; with a 5xx it is an internal error.
_BILLING: Mapping[str, Ruling] = {
    "14": Ruling.TOKEN,
    "57": Ruling.TOKEN,
    "44": Ruling.THROTTLED,
    "1070": Ruling.THROTTLED,
    "45": Ruling.QUOTA,
    "9": Ruling.CONFIGURATION,
    "6041": Ruling.CONFIGURATION,
    "1002": Ruling.GONE,
    "2006": Ruling.GONE,
    "1000": Ruling.DUPLICATE,
} | dict.fromkeys(BILLING_VALIDATION, Ruling.REFUSED)

# zoho-facts §1.5: the throttle comes as HTTP 400 or 200, the others as HTTP 200.
_OAUTH: Mapping[str, Ruling] = {
    "access denied": Ruling.THROTTLED,
    "access_denied": Ruling.THROTTLED,
}


def judge(service: str, status: int, document: object, retry_after: float | None = None) -> Verdict:
    """Judge an answer of `crm`, `billing` or `oauth`; `document` is its decoded JSON, or None.

    `retry_after` is the header's value in seconds, if there was one.
    """
    if service == "oauth":
        return _judge_oauth(status, document, retry_after)
    if status in (204, 304):
        return Verdict(Ruling.EMPTY)
    if not isinstance(document, Mapping):
        return _by_status(status, Ruling.UNREADABLE, retry_after)
    if service == "billing":
        return _judge_billing(status, document, retry_after)
    return _judge_crm(status, document, retry_after)


def judge_record(entry: object) -> Verdict:
    """Judge one entry of CRM's `data[]`: only `status: success` with an id is a success."""
    if not isinstance(entry, Mapping):
        return Verdict(Ruling.UNREADABLE)
    details = entry.get("details")
    details = details if isinstance(details, Mapping) else {}
    if entry.get("status") == "success":
        return OK if details.get("id") else Verdict(Ruling.UNREADABLE, message="no id")
    verdict = _crm_error(entry, None)
    if verdict.code == "MULTIPLE_OR_MULTI_ERRORS":
        return _several(verdict, details.get("errors"))
    return verdict


def _judge_crm(status: int, document: Mapping[str, Any], retry_after: float | None) -> Verdict:
    # Records answer one by one under `data`, the fields of a module under `fields`.
    entries = document.get("data") or document.get("fields")
    if isinstance(entries, list) and entries:
        first = judge_record(entries[0])
        refused = all(isinstance(e, Mapping) and e.get("status") == "error" for e in entries)
        if refused and (first.kind in _WHOLE or status in (401, 403, 404, 429)):
            return _with_status(_crm_error(entries[0], retry_after), status)
        return OK if status < _SERVER_ERRORS else Verdict(Ruling.SERVER)
    if document.get("status") == "error" or "code" in document or status not in _OK_STATUSES:
        return _with_status(_crm_error(document, retry_after), status)
    return OK


def _crm_error(error: Mapping[str, Any], retry_after: float | None) -> Verdict:
    details = error.get("details")
    details = details if isinstance(details, Mapping) else {}
    code, field = str(error.get("code") or ""), str(details.get("api_name") or "")
    kind = _CRM.get(code, Ruling.UNKNOWN)
    if code == "INVALID_DATA" and field == "id":
        kind = Ruling.GONE  # zoho-facts §2.4: there is no code of its own for an unknown id
    twin = details.get("duplicate_record")
    twin_id = twin.get("id") if isinstance(twin, Mapping) else None
    existing = str(twin_id or details.get("id") or "") if kind is Ruling.DUPLICATE else ""
    return Verdict(
        kind,
        code,
        str(error.get("message") or ""),
        field or str(details.get("param_name") or ""),
        retry_after if retry_after is not None else _seconds(details.get("retry_after")),
        existing,
    )


def _several(verdict: Verdict, errors: object) -> Verdict:
    """Several faults of one record, told as one; a duplicate among them counts."""
    given = errors if isinstance(errors, list) else []
    inner = [_crm_error(e, None) for e in given if isinstance(e, Mapping)]
    if not inner:
        return verdict
    twin = next((v for v in inner if v.duplicate), None)
    return Verdict(
        inner[0].kind if twin is None else twin.kind,
        verdict.code,
        "; ".join(str(v) for v in inner),
        ", ".join(v.field for v in inner if v.field),
        existing_id="" if twin is None else twin.existing_id,
    )


def _judge_billing(status: int, document: Mapping[str, Any], retry_after: float | None) -> Verdict:
    raw = document.get("code")
    code = "" if raw is None or isinstance(raw, bool) else str(raw)
    if code == "0" and status in _OK_STATUSES:
        return OK
    kind = _BILLING.get(code, Ruling.UNKNOWN)
    if kind is Ruling.UNKNOWN and status in _OK_STATUSES and not code:
        kind = Ruling.UNREADABLE  # an answer without its envelope confirms nothing
    verdict = Verdict(kind, code, str(document.get("message") or ""), "", retry_after)
    return _with_status(verdict, status)


def _judge_oauth(status: int, document: object, retry_after: float | None) -> Verdict:
    if not isinstance(document, Mapping):
        return _by_status(status, Ruling.UNREADABLE, retry_after)
    error = str(document.get("error") or "")
    token = document.get("access_token")
    if not error and isinstance(token, str) and token:
        return OK
    if status == _TOO_MANY:
        return Verdict(Ruling.THROTTLED, error, retry_after=retry_after)
    if status >= _SERVER_ERRORS:
        return Verdict(Ruling.SERVER, error)
    fallback = Ruling.CONFIGURATION if error else Ruling.UNREADABLE
    return Verdict(_OAUTH.get(error.lower(), fallback), error, retry_after=retry_after)


def _with_status(verdict: Verdict, status: int) -> Verdict:
    """Let the status speak: a 5xx whatever its code, any other for a code that we do not know."""
    kind = verdict.kind
    if kind in (Ruling.THROTTLED, Ruling.QUOTA):
        return verdict
    if status >= _SERVER_ERRORS:
        kind = Ruling.SERVER
    elif kind is Ruling.UNKNOWN:
        kind = _BY_STATUS.get(status, kind)
    return Verdict(
        kind, verdict.code, verdict.message, verdict.field, verdict.retry_after, verdict.existing_id
    )


def _by_status(status: int, otherwise: Ruling, retry_after: float | None) -> Verdict:
    kind = Ruling.SERVER if status >= _SERVER_ERRORS else _BY_STATUS.get(status, otherwise)
    return Verdict(kind, str(status), f"HTTP {status} without a readable answer", "", retry_after)


def _seconds(value: object) -> float | None:
    try:
        return max(0.0, float(str(value))) if value is not None else None
    except ValueError:
        return None
