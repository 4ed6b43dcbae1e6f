"""One HTTP request under the budget: acquire, send, release, judge, tell. No retries here."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx2

from trueup.ports import Budget, Clock
from trueup.zoho.codec import UnreadableError, decode_json
from trueup.zoho.verdict import Ruling, Verdict, judge

Service = Literal["crm", "billing", "oauth"]

# The request never left: the server cannot have carried it out.
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """One HTTP request, for logs and progress; times in seconds. It holds no secret.

    `status` is 0 where no answer came; `wait` is the time spent waiting for the budget.
    """

    target: str
    method: str
    path: str
    status: int
    duration: float
    attempt: int
    verdict: str
    wait: float


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send; `path` is what logs show, `url` where it goes."""

    service: Service
    method: str
    path: str
    url: str
    params: Mapping[str, str] | None = None
    content: bytes | None = field(default=None, repr=False)
    files: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: bool = False  # the answer is a file, not a document

    def towards(self, base: str, authorization: str) -> Outgoing:
        """The same request to a host, in somebody's name."""
        headers = {**self.headers, "authorization": authorization}
        return replace(self, url=base + self.path, headers=headers)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `sent=False`: surely nothing was carried out, and `status` is 0.

    `sent_at` is the clock's monotonic second at which the request left.
    """

    verdict: Verdict
    sent: bool = True
    sent_at: float = 0.0
    status: int = 0
    document: Any = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Wire:
    """The only place that opens a connection to Zoho.

    `connect` and `read` are timeouts in seconds. Redirects are not followed: they would carry the
    token elsewhere.
    """

    def __init__(
        self,
        *,
        budget: Budget,
        clock: Clock,
        transport: httpx2.BaseTransport | None = None,
        connect: float = 5.0,
        read: float = 30.0,
        on_request: Callable[[RequestEvent], None] | None = None,
    ) -> None:
        timeout = httpx2.Timeout(read, connect=connect)
        self._client = httpx2.Client(transport=transport, timeout=timeout, follow_redirects=False)
        self._budget = budget
        self._clock = clock
        self._on_request = on_request
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def exchange(self, request: Outgoing, *, patience: float, attempt: int = 1) -> Reply:
        """Send one request once and judge its answer.

        Raises `PausedError` when the budget has no slot within `patience` seconds, and whatever
        the budget raises when it cannot be asked: then nothing is sent.
        """
        asked = self._clock.monotonic()
        ticket = self._budget.acquire(request.service, patience=patience)
        began = self._clock.monotonic()
        with self._lock:
            self.requests[request.service] += 1
        try:
            reply = replace(self._send(request), sent_at=began)
        finally:
            self._budget.release(ticket)
        self._tell(
            request, reply, attempt, wait=began - asked, took=self._clock.monotonic() - began
        )
        return reply

    def _send(self, request: Outgoing) -> Reply:
        try:
            response = self._client.request(
                request.method,
                request.url,
                params=dict(request.params) if request.params else None,
                content=request.content,
                files=dict(request.files) if request.files else None,
                headers=dict(request.headers),
            )
        except _NOT_SENT as error:
            return Reply(_failure(error), sent=False)
        except httpx2.InvalidURL as error:
            return Reply(_failure(error), sent=False)
        except httpx2.HTTPError as error:
            return Reply(_failure(error))
        return self._read(request, response)

    def _read(self, request: Outgoing, response: httpx2.Response) -> Reply:
        document: Any = None
        if response.content and not (request.raw and response.is_success):
            try:
                document = decode_json(response.content)
            except UnreadableError:
                document = None
        wait = retry_after(response.headers.get("retry-after"), self._clock.now())
        if request.raw and response.is_success:
            verdict = Verdict(Ruling.OK)
        else:
            verdict = judge(request.service, response.status_code, document, wait)
        return Reply(
            verdict,
            status=response.status_code,
            document=document,
            content=response.content,
            headers=response.headers,
        )

    def _tell(
        self, request: Outgoing, reply: Reply, attempt: int, *, wait: float, took: float
    ) -> None:
        if self._on_request is not None:
            event = RequestEvent(
                target=request.service,
                method=request.method,
                path=request.path,
                status=reply.status,
                duration=took,
                attempt=attempt,
                verdict=reply.verdict.kind.value if reply.sent else "not_sent",
                wait=wait,
            )
            self._on_request(event)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait from a Retry-After header in either of its forms; None when there is none."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _failure(error: Exception) -> Verdict:
    """A broken exchange, named by its class: a message might repeat what was sent."""
    return Verdict(Ruling.UNREADABLE, type(error).__name__, "no answer")
