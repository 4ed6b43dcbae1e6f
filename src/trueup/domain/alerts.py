"""Alerts: what a person should know at once, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How urgent a message is."""

    INFO = "info"
    RECOVERED = "recovered"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: plain text, one thing a line; `attachments` where the way can carry them."""

    title: str
    body: str
    severity: Severity = Severity.INFO
    attachments: tuple[Path, ...] = field(default=())
