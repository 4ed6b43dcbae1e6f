"""The budget and the token that all processes share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission for one request."""

    number: int
    target: str


@dataclass(frozen=True, slots=True)
class TargetUsage:
    """How one target stands with its limits."""

    factor: float
    closed_until: datetime | None
    in_window: int
    last_throttled_at: datetime | None


@dataclass(frozen=True, slots=True)
class BudgetUsage:
    """How the shared budget stands."""

    limit: int
    window: float
    in_window: int
    in_flight: int
    today: int
    daily_budget: int | None
    targets: Mapping[str, TargetUsage]


class Budget(Protocol):
    """The rate limit shared by every process. Targets are `crm`, `billing` and `oauth`."""

    def acquire(self, target: str, *, patience: float) -> Ticket:
        """Wait for a slot; raises `PausedError` when it is further than `patience` seconds."""
        ...

    def release(self, ticket: Ticket) -> None:
        """The request has been answered, or given up."""
        ...

    def throttled(self, target: str, retry_after: float | None) -> None:
        """A 429 came back."""
        ...

    def exhausted(self, target: str, seconds: float) -> None:
        """A daily quota is used up: close the target."""
        ...

    def usage(self) -> BudgetUsage:
        """How the budget stands."""
        ...


@dataclass(frozen=True, slots=True)
class MintedToken:
    """What the token endpoint answered."""

    value: str = field(repr=False)
    expires_in: float
    api_domain: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that is valid now."""

    value: str = field(repr=False)
    api_domain: str
    generation: int
    expires_at: datetime


class TokenStore(Protocol):
    """One access token for all processes."""

    def get(self, mint: Callable[[], MintedToken], *, patience: float) -> AccessToken:
        """A valid token; one process mints, the others wait. Raises `PausedError` in a cooldown."""
        ...

    def invalidate(self, token: AccessToken) -> None:
        """The target refused it: mint a new one, once."""
        ...

    def cool_down(self, reason: str, seconds: float | None = None) -> None:
        """The token endpoint wants silence, from everybody."""
        ...
