"""Whose remote ids are, in memory, beside a `MemoryLedger`; a test puts the predecessor's in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from support.memory_ledger import MemoryLedger
from trueup.domain.records import ACTIVE, Binding, Kind
from trueup.domain.stored import StoredId


@dataclass
class MemoryIds:
    """What is remembered; `asked` counts how often the predecessor's ids were asked for."""

    ledger: MemoryLedger
    known: list[StoredId] = field(default_factory=list)
    asked: int = 0

    def stored(self, owners: Collection[str]) -> list[StoredId]:
        self.asked += 1
        return [one for one in self.known if one.owner in owners]

    def holder(self, kind: Kind, remote_id: str) -> Binding | None:
        held = (b for b in self.ledger.bound.values() if b.key.kind is kind)
        return next((b for b in held if b.remote_id == remote_id), None)

    def residents(self, reading: str, products: Collection[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for record in self.ledger.readings.get(reading, {}).values():
            on_sale = record.fields.get(ACTIVE[record.kind]) is not False
            if record.kind is Kind.BILLING_PLAN and on_sale and record.parent_id in products:
                found.setdefault(record.parent_id, []).append(record.remote_id)
        return found
