"""What guards know and people decided, in memory, beside a `MemoryLedger`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from support.memory_ledger import MemoryLedger
from trueup.domain.changes import Change, Reason, Status
from trueup.domain.errors import LeaseLostError
from trueup.domain.guards import Evidence, FieldKey, Flips, GuardLimits, Held, Refusal
from trueup.domain.plan import mark_of
from trueup.domain.records import FieldValue, Kind, TargetName
from trueup.domain.states import ProductState, Standing
from trueup.ports import Decision, Fence

_REACHED = (Status.APPLIED, Status.UNKNOWN)


@dataclass
class Waiting:
    """A held change and what was decided about it."""

    held: Held
    run_id: str
    state: str = "open"
    decision: Decision | None = None


@dataclass
class MemoryGuardbook:
    """The guardbook as plain containers; look into them freely."""

    ledger: MemoryLedger
    waiting: list[Waiting] = field(default_factory=list)
    established: dict[TargetName, str] = field(default_factory=dict)
    deciders: list[tuple[str, str]] = field(default_factory=list)
    refused: dict[FieldKey, Refusal] = field(default_factory=dict)

    def evidence(self, changes: Sequence[Change], now: datetime, limits: GuardLimits) -> Evidence:
        return Evidence(
            products=self._products(),
            established=frozenset(self.established),
            written=self._written() & {(c.key.kind, c.remote_id) for c in changes},
            approved=frozenset(
                mark_of(one.held.change)
                for one in self.waiting
                if one.state == "approved" and not _expired(one.decision, now)
            ),
            refused=dict(self.refused),
            flips=self._flips(now - timedelta(days=limits.flip_days)),
        )

    def approve(self, held: Sequence[Held], run_id: str, fence: Fence, decision: Decision) -> None:
        self.hold(held, run_id, fence)
        marks = {mark_of(one.change) for one in held}
        self.deciders.append((run_id, decision.by))
        for one in self.waiting:
            if mark_of(one.held.change) in marks and one.state == "open":
                one.state, one.decision = "approved", decision
        for held_one in held:
            for name in held_one.change.deltas:
                self.refused.pop((held_one.change.key, name), None)

    def hold(self, held: Sequence[Held], run_id: str, fence: Fence) -> None:
        self._check(fence)
        for one in held:
            mark, key = mark_of(one.change), one.change.key
            known = [w for w in self._open() if w.held.change.key == key]
            for other in known:
                if mark_of(other.held.change) != mark:
                    other.state = "stale"
            same = [w for w in known if mark_of(w.held.change) == mark]
            for other in same:
                other.run_id = run_id
            if not same and not one.rejected:
                self.waiting.append(Waiting(one, run_id))

    def passed(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        self._check(fence)
        for change in changes:
            for one in self._open():
                if one.held.change.key == change.key:
                    covered = one.held.change.deltas.keys() <= change.deltas.keys()
                    one.state = "applied" if covered else one.state
                    one.run_id = run_id

    def tidy(self, since: datetime, fence: Fence) -> None:
        self._check(fence)
        for one in self._open():
            change = one.held.change
            state = self.ledger.standings.get(change.owner, {}).get(change.target)
            if state is not None and state.standing is Standing.OK and _since(state, since):
                one.state = "stale"

    def establish(self, targets: Collection[TargetName], run_id: str, fence: Fence) -> None:
        self._check(fence)
        self.established.update(dict.fromkeys(targets, run_id))

    def refuse(
        self,
        values: Mapping[FieldKey, FieldValue],
        run_id: str,
        fence: Fence,
        decision: Decision,
    ) -> None:
        self._check(fence)
        self.deciders.append((run_id, decision.by))
        for place, value in values.items():
            self.refused[place] = Refusal(value, decision.by, decision.note)

    def decide(self, state: str, decision: Decision) -> None:
        """A person decides on everything that is open."""
        for one in self._open():
            one.state, one.decision = state, decision

    def _check(self, fence: Fence) -> None:
        if self.ledger.epochs.get(fence.name, fence.epoch) != fence.epoch:
            raise LeaseLostError("the run lock was taken over")

    def _open(self) -> list[Waiting]:
        return [one for one in self.waiting if one.state in ("open", "approved")]

    def _products(self) -> dict[TargetName, int]:
        bound = self.ledger.bound.values()
        return {
            target: len({b.owner for b in bound if b.owner and b.key.kind.target is target})
            for target in TargetName
        }

    def _written(self) -> frozenset[tuple[Kind, str]]:
        bound = {(b.key.kind, b.remote_id) for b in self.ledger.bound.values()}
        reached = {
            (o.kind, o.remote_id or o.change.remote_id)
            for _, o in self.ledger.history
            if o.status in _REACHED
        }
        return frozenset(bound | reached)

    def _flips(self, since: datetime) -> dict[FieldKey, Flips]:
        found: dict[FieldKey, Flips] = {}
        for _, outcome in self.ledger.history:
            change = outcome.change
            recent = outcome.at is not None and outcome.at >= since
            if outcome.status is not Status.APPLIED or change.reason is not Reason.DRIFTED:
                continue
            for name in change.deltas if recent else ():
                known = found.get((change.key, name), Flips(0))
                editors = tuple(sorted({*known.editors, change.editor} - {""}))
                found[change.key, name] = replace(known, count=known.count + 1, editors=editors)
        return found


def _since(state: ProductState, when: datetime) -> bool:
    return state.verified_at is not None and state.verified_at >= when


def _expired(decision: Decision | None, now: datetime) -> bool:
    return decision is not None and decision.expires_at is not None and decision.expires_at <= now
