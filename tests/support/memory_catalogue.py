"""A catalogue in memory: rows that a test may edit, add and remove between two runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from support.memory_ledger import MemoryLedger
from trueup.domain.package import OutlineRow, PackageRow
from trueup.domain.records import ACTIVE, KINDS_OF, Binding, RemoteRecord, Slot, TargetName
from trueup.ports import CatalogueEntry, Glance

_BLANK: dict[str, Any] = {field.name: None for field in msgspec.structs.fields(PackageRow)}
_OUTLINE = [field.name for field in msgspec.structs.fields(OutlineRow)]


def a_row(offering_id: str, **columns: Any) -> PackageRow:
    """A row with these columns; the others are empty."""
    return PackageRow(**{**_BLANK, "status": "active", "id": offering_id, **columns})


class MemoryCatalogue:
    """Rows by id, with the standings that a memory ledger remembers."""

    def __init__(
        self,
        rows: Iterable[PackageRow] = (),
        ledger: MemoryLedger | None = None,
        *,
        digest_salt: str = "",
    ) -> None:
        self.ledger = ledger if ledger is not None else MemoryLedger()
        self.rows: dict[str, PackageRow] = {}
        self._salt = digest_salt.encode()
        for row in rows:
            self.put(row)

    def put(self, row: PackageRow) -> None:
        """Add or replace a row."""
        self.rows[row.id] = row
        self.ledger.catalogue.add(row.id)

    def edit(self, offering_id: str, **columns: Any) -> None:
        """Change columns of a row."""
        self.put(msgspec.structs.replace(self.rows[offering_id], **columns))

    def remove(self, offering_id: str) -> None:
        """Take a row out."""
        del self.rows[offering_id]
        self.ledger.catalogue.discard(offering_id)

    def outline(self) -> Iterator[OutlineRow]:
        for row in self._ordered():
            yield OutlineRow(**{name: getattr(row, name) for name in _OUTLINE})

    def entries(
        self, skus: Collection[str] = (), glance: Glance | None = None
    ) -> Iterator[CatalogueEntry]:
        wanted = {sku.strip().casefold() for sku in skus}
        for row in self._ordered():
            if not wanted or (row.sku or "").strip().casefold() in wanted:
                raw = msgspec.json.encode(row) + self._salt
                states = self.ledger.states([row.id]).get(row.id, {})
                revision = blake2b(raw, digest_size=16).hexdigest()
                yield CatalogueEntry(row, revision, states, self._intact(row.id, glance))

    def _intact(self, offering_id: str, glance: Glance | None) -> frozenset[TargetName]:
        """Where the row has one record of each kind, as it was written and read back."""
        if glance is None:
            return frozenset()
        seen = self.ledger.readings.get(glance.reading, {})
        mine = [b for b in self.ledger.bound.values() if b.owner == offering_id]
        found: set[TargetName] = set()
        for target, kinds in KINDS_OF.items():
            held = sorted(
                (b for b in mine if b.key.kind.target is target), key=lambda b: b.key.kind
            )
            if [b.key.kind for b in held] == sorted(kinds) and all(
                kind in glance.enforced for kind in kinds
            ):
                pairs = [(b, seen.get((b.key.kind, b.remote_id))) for b in held]
                if all(record is not None and _whole(b, record, glance) for b, record in pairs):
                    found.add(target)
        return frozenset(found)

    def count(self) -> int:
        return len(self.rows)

    def _ordered(self) -> list[PackageRow]:
        return [self.rows[offering_id] for offering_id in sorted(self.rows)]


def _whole(binding: Binding, record: RemoteRecord, glance: Glance) -> bool:
    kind, applied = binding.key.kind, dict(binding.applied)
    filled = glance.filled[kind]
    return (
        binding.slot is not Slot.DEVICE
        and not binding.key.code.startswith("moved:")
        and applied.get(ACTIVE[kind]) is True
        and set(glance.enforced[kind]) <= applied.keys()
        and all(record.fields.get(name) not in (None, "") for name in filled)
        and {n: v for n, v in applied.items() if n not in filled}
        == {n: v for n, v in record.fields.items() if n not in filled}
    )
