"""What a fault does to a request and to its answer."""

from __future__ import annotations

from collections.abc import Callable

from zoho_emulator.dialect import Dialect
from zoho_emulator.faults import Rule
from zoho_emulator.refusals import refusal
from zoho_emulator.wire import Reply, Request, Response

_OK = 200
_SERVER_ERROR = 500
_BAD_GATEWAY = 502
_GATEWAY_PAGE = (
    "<html><head><title>{0}</title></head><body><h1>Zoho is busy ({0})</h1></body></html>"
)


def instead(rule: Rule, request: Request, service: str, dialect: Dialect) -> Response | None:
    """The answer that a fault gives in place of the service's own; None when it gives none."""
    answers: dict[str, Callable[[], Response]] = {
        "refuse": lambda: refusal(rule, service),
        "throttle": lambda: _with_status(
            dialect.throttled("minute", rule.retry_after, request.path), rule.status
        ),
        "server_error": lambda: dialect.broken(rule.status or _SERVER_ERROR),
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


def _page(status: int) -> Response:
    return Response.html(status, _GATEWAY_PAGE.format(status))


def _with_status(answer: Response, status: int | None) -> Response:
    return answer if status is None else Response(status, answer.body, answer.headers)
