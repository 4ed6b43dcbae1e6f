"""The guards: which changes of a plan wait for a person, and why (spec §5).

Pure functions over the changes of one plan:

    a price would be zero, negative or missing          held, whatever the settings say
    a price or fee falls, or a price rises, too far     held
    a class of change touches too much of a target      the whole class is held
    a record that we never wrote would be changed       held (takeover)
    somebody edited a field that we only report         held
    somebody puts a field back again and again          held (second writer)
    a person said no to this value before               held, and nobody is asked again

An update is divided: the fields that are held wait, the others go on. What needs a held record
waits with it. What a person approved passes, exactly as it was approved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from trueup.domain.changes import Action, Change
from trueup.domain.guards import SETTING_OF, Evidence, GuardLimits, Held, Rule, Violation
from trueup.domain.plan import fingerprint, mark_of, value_as_json
from trueup.domain.records import FieldValue, Kind, RecordKey, TargetName
from trueup.domain.threeway import Moved, same
from trueup.planner.mapping import FieldMap, Policy

_SAMPLE = 5
_MASS = {
    Rule.MASS_CREATE: "created",
    Rule.MASS_REPRICE: "re-priced",
    Rule.MASS_RETIRE: "retired",
}


class Flag(NamedTuple):
    """One rule that one field, or with an empty name the whole change, breaks.

    `measure` and `limit` are fractions for rules that measure, else None.
    """

    name: str
    rule: Rule
    why: str
    measure: Decimal | None = None
    limit: Decimal | None = None


@dataclass(slots=True)
class Judgement:
    """What passes and what waits, by the change that was judged (in order), and why."""

    free: list[list[Change]] = field(default_factory=list)
    held: list[list[Held]] = field(default_factory=list)
    violations: tuple[Violation, ...] = ()


class Guard:
    """Judges the changes of one plan under one mapping and one set of limits."""

    def __init__(self, limits: GuardLimits, mapping: FieldMap) -> None:
        self._limits = limits
        self._money = {kind: mapping.money(kind) for kind in Kind}
        self._asks = {
            kind: frozenset(n for n, p in mapping.policies(kind).items() if p is Policy.REPORT)
            for kind in Kind
        }

    def judge(self, changes: Sequence[Change], evidence: Evidence) -> Judgement:
        """Divide each change into what passes and what waits."""
        flags = [self._flags(change, evidence) for change in changes]
        self._flag_classes(changes, flags, evidence)
        divided = [
            _divide(change, found, evidence.approved)
            for change, found in zip(changes, flags, strict=True)
        ]
        _hold_dependants(divided)
        result = Judgement(
            [[d.free] if d.free is not None else [] for d in divided],
            [[d.held] if d.held is not None else [] for d in divided],
        )
        result.violations = _violations(divided)
        return result

    # --- rules over one change --------------------------------------------------------------

    def _flags(self, change: Change, evidence: Evidence) -> list[Flag]:
        found: list[Flag] = []
        money = self._money[change.key.kind]
        for name in sorted(change.deltas.keys() & money.keys()):
            found.extend(self._price_flags(change, name, is_price=money[name]))
        if change.action is Action.CREATE:
            unpriced = [n for n, is_price in money.items() if is_price and _lacks(change, n)]
            found += [Flag("", Rule.NO_PRICE, f"{name} would be missing") for name in unpriced]
        if self._takes_over(change, evidence):
            why = "Trueup has never written this record"
            found.append(Flag("", Rule.TAKEOVER, why))
        for name in change.deltas:
            found.extend(self._field_flags(change, name, evidence))
        return found

    def _price_flags(self, change: Change, name: str, *, is_price: bool) -> Iterable[Flag]:
        delta = change.deltas[name]
        after = delta.after
        if not isinstance(after, Decimal) or after < 0 or (is_price and after == 0):
            shown = "missing" if after is None else str(value_as_json(after))
            yield Flag(name, Rule.NO_PRICE, f"{name} would be {shown}")
            return
        before = change.applied.get(name, delta.before)
        if not isinstance(before, Decimal) or same(before, after):
            return
        moved = _share(before, after)
        if moved is None:
            if is_price:
                yield Flag(name, Rule.PRICE_RISE, f"{name} rises from {before} to {after}")
        elif moved < -self._limits.price_fall:
            yield self._jump(Rule.PRICE_FALL, name, before, after, moved)
        elif moved > self._limits.price_rise:
            yield self._jump(Rule.PRICE_RISE, name, before, after, moved)

    def _jump(self, rule: Rule, name: str, before: Decimal, after: Decimal, moved: Decimal) -> Flag:
        falls = rule is Rule.PRICE_FALL
        limit = self._limits.price_fall if falls else self._limits.price_rise
        word = "falls" if falls else "rises"
        why = f"{name} {word} by {percent(abs(moved))}, from {before} to {after}"
        return Flag(name, rule, why, abs(moved), limit)

    def _takes_over(self, change: Change, evidence: Evidence) -> bool:
        if not self._limits.takeover or change.action not in (Action.ADOPT, Action.RETIRE):
            return False
        return change.writes and (change.key.kind, change.remote_id) not in evidence.written

    def _field_flags(self, change: Change, name: str, evidence: Evidence) -> Iterable[Flag]:
        delta, place = change.deltas[name], (change.key, name)
        refusal = evidence.refused.get(place)
        if refusal is not None and same(refusal.value, delta.after):
            note = f": {refusal.note}" if refusal.note else ""
            yield Flag(name, Rule.REJECTED, f"{refusal.by} said no to {name} {delta.after}{note}")
        if change.moved(name) not in (Moved.THEIRS, Moved.BOTH):
            return
        by = f" by {change.editor}" if change.editor else ""
        if name in self._asks[change.key.kind]:
            why = f"{name} was changed at Zoho to {_shown(delta.before)}{by}"
            yield Flag(name, Rule.HAND_EDIT, why)
        flips = evidence.flips.get(place)
        if flips is not None and flips.count >= self._limits.flips:
            who = ", ".join(sorted({*flips.editors, change.editor} - {""})) or "somebody"
            days = self._limits.flip_days
            why = f"{name} was put back {flips.count} times in {days} days, and {who} changed it"
            yield Flag(
                name, Rule.SECOND_WRITER, why, Decimal(flips.count), Decimal(self._limits.flips)
            )

    # --- rules over a class of changes ------------------------------------------------------

    def _flag_classes(
        self, changes: Sequence[Change], flags: Sequence[list[Flag]], evidence: Evidence
    ) -> None:
        classes: dict[tuple[TargetName, Rule], list[int]] = defaultdict(list)
        for place, change in enumerate(changes):
            if (rule := self._class_of(change)) is not None:
                classes[change.target, rule].append(place)
        for (target, rule), places in classes.items():
            products, all_of = _products(changes[p] for p in places), evidence.products.get(target)
            if not all_of or (rule is Rule.MASS_CREATE and target not in evidence.established):
                continue
            share = Decimal(products) / Decimal(all_of)
            if products <= self._limits.mass_count or share <= self._limits.mass_share:
                continue
            why = (
                f"{products} of {all_of} products would be {_MASS[rule]} in {target.value}"
                f" ({percent(share)})"
            )
            for place in places:
                names = self._named(changes[place], rule)
                limit = self._limits.mass_share
                flags[place].extend(Flag(name, rule, why, share, limit) for name in names)

    def _class_of(self, change: Change) -> Rule | None:
        """The class of a change. Versions of a plan come and go when its price changes."""
        if change.action is Action.RETIRE:
            return None if change.needs else Rule.MASS_RETIRE
        if change.action is Action.CREATE:
            if not change.applied:
                return Rule.MASS_CREATE
            money = self._money[change.key.kind].keys() & change.deltas.keys()
            moved = any(not same(change.applied.get(n), change.deltas[n].after) for n in money)
            return Rule.MASS_REPRICE if moved else None
        return Rule.MASS_REPRICE if self._named(change, Rule.MASS_REPRICE) else None

    def _named(self, change: Change, rule: Rule) -> list[str]:
        """The fields by which a change belongs to a class; an empty name for the whole of it."""
        if rule is not Rule.MASS_REPRICE or change.action is Action.CREATE:
            return [""]
        return sorted(change.deltas.keys() & self._money[change.key.kind].keys())


# --- what waits, what passes --------------------------------------------------------------------


@dataclass(slots=True)
class _Divided:
    """A change, divided."""

    free: Change | None
    held: Held | None
    flags: list[Flag]


def _divide(change: Change, flags: list[Flag], approved: frozenset[str]) -> _Divided:
    if not flags:
        return _Divided(change, None, [])
    names = frozenset(flag.name for flag in flags)
    whole = change.action is not Action.UPDATE or "" in names or names >= change.deltas.keys()
    waiting = change if whole else change.only(names)
    if mark_of(waiting) in approved:
        return _Divided(change, None, [])
    rules = tuple(sorted({flag.rule for flag in flags}, key=list(Rule).index))
    why = "; ".join(dict.fromkeys(flag.why for flag in flags))
    free = None if whole else change.only(frozenset(change.deltas) - names)
    return _Divided(free, Held(waiting, rules, why), flags)


def _hold_dependants(divided: Sequence[_Divided]) -> None:
    """What refers to a record that is not made, or not taken over, waits with it."""
    waiting = _unmade(divided)
    while waiting:
        caught = []
        for one in divided:
            if one.free is None or one.held is not None:
                continue
            cause = next((waiting[r.key] for r in one.free.refs if r.key in waiting), None)
            if cause is not None:
                why = f"waits for {cause.change.key}"
                one.held = Held(one.free, cause.rules, why)
                one.flags = [Flag("", rule, why) for rule in cause.rules]
                one.free = None
                caught.append(one)
        waiting = _unmade(caught)


def _unmade(divided: Iterable[_Divided]) -> dict[RecordKey, Held]:
    made = (Action.CREATE, Action.ADOPT)
    waiting = (one.held for one in divided if one.held is not None and one.free is None)
    return {held.change.key: held for held in waiting if held.change.action in made}


def _violations(divided: Sequence[_Divided]) -> tuple[Violation, ...]:
    broken: dict[tuple[TargetName, Rule], list[tuple[Held, list[Flag]]]] = defaultdict(list)
    for one in divided:
        if one.held is not None:
            for rule in one.held.rules:
                flags = [flag for flag in one.flags if flag.rule is rule]
                broken[one.held.change.target, rule].append((one.held, flags))
    order = list(Rule)
    places = sorted(broken, key=lambda place: (order.index(place[1]), place[0].value))
    return tuple(_violation(target, rule, broken[target, rule]) for target, rule in places)


def _violation(
    target: TargetName, rule: Rule, broken: Sequence[tuple[Held, list[Flag]]]
) -> Violation:
    flags = [flag for _, found in broken for flag in found]
    worst = max(flags, key=lambda flag: flag.measure or Decimal(0))
    held = [one.change for one, _ in broken]
    skus = sorted({change.sku for change in held})
    counts = rule is Rule.SECOND_WRITER
    return Violation(
        rule,
        target,
        measure=_figure(worst.measure, counts=counts) or worst.why,
        limit=_figure(worst.limit, counts=counts) or "none",
        setting=SETTING_OF[rule],
        skus=tuple(skus[:_SAMPLE]),
        products=len(skus),
        changes=len(held),
        fingerprint=fingerprint(held),
    )


def _products(changes: Iterable[Change]) -> int:
    return len({change.owner or str(change.key) for change in changes})


def _lacks(change: Change, name: str) -> bool:
    """Whether a new record was meant to have a field and would have nothing in it."""
    return name in change.fields and name not in change.deltas


def _share(before: Decimal, after: Decimal) -> Decimal | None:
    """How far an amount moves, as a fraction of what it was; None from nothing."""
    return None if before <= 0 else (after - before) / before


def _figure(amount: Decimal | None, *, counts: bool) -> str:
    if amount is None:
        return ""
    return str(amount) if counts else percent(amount)


def percent(share: Decimal) -> str:
    """A fraction as people read it: `30 %`, `62.5 %`, `10.01 %`."""
    text = f"{share * 100:.2f}".rstrip("0").rstrip(".")
    return f"{text} %"


def _shown(value: FieldValue) -> str:
    plain = value_as_json(value)
    return "nothing" if plain is None or plain == "" else str(plain)
