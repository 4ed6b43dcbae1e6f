"""What a run wrote, taken back: pure, from its writes and the records as they are now.

    the run                  and now                                then
    changed a field          it is as the run left it               the value before the run
    changed a field          it is as it was before the run         nothing but the decision below
    changed a field          it is something else                   left, and listed
    created a record         it is active                           inactive: nothing is deleted
    retired a record         it is inactive                         active again
    put a new version on     the old one is inactive                the old one active, then the new
    sale                                                            one inactive

A revert sticks: the values that it takes away become refusals, so that the next run does not bring
them back. Taking a revert back lifts its refusals instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from trueup.domain.changes import Action, Change, FieldDelta, Reason
from trueup.domain.guards import FieldKey
from trueup.domain.past import LastWrite, PastWrite, Place
from trueup.domain.records import (
    ACTIVE,
    Binding,
    FieldValue,
    Kind,
    RecordKey,
    Ref,
    RemoteRecord,
)
from trueup.domain.threeway import same
from trueup.planner.swap import PRICE, PlanTurn, Swap, in_order, next_version, swaps


@dataclass(frozen=True, slots=True)
class Left:
    """What is not taken back, and why. Without a `name` it is the whole record.

    `wrote` is the value that the run wrote, `now` the one that is there.
    """

    key: RecordKey
    sku: str
    why: str
    name: str = ""
    wrote: FieldValue = None
    now: FieldValue = None


@dataclass(slots=True)
class Restoration:
    """What taking a run back comes to.

    `created` are records that the run made: they cannot be deleted, only made inactive. `refuse`
    are the values that must not come back, `lift` the fields on which a refusal ends; a record
    that was written under `other_keys` too (it was renamed) has them under each.
    """

    changes: list[Change] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    created: list[RecordKey] = field(default_factory=list)
    refuse: dict[FieldKey, FieldValue] = field(default_factory=dict)
    lift: set[FieldKey] = field(default_factory=set)
    other_keys: dict[RecordKey, RecordKey] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write and nothing to decide."""
        return not (self.changes or self.refuse or self.lift)

    def without(self, keys: Iterable[RecordKey]) -> Restoration:
        """The same, but for the records with these keys."""
        gone = set(keys)
        gone |= {other for other, key in self.other_keys.items() if key in gone}
        return Restoration(
            [change for change in self.changes if change.key not in gone],
            self.left,
            [key for key in self.created if key not in gone],
            {place: value for place, value in self.refuse.items() if place[0] not in gone},
            {place for place in self.lift if place[0] not in gone},
            {other: key for other, key in self.other_keys.items() if other not in gone},
        )


@dataclass(frozen=True, slots=True)
class Present:
    """How things stand now: what the targets hold, what we remember, and what people decided.

    `plan_codes` are the codes of plans that are taken, at least those of the products in question.
    """

    remotes: Mapping[Place, RemoteRecord]
    bindings: Sequence[Binding]
    last: Mapping[tuple[Place, str], LastWrite]
    refused: Mapping[FieldKey, FieldValue]
    plan_codes: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Written:
    """All that a run did to one remote record."""

    key: RecordKey
    sku: str
    owner: str
    keys: set[RecordKey] = field(default_factory=set)
    created: bool = False
    deltas: dict[str, FieldDelta] = field(default_factory=dict)
    reverted: set[str] = field(default_factory=set)  # fields that the run itself took back

    def add(self, write: PastWrite) -> None:
        """One more of its changes: of each field the first value before and the last after."""
        self.keys.add(write.key)
        self.created |= write.action is Action.CREATE
        for name, (before, after) in write.deltas.items():
            known = self.deltas.get(name)
            self.deltas[name] = FieldDelta(known.before if known else before, after)
            if write.reason is Reason.REVERTED:
                self.reverted.add(name)

    @property
    def back(self) -> Mapping[str, FieldDelta]:
        """The deltas to take back: of a record that the run made, that it is on sale at all."""
        if not self.created:
            return {n: d for n, d in self.deltas.items() if not same(d.before, d.after)}
        return {ACTIVE[self.key.kind]: FieldDelta(before=False, after=True)}


def place_of(write: PastWrite, bound: Mapping[RecordKey, str]) -> Place:
    """The remote record that was written; `bound` knows it where the answer did not come."""
    return write.key.kind, write.remote_id or bound.get(write.key, "")


def take_back(run_id: str, writes: Iterable[PastWrite], present: Present) -> Restoration:
    """What restores the records that a run wrote."""
    bound = {binding.key: binding.remote_id for binding in present.bindings}
    records: dict[Place, _Written] = {}
    for write in writes:
        place = place_of(write, bound)
        records.setdefault(place, _Written(write.key, write.sku, write.owner)).add(write)
    work = _TakingBack(run_id, present)
    for place, written in records.items():
        work.record(place, written)
    for swap in swaps(_turns(records)):
        work.swap(swap, records[swap.goes.place], records[swap.comes.place])
    work.result.changes = in_order(work.result.changes)
    return work.result


def _turns(records: Mapping[Place, _Written]) -> Iterator[PlanTurn]:
    """The plans that go on sale, or off it, when the run is taken back."""
    for place, written in records.items():
        active = written.back.get(ACTIVE[place[0]])
        if place[0] is Kind.BILLING_PLAN and active is not None:
            on_sale = active.before is True
            yield PlanTurn(place, written.key, written.owner, written.sku, on_sale)


class _TakingBack:
    """Goes through the records of one run."""

    def __init__(self, run_id: str, present: Present) -> None:
        self._run_id, self._present = run_id, present
        self._bound: dict[Place, Binding] = {
            (b.key.kind, b.remote_id): b for b in present.bindings if b.remote_id
        }
        self.result = Restoration()

    def record(self, place: Place, written: _Written) -> None:
        """Decide on one record."""
        binding, remote = self._bound.get(place), self._present.remotes.get(place)
        if remote is None or binding is None:
            self.result.left.append(Left(written.key, written.sku, _why_not(place, remote)))
            return
        written.keys.add(binding.key)
        others = written.keys - {binding.key}
        self.result.other_keys |= dict.fromkeys(others, binding.key)
        if written.created:
            self.result.created.append(binding.key)
        back: dict[str, FieldDelta] = {}
        settled: dict[str, FieldValue] = {}
        for name, (before, after) in written.back.items():
            why = self._why_left(place, name, FieldDelta(before, after), remote)
            if why:
                now = remote.fields.get(name)
                self.result.left.append(Left(binding.key, written.sku, why, name, after, now))
                continue
            restoring = not same(remote.fields[name], before)
            if restoring:
                back[name] = FieldDelta(remote.fields[name], before)
            else:
                settled[name] = before
            last = self._present.last.get((place, name))
            for key in written.keys:
                self._decide(
                    (key, name), FieldDelta(before, after), written, last, restoring=restoring
                )
        unknown = any(not same(binding.applied.get(n), v) for n, v in settled.items())
        if back or unknown:
            self.result.changes.append(_change(binding, remote, back, settled))

    def swap(self, swap: Swap, goes: _Written, comes: _Written) -> None:
        """Two versions of a plan change places: refuse the price of the one that goes, if any."""
        for key in goes.keys | comes.keys:
            self.result.refuse.pop((key, ACTIVE[key.kind]), None)
        remote = self._present.remotes.get(swap.goes.place)
        price = None if remote is None else remote.fields.get(PRICE)
        place: FieldKey = (next_version(swap.goes.sku, self._present.plan_codes), PRICE)
        if not swap.backwards:
            if place in self._present.refused:
                self.result.lift.add(place)
        elif remote is not None and price is not None:
            last = self._present.last.get((swap.goes.place, ACTIVE[remote.kind]))
            restoring = remote.fields.get(ACTIVE[remote.kind]) is True
            self._decide(place, FieldDelta(None, price), goes, last, restoring=restoring)
            if place in self.result.refuse:
                self.result.other_keys[place[0]] = swap.goes.key

    def _why_left(self, place: Place, name: str, delta: FieldDelta, remote: RemoteRecord) -> str:
        if isinstance(delta.before, Ref) or isinstance(delta.after, Ref):
            return "Zoho cannot move a record to another one"
        if name not in remote.fields:
            return "the field is not managed any more"
        now = remote.fields[name]
        if same(now, delta.before) or same(now, delta.after):
            return ""
        last = self._present.last.get((place, name))
        if last is not None and last.run_id != self._run_id and same(last.value, now):
            return f"changed since, by run {last.run_id}"
        return f"changed since, by {remote.editor or 'somebody at Zoho'}"

    def _decide(
        self,
        place: FieldKey,
        delta: FieldDelta,
        written: _Written,
        last: LastWrite | None,
        *,
        restoring: bool,
    ) -> None:
        """Refuse what the run wrote, or, where it was a revert, lift what it refused.

        A refusal that another revert left stays: the catalogue still wants that value. Where the
        field is restored already, there is something to refuse only if nobody else wrote it since.
        """
        known = place in self._present.refused
        refused = self._present.refused.get(place)
        if place[1] in written.reverted:
            if known and same(refused, delta.before):
                self.result.lift.add(place)
                return
            if not restoring:
                return
        if known and last is not None and last.reason is Reason.REVERTED:
            return
        if known and same(refused, delta.after):
            return
        if restoring or last is None or last.run_id == self._run_id:
            self.result.refuse[place] = delta.after


def _why_not(place: Place, remote: RemoteRecord | None) -> str:
    if not place[1]:
        return "it is not known whether it was made: `trueup run` finds out"
    return "it is gone" if remote is None else "it is not ours any more"


def _change(
    binding: Binding,
    remote: RemoteRecord,
    back: Mapping[str, FieldDelta],
    settled: Mapping[str, FieldValue],
) -> Change:
    """The step back; `settled` are fields that need no request, only to be remembered."""
    active = back.get(ACTIVE[remote.kind])
    retires = active is not None and active.after is not True
    restored = {name: delta.after for name, delta in back.items()}
    return Change(
        binding.key,
        Action.RETIRE if retires else Action.UPDATE,
        Reason.REVERTED,
        back,
        binding.slot,
        binding.owner,
        (binding.owner,) if binding.owner else (),
        binding.sku,
        remote_id=remote.remote_id,
        version=remote.version,
        fields={**binding.applied, **settled, **restored},
        applied=binding.applied,
        terms=binding.terms,
        editor=remote.editor,
    )
