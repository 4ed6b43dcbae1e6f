"""The request budget that all processes share, kept in Postgres (spec law 6).

Every request books its slot in one log, under one row's lock, by the database's clock. The
arithmetic is SQL (`migrations/0002_budget_tokens_lease.sql`); here is the waiting around it.
Acquire in autocommit only: inside a longer transaction the lock would be held while calling out.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, Final, Literal, Self

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from trueup.domain.errors import PausedError
from trueup.ports import BudgetUsage, TargetUsage, Ticket

# A slot this near is waited for with a seat held; for a farther one the caller comes back, so
# that those who wait for a throttled target do not keep the seats from the other target.
HORIZON: Final = 0.25
MAX_PATIENCE: Final = 10 * 86_400.0
# Ten access tokens in ten minutes are allowed; two are left to people (zoho-facts §1.4).
TOKEN_LIMIT: Final = 8
TOKEN_WINDOW: Final = 600.0
_OAUTH_REMEDY = (
    f"Wait: Zoho gives few tokens, so at most {TOKEN_LIMIT} are asked for in"
    f" {TOKEN_WINDOW / 60:.0f} minutes, and refused credentials use them up too"
)
# A caller whose slot went by asks again with its ticket. Where the answer was long under way, not
# for ever: a link that is always slow delays every call alike and so keeps their distances.
LATE_RETRIES: Final = 2

_ACQUIRE: Final = """
    select verdict, ticket_no, wait_s, until_at, queued_s from trueup.acquire_call(
        %(workspace)s, %(target)s, %(ticket)s::bigint, %(patience)s::float8,
        %(limit)s, %(window)s::float8, %(margin)s::float8, %(allowance)s::bigint,
        %(concurrency)s, %(token_limit)s, %(token_window)s::float8, %(spacing)s::float8,
        %(horizon)s::float8, %(lease)s::float8, %(run)s, %(now)s::timestamptz)"""
_CLOSE: Final = """
    select trueup.close_target(
        %(workspace)s, %(target)s, %(kind)s, %(seconds)s::float8, %(retry_after)s::float8,
        %(window)s::float8, %(run)s, %(now)s::timestamptz)"""
_STANDING: Final = """
    select target, factor, closed_until, in_window, today, last_throttled_at
    from trueup.call_standing(%(workspace)s, %(window)s::float8, %(now)s::timestamptz)"""
_IN_FLIGHT: Final = """
    select count(*) from trueup.call_seat
    where workspace = %(workspace)s
      and expires_at > coalesce(%(now)s::timestamptz, clock_timestamp())"""
_RELEASE: Final = "select trueup.release_call(%s, %s::timestamptz)"
_CANCEL: Final = "select trueup.cancel_call(%s, %s)"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What `acquire_call` decided; times in seconds."""

    verdict: Literal["go", "booked", "busy", "closed", "spent", "late"]
    ticket_no: int
    wait_s: float | None
    until_at: datetime | None
    queued_s: float

    def refused(self, patience: float) -> bool:
        """Nothing is booked, and waiting for better times would take too long."""
        if self.verdict in ("closed", "spent"):
            return (self.wait_s or 0.0) > patience
        return self.verdict == "late"


@dataclass(frozen=True, slots=True)
class _Standing:
    target: str
    factor: float
    closed_until: datetime | None
    in_window: int
    today: int
    last_throttled_at: datetime | None


def default_margin(window: float) -> float:
    """Seconds by which a window is widened, because callers wake up, and requests arrive, late."""
    return max(0.02, 0.004 * window)


@dataclass(frozen=True, slots=True)
class PostgresBudget:
    """The `Budget` of every process that shares one database and workspace.

    `limit` requests per `window` seconds over all targets; `daily_budget` per rolling 24 h, of
    which `daily_reserve` is left to people (`person`); at most `concurrency` in flight. `margin`
    widens the windows; `closure` is how long a target stays closed after a 429 without a
    Retry-After (none is documented, zoho-facts §2.13 and §3.8), by default a window; `spacing`
    is the least time between two requests; `lease` frees the seat of a caller that was killed.
    All in seconds. Requests are counted for `run_id`, if given. `now` replaces the database's
    clock in tests.
    """

    pool: ConnectionPool
    _: KW_ONLY
    workspace: str = "default"
    limit: int
    window: float
    daily_budget: int | None = None
    daily_reserve: int = 0
    concurrency: int
    margin: float | None = None
    sleep: Callable[[float], None]
    person: bool = False
    closure: float | None = None
    spacing: float = 0.0
    lease: float = 120.0
    run_id: str | None = None
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] | None = None

    def for_run(self, run_id: str, *, person: bool = False) -> Self:
        """The same budget, with its requests counted for a run."""
        return dataclasses.replace(self, run_id=run_id, person=person)

    def acquire(self, target: str, *, patience: float) -> Ticket:
        """Wait for the right to send one request to `target`, at most `patience` seconds.

        Raises `PausedError` when it would take longer; then nothing is used up.
        """
        deadline = self.monotonic() + min(patience, MAX_PATIENCE)
        number: int | None = None
        retries = LATE_RETRIES
        try:
            while True:
                asked = self.monotonic()
                answer = self._ask(target, number, max(0.0, deadline - asked))
                number = answer.ticket_no
                under_way = self.monotonic() - asked - answer.queued_s
                if answer.verdict == "go" and under_way > self._margin / 2 and retries > 0:
                    retries -= 1
                    continue
                overslept = self._wait(answer.wait_s or 0.0)
                if answer.verdict == "go" and overslept <= self._margin / 2:
                    return Ticket(number=number, target=target)
        except BaseException:
            self._cancel(number)
            raise

    def release(self, ticket: Ticket) -> None:
        """The request has been answered, or given up: its seat is free."""
        with self.pool.connection() as connection:
            now = self.now() if self.now else None
            connection.execute(_RELEASE, [ticket.number, now])

    def throttled(self, target: str, retry_after: float | None) -> None:
        """A 429 came back: the target is closed for everybody and its rate halves."""
        closure = self.window if self.closure is None else self.closure
        seconds = closure if retry_after is None else retry_after
        self._close(target, "throttled", seconds, retry_after)

    def exhausted(self, target: str, seconds: float) -> None:
        """A daily quota is used up: the target is closed for `seconds`, its rate stays."""
        self._close(target, "exhausted", seconds, seconds)

    def usage(self) -> BudgetUsage:
        """How the budget stands now, over all processes; `today` is the rolling day."""
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(_Standing))
            standings = cursor.execute(_STANDING, self._given()).fetchall()
            [in_flight] = connection.execute(_IN_FLIGHT, self._given()).fetchone() or [0]
        return BudgetUsage(
            limit=self.limit,
            window=self.window,
            in_window=sum(standing.in_window for standing in standings),
            in_flight=in_flight,
            today=sum(standing.today for standing in standings),
            daily_budget=self.daily_budget,
            targets={
                standing.target: TargetUsage(
                    factor=standing.factor,
                    closed_until=standing.closed_until,
                    in_window=standing.in_window,
                    last_throttled_at=standing.last_throttled_at,
                )
                for standing in standings
            },
        )

    def _ask(self, target: str, number: int | None, patience: float) -> _Answer:
        question = self._given(target=target, ticket=number, patience=patience)
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(_Answer))
            [answer] = cursor.execute(_ACQUIRE, question).fetchall()
        if answer.refused(patience):
            raise _paused(target, answer)
        return answer

    def _close(self, target: str, kind: str, seconds: float, retry_after: float | None) -> None:
        closing = self._given(target=target, kind=kind, seconds=seconds, retry_after=retry_after)
        with self.pool.connection() as connection:
            connection.execute(_CLOSE, closing)

    def _cancel(self, number: int | None) -> None:
        if number is None:
            return
        with suppress(psycopg.Error), self.pool.connection() as connection:
            connection.execute(_CANCEL, [self.workspace, number])

    def _wait(self, seconds: float) -> float:
        """Sleep, and tell how much longer it took."""
        if seconds <= 0:
            return 0.0
        started = self.monotonic()
        self.sleep(seconds)
        return self.monotonic() - started - seconds

    @property
    def _margin(self) -> float:
        return default_margin(self.window) if self.margin is None else self.margin

    @property
    def _allowance(self) -> int | None:
        if self.daily_budget is None or self.person:
            return self.daily_budget
        return self.daily_budget - self.daily_reserve

    def _given(self, **more: Any) -> dict[str, Any]:
        return {
            "workspace": self.workspace,
            "limit": self.limit,
            "window": self.window,
            "margin": self._margin,
            "allowance": self._allowance,
            "concurrency": self.concurrency,
            "token_limit": TOKEN_LIMIT,
            "token_window": TOKEN_WINDOW,
            "spacing": self.spacing,
            "horizon": HORIZON,
            "lease": self.lease,
            "run": self.run_id,
            "now": self.now() if self.now else None,
            **more,
        }


def _paused(target: str, answer: _Answer) -> PausedError:
    until = answer.until_at
    if answer.verdict == "closed":
        message = f"{target} asked for a pause"
    elif answer.verdict == "spent":
        message = "the budget of requests per day is used up"
    elif until is not None:
        message = f"the next free slot for {target} is too far off"
    else:
        message = "too many requests are in flight"
    return PausedError(
        f"{message}, until {until:%Y-%m-%d %H:%M:%S %Z}" if until else message,
        until,
        _OAUTH_REMEDY if target == "oauth" else "",
    )
