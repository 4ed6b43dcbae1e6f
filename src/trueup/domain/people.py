"""People who use the pages, and what each of them may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What somebody may do; each role may do all that the one before it may."""

    VIEWER = "viewer"  # look at everything but secrets
    OPERATOR = "operator"  # start, cancel, resync, adopt, repair
    APPROVER = "approver"  # decide on what is held, and take runs back
    ADMIN = "admin"  # people and tokens

    @property
    def meaning(self) -> str:
        """What it lets somebody do, in a few words."""
        return _MEANINGS[self]

    @property
    def allows(self) -> str:
        """All that it lets somebody do, with what the roles before it do."""
        return "; ".join(_MEANINGS[one] for one in Role if self.may(one)).replace("; also", ";")

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return list(Role).index(self)

    def may(self, needed: Role) -> bool:
        """Whether this role includes another."""
        return self.rank >= needed.rank


_MEANINGS: Mapping[Role, str] = {
    Role.VIEWER: "sees everything but secrets",
    Role.OPERATOR: "also starts and cancels jobs, adopts and repairs",
    Role.APPROVER: "also decides on what is held, and takes runs back",
    Role.ADMIN: "also lets people in, and makes tokens",
}


class Standing(StrEnum):
    """Whether somebody can sign in."""

    INVITED = "invited"  # has a link, and no password yet
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. `login` is what they type, whatever its case."""

    person_id: int
    login: str
    name: str
    role: Role
    standing: Standing
    created_at: datetime
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody is signed in. `own`: the one that asks."""

    created_at: datetime
    seen_at: datetime
    client: str
    own: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that somebody did through a page, the API or a command, and why."""

    at: datetime
    who: str
    action: str
    subject: str
    workspace: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    via: str = "page"
    deed_id: int = 0
