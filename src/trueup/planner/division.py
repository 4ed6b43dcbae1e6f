"""What a guard flagged is divided into what passes and what waits for a person.

An update is divided by field: the flagged fields wait, the others go on. Everything else waits
whole. What refers to a record that is not made, or not taken over, waits with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from trueup.domain.changes import Action, Change, Reason
from trueup.domain.guards import SETTING_OF, Held, Rule, Violation
from trueup.domain.plan import fingerprint, mark_of
from trueup.domain.records import RecordKey, TargetName
from trueup.domain.threeway import Moved
from trueup.planner.succession import in_use

_SAMPLE = 5
_ORDER = {rule: place for place, rule in enumerate(Rule)}
# Which of these an update is follows from the fields that it writes.
_BY_FIELDS = frozenset({Reason.EDITED, Reason.DRIFTED, Reason.RETURNED})
_COUNTED = frozenset({Rule.SECOND_WRITER})


class Flag(NamedTuple):
    """One rule that one field, or with an empty name the whole change, breaks.

    `measure` and `limit` are fractions, or counts, for rules that measure, else None.
    """

    name: str
    rule: Rule
    why: str
    measure: Decimal | None = None
    limit: Decimal | None = None


@dataclass(slots=True)
class Divided:
    """A change, divided: what passes, what a person is asked about, what a person has refused."""

    change: Change
    free: Change | None = None
    asked: Held | None = None
    refused: Held | None = None
    flags: list[Flag] = field(default_factory=list)

    @property
    def held(self) -> list[Held]:
        """All of it that waits."""
        return [one for one in (self.refused, self.asked) if one is not None]


def divide(change: Change, flags: list[Flag], approved: frozenset[str]) -> Divided:
    """Divide one change by its flags; what was approved in exactly this form passes."""
    if not flags:
        return Divided(change, free=change)
    if change.action is not Action.UPDATE or any(not flag.name for flag in flags):
        return _divide_whole(change, flags, approved)
    refused = frozenset(flag.name for flag in flags if flag.rule is Rule.REJECTED)
    asked = frozenset(flag.name for flag in flags) - refused
    everything = frozenset(change.deltas) - refused
    for names in [everything, asked, refused, *_by_rule(flags)]:
        if mark_of(part_of(change, names)) in approved:
            asked, refused = asked - names, refused - names
    waiting = asked | refused
    if not waiting:
        return Divided(change, free=change)
    rest = frozenset(change.deltas) - waiting
    return Divided(
        change,
        part_of(change, rest) if rest else None,
        _held(change, asked, flags),
        _held(change, refused, flags),
        [flag for flag in flags if flag.name in waiting],
    )


def part_of(change: Change, names: frozenset[str]) -> Change:
    """The part of an update that writes these fields, with the reason that they have by themselves.

    So the part that waits is the same change the next night, when the others are written.
    """
    part = change.only(names)
    if change.reason not in _BY_FIELDS:
        return part
    if change.reason is Reason.RETURNED and part.activates:
        return part
    drifted = all(part.moved(name) is Moved.THEIRS for name in names)
    return replace(part, reason=Reason.DRIFTED if drifted else Reason.EDITED)


def _divide_whole(change: Change, flags: list[Flag], approved: frozenset[str]) -> Divided:
    if mark_of(change) in approved:
        return Divided(change, free=change)
    held = Held(change, _rules(flags), _why(flags) + staying(change))
    if held.rejected:
        return Divided(change, refused=held, flags=flags)
    return Divided(change, asked=held, flags=flags)


def _held(change: Change, names: frozenset[str], flags: Iterable[Flag]) -> Held | None:
    if not names:
        return None
    about = [flag for flag in flags if flag.name in names]
    return Held(part_of(change, names), _rules(about), _why(about) + staying(change))


def _by_rule(flags: Iterable[Flag]) -> Iterator[frozenset[str]]:
    """The fields that each rule holds: what was asked about before another rule came on top."""
    names: dict[Rule, set[str]] = defaultdict(set)
    for flag in flags:
        names[flag.rule].add(flag.name)
    yield from (frozenset(names[rule]) for rule in sorted(names, key=_ORDER.__getitem__))


def _rules(flags: Iterable[Flag]) -> tuple[Rule, ...]:
    return tuple(sorted({flag.rule for flag in flags}, key=_ORDER.__getitem__))


def _why(flags: Iterable[Flag]) -> str:
    return "; ".join(dict.fromkeys(flag.why for flag in flags))


def staying(change: Change) -> str:
    """What to know besides: the subscriptions on a plan, which no change of a price touches."""
    code = str(change.applied.get("plan_code") or change.key.code)
    return f"; {in_use(change.subscriptions, code)}" if change.subscriptions else ""


# --- what needs what waits ----------------------------------------------------------------------


def hold_dependants(divided: Sequence[Divided]) -> None:
    """What refers to a record that is not made, or not taken over, waits with it."""
    waiting = _unmade(divided)
    while waiting:
        caught = []
        for one in divided:
            causes = [waiting[r.key] for r in one.free.refs if r.key in waiting] if one.free else []
            if causes:
                _wait_for(one, causes[0])
                caught.append(one)
        waiting = _unmade(caught)


def _wait_for(one: Divided, cause: Held) -> None:
    """What would pass waits as well; a part that waits already waits together with it."""
    if one.free is None:
        return
    why = f"waits for {cause.change.key}"
    one.flags = [*one.flags, *(Flag("", rule, why) for rule in cause.rules)]
    if one.asked is None:
        one.asked = Held(one.free, cause.rules, why)
    else:
        both = part_of(one.change, frozenset({*one.free.deltas, *one.asked.change.deltas}))
        rules = tuple(sorted({*one.asked.rules, *cause.rules}, key=_ORDER.__getitem__))
        one.asked = Held(both, rules, f"{one.asked.why}; {why}")
    one.free = None


def _unmade(divided: Iterable[Divided]) -> dict[RecordKey, Held]:
    made = (Action.CREATE, Action.ADOPT)
    held = (held for one in divided if one.free is None for held in one.held)
    return {one.change.key: one for one in held if one.change.action in made}


# --- what is told -------------------------------------------------------------------------------


def violations(divided: Sequence[Divided]) -> tuple[Violation, ...]:
    """One violation for each rule and target, with the worst measure."""
    broken: dict[tuple[Rule, TargetName], list[tuple[Held, list[Flag]]]] = defaultdict(list)
    for one in divided:
        for held in one.held:
            for rule in held.rules:
                flags = [flag for flag in one.flags if flag.rule is rule]
                broken[rule, held.change.target].append((held, flags))
    places = sorted(broken, key=lambda place: (_ORDER[place[0]], place[1].value))
    return tuple(_violation(rule, target, broken[rule, target]) for rule, target in places)


def _violation(
    rule: Rule, target: TargetName, broken: Sequence[tuple[Held, list[Flag]]]
) -> Violation:
    flags = [flag for _, found in broken for flag in found]
    worst = max(flags, key=lambda flag: (flag.measure or Decimal(0), flag.why))
    held = [one.change for one, _ in broken]
    skus = sorted({change.sku for change in held})
    measure, limit = _figures(worst)
    return Violation(
        rule,
        target,
        measure=measure or worst.why,
        limit=limit or "none",
        setting=SETTING_OF[rule],
        skus=tuple(skus[:_SAMPLE]),
        products=len(skus),
        changes=len(held),
        fingerprint=fingerprint(held),
    )


def _figures(flag: Flag) -> tuple[str, str]:
    """The measure and the limit as people read them, never the same text for both."""
    if flag.measure is None or flag.limit is None:
        return "", ""
    if flag.rule in _COUNTED:
        return str(flag.measure), str(flag.limit)
    measure, limit = percent(flag.measure), percent(flag.limit)
    return (f"more than {limit}" if measure == limit else measure), limit


def percent(share: Decimal) -> str:
    """A fraction as people read it: `30 %`, `62.5 %`, `10.01 %`."""
    text = f"{share * 100:.2f}".rstrip("0").rstrip(".")
    return f"{text} %"
