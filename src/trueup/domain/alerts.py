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

    `since` is when it began as far as anybody can tell; `text` says what to do.
    """

    key: str
    kind: Kind
    severity: Severity
    title: str
    text: str
    since: datetime


class Turn(StrEnum):
    """What is new about a condition for whoever is told."""

    RAISED = "raised"
    WORSE = "worse"  # it is told, and has become more urgent
    RECOVERED = "recovered"
    PASSED = "passed"  # it came and went before it could be told


@dataclass(frozen=True, slots=True)
class News:
    """One condition, and what is new about it; `until` is its end."""

    turn: Turn
    condition: Condition
    until: datetime | None = None


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
