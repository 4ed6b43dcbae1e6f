"""Records of a target in one vocabulary: what we want, what is there, what we remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias


class TargetName(StrEnum):
    """The places that hold a copy of the catalogue."""

    CRM = "crm"
    BILLING = "billing"

    # Enum's own is Python code, and these are part of every key that a million records pass.
    __hash__ = str.__hash__


class Kind(StrEnum):
    """The kinds of record that a product becomes, in the order in which they may be created."""

    CRM_PRODUCT = "crm_product"
    BILLING_PRODUCT = "billing_product"
    BILLING_PLAN = "billing_plan"
    BILLING_ITEM = "billing_item"

    __hash__ = str.__hash__

    @property
    def target(self) -> TargetName:
        """Where records of this kind live."""
        return TargetName.CRM if self is Kind.CRM_PRODUCT else TargetName.BILLING


KINDS_OF: Mapping[TargetName, tuple[Kind, ...]] = {
    target: tuple(kind for kind in Kind if kind.target is target) for target in TargetName
}

# The managed field that says whether a record is on sale, by kind.
ACTIVE: Mapping[Kind, str] = {
    kind: "Product_Active" if kind is Kind.CRM_PRODUCT else "active" for kind in Kind
}

# The managed field that a person reads as the record's name, by kind.
NAME: Mapping[Kind, str] = {
    kind: "Product_Name" if kind is Kind.CRM_PRODUCT else "name" for kind in Kind
}


@dataclass(frozen=True, slots=True)
class RecordKey:
    """Business identity of a record, never a remote id; prints as `billing_plan/FIB-100`."""

    kind: Kind
    code: str

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.code}"


@dataclass(frozen=True, slots=True)
class Ref:
    """The id that another record has, or will have; resolved when a change is applied."""

    key: RecordKey

    def __str__(self) -> str:
        return f"id of {self.key}"


# Money is a Decimal with two places and dates are ISO text: equality is `==`, JSON keeps it.
FieldValue: TypeAlias = str | Decimal | int | bool | Ref | None
Fields: TypeAlias = Mapping[str, FieldValue]
# What a record must show: one of these values in each of these fields.
Stands: TypeAlias = Mapping[str, tuple[FieldValue, ...]]


class Slot(StrEnum):
    """The part that a record plays for its product.

    A product has one record in each slot but `device`. The code of a plan is permanent; in the
    other slots a renamed product keeps its records, so they are remembered by owner and slot.
    """

    PRODUCT = "product"
    PLAN = "plan"
    INSTALLATION = "installation"
    DEVICE = "device"

    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True)
class DesiredRecord:
    """What the catalogue implies for one record: the managed fields and nothing else.

    A retiring record wants only its active field to be false, and is never created.
    `terms` is what its next version will be measured by, `previous` what was written on the version
    that it takes over from, `needs` the records that must stand before it may go and `stands` what
    they must show by then, each field one of several values. `restated` are the terms that an
    update changes, `ask` says why a person is to be asked before it is made.
    `owner` is the offering that it belongs to, empty for a device shared by several; `users` are
    all offerings that need it; `sku` is the product under which it is reported.
    """

    key: RecordKey
    slot: Slot
    fields: Fields
    owner: str
    users: tuple[str, ...]
    sku: str
    retiring: bool = False
    terms: Fields = field(default_factory=dict)
    previous: Fields = field(default_factory=dict)
    needs: tuple[Ref, ...] = ()
    stands: Stands = field(default_factory=dict)
    restated: Fields = field(default_factory=dict)
    ask: str = ""


def is_named_apart(record: DesiredRecord, name: str) -> bool:
    """Whether a remote name carries the code besides the wanted name, which somebody else had."""
    wanted = record.fields.get(NAME[record.key.kind])
    return isinstance(wanted, str) and name == f"{wanted} [{record.key.code}]"


@dataclass(frozen=True, slots=True)
class RemoteRecord:
    """What a target holds, already normalised at the door.

    `code` is the business code that it carries (may be empty), `own_id` our offering id where the
    target carries it, `parent_id` the remote id of the record that it belongs to (a plan's
    product), `version` changes whenever the record does and `editor` is who changed it last, as far
    as the target tells. One that is `taken` is bound to something else than what was asked for: it
    only occupies its name.
    """

    kind: Kind
    remote_id: str
    code: str
    fields: Fields
    own_id: str = ""
    parent_id: str = ""
    version: str = ""
    taken: bool = False
    editor: str = ""

    @property
    def name(self) -> str:
        """The name that a person sees."""
        return str(self.fields.get(NAME[self.kind]) or "")


@dataclass(frozen=True, slots=True)
class Binding:
    """The ledger's memory of one record: which remote id it has and what we last wrote.

    `terms` is what it was created or adopted with (a plan: price, contract term, VAT basis); an
    update leaves them alone, but for the basis when it writes a price in another one.
    """

    key: RecordKey
    slot: Slot
    remote_id: str
    owner: str
    sku: str
    applied: Fields
    terms: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """A create that was sent and whose answer has not been recorded.

    `namesakes` are the remote ids that carried the same name before it was sent: a record with
    that name and another id can only be ours.
    """

    key: RecordKey
    name: str
    namesakes: frozenset[str] = frozenset()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What a target says about one of its fields."""

    name: str
    data_type: str = "text"
    max_length: int | None = None
    writable: bool = True
    unique: bool = False
    mandatory: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of each kind as the target describes them; `details` is for reports."""

    kinds: Mapping[Kind, Mapping[str, FieldSpec]]
    details: Mapping[str, Any] = field(default_factory=dict)

    def has(self, kind: Kind, name: str) -> bool:
        """Whether the target has such a field and lets us write it."""
        spec = self.kinds[kind].get(name)
        return spec is not None and spec.writable
