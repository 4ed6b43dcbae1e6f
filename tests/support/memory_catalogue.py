"""A catalogue in memory: rows that a test may edit, add and remove between two runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from support.memory_ledger import MemoryLedger
from trueup.domain.package import OutlineRow, PackageRow
from trueup.ports import CatalogueEntry

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

    def entries(self, skus: Collection[str] = ()) -> Iterator[CatalogueEntry]:
        wanted = {sku.strip().casefold() for sku in skus}
        for row in self._ordered():
            if not wanted or (row.sku or "").strip().casefold() in wanted:
                raw = msgspec.json.encode(row) + self._salt
                states = self.ledger.states([row.id]).get(row.id, {})
                yield CatalogueEntry(row, blake2b(raw, digest_size=16).hexdigest(), states)

    def count(self) -> int:
        return len(self.rows)

    def _ordered(self) -> list[PackageRow]:
        return [self.rows[offering_id] for offering_id in sorted(self.rows)]
