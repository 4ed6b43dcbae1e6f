"""The door: the one way out to Zoho's APIs. Token, budget, request, verdict, answer or typed error.

What is sent again, and what an answer that never came means:

    what happened                    read            same values again      create
    not sent (refused, no route)     again, 4 times  again, 4 times         again, 4 times
    429                              again while patience lasts, then PausedError
    lost, garbled, 5xx               again, 4 times  again, 3 times         LostAnswerError at once
    still so                         TargetDown      LostAnswerError

The token comes before the budget: a request that holds one of the few seats in flight while it
waits for a token, whose own request needs a seat, could wait for itself.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any, Literal, NoReturn, Self

import httpx2

from trueup.domain.errors import LostAnswerError, PausedError, TargetDownError, TargetStoppedError
from trueup.domain.records import TargetName
from trueup.ports import AccessToken, Budget, Clock, TokenStore
from trueup.zoho import refusals
from trueup.zoho.auth import Authenticator, Credentials
from trueup.zoho.backoff import Backoff, Streak
from trueup.zoho.codec import encode_json
from trueup.zoho.regions import Hosts
from trueup.zoho.verdict import Ruling, Verdict, judge_record
from trueup.zoho.wire import Outgoing, Reply, RequestEvent, Wire

ATTEMPTS = 4
# CRM does not tell the minute from the day (zoho-facts §2.13): so many refusals in a row, each
# after a longer silence, can only be the day's.
QUOTA_AFTER = 5
# So many lost answers in a row: the target is down, and writing on would only lose more.
DOWN_AFTER = 5
DOWN_FOR = 60.0
# A token that replaced a refused one and is refused itself this soon cannot have expired.
FRESH_FOR = 60.0
_LONGEST_CLOSURE = 600.0
_OK_STATUSES = range(200, 300)


class Safety(Enum):
    """What sending the same request twice would do."""

    READ = auto()
    SAME = auto()  # sets the same values again
    CREATE = auto()  # makes a second record


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that the adapter may use. `document` is None for 204 and for files.

    `repeated`: an earlier attempt of the same request may have been carried out.
    """

    status: int
    document: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    repeated: bool = False


@dataclass(slots=True)
class _Course:
    """How one call has gone so far. `doubtful`: it may have been carried out already."""

    attempts: int = 0
    failures: int = 0
    doubtful: bool = False
    renewed: bool = False
    throttled_at: float | None = None


class Door:
    """Sends requests for the adapters. Safe to use from several threads.

    `patience` is how long a call waits for the budget, and for a throttled target, in seconds;
    `quota_pause` how long a target rests whose daily quota is used up and that names no time.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        authenticator: Authenticator,
        tokens: TokenStore,
        budget: Budget,
        hosts: Hosts,
        clock: Clock,
        rng: random.Random,
        patience: float = 120.0,
        quota_pause: float = 3600.0,
    ) -> None:
        self.authenticator = authenticator
        self._wire = wire
        self._tokens = tokens
        self._budget = budget
        self._hosts = hosts
        self._clock = clock
        self._backoff = Backoff(rng)
        self._patience = patience
        self._quota_pause = quota_pause
        self._throttles = {target.value: Streak() for target in TargetName}
        self._losses = {target.value: Streak() for target in TargetName}
        self._renewed: dict[int, float] = {}

    @classmethod
    def open(
        cls,
        *,
        credentials: Credentials,
        hosts: Hosts,
        budget: Budget,
        tokens: TokenStore,
        clock: Clock,
        rng: random.Random,
        transport: httpx2.BaseTransport | None = None,
        connect: float = 5.0,
        read: float = 30.0,
        patience: float = 120.0,
        quota_pause: float = 3600.0,
        on_request: Callable[[RequestEvent], None] | None = None,
    ) -> Self:
        """A door with its wire and authenticator; `connect` and `read` are timeouts in seconds."""
        wire = Wire(
            budget=budget,
            clock=clock,
            transport=transport,
            connect=connect,
            read=read,
            on_request=on_request,
        )
        authenticator = Authenticator(
            wire, credentials=credentials, hosts=hosts, tokens=tokens, clock=clock, rng=rng
        )
        return cls(
            wire=wire,
            authenticator=authenticator,
            tokens=tokens,
            budget=budget,
            hosts=hosts,
            clock=clock,
            rng=rng,
            patience=patience,
            quota_pause=quota_pause,
        )

    @property
    def requests(self) -> Counter[str]:
        """The HTTP requests so far, by target; token requests under `oauth`."""
        return self._wire.requests

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def send(
        self,
        target: TargetName,
        method: str,
        path: str,
        *,
        safety: Safety = Safety.READ,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content: bytes | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bool = False,
        host: Literal["api", "content"] = "api",
    ) -> Answer:
        """Send one request and return its answer; `path` starts at the host's root.

        `body` is sent as JSON; `content` and `files` go out as they are, `raw` brings a file back.
        CRM's per-record results are an answer whatever their status: the adapter judges them.

        Raises a `TargetStoppedError` when surely nothing was carried out and nothing more will
        pass, `RejectedError`, `StaleError` or `RetryableError` when it was refused, and
        `LostAnswerError` when it may or may not have been carried out.
        """
        outgoing = Outgoing(
            service=target.value,
            method=method,
            path=path,
            url="",
            params=params,
            content=encode_json(body) if body is not None else content,
            files=files,
            headers=({"content-type": "application/json"} if body is not None else {})
            | dict(headers or {}),
            raw=raw,
        )
        course = _Course()
        self._refuse_while_down(target.value, safety)
        try:
            while True:
                token = self._token(course)
                reply = self._attempt(outgoing, token, host, course)
                verdict = _for_reading(reply, safety)
                if verdict.kind in (Ruling.OK, Ruling.EMPTY):
                    self._throttles[target.value].end()
                    self._losses[target.value].end()
                    return Answer(
                        reply.status, reply.document, reply.headers, reply.content, course.doubtful
                    )
                self._react(outgoing, safety, token, reply, verdict, course)
        except TargetStoppedError as error:
            if course.doubtful and safety is not Safety.READ:
                raise LostAnswerError(
                    f"{method} {path} may have been carried out; then: {error}"
                ) from error
            raise

    def _refuse_while_down(self, target: str, safety: Safety) -> None:
        now = self._clock.monotonic()
        down = self._losses[target].open(DOWN_AFTER, now=now, life=DOWN_FOR)
        if down and safety is not Safety.READ:
            raise TargetDownError(
                f"{target} has not answered {DOWN_AFTER} times in a row", "Try again later"
            )

    def _token(self, course: _Course) -> AccessToken:
        token = self._tokens.get(self.authenticator.mint, patience=self._patience)
        if course.renewed:
            self._renewed.setdefault(token.generation, self._clock.monotonic())
        return token

    def _attempt(self, outgoing: Outgoing, token: AccessToken, host: str, course: _Course) -> Reply:
        base = self._hosts.content if host == "content" else self._hosts.api
        request = outgoing.towards(base(token.api_domain), f"Zoho-oauthtoken {token.value}")
        course.attempts += 1
        return self._wire.exchange(
            request, patience=self._patience_left(course), attempt=course.attempts
        )

    def _patience_left(self, course: _Course) -> float:
        if course.throttled_at is None:
            return self._patience
        return max(0.0, self._patience - (self._clock.monotonic() - course.throttled_at))

    # --- what to do about an answer that is none: return to send it again, raise otherwise ---

    def _react(
        self,
        outgoing: Outgoing,
        safety: Safety,
        token: AccessToken,
        reply: Reply,
        verdict: Verdict,
        course: _Course,
    ) -> None:
        match verdict.kind:
            case Ruling.UNREADABLE | Ruling.SERVER:
                self._lost(outgoing, safety, reply, verdict, course)
            case Ruling.THROTTLED:
                self._throttled(outgoing.service, reply, verdict, course)
            case Ruling.QUOTA:
                self._quota_used_up(outgoing.service, verdict)
            case Ruling.TOKEN:
                self._renew(outgoing, token, verdict, course)
            case _:
                raise refusals.error_for(verdict, outgoing.method, outgoing.path)

    def _lost(
        self, outgoing: Outgoing, safety: Safety, reply: Reply, verdict: Verdict, course: _Course
    ) -> None:
        """No usable answer: again where that is safe, after a pause."""
        now = self._clock.monotonic()
        self._losses[outgoing.service].add(sent_at=reply.sent_at, now=now)
        course.failures += 1
        course.doubtful |= reply.sent and safety is not Safety.READ
        what = (
            f"{outgoing.method} {outgoing.path}: no usable answer ({verdict.code or verdict.kind})"
        )
        if course.doubtful and safety is Safety.CREATE:
            raise LostAnswerError(what)
        if course.doubtful and course.failures >= ATTEMPTS - 1:
            raise LostAnswerError(what)
        if course.failures >= ATTEMPTS:
            raise TargetDownError(f"{what}, {ATTEMPTS} times", "Try again later")
        wanted = min(verdict.retry_after or 0.0, self._backoff.cap)
        self._clock.sleep(max(wanted, self._backoff.delay(course.failures)))

    def _throttled(self, target: str, reply: Reply, verdict: Verdict, course: _Course) -> None:
        """Close the target for everybody, longer each time, and wait while patience lasts."""
        now = self._clock.monotonic()
        times = self._throttles[target].add(sent_at=reply.sent_at, now=now)
        if times >= QUOTA_AFTER and target == TargetName.CRM:
            self._quota_used_up(target, verdict)
        wait = verdict.retry_after
        if times > 1:
            wait = max(wait or 0.0, min(_LONGEST_CLOSURE, 30.0 * 2.0 ** (times - 1)))
        self._budget.throttled(target, wait)
        if course.throttled_at is None:
            course.throttled_at = now
        if (wait or 0.0) > self._patience_left(course) or self._patience_left(course) <= 0:
            raise self._paused(f"{target} answers that there were too many requests", wait)

    def _quota_used_up(self, target: str, verdict: Verdict) -> NoReturn:
        seconds = max(verdict.retry_after or 0.0, self._quota_pause)
        self._budget.exhausted(target, seconds)
        raise self._paused("the daily quota of requests is used up", seconds)

    def _paused(self, message: str, seconds: float | None) -> PausedError:
        until = None if seconds is None else self._clock.now() + timedelta(seconds=seconds)
        return PausedError(message, until, "The rest waits for the next run")

    def _renew(
        self, outgoing: Outgoing, token: AccessToken, verdict: Verdict, course: _Course
    ) -> None:
        """One new token for each one that was refused; a fresh one refused as well is final."""
        born = self._renewed.get(token.generation, float("-inf"))
        if course.renewed or self._clock.monotonic() - born < FRESH_FOR:
            raise refusals.token_error(verdict, outgoing.method, outgoing.path)
        self._tokens.invalidate(token)
        course.renewed = True


def _for_reading(reply: Reply, safety: Safety) -> Verdict:
    """A failed read may come wrapped in data[] (zoho-facts §2.7); it must not pass for rows."""
    verdict = reply.verdict
    if verdict.kind is Ruling.OK and safety is Safety.READ and reply.status not in _OK_STATUSES:
        entries = reply.document.get("data") if isinstance(reply.document, Mapping) else None
        first = judge_record(entries[0]) if isinstance(entries, list) and entries else verdict
        return first if first.kind is not Ruling.OK else Verdict(Ruling.UNREADABLE)
    return verdict
