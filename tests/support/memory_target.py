"""A `Target` in memory, faithful enough that the contract suite runs against it as well.

People edit it by hand (`add`, `edit`, `delete`), and it fails on demand (`fail`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from trueup.domain.changes import Action, Change
from trueup.domain.errors import (
    LostAnswerError,
    PausedError,
    RecordError,
    RejectedError,
    RetryableError,
    StaleError,
)
from trueup.domain.records import (
    ACTIVE,
    KINDS_OF,
    NAME,
    FieldSpec,
    FieldValue,
    Intent,
    Kind,
    RecordKey,
    Ref,
    RemoteRecord,
    Schema,
    TargetName,
)
from trueup.ports import Written

Fault = Literal["refuse", "throttle", "lost_before", "lost_after", "partial"]
Result = Written | RecordError

_CODES = {
    Kind.CRM_PRODUCT: "Product_Code",
    Kind.BILLING_PLAN: "plan_code",
    Kind.BILLING_ITEM: "sku",
}
# What the real target refuses twice. CRM's Product_Code is not unique (zoho-facts §2.5).
_UNIQUE = {
    Kind.BILLING_PRODUCT: ("name",),
    Kind.BILLING_PLAN: ("plan_code",),
    Kind.BILLING_ITEM: ("name", "sku"),
}
_FIELDS = {
    Kind.CRM_PRODUCT: (
        "Product_Name", "Product_Code", "Description", "Product_Category", "Unit_Price",
        "Product_Active", "ct_product_id", "ct_service_package_id", "ct_service_type",
        "ct_market_segment", "ct_provider", "ct_installation_fee", "ct_download_speed_mbps",
        "ct_upload_speed_mbps", "ct_contract_term_months", "ct_valid_from", "ct_valid_to",
    ),
    Kind.BILLING_PRODUCT: ("name", "description", "active"),
    Kind.BILLING_PLAN: (
        "plan_code", "name", "description", "recurring_price", "interval", "interval_unit",
        "billing_cycles", "setup_fee", "product_id", "active",
    ),
    Kind.BILLING_ITEM: ("name", "sku", "rate", "description", "active"),
}  # fmt: skip
_MONEY = ("Unit_Price", "recurring_price", "rate")
_LENGTHS = {"Product_Name": 50, "Product_Code": 40, "plan_code": 99, "name": 99}


def type_of(name: str) -> str:
    """What a target says of a field that holds money, and of any other."""
    return "currency" if name in _MONEY else "text"


@dataclass
class Stored:
    """One record; `foreign` are fields that nobody here manages."""

    kind: Kind
    fields: dict[str, FieldValue]
    version: int
    foreign: dict[str, Any] = field(default_factory=dict)


class MemoryTarget:
    """The `Target` of one name, without a wire."""

    def __init__(self, name: TargetName, *, batch_size: int = 20) -> None:
        self.name = name
        self.stored: dict[str, Stored] = {}
        self.requests = 0
        self.live: dict[str, int] | None = None  # subscriptions, where the target tells
        self.asked = 0
        self._batch_size = batch_size if name is TargetName.CRM else 1
        self._ids = itertools.count(1_000_001)
        self._versions = itertools.count(1)
        self._faults: list[Fault] = []

    # --- people and weather --------------------------------------------------------------------

    def fail(self, *faults: Fault) -> None:
        """The next calls of `apply` meet these, one each."""
        self._faults += faults

    def add(self, kind: Kind, fields: dict[str, FieldValue], **foreign: Any) -> str:
        """A record made by hand; returns its id."""
        complete = {ACTIVE[kind]: True} | fields
        remote_id = str(next(self._ids))
        if kind is Kind.BILLING_PLAN:
            remote_id = str(fields["plan_code"])
        self.stored[remote_id] = Stored(kind, complete, next(self._versions), foreign)
        return remote_id

    def edit(self, remote_id: str, **fields: FieldValue) -> None:
        """A hand edit."""
        self.stored[remote_id].fields |= fields
        self.stored[remote_id].version = next(self._versions)

    def delete(self, remote_id: str) -> None:
        """A hand deletion."""
        del self.stored[remote_id]

    # --- the port ------------------------------------------------------------------------------

    def schema(self) -> Schema:
        kinds = {
            kind: {n: FieldSpec(n, type_of(n), _LENGTHS.get(n)) for n in _FIELDS[kind]}
            for kind in KINDS_OF[self.name]
        }
        return Schema(kinds)

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        for remote_id, stored in list(self.stored.items()):
            if stored.kind is kind:
                yield _remote(remote_id, stored)

    def find(self, intents: Sequence[Intent]) -> list[RemoteRecord]:
        found = []
        for remote_id, stored in self.stored.items():
            record = _remote(remote_id, stored)
            if any(_could_be(record, intent) for intent in intents):
                found.append(record)
        return found

    def group(self, changes: Sequence[Change]) -> list[list[Change]]:
        groups: list[list[Change]] = []
        for change in changes:
            last = groups[-1] if groups else None
            fits = (
                last is not None
                and len(last) < self._batch_size
                and (last[0].action is Action.CREATE) is (change.action is Action.CREATE)
                and all(other.key != change.key for other in last)
            )
            if last is not None and fits:
                last.append(change)
            else:
                groups.append([change])
        return groups

    def apply(
        self, changes: Sequence[Change], remote_id: Callable[[RecordKey], str | None]
    ) -> list[Result]:
        fault = self._faults.pop(0) if self._faults else None
        self.requests += 1
        if fault == "throttle":
            raise PausedError(f"{self.name} answers that there were too many requests")
        if fault == "refuse":
            return [RejectedError("refused on demand", code="REFUSED") for _ in changes]
        if fault == "lost_before":
            return [LostAnswerError("no answer") for _ in changes]
        results: list[Result] = []
        for index, change in enumerate(changes):
            if fault == "partial" and index % 2:
                results.append(RejectedError("refused on demand", code="REFUSED"))
            else:
                results.append(self._one(change, remote_id))
        if fault == "lost_after":
            return [LostAnswerError("no answer") for _ in changes]
        return results

    def _one(self, change: Change, remote_id: Callable[[RecordKey], str | None]) -> Result:
        if change.action is Action.CREATE:
            return self._create(change, remote_id)
        for need in change.needs:
            if (lack := self._lacks(need.key.code, change)) is not None:
                return StaleError(f"waits for {need.key}: {lack}")
        stored = self.stored.get(change.remote_id)
        if stored is None:
            return RejectedError("the record is not there any more", code="GONE")
        if self.name is TargetName.CRM and change.version not in ("", str(stored.version)):
            return StaleError("the record was changed by somebody else meanwhile")
        if self.name is TargetName.BILLING:
            for name, delta in change.deltas.items():
                if stored.fields.get(name) not in (delta.before, delta.after):
                    return StaleError(f"{name} is neither what it was nor what it shall be")
        if change.deltas:
            stored.fields |= change.after
            stored.version = next(self._versions)
        return Written(change.remote_id)

    def _lacks(self, needed: str, change: Change) -> str | None:
        """What the plan that a change needs does not show; a plan's id is its code."""
        if needed not in self.stored:
            return "it is not there"
        fields = self.stored[needed].fields
        wrong = [n for n, values in change.stands.items() if fields.get(n) not in values]
        return f"its {wrong[0]} is {fields.get(wrong[0])}" if wrong else None

    def subscriptions(self, codes: Collection[str]) -> Mapping[str, int] | None:
        self.asked += 1
        if self.live is None:
            return None
        return {code: self.live[code] for code in codes if code in self.live}

    def _create(self, change: Change, remote_id: Callable[[RecordKey], str | None]) -> Result:
        kind, fields = change.key.kind, dict(change.after)
        for name, value in change.after.items():
            if isinstance(value, Ref):
                found = remote_id(value.key)
                if found is None:
                    return RetryableError(f"waits for {value.key}")
                fields[name] = found
        for name, value in fields.items():
            longest = _LENGTHS.get(name)
            if longest is not None and len(str(value)) > longest:
                return RejectedError(f"{name} is too long", code="TOO_LONG", field=name)
        for name in _UNIQUE.get(kind, ()):
            for other in self.stored.values():
                if other.kind is kind and fields.get(name) and other.fields[name] == fields[name]:
                    return RejectedError(f"{name} exists", code="TWICE", duplicate=True)
        return Written(self.add(kind, fields))


def _remote(remote_id: str, stored: Stored) -> RemoteRecord:
    fields = {name: stored.fields.get(name, "") for name in _FIELDS[stored.kind]}
    parent = str(fields.pop("product_id", "") or "")
    code = _CODES.get(stored.kind)
    return RemoteRecord(
        kind=stored.kind,
        remote_id=remote_id,
        code=str(stored.fields.get(code) or "") if code else "",
        fields=fields,
        own_id=str(stored.fields.get("ct_service_package_id") or ""),
        parent_id=parent,
        version=str(stored.version),
    )


def _could_be(record: RemoteRecord, intent: Intent) -> bool:
    if record.kind is not intent.key.kind:
        return False
    by_code = bool(record.code) and record.code == intent.key.code
    named = intent.name.strip().casefold() == str(record.fields[NAME[record.kind]]).casefold()
    # CRM and plans are looked up by code alone; products and items have no such address.
    return by_code or (named and record.kind in (Kind.BILLING_PRODUCT, Kind.BILLING_ITEM))
