"""A product at one look: what the catalogue wants beside what is in CRM and in Billing.

Fields of both targets stand in one row where they come from the same source of the catalogue. What
only one target has is shown with its record, unless it differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from trueup.domain.records import Kind, TargetName
from trueup.domain.threeway import same, who_moved
from trueup.views import words

if TYPE_CHECKING:
    from trueup.planner.mapping import FieldMap, FieldRule
    from trueup.views.product_fields import FieldLine, Plain, RecordSheet

# The record that speaks for a product at a target; the ones after it where it has no such field.
_SPEAKING: Final = (Kind.CRM_PRODUCT, Kind.BILLING_PLAN, Kind.BILLING_PRODUCT)
_ALIKE: Final = {"label": "name"}  # the same to a person
_AMOUNTS: Final = frozenset({"recurring", "setup", "item_rate"})


@dataclass(frozen=True, slots=True)
class SideRow:
    """One fact about a product, and its field at each target that has one."""

    name: str
    wanted: Plain
    is_amount: bool
    at: Mapping[TargetName, FieldLine]

    @property
    def differs(self) -> bool:
        """Whether some target says something else."""
        return any(line.differs for line in self.at.values())


def amounts(mapping: FieldMap) -> dict[Kind, frozenset[str]]:
    """The fields that hold money, by kind of record."""
    return {
        kind: frozenset(rule.field for rule in rules if _is_amount(rule))
        for kind, rules in mapping.rules.items()
    }


def side_by_side(records: Sequence[RecordSheet], mapping: FieldMap) -> list[SideRow]:
    """What both targets hold, and whatever differs, in the order of the mapping."""
    found: dict[str, dict[TargetName, FieldLine]] = {}
    money = amounts(mapping)
    named: dict[str, tuple[str, bool]] = {}
    for record in _speakers(records):
        kind = record.key.kind
        lines = _lines(record, records)
        for rule in mapping.rules[kind]:
            if not rule.source or rule.field not in lines:
                continue
            fact = _ALIKE.get(rule.source, rule.source)
            named.setdefault(fact, (words.field(rule.field), rule.field in money[kind]))
            found.setdefault(fact, {}).setdefault(kind.target, lines[rule.field])
    rows = (
        SideRow(named[fact][0], _wanted(at.values()), named[fact][1], at)
        for fact, at in found.items()
    )
    return [row for row in rows if row.differs or len(row.at) == len(TargetName)]


def _speakers(records: Sequence[RecordSheet]) -> list[RecordSheet]:
    """One record of each kind that speaks for the product: the one that stays."""
    found = []
    for kind in _SPEAKING:
        mine = [record for record in records if record.key.kind is kind and record.wanted]
        found += sorted(mine, key=lambda record: record.retiring)[:1]
    return found


def _lines(record: RecordSheet, records: Sequence[RecordSheet]) -> dict[str, FieldLine]:
    """Its fields; of a version that is not there yet, beside those that it takes over from."""
    lines = {line.name: line for line in record.lines}
    mine = [one for one in records if one.key.kind is record.key.kind and one.remote_id]
    if record.remote_id or not mine:
        return lines
    former = {line.name: line for line in mine[-1].lines}
    return {
        name: _instead(line, former[name]) if name in former else line
        for name, line in lines.items()
    }


def _instead(line: FieldLine, former: FieldLine) -> FieldLine:
    """What is wanted of the one beside what is there of the other."""
    differs = former.known and not same(former.there, line.wanted)
    moved = who_moved(line.name, former.there, line.wanted, {line.name: former.written})
    return replace(
        line,
        there=former.there,
        known=former.known,
        differs=differs,
        moved=moved if differs else None,
    )


def _wanted(lines: Iterable[FieldLine]) -> Plain:
    return next((line.wanted for line in lines if line.wanted is not None), None)


def _is_amount(rule: FieldRule) -> bool:
    return rule.source in _AMOUNTS or isinstance(rule.value, Decimal)
