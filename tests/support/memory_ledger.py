"""A ledger in memory, kept honest by the contract suite that it shares with the one in Postgres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trueup.domain.changes import Action, Change, Outcome, Status
from trueup.domain.errors import LeaseLostError
from trueup.domain.records import (
    NAME,
    Binding,
    DesiredRecord,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Slot,
    TargetName,
    is_named_apart,
)
from trueup.domain.runs import ProductResult, ProductStatus, Run, RunState, Verdict
from trueup.domain.states import ProductState, Standing
from trueup.ports import Fence

LADDER = (300.0, 900.0, 3600.0, 14400.0, 86400.0)

_STANDING = {
    ProductStatus.OK: Standing.OK,
    ProductStatus.UNCHANGED: Standing.OK,
    ProductStatus.FAILED: Standing.FAILED,
    ProductStatus.HELD: Standing.HELD,
    ProductStatus.SKIPPED: Standing.SKIPPED,
}


def _key_of(text: str) -> str:
    return text.strip().casefold()


@dataclass
class _OpenIntent:
    intent: Intent
    run_id: str
    change: Change
    lost: bool = False


@dataclass
class MemoryLedger:
    """The ledger as plain containers; look into them freely.

    `catalogue` holds the ids that exist (a `MemoryCatalogue` keeps it up to date); `epochs` the
    epoch that may write, by lease name: names that it does not know are not fenced.
    """

    ladder: Sequence[float] = LADDER
    catalogue: set[str] = field(default_factory=set)
    epochs: dict[str, int] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    bound: dict[RecordKey, Binding] = field(default_factory=dict)
    open: dict[RecordKey, _OpenIntent] = field(default_factory=dict)
    history: list[tuple[str, Outcome]] = field(default_factory=list)
    settled: list[tuple[str, ProductResult]] = field(default_factory=list)
    standings: dict[str, dict[TargetName, ProductState]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    absences: dict[str, tuple[int, str]] = field(default_factory=dict)
    readings: dict[str, dict[tuple[Kind, str], RemoteRecord]] = field(default_factory=dict)

    # --- runs ------------------------------------------------------------------------------

    def begin(self, run: Run, fence: Fence) -> None:
        self._check(fence)
        dead = [r for r in self.runs.values() if r.state is RunState.RUNNING]
        for other in dead:
            self.runs[other.run_id] = replace(other, state=RunState.INTERRUPTED)
        last = max(dead, key=lambda r: r.started_at).run_id if dead else ""
        self.runs[run.run_id] = replace(run, resumes=run.resumes or last)

    def finish(self, run: Run, fence: Fence) -> None:
        self._check(fence)
        resumes = run.resumes or self.runs[run.run_id].resumes
        self.runs[run.run_id] = replace(run, resumes=resumes)

    def last_run(self) -> Run | None:
        ended = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.HELD)
        runs = [r for r in self.runs.values() if r.state in ended]
        return max(runs, key=lambda r: r.started_at, default=None)

    # --- what is remembered of records -----------------------------------------------------

    def bindings(self, owners: Collection[str], codes: Collection[RecordKey]) -> list[Binding]:
        wanted, keys = set(owners) - {""}, set(codes)
        return [b for b in self._bindings() if b.owner in wanted or b.key in keys]

    def some_bindings(self, kind: Kind, most: int) -> list[Binding]:
        ours = (b for b in self._bindings() if not b.key.code.startswith("moved:"))
        return [b for b in ours if b.key.kind is kind][:most]

    def shared_bindings(self) -> list[Binding]:
        return [b for b in self._bindings() if not b.owner and b.slot is Slot.DEVICE]

    def missing_owners(self) -> Iterator[tuple[str, int, list[Binding]]]:
        for owner in self._missing():
            missed, _ = self.absences.get(owner, (0, ""))
            bound = [b for b in self._bindings() if b.owner == owner]
            yield owner, missed, bound + [b for b in self._pending() if b.owner == owner]

    def note_absences(self, run_id: str, fence: Fence) -> None:
        self._check(fence)
        missing = self._missing()
        self.absences = {o: known for o, known in self.absences.items() if o in missing}
        for owner in missing:
            missed, counted = self.absences.get(owner, (0, ""))
            if counted != run_id:
                self.absences[owner] = (missed + 1, run_id)

    def intents(self, kinds: Collection[Kind]) -> list[Intent]:
        found = [known.intent for key, known in self.open.items() if key.kind in kinds]
        return sorted(found, key=lambda intent: (intent.key.kind.value, intent.key.code))

    def remote_id(self, key: RecordKey) -> str | None:
        binding = self.bound.get(key)
        return None if binding is None else binding.remote_id

    # --- readings --------------------------------------------------------------------------

    def observe(self, reading: str, kind: Kind, records: Iterable[RemoteRecord]) -> int:
        listed = list(records)
        kept = self.readings.setdefault(reading, {})
        kept.update({(kind, record.remote_id): record for record in listed})
        return len(listed)

    def candidates(
        self, reading: str, desired: Sequence[DesiredRecord], bindings: Sequence[Binding]
    ) -> list[RemoteRecord]:
        seen = self.readings.get(reading, {})
        found = {(b.key.kind, b.remote_id) for b in bindings} & set(seen)
        in_the_way = set()
        for wanted in desired:
            own = [b for b in bindings if (b.key.kind, b.remote_id) in seen and _is_its(b, wanted)]
            names = [seen[b.key.kind, b.remote_id].name for b in own]
            if own and not any(is_named_apart(wanted, name) for name in names):
                continue
            for place, record in seen.items():
                if self._could_be(record, wanted, seen.values()):
                    if self._is_free(record, wanted.key):
                        found.add(place)
                    elif not wanted.retiring and record.name and _same_name(record, wanted):
                        in_the_way.add(place)
        taken = [replace(seen[one], taken=True) for one in in_the_way - found]
        return sorted([seen[one] for one in found] + taken, key=lambda r: (r.kind, r.remote_id))

    def forget(self, reading: str) -> None:
        self.readings.pop(reading, None)

    # --- what a run writes -----------------------------------------------------------------

    def intend(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        self._check(fence)
        for change in changes:
            states = self.standings.get(change.owner, {})
            if change.target in states:
                states[change.target] = replace(states[change.target], revision="")
            if change.action is Action.CREATE:
                name = str(change.after.get(NAME[change.key.kind]) or "")
                intent = Intent(change.key, name, change.namesakes, change.owner)
                self.open[change.key] = _OpenIntent(intent, run_id, change)

    def record(self, outcomes: Sequence[Outcome], run_id: str, fence: Fence) -> None:
        self._check(fence)
        for outcome in outcomes:
            if outcome.status not in (Status.DEFERRED, Status.SKIPPED):
                self.history.append((run_id, outcome))
            self._close_intent(outcome, run_id)
        written = {o.change.key: o for o in outcomes if o.status is Status.APPLIED}
        if written:
            self._bind(list(written.values()))

    def settle(
        self, results: Sequence[ProductResult], run_id: str, fence: Fence, at: datetime
    ) -> None:
        self._check(fence)
        self.settled += [(run_id, result) for result in results]
        for result in results:
            for target, verdict in result.verdicts.items():
                if verdict.status in _STANDING:
                    known = self.standings[result.offering_id].get(target, ProductState())
                    state = self._settled(known, result.revision, verdict, at)
                    self.standings[result.offering_id][target] = state

    # --- what people do --------------------------------------------------------------------

    def release(
        self,
        owners: Collection[str],
        targets: Collection[TargetName] = tuple(TargetName),
        *,
        due: bool = True,
    ) -> int:
        touched = 0
        for owner in owners:
            states = self.standings.get(owner, {})
            for target in set(targets) & set(states):
                states[target] = _released(states[target], due=due)
                touched += 1
        return touched

    def rate_limited(self, owners: Collection[str], target: TargetName, message: str) -> None:
        """Nobody asks a memory ledger for it."""

    def states(self, owners: Collection[str]) -> dict[str, dict[TargetName, ProductState]]:
        return {o: dict(self.standings[o]) for o in owners if self.standings.get(o)}

    # --- inside ----------------------------------------------------------------------------

    def _check(self, fence: Fence) -> None:
        if self.epochs.get(fence.name, fence.epoch) != fence.epoch:
            raise LeaseLostError("the run lock was taken over")

    def _bindings(self) -> list[Binding]:
        return sorted(self.bound.values(), key=lambda b: (b.key.kind.value, b.key.code))

    def _missing(self) -> list[str]:
        owned = [*self.bound.values(), *self._pending()]
        return sorted({b.owner for b in owned if b.owner} - self.catalogue)

    def _pending(self) -> list[Binding]:
        """What creates of unknown outcome may have made."""
        changes = [known.change for known in self.open.values()]
        return [Binding(c.key, c.slot, "", c.owner, c.sku, {}) for c in changes]

    def _could_be(
        self, record: RemoteRecord, wanted: DesiredRecord, seen: Collection[RemoteRecord]
    ) -> bool:
        if record.kind is not wanted.key.kind:
            product = wanted.key.kind is Kind.BILLING_PRODUCT
            return (
                product and record.kind is Kind.BILLING_PLAN and record.code in self._plans(wanted)
            )
        names = set()
        if not wanted.retiring and _same_name(record, wanted):
            names.add(_key_of(record.name))
        if wanted.key in self.open:
            names.add(_key_of(self.open[wanted.key].intent.name))
        parents = {
            plan.parent_id
            for plan in seen
            if plan.kind is Kind.BILLING_PLAN and plan.code in self._plans(wanted)
        }
        return (
            (bool(record.own_id) and record.own_id == wanted.owner)
            or (bool(record.code) and record.code == wanted.key.code)
            or (_key_of(record.name) in names - {""})
            or (record.kind is Kind.BILLING_PRODUCT and record.remote_id in parents)
        )

    def _plans(self, wanted: DesiredRecord) -> set[str]:
        """The codes of a product's plan: its own, and those of the versions that are bound."""
        bound = self.bound.values()
        codes = {b.key.code for b in bound if b.owner == wanted.owner and b.slot is Slot.PLAN}
        return codes | {wanted.key.code} if wanted.owner else {wanted.key.code}

    def _is_free(self, record: RemoteRecord, key: RecordKey) -> bool:
        holders = [b for b in self.bound.values() if _same_record(b, record.kind, record.remote_id)]
        return all(b.key == key for b in holders)

    def _close_intent(self, outcome: Outcome, run_id: str) -> None:
        known = self.open.get(outcome.change.key)
        if known is None:
            return
        create = outcome.change.action is Action.CREATE
        if create and outcome.status is Status.UNKNOWN:
            known.lost = True
        elif outcome.status is Status.APPLIED or (
            create and known.run_id == run_id and not known.lost
        ):
            del self.open[outcome.change.key]

    def _bind(self, outcomes: Sequence[Outcome]) -> None:
        new = [
            Binding(c.key, c.slot, o.remote_id or c.remote_id, c.owner, c.sku, c.fields, c.terms)
            for o in outcomes
            for c in [o.change]
        ]
        before = dict(self.bound)
        written = {(b.key.kind, b.remote_id) for b in new}
        for binding in new:
            held = before.get(binding.key)
            if held is None or (held.key.kind, held.remote_id) in written:
                continue
            if held.owner not in ("", binding.owner):
                moved = RecordKey(held.key.kind, f"moved:{held.remote_id}")
                self.bound[moved] = replace(held, key=moved)
        for binding, outcome in zip(new, outcomes, strict=True):
            kind, remote_id = binding.key.kind, binding.remote_id
            last = [b for b in before.values() if _same_record(b, kind, remote_id)]
            if outcome.change.action in (Action.UPDATE, Action.RETIRE) and last:
                retired = outcome.change.action is Action.RETIRE
                fields = {**last[0].applied, **binding.applied} if retired else binding.applied
                terms = {**last[0].terms, **binding.terms}
                new[new.index(binding)] = replace(binding, applied=fields, terms=terms)
        gone = {b.key for b in self.bound.values() if (b.key.kind, b.remote_id) in written}
        self.bound = {key: b for key, b in self.bound.items() if key not in gone}
        self.bound.update({b.key: b for b in new})

    def _settled(
        self, known: ProductState, revision: str, verdict: Verdict, at: datetime
    ) -> ProductState:
        standing = _STANDING[verdict.status]
        failed = standing is Standing.FAILED
        failures = known.failures + 1 if failed else 0
        wait = self.ladder[min(failures, len(self.ladder)) - 1]
        return ProductState(
            standing,
            revision,
            known.verified_at if failed else at,
            at if standing is Standing.OK else known.last_success_at,
            at,
            failures,
            at + timedelta(seconds=wait) if failed else None,
            verdict.permanent,
            None if standing is Standing.OK else verdict.error,
        )


def _is_its(binding: Binding, record: DesiredRecord) -> bool:
    one = record.slot in (Slot.PRODUCT, Slot.INSTALLATION) and binding.slot is record.slot
    if one and record.owner and binding.key.kind is record.key.kind:
        return binding.owner == record.owner
    return binding.key == record.key and binding.owner in ("", record.owner)


def _same_record(binding: Binding, kind: Kind, remote_id: str) -> bool:
    return binding.key.kind is kind and binding.remote_id == remote_id


def _released(state: ProductState, *, due: bool) -> ProductState:
    free = replace(state, failures=0, next_attempt_at=None, quarantined=False)
    if due:
        return replace(free, standing=Standing.PENDING, revision="", verified_at=None)
    failed = state.standing is Standing.FAILED
    return replace(free, standing=Standing.PENDING) if failed else free


def _same_name(record: RemoteRecord, wanted: DesiredRecord) -> bool:
    same_kind = record.kind is wanted.key.kind
    name = str(wanted.fields.get(NAME[wanted.key.kind]) or "")
    return same_kind and _key_of(record.name) == _key_of(name)
