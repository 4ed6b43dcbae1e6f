"""What the ledger remembers about a product at a target between runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Standing(StrEnum):
    """The remembered status of a product at a target."""

    PENDING = "pending"
    OK = "ok"
    FAILED = "failed"
    HELD = "held"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ProductState:
    """The memory of one product at one target.

    `revision` is the digest of the row and the mapping when it was last decided, `verified_at`
    when both sides were last compared, `next_attempt_at` the end of its back-off.
    """

    standing: Standing = Standing.PENDING
    revision: str = ""
    verified_at: datetime | None = None
    last_success_at: datetime | None = None
    last_attempt_at: datetime | None = None
    failures: int = 0
    next_attempt_at: datetime | None = None
    quarantined: bool = False
    last_error: str | None = None


NEVER = ProductState()
