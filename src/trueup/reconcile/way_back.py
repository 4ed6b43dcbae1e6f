"""The way back from a run: look at what it wrote and at what is there now; write nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from trueup.domain.errors import TargetStoppedError
from trueup.domain.guards import Held
from trueup.domain.past import PastWrite, Place
from trueup.domain.plan import Estimate, Plan, mark_of, mark_of_json
from trueup.domain.records import KINDS_OF, Kind, RemoteRecord, TargetName
from trueup.planner.estimate import count_requests
from trueup.planner.guard import Guard
from trueup.planner.revert import Left, Present, Restoration, place_of, take_back
from trueup.planner.swap import next_version, sku_of
from trueup.ports import Decision, Past
from trueup.reconcile.scope import Workshop

_UNREAD = "its target could not be read"


@dataclass(frozen=True, slots=True)
class RevertOrder:
    """Which run to take back, how much of it, and who wants that.

    `approved` limits it to exactly these changes, as a saved plan has them or by their fingerprints
    alone; what differs is stale.
    """

    run_id: str
    decision: Decision
    targets: tuple[TargetName, ...] = tuple(TargetName)
    skus: tuple[str, ...] = ()
    approved: Sequence[Mapping[str, object]] | None = None

    def covers(self, write: PastWrite) -> bool:
        """Whether this write is to be taken back."""
        asked = {sku.casefold() for sku in self.skus}
        return write.key.kind.target in self.targets and (
            not asked or write.sku.casefold() in asked
        )


@dataclass(frozen=True, slots=True)
class WayBack:
    """What taking a run back would do: the plan, and what goes with it.

    `looked` is how many writes of the run were looked at.
    """

    run_id: str
    plan: Plan
    restoration: Restoration
    stopped: Mapping[TargetName, TargetStoppedError] = field(default_factory=dict)
    looked: int = 0

    @property
    def trouble(self) -> TargetStoppedError | None:
        """What stopped a target; of two, the one that a person must mend."""
        return max(self.stopped.values(), key=lambda error: error.exit_code, default=None)


def way_back(shop: Workshop, past: Past, order: RevertOrder) -> WayBack:
    """Look at what a run wrote and at what is there now, and plan the way back. Writes nothing."""
    writes = [write for write in past.writes(order.run_id) if order.covers(write)]
    keys = {write.key for write in writes}
    owners = {write.owner for write in writes if write.owner}
    bindings = shop.ledger.bindings(sorted(owners), sorted(keys, key=str)) if writes else []
    bound = {binding.key: binding.remote_id for binding in bindings}
    places = {place_of(write, bound) for write in writes}
    plans = {write.sku for write in writes if write.key.kind is Kind.BILLING_PLAN}
    seen = _read(shop, places, plans)
    keys |= {binding.key for binding in bindings}
    codes = frozenset(seen.plan_codes | {key.code for key in keys})
    keys |= {next_version(sku, codes) for sku in plans}
    present = Present(seen.found, bindings, past.last_writes(places), past.refused(keys), codes)
    readable = [write for write in writes if write.key.kind.target not in seen.stopped]
    restoration = take_back(order.run_id, readable, present)
    unread = {w.key: w.sku for w in writes if w.key.kind.target in seen.stopped}
    restoration.left += [Left(key, sku, _UNREAD) for key, sku in unread.items()]
    plan = _judged(shop, restoration, len(places))
    return WayBack(order.run_id, plan, restoration, seen.stopped, len(writes))


@dataclass(slots=True)
class _Reading:
    """What was read: the records of the run, and the codes of plans that could be versions."""

    found: dict[Place, RemoteRecord] = field(default_factory=dict)
    plan_codes: set[str] = field(default_factory=set)
    stopped: dict[TargetName, TargetStoppedError] = field(default_factory=dict)


def _read(shop: Workshop, places: Collection[Place], skus: Collection[str]) -> _Reading:
    """The records as they are now, from the listings; a target that cannot be read is noted."""
    reading = _Reading()
    for name, target in shop.targets.items():
        kinds = {kind for kind, _ in places} & set(KINDS_OF[name])
        try:
            if kinds:
                target.schema()
            for kind in sorted(kinds, key=KINDS_OF[name].index):
                shop.watcher.phase(f"reading {kind.value}")
                for record in target.records(kind):
                    if (kind, record.remote_id) in places:
                        reading.found[kind, record.remote_id] = record
                    if kind is Kind.BILLING_PLAN and sku_of(record.code) in skus:
                        reading.plan_codes.add(record.code)
        except TargetStoppedError as error:
            reading.stopped[name] = error
            shop.watcher.stopped(name, error)
    return reading


def _judged(shop: Workshop, restoration: Restoration, records: int) -> Plan:
    """The plan with what the guards say to it. What the operator lifts himself is no objection."""
    changes = restoration.changes
    evidence = shop.guardbook.evidence(changes, shop.clock.now(), shop.guards)
    refused = {p: r for p, r in evidence.refused.items() if p not in restoration.lift}
    judged = Guard(shop.guards, shop.mapping).judge(changes, replace(evidence, refused=refused))
    held = tuple(
        Held(change, one.rules, one.why)
        for change, found in zip(changes, judged.held, strict=True)
        for one in found
    )
    requests = count_requests(changes, shop.limits.batch_size)
    return Plan(
        tuple(changes),
        violations=judged.violations,
        held=held,
        estimate=Estimate(requests, requests / shop.limits.rate),
        looked=records,
        unchanged=records - len(changes),
    )


def exactly(shop: Workshop, way: WayBack, approved: Sequence[Mapping[str, object]]) -> WayBack:
    """The same way, but for every change that is not exactly among the approved ones."""
    wanted = {mark_of_json(change) for change in approved}
    moved = [c.key for c in way.plan.changes if mark_of(c) not in wanted]
    restoration = way.restoration.without(moved)
    plan = _judged(shop, restoration, way.plan.looked)
    return replace(way, plan=plan, restoration=restoration)
