"""Desired and remote records, and what we remember of them, become changes with reasons.

Three states are compared: what we last wrote (the binding), what is there now, and what is wanted.

    wanted  there    bound   fields        change
    yes     no       -       -             create    missing
    yes     yes      no      any           adopt     unbound    (no request when all fields agree)
    yes     yes      yes     differ        update    edited     when what is wanted has changed
                                           update    drifted    when it has not
                                           update    returned   when it is put on sale again
    yes     yes      yes     equal         none
    no      yes      any     active        retire    withdrawn
    no      no       any     -             none
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from trueup.domain.changes import Action, Change, FieldDelta, Finding, FindingKind, Reason
from trueup.domain.records import ACTIVE, NAME, DesiredRecord, Fields, Kind
from trueup.domain.threeway import empty, same
from trueup.planner.identity import Identity, Match
from trueup.planner.mapping import Policy
from trueup.planner.rivals import describe_rivals

Policies = Mapping[Kind, Mapping[str, Policy]]
_CORRECTED = frozenset({Policy.ENFORCE, Policy.REPORT})
_UNIQUE_NAMES = frozenset({Kind.BILLING_PRODUCT, Kind.BILLING_ITEM})


class Comparison(NamedTuple):
    """What comparing one record gave: a change, or a finding, or agreement."""

    change: Change | None
    finding: Finding | None


def compare_record(record: DesiredRecord, identity: Identity, policies: Policies) -> Comparison:
    """The change that one record needs, a finding when it cannot be told apart, or neither."""
    match = identity.match(record)
    if match.rivals:
        return Comparison(None, _ambiguous(record, match))
    record, match = _named_apart(record, match, identity)
    if match.remote is None:
        return Comparison(None if record.retiring else _create(record, match), None)
    deltas = field_deltas(record.fields, match.remote.fields, policies[record.key.kind])
    return Comparison(_existing(record, match, deltas), None)


def _named_apart(
    record: DesiredRecord, match: Match, identity: Identity
) -> tuple[DesiredRecord, Match]:
    """Where a record that is not ours has the name, a new one of ours carries its code as well.

    Billing wants unique names also among what was withdrawn, deleted from the catalogue or made by
    somebody else. A record that carries its code keeps it while the name is taken.
    """
    kind = record.key.kind
    if record.retiring or kind not in _UNIQUE_NAMES or NAME[kind] not in record.fields:
        return record, match
    if match.remote is not None and not match.remote.name.endswith(f" [{record.key.code}]"):
        return record, match
    name = str(record.fields[NAME[kind]])
    apart = f"{name} [{record.key.code}]"
    if match.remote is None:
        others, kept = match.namesakes, True
    else:
        others = identity.named(kind, name) - {match.remote.remote_id}
        kept = match.remote.name == apart
    if not others or not kept:
        return record, match
    renamed = replace(record, fields={**record.fields, NAME[kind]: apart})
    return renamed, replace(match, namesakes=identity.named(kind, apart))


def _existing(record: DesiredRecord, match: Match, deltas: dict[str, FieldDelta]) -> Change | None:
    if record.retiring:
        return _retire(record, match, deltas)
    if (
        match.binding is None
        or match.remote is None
        or match.binding.remote_id != match.remote.remote_id
    ):
        return _change(record, match, Action.ADOPT, Reason.UNBOUND, deltas)
    if not deltas and match.binding.key == record.key:
        return None
    return _change(record, match, Action.UPDATE, _why(record, match, deltas), deltas)


def field_deltas(
    wanted: Fields, there: Fields, policies: Mapping[str, Policy]
) -> dict[str, FieldDelta]:
    """The fields that differ and are ours to change. A field that was not read is not compared."""
    deltas = {}
    for name, after in wanted.items():
        if name not in there:
            continue
        before = there[name]
        if same(before, after):
            continue
        policy = policies.get(name, Policy.ENFORCE)
        if policy in _CORRECTED or (policy is Policy.FILL and empty(before)):
            deltas[name] = FieldDelta(before, after)
    return deltas


def _create(record: DesiredRecord, match: Match) -> Change:
    deltas = {name: FieldDelta(None, v) for name, v in record.fields.items() if not empty(v)}
    return Change(
        record.key,
        Action.CREATE,
        Reason.REPRICED if record.previous else Reason.MISSING,
        deltas,
        record.slot,
        record.owner,
        record.users,
        record.sku,
        fields=record.fields,
        namesakes=match.namesakes,
        applied=record.previous,
        terms=record.terms,
        ask=record.ask,
    )


def _retire(record: DesiredRecord, match: Match, deltas: dict[str, FieldDelta]) -> Change | None:
    """Only what is on sale is retired; what we cannot read as active is left alone.

    A former version that is inactive already, and that we remember as on sale because the answer
    to its retirement was lost, is only remembered as it is.
    """
    why = Reason.REPRICED if record.needs else Reason.WITHDRAWN
    if ACTIVE[record.key.kind] not in deltas:
        done = record.needs and _is_inactive(record, match)
        return _change(replace(record, needs=()), match, Action.RETIRE, why, {}) if done else None
    return _change(record, match, Action.RETIRE, why, deltas)


def _is_inactive(record: DesiredRecord, match: Match) -> bool:
    """Whether a record that we remember as on sale was read as inactive."""
    name = ACTIVE[record.key.kind]
    remembered = match.binding is not None and match.binding.applied.get(name) is not False
    return remembered and match.remote is not None and match.remote.fields.get(name) is False


def _change(
    record: DesiredRecord,
    match: Match,
    action: Action,
    reason: Reason,
    deltas: Mapping[str, FieldDelta],
) -> Change:
    remote = match.remote
    if remote is None:
        raise AssertionError("only an existing record is changed")
    return Change(
        record.key,
        action,
        reason,
        deltas,
        record.slot,
        record.owner,
        record.users,
        record.sku,
        remote_id=remote.remote_id,
        version=remote.version,
        fields=record.fields,
        applied=match.binding.applied if match.binding is not None else {},
        terms=record.restated if action is Action.UPDATE else record.terms,
        needs=record.needs,
        editor=remote.editor,
        stands=record.stands,
    )


def _why(record: DesiredRecord, match: Match, deltas: Mapping[str, FieldDelta]) -> Reason:
    if match.binding is None:
        return Reason.UNBOUND
    applied = match.binding.applied
    active = deltas.get(ACTIVE[record.key.kind])
    if (
        active is not None
        and active.after is True
        and applied.get(ACTIVE[record.key.kind]) is False
    ):
        return Reason.RETURNED
    edited = not deltas or any(
        name not in applied or not same(applied[name], delta.after)
        for name, delta in deltas.items()
    )
    return Reason.EDITED if edited else Reason.DRIFTED


def _ambiguous(record: DesiredRecord, match: Match) -> Finding:
    message = describe_rivals(record.key, record.sku, match.rivals, match.stored)
    where = frozenset({record.key.kind.target})
    return Finding("ambiguous", FindingKind.IDENTITY, record.sku, message, record.owner, where)
