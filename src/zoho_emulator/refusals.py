"""Refusals that a script asks for by their code, in the words that Zoho has for them.

A code that is not listed is sent with HTTP 400 and a plain message: a client must cope with codes
that nobody has written down (zoho-facts §3.8).
"""

from __future__ import annotations

from collections.abc import Mapping

from zoho_emulator.billing.dialect import THROTTLES, UNAUTHORISED
from zoho_emulator.billing.dialect import failure as billing_failure
from zoho_emulator.crm.dialect import TOO_MANY
from zoho_emulator.crm.errors import failure as crm_failure
from zoho_emulator.faults import Rule
from zoho_emulator.oauth.dialect import denied, refused
from zoho_emulator.wire import JsonDocument, Response

_BAD_REQUEST = 400

# Code: status, message, details (zoho-facts §2.14).
CRM: Mapping[str, tuple[int, str, JsonDocument]] = {
    "INVALID_TOKEN": (401, "invalid oauth token", {}),
    "AUTHENTICATION_FAILURE": (401, "Authentication failed", {}),
    "OAUTH_SCOPE_MISMATCH": (401, "Unauthorized", {}),
    "NO_PERMISSION": (403, "permission denied", {"permissions": ["Crm_Implied_Api_Access"]}),
    "METHOD_NOT_ALLOWED": (405, "The http request method type is not a valid one", {}),
    "TOO_MANY_REQUESTS": (429, TOO_MANY, {}),
    "RATE_LIMIT_EXCEEDED": (429, "rate limit exceeded", {}),
    "INTERNAL_ERROR": (500, "Internal Server Error", {}),
    "SERVICE_UNAVAILABLE": (503, "service unavailable", {}),
}
# Code: status, message (zoho-facts §3.8).
BILLING: Mapping[int, tuple[int, str]] = {
    9: (400, "Use the zohoapis domain for API requests"),
    14: (401, "Invalid value passed for authtoken."),
    57: (401, UNAUTHORISED),
    1002: (404, "The record does not exist."),
    6041: (400, "This user is not associated with the CompanyID/CompanyName:0."),
    **{code: (429, message) for code, message in THROTTLES.values()},
}


def refusal(rule: Rule, service: str) -> Response:
    """The answer of the fault `refuse`: what `body` says, or the service's own words for `code`."""
    if rule.body is not None:
        return Response.json(rule.status or _BAD_REQUEST, rule.body, _headers(rule))
    if service == "oauth":
        return _accounts(rule)
    return _billing(rule) if service == "billing" else _crm(rule)


def _accounts(rule: Rule) -> Response:
    """HTTP 200 with an `error` member, or the throttle's 400 (zoho-facts §1.5)."""
    if rule.status == _BAD_REQUEST:
        return denied(_BAD_REQUEST, rule.retry_after)
    return refused(str(rule.code or "invalid_code"))


def _crm(rule: Rule) -> Response:
    code = str(rule.code or "INVALID_DATA")
    status, message, details = CRM.get(code, (_BAD_REQUEST, "invalid data", {}))
    body = crm_failure(code, message, dict(details))
    return Response.json(rule.status or status, body, _headers(rule))


def _billing(rule: Rule) -> Response:
    text = str(rule.code)
    code = int(text) if text.isdecimal() else 2
    status, message = BILLING.get(code, (_BAD_REQUEST, "Invalid value passed."))
    return billing_failure(rule.status or status, code, message, _headers(rule))


def _headers(rule: Rule) -> dict[str, str]:
    return {} if rule.retry_after is None else {"retry-after": f"{rule.retry_after:g}"}
