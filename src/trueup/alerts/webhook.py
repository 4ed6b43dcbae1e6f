"""Plain webhooks, and the call that stops a dead-man's switch from ringing."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from trueup.domain.alerts import Message

_PATIENCE: Final = 10.0  # seconds


def post(address: str, message: Message) -> str:
    """POST the message as JSON; what went wrong, or nothing. Anything but 2xx is refused."""
    return _call("POST", address, payload(message))


def payload(message: Message) -> dict[str, Any]:
    """The document that a webhook receives."""
    return {
        "source": "trueup",
        "workspace": message.workspace,
        "severity": message.severity.value,
        "title": message.title,
        "body": message.body,
        "conditions": [
            {
                "key": news.condition.key,
                "kind": news.condition.kind.value,
                "change": news.turn.value,
                "severity": news.condition.severity.value,
                "title": news.condition.title,
                "text": news.condition.text,
                "since": news.condition.since.isoformat(),
                "until": news.until.isoformat() if news.until else None,
            }
            for news in message.news
        ],
    }


def ping(address: str, *, failed: bool) -> str:
    """Tell a dead-man's switch how a night went; what went wrong, or nothing.

    Healthchecks takes a failure at `/fail`, and rings at once. Other switches know only one call,
    "all is well": after a failure they get none, and ring when their time is over.
    """
    if failed and not _takes_failures(address):
        return ""
    return _call("GET", f"{address.rstrip('/')}/fail" if failed else address)


def _call(method: str, address: str, document: dict[str, Any] | None = None) -> str:
    import httpx2

    # At INFO it logs whole addresses.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    try:
        answer = httpx2.request(method, address, json=document, timeout=_PATIENCE)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return f"no answer ({type(error).__name__})"
    return "" if answer.is_success else f"it answered {_status(answer.status_code)}"


def _takes_failures(address: str) -> bool:
    """Healthchecks itself, or one that somebody hosts under its usual path."""
    parts = urlsplit(address)
    return parts.hostname == "hc-ping.com" or parts.path.startswith("/ping/")


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)
