"""Guards: what a plan must not do without a person, and what people have decided (spec §5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from trueup.domain.changes import Change
from trueup.domain.records import FieldValue, Kind, RecordKey, TargetName


class Rule(StrEnum):
    """Why a change waits for a person."""

    NO_PRICE = "no_price"  # the price would be zero, negative or missing
    PRICE_FALL = "price_fall"
    PRICE_RISE = "price_rise"
    MASS_CREATE = "mass_create"
    MASS_REPRICE = "mass_reprice"
    MASS_RETIRE = "mass_retire"
    TAKEOVER = "takeover"  # a record that we never wrote would be changed
    HAND_EDIT = "hand_edit"  # somebody changed a field whose policy is `report`
    SECOND_WRITER = "second_writer"  # somebody changes the field back again and again
    PRICE_STRATEGY = "price_strategy"  # price changes in Billing are to be held
    REJECTED = "rejected"  # a person said no, or took it back


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """The limits. Shares are fractions: 0.30 is thirty per cent; an edge itself still passes."""

    price_fall: Decimal = Decimal("0.30")
    price_rise: Decimal = Decimal("0.50")
    mass_share: Decimal = Decimal("0.30")
    mass_count: int = 10
    catalogue_loss: Decimal = Decimal("0.50")
    takeover: bool = True
    flips: int = 3
    flip_days: int = 7


# Where each rule is set; what has no setting cannot be switched off.
SETTING_OF: Mapping[Rule, str] = {
    Rule.NO_PRICE: "",
    Rule.PRICE_FALL: "guards.price_fall",
    Rule.PRICE_RISE: "guards.price_rise",
    Rule.MASS_CREATE: "guards.mass_share, guards.mass_count",
    Rule.MASS_REPRICE: "guards.mass_share, guards.mass_count",
    Rule.MASS_RETIRE: "guards.mass_share, guards.mass_count",
    Rule.TAKEOVER: "guards.takeover",
    Rule.HAND_EDIT: "mapping (policy report)",
    Rule.SECOND_WRITER: "guards.flips, guards.flip_days",
    Rule.PRICE_STRATEGY: "billing.price_changes",
    Rule.REJECTED: "",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A change, or the part of one, that waits for a person; `why` says it in words."""

    change: Change
    rules: tuple[Rule, ...]
    why: str

    @property
    def rejected(self) -> bool:
        """Whether a person has decided already, so that nobody is asked again."""
        return self.rules == (Rule.REJECTED,)


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken at one target, by how much, and by which products.

    `fingerprint` is that of the held changes, `changes` their number, `skus` a sample.
    """

    rule: Rule
    target: TargetName
    measure: str
    limit: str
    setting: str
    skus: tuple[str, ...]
    products: int
    changes: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that a person does not want on a field: rejected, or taken back."""

    value: FieldValue
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Flips:
    """How often we had to put a field back within the days that count, and against whom."""

    count: int
    editors: tuple[str, ...] = ()


FieldKey = tuple[RecordKey, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What judging a plan needs to know besides the plan.

    `products` counts the products with records of ours at each target; a target is `established`
    when all that was wanted there has once been created. `written` are the remote records that we
    have written or are bound to, `approved` the fingerprints of single changes.

    What waits already, until a person decides or it is not wanted any more: `waiting` are the rules
    that hold a single change, by its fingerprint, `paused` the fields held for a second writer.
    """

    products: Mapping[TargetName, int] = field(default_factory=dict)
    established: frozenset[TargetName] = frozenset()
    written: frozenset[tuple[Kind, str]] = frozenset()
    approved: frozenset[str] = frozenset()
    refused: Mapping[FieldKey, Refusal] = field(default_factory=dict)
    flips: Mapping[FieldKey, Flips] = field(default_factory=dict)
    waiting: Mapping[str, frozenset[Rule]] = field(default_factory=dict)
    paused: frozenset[FieldKey] = frozenset()
