"""Alerts: what a person should know at once, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How urgent a message is."""

    INFO = "info"
    RECOVERED = "recovered"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The more urgent, the higher."""
        return list(Severity).index(self)


class Kind(StrEnum):
    """What can be wrong; each has its row in docs/alerts.md."""

    RUN_FAILED = "run_failed"
    RUN_PARTIAL = "run_partial"
    JOB_FAILED = "job_failed"  # a verification, a report, the housekeeping
    HELD = "held"
    TARGET_PAUSED = "target_paused"
    REFUSED = "refused"  # credentials, or a permission
    TOKEN_COOLDOWN = "token_cooldown"  # noqa: S105 (a word, not a secret)
    OVERDUE = "overdue"
    PRODUCTS_FAILING = "products_failing"
    DRIFT = "drift"
    NO_WORKER = "no_worker"
    QUEUE_STUCK = "queue_stuck"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now. `key` names it as long as it lasts, whatever its text says.

    `since` is when it began as far as anybody can tell; `text` says what to do. `count` is how many
    things it is about: more of them is news.
    """

    key: str
    kind: Kind
    severity: Severity
    title: str
    text: str
    since: datetime
    count: int = 1


class Turn(StrEnum):
    """What is new about a condition for whoever is told."""

    RAISED = "raised"
    WORSE = "worse"  # more urgent, of another kind, or about more things than was told
    RECOVERED = "recovered"
    PASSED = "passed"  # it came and went before it could be told


@dataclass(frozen=True, slots=True)
class News:
    """One condition, and what is new about it; `until` is its end."""

    turn: Turn
    condition: Condition
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition as it is remembered. An episode is one stretch of it, and is announced once.

    `gone_at` is when it was not found any more for the first time, `closed_at` when that was
    believed: the episode is over. `returns` counts how often it came back soon after its end.
    """

    condition: Condition
    raised_at: datetime
    seen_at: datetime
    gone_at: datetime | None = None
    closed_at: datetime | None = None
    episode: int = 1
    returns: int = 0

    @property
    def stands(self) -> bool:
        """Whether it was found at the last look."""
        return self.gone_at is None


@dataclass(frozen=True, slots=True)
class Told:
    """What an address was last told of a condition; `ended` says that its end was told too."""

    episode: int
    kind: Kind
    severity: Severity
    count: int
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: plain text, one thing a line; `attachments` where the way can carry them.

    `news` is the same for programs: a webhook gets it beside the text.
    """

    title: str
    body: str
    severity: Severity = Severity.INFO
    attachments: tuple[Path, ...] = field(default=())
    workspace: str = ""
    news: tuple[News, ...] = ()
