"""What a fault does to a request and to its answer."""

from __future__ import annotations

from collections.abc import Callable

from zoho_emulator.dialect import Dialect
from zoho_emulator.faults import Rule
from zoho_emulator.oauth.dialect import denied, refused
from zoho_emulator.wire import Reply, Response

_OK = 200
_BAD_REQUEST = 400
_BAD_GATEWAY = 502
_GATEWAY_PAGE = (
    "<html><head><title>{0}</title></head><body><h1>Zoho is busy ({0})</h1></body></html>"
)


def instead(rule: Rule, service: str, dialect: Dialect) -> Response | None:
    """The answer that a fault gives in place of the service's own; None when it gives none."""
    answers: dict[str, Callable[[], Response]] = {
        "refuse": lambda: _refusal(rule, service),
        "throttle": lambda: _with_status(
            dialect.throttled("minute", rule.retry_after), rule.status
        ),
        "server_error": lambda: _with_status(dialect.internal_error(), rule.status),
        "error_html": lambda: _page(rule.status or _BAD_GATEWAY),
        "html_200": lambda: _page(_OK),
        "empty_204": lambda: Response(204),
    }
    return answers[rule.do]() if rule.do in answers else None


def travel(rule: Rule | None, response: Response, wall: Callable[[float], float]) -> Reply:
    """The answer with the weather it travels through; `wall` turns emulated into wall seconds."""
    if rule is None:
        return Reply(response)
    delay = wall(rule.seconds) if rule.seconds else 0.0
    match rule.do:
        case "reset_before" | "reset_after":
            return Reply(response, delay, "reset")
        case "truncate":
            return Reply(response, delay, "truncate")
        case "hang":
            return Reply(response, delay, "hang")
        case _:
            return Reply(response, delay)


def _refusal(rule: Rule, service: str) -> Response:
    """A refusal of the service's own kind (zoho-facts §1.5, §2.14, §3.8)."""
    if service == "oauth":
        if rule.status == _BAD_REQUEST:
            return denied(_BAD_REQUEST, rule.retry_after)
        return refused(str(rule.code or "invalid_code"))
    status = rule.status or _BAD_REQUEST
    if service == "billing":
        code = str(rule.code)
        number = int(code) if code.isdecimal() else 2
        return Response.json(status, {"code": number, "message": "Invalid value passed."})
    body = {
        "code": str(rule.code or "INVALID_DATA"),
        "details": {},
        "message": "invalid data",
        "status": "error",
    }
    return Response.json(status, body)


def _page(status: int) -> Response:
    return Response.html(status, _GATEWAY_PAGE.format(status))


def _with_status(answer: Response, status: int | None) -> Response:
    return answer if status is None else Response(status, answer.body, answer.headers)
