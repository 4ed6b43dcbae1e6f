"""What travels between a front end (socket or in-process) and the emulator: plain values.

The emulator is a synchronous function from `Request` to `Reply`. A front end applies the reply's
`Weather` (delay, hang, reset), so that the same emulator runs behind a socket and inside a test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JsonDocument = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: path as on the wire, decoded query, header names in lower case, raw body.

    The path keeps its percent-encoding until routing has split it into segments: an encoded `/`
    belongs to its segment. Path parameters reach a handler decoded.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; raises `ValueError` when it is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(
        cls, status: int, document: object, headers: Mapping[str, str] | None = None
    ) -> Response:
        """An answer whose body is `document` as JSON."""
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(
            status, body, {"content-type": "application/json;charset=UTF-8"} | dict(headers or {})
        )

    @classmethod
    def html(cls, status: int, text: str) -> Response:
        """What a gateway in front of Zoho answers: a page, not an API document."""
        return cls(status, text.encode(), {"content-type": "text/html;charset=UTF-8"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A response and the weather it travels through.

    `delay` is in wall-clock seconds. `cut="reset"` means: drop the connection instead of answering
    (whether the request was carried out before is the fault script's choice and already decided).
    `cut="hang"` means: never answer, until the client gives up.
    `cut="truncate"` means: send about half of the body, then drop the connection.
    """

    response: Response
    delay: float = 0.0
    cut: Literal["", "reset", "hang", "truncate"] = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a service: `template` holds `{names}` that become keyword arguments.

    `scopes`: holding any one of them is enough (compared without regard to case).
    `credits` says what the call costs of the daily budget; `sub_concurrency` marks calls that
    count against the smaller limit of simultaneous heavy calls.
    """

    method: str
    template: str
    handler: Callable[..., Response]
    scopes: tuple[str, ...] = ()
    credits: Callable[[Request], int] = lambda _request: 1
    sub_concurrency: Callable[[Request], bool] = lambda _request: False


class ServiceError(Exception):
    """Raised by a handler to answer with an error response of its service."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response
