"""Field by field: what the catalogue wants, what we last wrote, and what was read there last.

Zoho is not asked for a page: every look costs requests. What is there is known from the newest of

    a look that a person asked for      everything was read: what no change names is as wanted
    a change that is held               its fields as the run that holds it read them
    a change that the target refused    its fields as they were before
    the last write                      as we wrote it; a product that agrees was compared since
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from trueup.domain.changes import Action
from trueup.domain.plan import value_as_json
from trueup.domain.records import NAME, DesiredRecord, Fields, Kind, RecordKey, is_named_apart
from trueup.domain.threeway import Moved, empty, same, who_moved
from trueup.planner.mapping import Policy
from trueup.postgres.product_sheet import Looked, Remembered, Tried

Plain: TypeAlias = str | int | bool | None


class How(StrEnum):
    """From what it is known what a record holds."""

    LOOKED = "looked"
    HELD = "held"
    REFUSED = "refused"
    WRITTEN = "written"
    NOTHING = "nothing"  # no record is known


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a record; `missing` says that there was none."""

    key: RecordKey
    at: datetime
    how: How
    before: Mapping[str, Plain] = field(default_factory=dict)
    missing: bool = False


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field. `known` says whether anybody ever saw what is there."""

    name: str
    wanted: Plain
    written: Plain
    there: Plain
    known: bool
    differs: bool
    moved: Moved | None = None
    ignored: bool = False  # it differs, and that is nobody's business (policy `fill`)


@dataclass(frozen=True, slots=True)
class RecordSheet:
    """One record of a product on all three sides."""

    key: RecordKey
    remote_id: str
    lines: Sequence[FieldLine]
    how: How
    read_at: datetime | None
    written_at: datetime | None
    run_id: str
    wanted: bool
    retiring: bool

    @property
    def differing(self) -> int:
        """How many fields differ."""
        return sum(1 for line in self.lines if line.differs)


def readings(tried: Iterable[Tried], looked: Looked | None) -> list[Reading]:
    """What is known to have been read, from what was left undone and from a look."""
    found = [
        Reading(
            one.key,
            one.read_at,
            How.HELD if one.word == How.HELD else How.REFUSED,
            {name: value_as_json(delta.before) for name, delta in one.deltas.items()},
        )
        for one in tried
    ]
    return found + ([] if looked is None else [_looked(c, looked) for c in looked.plan["changes"]])


def _looked(change: Mapping[str, Any], looked: Looked) -> Reading:
    key = RecordKey(Kind(change["kind"]), change["code"])
    before = {name: values[0] for name, values in change["deltas"].items()}
    missing = change["action"] == Action.CREATE
    return Reading(key, looked.at, How.LOOKED, before, missing=missing)


def lay_out(
    wanted: Sequence[DesiredRecord],
    known: Sequence[Remembered],
    read: Sequence[Reading],
    looked_at: datetime | None,
    policies: Mapping[Kind, Mapping[str, Policy]],
) -> list[RecordSheet]:
    """Every record that is wanted or remembered, in the order of their kinds."""
    desired = {record.key: record for record in wanted}
    bound = {one.binding.key: one for one in known}
    keys = dict.fromkeys([*desired, *bound])
    sheets = [
        _sheet(
            key, desired.get(key), bound.get(key), _newest(key, bound, read, looked_at), policies
        )
        for key in sorted(keys, key=lambda key: (list(Kind).index(key.kind), key.code))
    ]
    # A former version that was never made, and is not wanted either, is nothing to show.
    return [s for s in sheets if s.wanted or s.remote_id]


def _newest(
    key: RecordKey,
    bound: Mapping[RecordKey, Remembered],
    read: Sequence[Reading],
    looked_at: datetime | None,
) -> Reading | None:
    """The newest reading of a record, if it is newer than what we wrote."""
    mine = [one for one in read if one.key == key]
    if looked_at is not None and all(one.how is not How.LOOKED for one in mine):
        mine.append(Reading(key, looked_at, How.LOOKED))
    newest = max(mine, key=lambda one: one.at, default=None)
    written = bound[key].applied_at if key in bound else None
    if newest is None or (written is not None and newest.at < written):
        return None
    return newest


def _sheet(
    key: RecordKey,
    record: DesiredRecord | None,
    one: Remembered | None,
    reading: Reading | None,
    policies: Mapping[Kind, Mapping[str, Policy]],
) -> RecordSheet:
    fields = record.fields if record is not None else {}
    applied = _plain(one.binding.applied) if one is not None else {}
    wishes = _plain(fields)
    _keep_own_name(record, wishes, applied, reading)
    missing = reading is not None and reading.missing
    lines = [
        _line(name, wishes, applied, reading, policies[key.kind].get(name, Policy.ENFORCE))
        for name in dict.fromkeys([*wishes, *applied])
    ]
    how = How.WRITTEN if one is not None else How.NOTHING
    return RecordSheet(
        key,
        "" if one is None or missing else one.binding.remote_id,
        lines,
        how if reading is None else reading.how,
        None if reading is None else reading.at,
        None if one is None else one.applied_at,
        "" if one is None else one.run_id,
        wanted=record is not None and not (record.retiring and one is None),
        retiring=record is not None and record.retiring,
    )


def _plain(fields: Fields) -> dict[str, Plain]:
    return {name: value_as_json(value) for name, value in fields.items()}


def _keep_own_name(
    record: DesiredRecord | None,
    wishes: dict[str, Plain],
    applied: Mapping[str, Plain],
    reading: Reading | None,
) -> None:
    """A record that carries its code beside a name that somebody else had is as it should be."""
    if record is None or (name := NAME[record.key.kind]) not in wishes:
        return
    there = (reading.before if reading else {}).get(name, applied.get(name))
    if isinstance(there, str) and is_named_apart(record, there):
        wishes[name] = there


def _line(
    name: str,
    wishes: Mapping[str, Plain],
    applied: Mapping[str, Plain],
    reading: Reading | None,
    policy: Policy,
) -> FieldLine:
    written = applied.get(name)
    known, there = True, written
    if reading is not None and (name in reading.before or reading.missing):
        there = reading.before.get(name)
    elif reading is not None and reading.how is How.LOOKED and name in wishes:
        # Nothing was to be changed: it was as wanted.
        there = written if name in applied else wishes[name]
    elif name not in applied:
        known = False
    if name not in wishes:
        return FieldLine(name, None, written, there, known, differs=False)
    wanted = wishes[name]
    apart = known and not same(there, wanted)
    ours = policy is not Policy.FILL or empty(there)
    moved = who_moved(name, there, wanted, applied) if apart else None
    return FieldLine(
        name, wanted, written, there, known, apart and ours, moved, ignored=apart and not ours
    )
