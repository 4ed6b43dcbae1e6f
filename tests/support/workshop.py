"""The use-cases over memory: a workshop whose clock, lock, ledger and targets a test can reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from support.builders import MAPPING, NOW, RULES
from support.memory_catalogue import MemoryCatalogue
from support.memory_guardbook import MemoryGuardbook
from support.memory_ids import MemoryIds
from support.memory_ledger import MemoryLedger
from support.memory_target import MemoryTarget
from trueup.domain.changes import Change, Outcome
from trueup.domain.errors import LeaseLostError, LockedError
from trueup.domain.guards import GuardLimits
from trueup.domain.package import PackageRow
from trueup.domain.plan import Plan
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import ProductResult, ProductStatus, RunState, Trigger
from trueup.planner.due import Look
from trueup.planner.versions import PriceChanges, Strategy
from trueup.ports import Catalogue, Clock, Fence, Guardbook, Ledger, Target
from trueup.reconcile.applying import Brake
from trueup.reconcile.orders import Order
from trueup.reconcile.running import Report, run
from trueup.reconcile.scope import HeldLock, Limits, Scope, Silence, Watcher, Workshop
from trueup.reconcile.survey import survey

LOCK = "run"


@dataclass
class HandClock:
    """A clock that moves when a test, or somebody's sleep, moves it."""

    at: datetime = NOW
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class MemoryLock:
    """The run lock of one process; `steal` lets somebody else take it over."""

    epochs: dict[str, int] = field(default_factory=dict)
    taken: bool = False
    stolen: bool = False

    @contextmanager
    def hold(self, run_id: str) -> Iterator[HeldLock]:
        if self.taken:
            raise LockedError(f"another run is writing; {run_id} did nothing")
        self.taken, self.stolen = True, False
        self.epochs[LOCK] = self.epochs.get(LOCK, 0) + 1
        try:
            yield _Held(self, Fence(LOCK, self.epochs[LOCK]))
        finally:
            self.taken = False

    def steal(self) -> None:
        """Another run takes over: this one may not write any more."""
        self.stolen = True
        self.epochs[LOCK] += 1


@dataclass
class _Held:
    lock: MemoryLock
    fence: Fence

    def check(self) -> None:
        if self.lock.stolen:
            raise LeaseLostError("the lock was taken over")


@dataclass
class Notes(Silence):
    """A watcher that remembers."""

    outcomes: list[Outcome] = field(default_factory=list)
    batches: list[tuple[TargetName, int, int]] = field(default_factory=list)
    stops: list[tuple[TargetName, Exception]] = field(default_factory=list)
    results: list[ProductResult] = field(default_factory=list)
    plans: list[tuple[Plan, int]] = field(default_factory=list)
    reads: dict[Kind, int] = field(default_factory=dict)

    def read(self, kind: Kind, count: int) -> None:
        self.reads[kind] = count

    def planned(self, plan: Plan, writes: int) -> None:
        self.plans.append((plan, writes))

    def batch(self, target: TargetName, number: int, of: int) -> None:
        self.batches.append((target, number, of))

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def decided(self, result: ProductResult) -> None:
        self.results.append(result)

    def stopped(self, target: TargetName, error: Exception) -> None:
        self.stops.append((target, error))


@dataclass
class Floor:
    """A workshop in memory, and everything in it by its own type."""

    shop: Workshop
    catalogue: MemoryCatalogue
    ledger: MemoryLedger
    crm: MemoryTarget
    billing: MemoryTarget
    clock: HandClock
    lock: MemoryLock
    notes: Notes
    guardbook: MemoryGuardbook
    brake: Brake = field(default_factory=Brake)

    def run(self, trigger: Trigger = Trigger.CLI, **order: Any) -> Report:
        """One run; fields of its scope and of the order by name. A day passes after it."""
        scope_fields = Scope.__dataclass_fields__
        scope = Scope(**{name: order.pop(name) for name in list(order) if name in scope_fields})
        report = run(self.shop, Order(scope, trigger, **order), self.brake)
        self.clock.sleep(86_400)
        return report

    def plan(self, **scope: Any) -> Plan:
        """What would be done."""
        return planned(self.shop, Scope(**scope))

    def guarded(self, **limits: Any) -> Floor:
        """The same floor with guards, by default those of the specification."""
        self.shop = replace(self.shop, guards=GuardLimits(**limits))
        return self

    def versioned(self, **rules: Any) -> Floor:
        """The same floor with plan versions in Billing, by default those of the specification."""
        self.shop = replace(self.shop, price_changes=PriceChanges(**rules))
        return self

    def limit(self, **limits: Any) -> None:
        """Change the limits."""
        self.shop = replace(self.shop, limits=replace(self.shop.limits, **limits))


def planned(shop: Workshop, scope: Scope | None = None) -> Plan:
    """The plan of a workshop, by default for everything there is."""
    seen = survey(shop, scope or Scope(look=Look.EVERYTHING), "a plan")
    return seen.plan(batch_size=shop.limits.batch_size, rate=shop.limits.rate)


# Most tests are about something else than guards and versions, and change prices as they like.
UNGUARDED = GuardLimits(
    price_fall=Decimal(1),
    price_rise=Decimal(1_000_000_000),
    mass_share=Decimal(1_000_000_000),
    takeover=False,
    flips=1_000_000,
)


def a_shop(
    catalogue: Catalogue,
    ledger: Ledger,
    guardbook: Guardbook,
    targets: Iterable[Target],
    clock: Clock,
    lock: MemoryLock,
    watcher: Watcher,
    **limits: Any,
) -> Workshop:
    """A workshop that does one thing at a time, unless `workers` says otherwise."""
    numbers = iter(range(1, 1_000_000))

    def name(trigger: Trigger, _: datetime) -> str:
        return f"{trigger.value}-{next(numbers)}"

    return Workshop(
        catalogue=catalogue,
        targets={target.name: target for target in targets},
        ledger=ledger,
        guardbook=guardbook,
        lock=lock,
        clock=clock,
        mapping=MAPPING,
        rules=RULES,
        limits=Limits(**({"workers": 1} | limits)),
        guards=UNGUARDED,
        new_run_id=name,
        watcher=watcher,
        price_changes=PriceChanges(Strategy.UPDATE),
    )


def a_floor(rows: Iterable[PackageRow] = (), **limits: Any) -> Floor:
    """A floor over a catalogue of these rows and two empty targets."""
    lock, clock, notes = MemoryLock(), HandClock(), Notes()
    ledger = MemoryLedger(epochs=lock.epochs)
    catalogue = MemoryCatalogue(rows, ledger)
    crm, billing = MemoryTarget(TargetName.CRM), MemoryTarget(TargetName.BILLING)
    guardbook = MemoryGuardbook(ledger)
    shop = a_shop(catalogue, ledger, guardbook, (crm, billing), clock, lock, notes, **limits)
    shop = replace(shop, ids=MemoryIds(ledger))
    return Floor(shop, catalogue, ledger, crm, billing, clock, lock, notes, guardbook)


def statuses(report: Report) -> dict[str, dict[str, ProductStatus]]:
    """What a run said of each product at each target, by SKU."""
    return {
        result.sku: {target.value: v.status for target, v in result.verdicts.items()}
        for result in report.results
    }


def assert_settled(floor: Floor) -> None:
    """Run it again and expect nothing."""
    assert floor.plan(look=Look.EVERYTHING).changes == ()
    before = floor.crm.requests, floor.billing.requests
    report = floor.run(look=Look.EVERYTHING)
    assert report.run.state is RunState.SUCCEEDED
    assert (floor.crm.requests, floor.billing.requests) == before


Resolver = Callable[..., str | None]


def applied_by(target: MemoryTarget) -> list[Sequence[Change]]:
    """From now on, the groups that a target is asked to carry out."""
    asked: list[Sequence[Change]] = []
    carry_out = target.apply

    def noted(changes: Sequence[Change], remote_id: Resolver) -> Any:
        asked.append(list(changes))
        return carry_out(changes, remote_id)

    target.apply = noted  # type: ignore[method-assign]  # a twin of ours, listened to
    return asked


def fields_of(target: MemoryTarget, kind: Kind) -> dict[str, Mapping[str, Any]]:
    """What a target holds of a kind, by remote id."""
    return {i: s.fields for i, s in target.stored.items() if s.kind is kind}
