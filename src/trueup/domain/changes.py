"""Changes, their reasons and outcomes, and what we declined to plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from trueup.domain.records import (
    ACTIVE,
    Fields,
    FieldValue,
    Kind,
    RecordKey,
    Ref,
    Slot,
    Stands,
    TargetName,
)
from trueup.domain.threeway import Moved, who_moved


class Action(StrEnum):
    """What is done to a record."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    RETIRE = "retire"


class Reason(StrEnum):
    """Why it is done."""

    MISSING = "missing"  # the target does not have it
    UNBOUND = "unbound"  # the target has it, but we never wrote it
    EDITED = "edited"  # the catalogue changed since we last wrote
    DRIFTED = "drifted"  # the target changed since we last wrote
    WITHDRAWN = "withdrawn"  # the product is no longer sold
    RETURNED = "returned"  # the product is sold again
    REPRICED = "repriced"  # a new version of a plan takes over from the one before
    REVERTED = "reverted"  # a person takes a run back


class FieldDelta(NamedTuple):
    """One field before and after."""

    before: FieldValue
    after: FieldValue


@dataclass(frozen=True, slots=True)
class Change:
    """One step from what is there to what should be.

    `remote_id` is empty for a create. The values before are the fields as they were read (the
    precondition), `fields` everything we want on the record (what the binding will remember).
    `applied` is what we last wrote on the record, or on the version that it takes over from;
    `terms` what the next version will be measured by; `needs` the records that must stand before
    this step and `stands` what they must show by then; `editor` who changed the record last, where
    the target tells. `ask` says why a person must be asked, and `subscriptions` how many live ones
    the plan has, or the one that it takes over from (None: not asked, or the target does not tell).
    """

    key: RecordKey
    action: Action
    reason: Reason
    deltas: Mapping[str, FieldDelta]
    slot: Slot
    owner: str
    users: tuple[str, ...]
    sku: str
    remote_id: str = ""
    version: str = ""
    fields: Fields = field(default_factory=dict)
    namesakes: frozenset[str] = frozenset()
    applied: Fields = field(default_factory=dict)
    terms: Fields = field(default_factory=dict)
    needs: tuple[Ref, ...] = ()
    editor: str = ""
    stands: Stands = field(default_factory=dict)
    ask: str = ""
    subscriptions: int | None = None

    @property
    def target(self) -> TargetName:
        """Where it is carried out."""
        return self.key.kind.target

    @property
    def after(self) -> dict[str, FieldValue]:
        """The new value of each field that changes."""
        return {name: delta.after for name, delta in self.deltas.items()}

    @property
    def writes(self) -> bool:
        """Whether a request is needed; adopting an equal record only binds it."""
        return bool(self.deltas)

    @property
    def refs(self) -> list[Ref]:
        """The records that must exist first."""
        return [d.after for d in self.deltas.values() if isinstance(d.after, Ref)] + [*self.needs]

    def moved(self, name: str) -> Moved | None:
        """Which side moved one of its fields since we last wrote; None for a new record."""
        if self.action is Action.CREATE:
            return None
        delta = self.deltas[name]
        return who_moved(name, delta.before, delta.after, self.applied)

    def only(self, names: frozenset[str]) -> Change:
        """The part of an update that writes these fields; the others stay as they were written."""
        kept = {name: delta for name, delta in self.deltas.items() if name in names}
        others = self.deltas.keys() - names
        fields = {name: value for name, value in self.fields.items() if name not in others}
        fields |= {name: self.applied[name] for name in others & self.applied.keys()}
        return replace(self, deltas=kept, fields=fields)

    @property
    def activates(self) -> bool | None:
        """True or false where the active field changes on an existing record, else None."""
        delta = self.deltas.get(ACTIVE[self.key.kind])
        return None if delta is None or self.action is Action.CREATE else bool(delta.after)


class FindingKind(StrEnum):
    """What a finding is about. One about money counts as held; the others fail nothing."""

    MONEY = "money"
    SKU = "sku"
    TEXT = "text"
    DATES = "dates"
    TERM = "term"
    DEVICE = "device"
    IDENTITY = "identity"
    FIELD = "field"
    PROMOTION = "promotion"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Finding:
    """What we declined to plan, said aloud. `blocks` are the targets that the product misses."""

    code: str
    kind: FindingKind
    sku: str
    message: str
    owner: str = ""
    blocks: frozenset[TargetName] = frozenset(TargetName)

    @property
    def held(self) -> bool:
        """Whether a person must look before the product may be written."""
        return self.kind is FindingKind.MONEY and bool(self.blocks)


class Status(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    STALE = "stale"
    SKIPPED = "skipped"  # waits for another record
    DEFERRED = "deferred"  # not tried in this run

    @property
    def is_failure(self) -> bool:
        """Whether the product did not get what it needed although it was tried."""
        return self in _FAILURES


_FAILURES = frozenset(
    {Status.REJECTED, Status.FAILED, Status.UNKNOWN, Status.STALE, Status.SKIPPED}
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change."""

    change: Change
    status: Status
    remote_id: str = ""
    detail: str = ""
    code: str = ""
    at: datetime | None = None

    @property
    def kind(self) -> Kind:
        """The kind of record."""
        return self.change.key.kind
