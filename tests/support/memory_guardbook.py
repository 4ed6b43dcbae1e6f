"""What guards know and people decided, in memory, beside a `MemoryLedger`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from support.memory_ledger import MemoryLedger
from trueup.domain.changes import Change, Outcome, Reason, Status
from trueup.domain.errors import LeaseLostError
from trueup.domain.guards import Evidence, FieldKey, Flips, GuardLimits, Held, Refusal, Rule
from trueup.domain.plan import mark_of
from trueup.domain.records import FieldValue, Kind, TargetName
from trueup.domain.states import ProductState, Standing
from trueup.domain.waiting import HeldState, refused_values
from trueup.domain.waiting import Waiting as Kept
from trueup.ports import Decision, Fence

_REACHED = (Status.APPLIED, Status.UNKNOWN)


@dataclass
class Waiting:
    """A held change and what was decided about it."""

    held: Held
    run_id: str
    state: str = "open"
    decision: Decision | None = None
    first_run: str = ""
    decided_at: datetime | None = None


@dataclass
class MemoryGuardbook:
    """The guardbook as plain containers; look into them freely."""

    ledger: MemoryLedger
    waiting: list[Waiting] = field(default_factory=list)
    established: dict[TargetName, str] = field(default_factory=dict)
    deciders: list[tuple[str, str]] = field(default_factory=list)
    refused: dict[FieldKey, Refusal] = field(default_factory=dict)
    refused_at: dict[FieldKey, datetime] = field(default_factory=dict)

    def evidence(self, changes: Sequence[Change], now: datetime, limits: GuardLimits) -> Evidence:
        held = [
            one.held
            for one in self.waiting
            if one.state == "open" or (one.state == "approved" and _expired(one.decision, now))
        ]
        return Evidence(
            products=self._products(),
            established=frozenset(self.established),
            written=(self._written() & {(c.key.kind, c.remote_id) for c in changes})
            | {(c.key.kind, c.remote_id) for c in changes if c.key in self.ledger.open},
            approved=frozenset(
                mark_of(one.held.change)
                for one in self.waiting
                if one.state == "approved" and not _expired(one.decision, now)
            ),
            refused=dict(self.refused),
            flips=self._flips(now - timedelta(days=limits.flip_days)),
            waiting={mark_of(one.change): frozenset(one.rules) for one in held},
            paused=frozenset(
                (one.change.key, name)
                for one in held
                if Rule.SECOND_WRITER in one.rules
                for name in one.change.deltas
            ),
        )

    def approve(self, held: Sequence[Held], run_id: str, fence: Fence, decision: Decision) -> None:
        self._check(fence)
        marks = {mark_of(one.change) for one in held}
        for one in self.waiting:
            if one.state == "rejected" and mark_of(one.held.change) in marks:
                one.state = "open"
        self._keep(held, run_id)
        self.deciders.append((run_id, decision.by))
        for one in self._open():
            if mark_of(one.held.change) in marks:
                self.let_pass(one, decision)

    def hold(self, held: Sequence[Held], run_id: str, fence: Fence) -> None:
        self._check(fence)
        self._keep([one for one in held if not one.rejected], run_id)

    def _keep(self, held: Sequence[Held], run_id: str) -> None:
        if not held:
            return
        run = self.ledger.runs.get(run_id)
        for one in self.waiting:
            if (
                run is not None
                and one.state == "approved"
                and _expired(one.decision, run.started_at)
            ):
                one.state, one.decision, one.decided_at = "open", None, None
        for new in held:
            mark, key = mark_of(new.change), new.change.key
            known = [w for w in self._open() if w.held.change.key == key]
            for other in known:
                overlap = other.held.change.deltas.keys() & new.change.deltas.keys()
                if overlap and mark_of(other.held.change) != mark:
                    other.state = "stale"
            same_one = [w for w in known if mark_of(w.held.change) == mark]
            for other in same_one:
                other.run_id = run_id
            if not same_one:
                self.waiting.append(Waiting(new, run_id, first_run=run_id))

    def let_pass(self, one: Waiting, decision: Decision) -> None:
        """A person approved it."""
        one.state, one.decision = "approved", decision
        for name in one.held.change.deltas:
            self.refused.pop((one.held.change.key, name), None)

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
            if self._in_order(one.held.change, since):
                written = any(self._carries(o, one.held.change) for _, o in self.ledger.history)
                one.state = "applied" if written else "stale"
        for key, name in list(self.refused):
            if self.refused_at.get((key, name), since) > since:
                continue
            bearers = [w.held.change for w in self.waiting if w.state == "rejected"]
            if any(c.key == key and self._in_order(c, since) for c in bearers):
                del self.refused[key, name]

    def lift(self, fields: Collection[FieldKey], fence: Fence) -> None:
        self._check(fence)
        for place in fields:
            self.refused.pop(place, None)

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

    def _in_order(self, change: Change, since: datetime) -> bool:
        state = self.ledger.standings.get(change.owner, {}).get(change.target)
        return state is not None and state.standing is Standing.OK and _since(state, since)

    @staticmethod
    def _carries(outcome: Outcome, change: Change) -> bool:
        written = outcome.change.deltas.items()
        return outcome.status is Status.APPLIED and change.deltas.items() <= written

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


@dataclass
class MemoryDecisions:
    """What people decide, in memory: a held change is named by its place in the guardbook."""

    book: MemoryGuardbook
    at: datetime

    def waiting(self) -> list[Kept]:
        return [one for one in self._all() if one.state in ("open", "approved")]

    def of_run(self, run_id: str) -> list[Kept]:
        return [
            one
            for one in self._all()
            if run_id in (one.first_run, one.last_run)
            and (
                one.state != "rejected"
                or one.depends
                or any((one.key, n) in self.book.refused for n in one.deltas)
            )
        ]

    def find(self, numbers: Collection[int]) -> list[Kept]:
        return [one for one in self._all() if one.number in numbers]

    def approve(self, seen: Sequence[Kept], decision: Decision) -> frozenset[int]:
        decided = self._decide(seen, "approved", decision, ("open", "approved", "rejected"))
        for number in decided:
            self.book.let_pass(self.book.waiting[number], decision)
        return decided

    def reject(self, seen: Sequence[Kept], decision: Decision) -> frozenset[int]:
        decided = self._decide(seen, "rejected", decision, ("open", "approved"))
        for place, value in refused_values([one for one in seen if one.number in decided]).items():
            self.book.refused[place] = Refusal(value, decision.by, decision.note)
            self.book.refused_at[place] = self.at
        return decided

    def outdate(self, numbers: Collection[int]) -> None:
        for number in numbers:
            if self.book.waiting[number].state == "approved":
                self.book.waiting[number].state = "stale"

    def _decide(
        self, seen: Sequence[Kept], state: str, decision: Decision, of: Collection[str]
    ) -> frozenset[int]:
        decided = set()
        for one in seen:
            now = self.book.waiting[one.number]
            if (now.state, now.decided_at) == (one.state, one.decided_at) and now.state in of:
                self.at += timedelta(microseconds=1)
                now.state, now.decision, now.decided_at = state, decision, self.at
                decided.add(one.number)
        return frozenset(decided)

    def _all(self) -> list[Kept]:
        return [self._kept(number, one) for number, one in enumerate(self.book.waiting)]

    def _kept(self, number: int, one: Waiting) -> Kept:
        change, said = one.held.change, one.decision
        return Kept(
            number,
            change.key,
            change.sku,
            change.owner,
            change.action,
            change.reason,
            change.deltas,
            mark_of(change),
            one.held.rules,
            one.held.why,
            HeldState(one.state),
            one.first_run,
            one.run_id,
            self.at,
            {n: v for n, v in change.applied.items() if n in change.deltas},
            change.remote_id,
            said.by if said else "",
            one.decided_at,
            said.note if said else "",
            said.expires_at if said else None,
            change.subscriptions,
        )
