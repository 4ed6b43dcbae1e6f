"""The guards: which changes of a plan wait for a person, and why (spec §5).

Pure functions over the changes of one plan:

    a price would be zero, negative or missing          held, whatever the settings say
    a price or a fee falls or rises too far             held
    a class of change touches too much of a target      the whole class is held
    a record that we never wrote would be changed       held (takeover)
    somebody edited a field that we only report         held
    somebody puts a field back again and again          held (second writer)
    a person said no to this value before               held, and nobody is asked again

An update is divided: the fields that are held wait, the others go on, but nothing is put on sale
while its price waits. What needs a held record waits with it. What a person approved passes,
exactly as it was approved. `planner/division.py` does the dividing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trueup.domain.changes import Action, Change
from trueup.domain.guards import Evidence, GuardLimits, Held, Rule, Violation
from trueup.domain.plan import mark_of, value_as_json
from trueup.domain.records import ACTIVE, FieldValue, Kind, TargetName
from trueup.domain.threeway import Moved, empty, same
from trueup.planner.division import Flag, divide, hold_dependants, part_of, percent, violations
from trueup.planner.mapping import FieldMap, Policy

__all__ = ["Guard", "Judgement", "percent"]

_MASS = {
    Rule.MASS_CREATE: "created",
    Rule.MASS_REPRICE: "re-priced",
    Rule.MASS_RETIRE: "retired",
}


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
        for change, found in zip(changes, flags, strict=True):
            found.extend(self._not_yet_on_sale(change, found))
        divided = [
            divide(change, found, evidence.approved)
            for change, found in zip(changes, flags, strict=True)
        ]
        hold_dependants(divided)
        return Judgement(
            [[one.free] if one.free is not None else [] for one in divided],
            [one.held for one in divided],
            violations(divided),
        )

    # --- rules over one change --------------------------------------------------------------

    def _flags(self, change: Change, evidence: Evidence) -> list[Flag]:
        """What one change breaks by itself. Where a person has said no, nothing else counts."""
        refused = list(_refused(change, evidence))
        if refused and change.action is not Action.UPDATE:
            return refused
        found = list(refused)
        decided = {flag.name for flag in refused}
        money = self._money[change.key.kind]
        for name in sorted(change.deltas.keys() - decided):
            if name in money:
                found.extend(self._price_flags(change, name, is_price=money[name]))
            found.extend(self._edit_flags(change, name))
            found.extend(self._writer_flags(change, name, evidence))
        if change.action is Action.CREATE:
            unpriced = [n for n, is_price in money.items() if is_price and _lacks(change, n)]
            found += [Flag("", Rule.NO_PRICE, f"{name} would be missing") for name in unpriced]
        if change.ask:
            found.append(Flag("", Rule.PRICE_STRATEGY, change.ask))
        if self._takes_over(change, evidence):
            why = "Trueup has never written this record"
            found.append(Flag("", Rule.TAKEOVER, why))
        return found

    def _price_flags(self, change: Change, name: str, *, is_price: bool) -> Iterable[Flag]:
        delta = change.deltas[name]
        after = _amount(delta.after)
        if after is None or after < 0 or (is_price and after == 0):
            shown = "missing" if empty(delta.after) else str(value_as_json(delta.after))
            yield Flag(name, Rule.NO_PRICE, f"{name} would be {shown}")
            return
        before = _amount(change.applied.get(name, delta.before))
        if before is None:
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

    def _edit_flags(self, change: Change, name: str) -> Iterator[Flag]:
        """A reported field that somebody else filled is not overwritten without a person."""
        if name not in self._asks[change.key.kind] or not _edited(change, name):
            return
        by = f"; {change.editor} changed the record last" if change.editor else ""
        why = f"{name} was set at Zoho to {_shown(change.deltas[name].before)}{by}"
        yield Flag(name, Rule.HAND_EDIT, why)

    def _writer_flags(self, change: Change, name: str, evidence: Evidence) -> Iterator[Flag]:
        """A field that we put back too often, or that waits for that reason already."""
        if change.moved(name) not in (Moved.THEIRS, Moved.BOTH):
            return
        place = (change.key, name)
        flips = evidence.flips.get(place)
        count = flips.count if flips is not None else 0
        if count < self._limits.flips and place not in evidence.paused:
            return
        # Who wrote before each time that we put it back; we may have written other fields since.
        known = {*flips.editors} - {""} if flips is not None else set()
        who = ", ".join(sorted(known or {change.editor} - {""})) or "somebody"
        days = self._limits.flip_days
        why = f"{name} was put back {count} times in {days} days, and {who} changed it"
        if count < self._limits.flips:
            why = f"{name} waits since {who} changed it again and again"
        limit = Decimal(self._limits.flips)
        yield Flag(name, Rule.SECOND_WRITER, why, Decimal(count), limit)

    def _not_yet_on_sale(self, change: Change, found: Iterable[Flag]) -> list[Flag]:
        """A product whose price waits does not return to sale at the price of long ago."""
        if change.action is not Action.UPDATE or not change.activates:
            return []
        money, active = self._money[change.key.kind], ACTIVE[change.key.kind]
        why = "it is not put on sale before its price is decided"
        return [Flag(active, flag.rule, why) for flag in found if money.get(flag.name)]

    # --- rules over a class of changes ------------------------------------------------------

    def _flag_classes(
        self, changes: Sequence[Change], flags: Sequence[list[Flag]], evidence: Evidence
    ) -> None:
        classes: dict[tuple[TargetName, Rule], list[int]] = defaultdict(list)
        for place, change in enumerate(changes):
            rule = self._class_of(change)
            if rule is not None and self._undecided(change, flags[place]):
                classes[change.target, rule].append(place)
        for (target, rule), places in classes.items():
            broken = self._broken(target, rule, [changes[place] for place in places], evidence)
            # What was held with its class waits also when it is looked at alone.
            waiting = {mark for mark, rules in evidence.waiting.items() if rule in rules}
            for place in places if broken is not None or waiting else ():
                change, found = changes[place], flags[place]
                names = self._undecided(change, found)
                if broken is None and _mark_with(change, found, names) not in waiting:
                    continue
                flag = broken or Flag("", rule, f"waits since too many would be {_MASS[rule]}")
                found.extend(flag._replace(name=name) for name in names)

    def _broken(
        self, target: TargetName, rule: Rule, members: Sequence[Change], evidence: Evidence
    ) -> Flag | None:
        """The flag on each member of a class that is too large, else None."""
        products = len({change.owner or str(change.key) for change in members})
        known = evidence.products.get(target, 0)
        if rule is Rule.MASS_CREATE and (not known or target not in evidence.established):
            return None
        # Before a takeover nothing is bound: then what would be changed is all that we know of.
        all_of = known or products
        share = Decimal(products) / Decimal(all_of)
        if products <= self._limits.mass_count or share <= self._limits.mass_share:
            return None
        why = (
            f"{products} of {all_of} products would be {_MASS[rule]} in {target.value}"
            f" ({percent(share)})"
        )
        return Flag("", rule, why, share, self._limits.mass_share)

    def _class_of(self, change: Change) -> Rule | None:
        """The class of a change. Versions of a plan come and go when its price changes."""
        if change.action is Action.RETIRE:
            return Rule.MASS_RETIRE if change.writes and not change.needs else None
        money = self._money[change.key.kind].keys() & change.deltas.keys()
        if change.action is Action.CREATE:
            if not change.applied:
                return Rule.MASS_CREATE
            moved = any(not same(change.applied.get(n), change.deltas[n].after) for n in money)
            return Rule.MASS_REPRICE if moved else None
        return Rule.MASS_REPRICE if money else None

    def _undecided(self, change: Change, found: Iterable[Flag]) -> list[str]:
        """The fields by which a change belongs to a class; an empty name for the whole of it.

        What a person has refused is not going to be written, and makes no class larger.
        """
        refused = {flag.name for flag in found if flag.rule is Rule.REJECTED}
        if change.action is Action.UPDATE:
            return sorted((change.deltas.keys() & self._money[change.key.kind].keys()) - refused)
        return [] if refused else [""]


def _mark_with(change: Change, found: Iterable[Flag], names: Iterable[str]) -> str:
    """The fingerprint of what would wait if these fields waited as well."""
    if change.action is not Action.UPDATE:
        return mark_of(change)
    asked = {flag.name for flag in found if flag.rule is not Rule.REJECTED} | {*names}
    return mark_of(part_of(change, frozenset(asked)))


def _refused(change: Change, evidence: Evidence) -> Iterator[Flag]:
    for name in sorted(change.deltas):
        after = change.deltas[name].after
        refusal = evidence.refused.get((change.key, name))
        if refusal is not None and same(refusal.value, after):
            note = f": {refusal.note}" if refusal.note else ""
            why = f"{refusal.by} said no to {name} {_shown(after)}{note}"
            yield Flag(name, Rule.REJECTED, why)


def _edited(change: Change, name: str) -> bool:
    """Whether a field holds what somebody else put there, as far as anybody can know."""
    moved = change.moved(name)
    if moved is Moved.UNKNOWN:
        return not empty(change.deltas[name].before)
    return moved in (Moved.THEIRS, Moved.BOTH)


def _lacks(change: Change, name: str) -> bool:
    """Whether a new record was meant to have a field and would have nothing in it."""
    return name in change.fields and name not in change.deltas


def _amount(value: FieldValue) -> Decimal | None:
    """An amount of money; a constant of the mapping may be a whole number."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return None
    return Decimal(value)


def _share(before: Decimal, after: Decimal) -> Decimal | None:
    """How far an amount moves, as a fraction of what it was; None from nothing."""
    return None if before <= 0 else (after - before) / before


def _shown(value: FieldValue) -> str:
    plain = value_as_json(value)
    return "nothing" if plain is None or plain == "" else str(plain)
