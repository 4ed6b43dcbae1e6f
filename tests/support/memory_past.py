"""What runs wrote, in memory: the history of a `MemoryLedger` beside a `MemoryGuardbook`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.memory_guardbook import MemoryGuardbook
from support.memory_ledger import MemoryLedger
from support.workshop import Floor
from trueup.domain.changes import Action, Change, Outcome, Status
from trueup.domain.errors import LeaseLostError
from trueup.domain.guards import FieldKey
from trueup.domain.past import LastWrite, PastWrite, Place
from trueup.domain.records import FieldValue, RecordKey
from trueup.ports import Decision, Fence
from trueup.reconcile.reverting import RevertReport, revert
from trueup.reconcile.way_back import RevertOrder, WayBack, way_back

_REACHED = (Status.APPLIED, Status.UNKNOWN)


@dataclass
class MemoryPast:
    """The past as plain containers."""

    ledger: MemoryLedger
    guardbook: MemoryGuardbook
    signed: dict[str, str] = field(default_factory=dict)

    def writes(self, run_id: str) -> list[PastWrite]:
        found = []
        for place, (run, outcome) in enumerate(self.ledger.history):
            if run == run_id and outcome.status in _REACHED and not self._made_later(place):
                certain = outcome.status is Status.APPLIED
                found.append(_write(outcome.change, outcome.remote_id, certain=certain))
        opened = [o.change for o in self.ledger.open.values() if o.run_id == run_id and not o.lost]
        return found + [_write(change, "", certain=False) for change in opened]

    def last_writes(self, records: Collection[Place]) -> Mapping[tuple[Place, str], LastWrite]:
        found: dict[tuple[Place, str], LastWrite] = {}
        for run_id, outcome in self.ledger.history:
            change = outcome.change
            place = (change.key.kind, outcome.remote_id or change.remote_id)
            if outcome.status in _REACHED and place in records:
                for name, value in change.after.items():
                    found[place, name] = LastWrite(run_id, change.reason, value)
        return found

    def refused(self, keys: Collection[RecordKey]) -> Mapping[FieldKey, FieldValue]:
        found = self.guardbook.refused.items()
        return {place: refusal.value for place, refusal in found if place[0] in keys}

    def lift(self, fields: Collection[FieldKey], fence: Fence) -> None:
        self._check(fence)
        for place in fields:
            self.guardbook.refused.pop(place, None)

    def sign(self, run_id: str, by: str, fence: Fence) -> None:
        self._check(fence)
        self.signed[run_id] = by

    def _made_later(self, place: int) -> bool:
        outcome = self.ledger.history[place][1]
        lost = outcome.status is Status.UNKNOWN and outcome.change.action is Action.CREATE
        return lost and any(_made(later, outcome.change.key) for _, later in self._after(place))

    def _after(self, place: int) -> list[tuple[str, Outcome]]:
        return self.ledger.history[place + 1 :]

    def _check(self, fence: Fence) -> None:
        if self.ledger.epochs.get(fence.name, fence.epoch) != fence.epoch:
            raise LeaseLostError("the run lock was taken over")


def _made(outcome: Outcome, key: RecordKey) -> bool:
    create = outcome.change.action is Action.CREATE and outcome.change.key == key
    return create and outcome.status is Status.APPLIED


def _write(change: Change, remote_id: str, *, certain: bool) -> PastWrite:
    return PastWrite(
        change.key,
        change.action,
        change.reason,
        change.deltas,
        remote_id or change.remote_id,
        change.owner,
        change.sku,
        certain=certain,
    )


def past_of(floor: Floor) -> MemoryPast:
    """The past of a floor."""
    return MemoryPast(floor.ledger, floor.guardbook)


def take_back(floor: Floor, run_id: str, by: str = "Thandi", **order: Any) -> RevertReport:
    """Revert a run; an hour passes after it."""
    decision = Decision(by, order.pop("note", ""))
    report = revert(floor.shop, past_of(floor), RevertOrder(run_id, decision, **order), floor.brake)
    floor.clock.sleep(3600)
    return report


def look_back(floor: Floor, run_id: str, **order: Any) -> WayBack:
    """What reverting a run would do."""
    return way_back(floor.shop, past_of(floor), RevertOrder(run_id, Decision("Thandi"), **order))


def managed(floor: Floor) -> dict[Place, dict[str, FieldValue]]:
    """Every managed field of every record, as a target shows it; empty is None."""
    kinds = floor.shop.mapping.rules
    return {
        (kind, record.remote_id): {n: None if v == "" else v for n, v in record.fields.items()}
        for kind in kinds
        for record in floor.shop.targets[kind.target].records(kind)
    }
