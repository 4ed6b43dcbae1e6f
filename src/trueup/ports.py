"""What the core needs from the outside: small Protocols and the values that cross them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from trueup.domain.changes import Change, Outcome
from trueup.domain.errors import RecordError
from trueup.domain.package import OutlineRow, PackageRow, UnreadableRow
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Schema,
    TargetName,
)
from trueup.domain.runs import ProductResult, Run
from trueup.domain.states import ProductState


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


# --- the catalogue -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Glance:
    """What a whole record is compared by, in a reading: the fields of each kind that was read.

    `enforced` must be as they were written; `filled` must only hold something.
    """

    reading: str
    enforced: Mapping[Kind, Sequence[str]]
    filled: Mapping[Kind, Sequence[str]]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One row with what the ledger remembers about it; `revision` is the digest of the row.

    `intact` are the targets at which the row has exactly the records of a product without devices,
    and a glance found each of them as it was last written. Empty without a glance.
    """

    row: PackageRow | UnreadableRow
    revision: str
    states: Mapping[TargetName, ProductState] = field(default_factory=dict)
    intact: frozenset[TargetName] = frozenset()


class Catalogue(Protocol):
    """The product catalogue; read-only."""

    def outline(self) -> Iterator[OutlineRow]:
        """Every row, for facts that need the whole catalogue (duplicates, shared devices)."""
        ...

    def entries(
        self, skus: Collection[str] = (), glance: Glance | None = None
    ) -> Iterator[CatalogueEntry]:
        """Every row, or those with these SKUs, in a stable order, with what is remembered."""
        ...


# --- a target ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """A change that the target confirmed."""

    remote_id: str


class Target(Protocol):
    """One place that holds a copy of the catalogue."""

    name: TargetName

    def schema(self) -> Schema:
        """The target's fields; asked once per run."""
        ...

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        """Every record of a kind, active or not, by listing pages. An error is never 'none'."""
        ...

    def find(self, intents: Sequence[Intent]) -> list[RemoteRecord]:
        """Look records up by a read-after-write path, after the answer to a create was lost."""
        ...

    def group(self, changes: Sequence[Change]) -> list[list[Change]]:
        """Split changes, in order, into what one call of `apply` carries out with one request."""
        ...

    def apply(
        self, changes: Sequence[Change], remote_id: Callable[[RecordKey], str | None]
    ) -> list[Written | RecordError]:
        """Carry out one group; one answer per change, in order.

        Raises `TargetStoppedError` when nothing was carried out and nothing more will pass.
        """
        ...


# --- the ledger ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write: a lease's number, checked with every durable outcome."""

    name: str
    epoch: int


class Lease(Protocol):
    """A held run lock with a heartbeat."""

    fence: Fence

    def check(self) -> None:
        """Raise `LeaseLostError` when the lock may be somebody else's by now."""
        ...


class Ledger(Protocol):
    """The memory between runs: bindings, intents, outcomes, standings, runs."""

    def begin(self, run: Run, fence: Fence) -> None:
        """Write a run down before it does anything; marks a dead predecessor as interrupted."""
        ...

    def finish(self, run: Run, fence: Fence) -> None:
        """Write down how a run ended, also in the predecessor's run log."""
        ...

    def last_run(self) -> Run | None:
        """The newest finished run, whatever became of it."""
        ...

    def bindings(self, owners: Collection[str], codes: Collection[RecordKey]) -> list[Binding]:
        """The bindings of these offerings, and those with these keys."""
        ...

    def shared_bindings(self) -> list[Binding]:
        """The bindings of shared devices."""
        ...

    def missing_owners(self) -> Iterator[tuple[str, int, list[Binding]]]:
        """Offerings with records, that the catalogue no longer has: id, runs missed, bindings.

        A create whose outcome is not known counts: its binding has no remote id.
        """
        ...

    def note_absences(self, run_id: str, fence: Fence) -> None:
        """Count one more run for each missing offering, and forget those that came back."""
        ...

    def intents(self, kinds: Collection[Kind]) -> list[Intent]:
        """The creates whose answers are unknown."""
        ...

    def observe(self, reading: str, kind: Kind, records: Iterable[RemoteRecord]) -> int:
        """Keep what was read of a kind under the name of a reading; returns how many."""
        ...

    def candidates(
        self, reading: str, desired: Sequence[DesiredRecord], bindings: Sequence[Binding]
    ) -> list[RemoteRecord]:
        """The observed records that could be these: by bound id, own id, code or name."""
        ...

    def forget(self, reading: str) -> None:
        """Drop a reading."""
        ...

    def intend(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        """Write down what is about to be sent; raises `LeaseLostError` when fenced off."""
        ...

    def record(self, outcomes: Sequence[Outcome], run_id: str, fence: Fence) -> None:
        """Make outcomes durable: history, bindings, closed intents, remote ids for old screens."""
        ...

    def remote_id(self, key: RecordKey) -> str | None:
        """The remote id bound to a key."""
        ...

    def settle(
        self, results: Sequence[ProductResult], run_id: str, fence: Fence, at: datetime
    ) -> None:
        """Remember how products stand, with back-off, also in the predecessor's columns."""
        ...

    def rate_limited(self, owners: Collection[str], target: TargetName, message: str) -> None:
        """A target refused for too many requests while it was the turn of these offerings."""
        ...


# --- budget and token ----------------------------------------------------------------------


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
