"""Tokens with which programs use the API: each has a name, a role and an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trueup.domain.people import Role


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is remembered: its text is known only to whoever was given it."""

    token_id: int
    name: str
    role: Role
    created_by: str
    created_at: datetime
    seen_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def standing(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        over = self.expires_at is not None and self.expires_at <= now
        return "expired" if over else "active"
