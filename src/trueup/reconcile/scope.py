"""What a plan looks at, and the parts that the use-cases work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from trueup.domain.changes import Outcome
from trueup.domain.guards import GuardLimits
from trueup.domain.plan import Plan
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import ProductResult, Trigger
from trueup.domain.states import ProductState, Standing
from trueup.planner.due import Look
from trueup.planner.mapping import FieldMap
from trueup.planner.reading import CatalogueRules
from trueup.planner.versions import PriceChanges
from trueup.ports import (
    Catalogue,
    Clock,
    Fence,
    Guardbook,
    Ledger,
    NothingRemembered,
    RememberedIds,
    Target,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which products, at which targets, and how widely.

    `standing` narrows a backfill to products that stand so at one of the targets, `limit` bounds
    how many products are looked at.
    """

    targets: tuple[TargetName, ...] = tuple(TargetName)
    skus: tuple[str, ...] = ()
    look: Look = Look.DUE
    standing: Standing | None = None
    limit: int | None = None

    def includes(self, states: Mapping[TargetName, ProductState]) -> bool:
        """Whether a product with these standings is within the filter."""
        if self.standing is None:
            return True
        unknown = ProductState()
        return any(states.get(t, unknown).standing is self.standing for t in self.targets)


class Watcher(Protocol):
    """Somebody who watches a run: a progress display, a log. Called from several threads."""

    def phase(self, text: str) -> None:
        """A new part of the work begins."""

    def read(self, kind: Kind, count: int) -> None:
        """So many records of a kind have been read so far."""

    def planned(self, plan: Plan, writes: int) -> None:
        """The plan is made; so many products will be written."""

    def batch(self, target: TargetName, number: int, of: int) -> None:
        """A batch begins at a target."""

    def outcome(self, outcome: Outcome) -> None:
        """One change was carried out, or not, and written down."""

    def decided(self, result: ProductResult) -> None:
        """A product was decided at one target."""

    def stopped(self, target: TargetName, error: Exception) -> None:
        """A target takes nothing more in this run."""


class Silence:
    """Nobody watches."""

    def phase(self, text: str) -> None: ...
    def read(self, kind: Kind, count: int) -> None: ...
    def planned(self, plan: Plan, writes: int) -> None: ...
    def batch(self, target: TargetName, number: int, of: int) -> None: ...
    def outcome(self, outcome: Outcome) -> None: ...
    def decided(self, result: ProductResult) -> None: ...
    def stopped(self, target: TargetName, error: Exception) -> None: ...


class HeldLock(Protocol):
    """The run lock while it is ours."""

    fence: Fence

    def check(self) -> None:
        """Raise `LeaseLostError` when it may be somebody else's by now."""


class RunLock(Protocol):
    """One writer at a time."""

    def hold(self, run_id: str) -> AbstractContextManager[HeldLock]:
        """Hold the lock with a heartbeat; raises `LockedError` when another run has it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run does at a time. Durations in seconds; None means no bound."""

    batch_size: int = 20
    max_products: int | None = 100
    workers: int = 3
    deadline: float | None = 10800.0
    stale_after: timedelta = timedelta(hours=20)
    rate: float = 1.5  # requests a second, for the estimate


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything the use-cases need, wired once.

    `requests` counts what was sent so far by target, `throttles` the refusals for too many;
    `currency_of` tells what a target's organisation counts in, empty where it does not say.
    """

    catalogue: Catalogue
    targets: Mapping[TargetName, Target]
    ledger: Ledger
    guardbook: Guardbook
    lock: RunLock
    clock: Clock
    mapping: FieldMap
    rules: CatalogueRules
    limits: Limits
    guards: GuardLimits
    new_run_id: Callable[[Trigger, datetime], str]
    requests: Callable[[], Mapping[str, int]] = field(default=dict)
    throttles: Callable[[TargetName], int] = field(default=lambda _: 0)
    watcher: Watcher = field(default_factory=Silence)
    currency_of: Callable[[TargetName], str] = field(default=lambda _: "")
    ids: RememberedIds = field(default_factory=NothingRemembered)
    price_changes: PriceChanges = field(default_factory=PriceChanges)
