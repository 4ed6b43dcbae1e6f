"""The records of Billing, and what people do to them by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.clock import Clock
from zoho_emulator.ids import Ids
from zoho_emulator.organisation import Organisation
from zoho_emulator.wire import JsonDocument

RESOURCES = ("products", "plans", "addons", "items")
CODE_FIELDS = {"plans": "plan_code", "addons": "addon_code", "items": "sku"}
_INDEXED = ("name", "plan_code", "addon_code", "sku", "product_id")
Status = Literal["active", "inactive"]


@dataclass(slots=True)
class Record:
    """One stored object; `changed_by` is `api` or `person`."""

    id: str
    fields: JsonDocument
    created_at: datetime
    updated_at: datetime
    status: Status = "active"
    changed_by: str = "api"


@dataclass(slots=True)
class _Table:
    """The records of one resource, with the places where values are found again."""

    records: dict[str, Record] = field(default_factory=dict)
    index: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    version: int = 0


class BillingStore:
    """Products, plans, addons and items of one organisation. Every read sees every write."""

    def __init__(self, options: BillingOptions, clock: Clock, ids: Ids, org: Organisation) -> None:
        self.options = options
        self.org = org
        # Live and cancelled subscriptions by the id of their plan.
        self.subscriptions: dict[str, int] = {}
        self.cancelled: dict[str, int] = {}
        self.transactions: set[str] = set()
        self.listings: dict[object, list[Record]] = {}
        self._clock = clock
        self._ids = ids
        self._zone = ZoneInfo(org.time_zone)
        self._tables = {resource: _Table() for resource in RESOURCES}
        self.tax_authority_id = ids.next()
        self.tax_ids = (ids.next(), ids.next())

    def stamp(self, moment: datetime) -> str:
        """`2016-06-05T17:38:06-0700`: the organisation's zone, no colon (zoho-facts §3.1)."""
        return moment.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M:%S%z")

    def get(self, resource: str, record_id: str) -> Record | None:
        """The record of this id."""
        return self._tables[resource].records.get(record_id)

    def by_code(self, resource: str, code: str) -> Record | None:
        """The plan or addon addressed by exactly this code (zoho-facts §3.2)."""
        name = CODE_FIELDS[resource]
        return next((r for r in self.alike(resource, name, code) if r.fields[name] == code), None)

    def alike(self, resource: str, name: str, value: str) -> list[Record]:
        """Records with the same text in an indexed field, trimmed and without regard to case."""
        table = self._tables[resource]
        return [table.records[held] for held in sorted(table.index.get((name, _fold(value)), ()))]

    def all(self, resource: str) -> list[Record]:
        """All records, oldest first."""
        return list(self._tables[resource].records.values())

    def version(self, resource: str) -> int:
        """Grows with every change: an ordered listing may be kept until it does."""
        return self._tables[resource].version

    def insert(self, resource: str, fields: Mapping[str, Any], by: str = "api") -> Record:
        """Keep a new record; the fields were checked by the caller."""
        now = self._now()
        record = Record(self._ids.next(), dict(fields), now, now, changed_by=by)
        self.keep(resource, record)
        return record

    def keep(self, resource: str, record: Record) -> None:
        """Take in a record as it is."""
        self._tables[resource].records[record.id] = record
        self._reindex(resource, record, {}, record.fields)

    def update(
        self, resource: str, record: Record, fields: Mapping[str, Any], by: str = "api"
    ) -> None:
        """Replace a record's fields."""
        self._reindex(resource, record, record.fields, fields)
        record.fields = dict(fields)
        record.updated_at, record.changed_by = self._now(), by

    def set_status(self, resource: str, record: Record, status: Status, by: str = "api") -> None:
        """Mark a record active or inactive."""
        record.status = status
        record.updated_at, record.changed_by = self._now(), by
        self._tables[resource].version += 1

    def delete(self, resource: str, record: Record) -> None:
        """Remove a record for good."""
        self._reindex(resource, record, record.fields, {})
        del self._tables[resource].records[record.id]

    def counts(self) -> dict[str, int]:
        """How many records each resource holds."""
        return {resource: len(table.records) for resource, table in self._tables.items()}

    def _reindex(
        self, resource: str, record: Record, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        table = self._tables[resource]
        table.version += 1
        for name in _INDEXED:
            if isinstance(before.get(name), str):
                holders = table.index[name, _fold(before[name])]
                holders.discard(record.id)
                if not holders:
                    del table.index[name, _fold(before[name])]
            if isinstance(after.get(name), str):
                table.index[name, _fold(after[name])].add(record.id)

    def _now(self) -> datetime:
        return self._clock.now().astimezone(UTC).replace(microsecond=0)

    # What the console may do: the acts of a person inside Zoho's own pages.

    def find(self, resource: str, key: str) -> Record | None:
        """The record with this id, or with this code (plan code, addon code, item SKU)."""
        by_code = resource in CODE_FIELDS and self.by_code(resource, key)
        return self.get(resource, key) or by_code or None

    def raw_records(self, resource: str) -> list[JsonDocument]:
        """Every record as stored, oldest first."""
        return [
            {
                "id": record.id,
                **record.fields,
                "status": record.status,
                "created_time": self.stamp(record.created_at),
                "updated_time": self.stamp(record.updated_at),
                "changed_by": record.changed_by,
            }
            for record in self.all(resource)
        ]

    def add_foreign(self, resource: str, fields: Mapping[str, Any]) -> JsonDocument:
        """A person enters a record; `status` may be among the fields."""
        values = {name: value for name, value in fields.items() if name != "status"}
        record = self.insert(resource, values, by="person")
        if fields.get("status") == "inactive":
            record.status = "inactive"
        return {"id": record.id}

    def edit_by_person(self, resource: str, record_id: str, changes: Mapping[str, Any]) -> None:
        """A person changes a record. `status` is a field here; None removes a value."""
        record = self._tables[resource].records[record_id]
        merged = record.fields | {n: v for n, v in changes.items() if n != "status"}
        kept = {name: value for name, value in merged.items() if value is not None}
        self.update(resource, record, kept, by="person")
        if "status" in changes:
            self.set_status(resource, record, changes["status"], by="person")

    def delete_by_person(self, resource: str, record_id: str) -> None:
        """A person deletes a record, whatever hangs on it."""
        self.delete(resource, self._tables[resource].records[record_id])


def _fold(value: str) -> str:
    return value.strip().casefold()
