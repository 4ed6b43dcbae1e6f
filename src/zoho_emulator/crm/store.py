"""The Products records of one emulated organisation, their history and what people do to them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from zoho_emulator.clock import Clock
from zoho_emulator.crm.fields import Field, compose
from zoho_emulator.crm.index import SearchIndex, ValueIndex
from zoho_emulator.crm.options import CrmOptions
from zoho_emulator.ids import Ids

if TYPE_CHECKING:
    from zoho_emulator.crm.bulk_jobs import BulkJob
    from zoho_emulator.crm.paging import PageToken


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may own, create or change a record."""

    id: str
    name: str
    email: str

    def reference(self) -> dict[str, str]:
        """The user as Zoho shows one inside a record."""
        return {"name": self.name, "id": self.id, "email": self.email}

    def signature(self) -> dict[str, str]:
        """The user as the answer to a write names one (zoho-facts §2.4)."""
        return {"name": self.name, "id": self.id}


@dataclass(frozen=True, slots=True)
class Record:
    """One product. `values` holds what was written; None and absent are the same."""

    id: str
    values: Mapping[str, Any]
    created_at: datetime
    created_by: User
    modified_at: datetime
    modified_by: User


@dataclass(frozen=True, slots=True)
class Deletion:
    """What remains of a deleted record (zoho-facts §2.8)."""

    record: Record
    at: datetime
    by: User


class CrmStore:
    """All state of the CRM half. Reads are immediate; only `search` lags (zoho-facts §2.9)."""

    def __init__(self, options: CrmOptions, clock: Clock, ids: Ids, time_zone: str) -> None:
        self.options = options
        self.clock = clock
        self.ids = ids
        self.fields = compose(
            options.custom_fields, options.field_overrides, options.missing_fields
        )
        self.layouts = {name: _known(self.fields, names) for name, names in options.layouts.items()}
        if not self.layouts:
            raise ValueError("a module has at least one layout")
        self.field_ids = {name: ids.next() for name in self.fields}
        self.module_ids = {"Products": ids.next(), "Vendors": ids.next()}
        self.profile_id = ids.next()
        self.opened_at = self.now()
        self.api_user = User(ids.next(), "Catalogue Integration", "integration@harbour.example")
        self.person = User(ids.next(), "Thandi Example", "thandi@harbour.example")
        self.colleagues: dict[str, User] = {}
        self.made_fields: list[str] = []
        self.records: dict[str, Record] = {}
        self.deletions: list[Deletion] = []
        self.index = ValueIndex(self.fields.values())
        self.search = SearchIndex(options.search_delay)
        self.page_tokens: dict[str, PageToken] = {}
        self.uploads: dict[str, bytes] = {}
        self.jobs: dict[str, BulkJob] = {}
        self._zone = ZoneInfo(time_zone)
        self._orders: dict[tuple[str, bool], list[str]] = {}

    def now(self) -> datetime:
        """The emulated moment, to the second: Zoho keeps no fractions (zoho-facts §2)."""
        return self.clock.now().astimezone(UTC).replace(microsecond=0)

    def stamp(self, moment: datetime) -> str:
        """ISO 8601 with the organisation's offset and a colon (zoho-facts §2, §4.11)."""
        return moment.astimezone(self._zone).isoformat(timespec="seconds")

    def users(self) -> tuple[User, ...]:
        """Everybody with an account in the organisation."""
        return (self.api_user, self.person, *self.colleagues.values())

    def make_field(self, field: Field, field_id: str = "") -> str:
        """A custom field more; tells its id. Existing records have nothing in it."""
        self.fields[field.api_name] = field
        self.field_ids[field.api_name] = field_id or self.ids.next()
        self.made_fields.append(field.api_name)
        if field.enforced:
            self.index_on(field)
        return self.field_ids[field.api_name]

    def insert(self, values: Mapping[str, Any], by: User | None = None) -> Record:
        """Keep a new record; the values were checked by the caller."""
        author, now = by or self.api_user, self.now()
        kept = {"Owner": author.id, **{k: v for k, v in values.items() if v is not None}}
        record = Record(self.ids.next(), kept, now, author, now, author)
        self._keep(None, record)
        return record

    def update(self, record_id: str, changes: Mapping[str, Any], by: User | None = None) -> Record:
        """Lay `changes` over a record; None clears. Moves Modified_Time even if nothing differs."""
        before = self.records[record_id]
        merged = {k: v for k, v in {**before.values, **changes}.items() if v is not None}
        merged.setdefault("Owner", before.values["Owner"])  # somebody always owns a record
        after = replace(
            before, values=merged, modified_at=self.now(), modified_by=by or self.api_user
        )
        self._keep(before, after)
        return after

    def delete(self, record_id: str, by: User | None = None) -> Deletion:
        """Move a record to the recycle bin; raises `KeyError` for an unknown id."""
        record = self.records.pop(record_id)
        deletion = Deletion(record, self.now(), by or self.api_user)
        self.deletions.append(deletion)
        self.index.replace(record_id, record.values, {})
        self.search.note(self.clock.monotonic(), record_id, None)
        self._orders.clear()
        return deletion

    def conflicting(
        self, values: Mapping[str, Any], own_id: str | None
    ) -> tuple[Field, str] | None:
        """The first unique field whose value another record holds, and that record's id."""
        for name, value in values.items():
            field = self.fields[name]
            if field.enforced:
                others = [held for held in self.index.holders(field, value) if held != own_id]
                if others:
                    return field, others[0]
        return None

    def index_on(self, field: Field) -> None:
        """Make `index` answer for `field`, which queries ask for by value."""
        if not self.index.covers(field):
            self.index.cover(field, ((i, record.values) for i, record in self.records.items()))

    def ordered(self, sort_by: str, *, descending: bool) -> list[str]:
        """All record ids in the order asked for; the id breaks ties, so the order is total."""
        key = (sort_by, descending)
        if key not in self._orders:
            by_time = None if sort_by == "id" else lambda i: self.sort_key(i, sort_by)
            self._orders[key] = sorted(self.records, key=by_time)
            if descending:
                self._orders[key].reverse()
        return self._orders[key]

    def sort_key(self, record_id: str, sort_by: str) -> tuple[float, str]:
        """What a record is ordered by; ids have one length, so they compare as text."""
        record = self.records[record_id]
        moments = {"Created_Time": record.created_at, "Modified_Time": record.modified_at}
        moment = moments.get(sort_by)
        return (moment.timestamp() if moment else 0.0, record_id)

    def bin_contents(self) -> Iterator[tuple[Deletion, bool]]:
        """Deletions, newest first, and whether each has left the recycle bin for good."""
        life = timedelta(seconds=self.options.recycle_bin_life)
        for deletion in reversed(self.deletions):
            yield deletion, self.now() - deletion.at >= life

    def _keep(self, before: Record | None, after: Record) -> None:
        self.records[after.id] = after
        self.index.replace(after.id, before.values if before else {}, after.values)
        self.search.note(self.clock.monotonic(), after.id, after.values)
        if before is None:
            self._orders.clear()
        else:
            # The order by id, the one that long listings use, survives an update.
            for key in [key for key in self._orders if key[0] == "Modified_Time"]:
                del self._orders[key]

    # What the console may do: the acts of a person inside Zoho's own pages.

    def user_named(self, name: str) -> User:
        """The user of this name, with a new account if need be; "" is the token's own user.

        An id that follows from the name: another editor does not shift the ids of records.
        """
        if not name:
            return self.api_user
        found = next((user for user in self.users() if user.name == name), None)
        if found is None:
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
            slug = re.sub(r"\W+", ".", name.lower()).strip(".")
            found = User(f"{self.person.id[:9]}{number:010d}", name, f"{slug}@harbour.example")
            self.colleagues[name] = found
        return found

    def demand(self, layout: str, field: str, *, required: bool = True) -> None:
        """A layout demands a field, or does so no longer; raises `KeyError` for unknown ones."""
        if layout not in self.layouts:
            raise KeyError(f"Products has no layout {layout}")
        self._refuse_unknown({field: None})
        self.layouts[layout] -= {field}
        if required:
            self.layouts[layout] |= {field}

    def raw_records(self) -> list[dict[str, Any]]:
        """Every record as stored, with its history, newest id first."""
        return [
            {
                "id": record.id,
                **record.values,
                "Created_Time": self.stamp(record.created_at),
                "Created_By": record.created_by.name,
                "Modified_Time": self.stamp(record.modified_at),
                "Modified_By": record.modified_by.name,
            }
            for record in map(self.records.__getitem__, self.ordered("id", descending=True))
        ]

    def edit_by_person(
        self, record_id: str, changes: Mapping[str, Any], by: User | None = None
    ) -> Record:
        """Somebody changes a record by hand. Raises `KeyError` for unknown ids or fields."""
        self._refuse_unknown(changes)
        return self.update(record_id, changes, by=by or self.person)

    def delete_by_person(self, record_id: str) -> Deletion:
        """A colleague deletes a record by hand. Raises `KeyError` for an unknown id."""
        return self.delete(record_id, by=self.person)

    def add_foreign(self, values: Mapping[str, Any]) -> Record:
        """A colleague enters a product by hand. Raises `KeyError` for unknown fields."""
        self._refuse_unknown(values)
        return self.insert(values, by=self.person)

    def _refuse_unknown(self, values: Mapping[str, Any]) -> None:
        unknown = [name for name in values if name not in self.fields]
        if unknown:
            raise KeyError(f"Products has no field {unknown[0]}")


def _known(fields: Mapping[str, Field], names: Iterable[str]) -> frozenset[str]:
    for name in names:
        if name not in fields:
            raise ValueError(f"a layout demands {name}, which the organisation lacks")
    return frozenset(names)
