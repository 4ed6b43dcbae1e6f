"""Decisions for pages: what is held by class, what a choice means, and what it leads to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from trueup.domain.changes import Action
from trueup.domain.guards import SETTING_OF, Rule
from trueup.domain.records import ACTIVE, TargetName
from trueup.domain.waiting import HeldState, Waiting
from trueup.planner.division import percent
from trueup.planner.explain import RULES, explain_measure, share_of
from trueup.views import words
from trueup.views.held import steps_of

if TYPE_CHECKING:
    from trueup.postgres.held import HeldGroup, RefusedRow
    from trueup.views.desk import Desk

SHOWN: Final = 20  # changes of a class on the first page
PAGE: Final = 50  # changes of a class on its own page
_MOST: Final = 50  # decided changes, and rows to correct


@dataclass(frozen=True, slots=True)
class Step:
    """One field before and after as people read it; `share` is by how much, `who` moved it."""

    name: str
    before: str
    after: str
    share: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One held change with its fields. `token` stands for it as it was seen."""

    change: Waiting
    steps: tuple[Step, ...]
    token: str


@dataclass(frozen=True, slots=True)
class Class:
    """All that one guard holds at one target, and the first of its changes."""

    group: HeldGroup
    words: str
    measure: str
    lines: tuple[Line, ...]

    @property
    def left(self) -> int:
        """Changes that are not among the lines."""
        return self.group.changes - len(self.lines)

    @property
    def several(self) -> bool:
        """Whether there is more to decide on than one change with what goes along."""
        return sum(not line.change.depends for line in self.lines) > 1 or self.left > 0


@dataclass(frozen=True, slots=True)
class Waits:
    """The page: what asks, what was approved and is not made, what was rejected, what to mend."""

    classes: tuple[Class, ...]
    approved: tuple[Line, ...]
    rejected: tuple[Line, ...]
    rows: tuple[RefusedRow, ...]

    @property
    def changes(self) -> int:
        """How many changes ask for a decision."""
        return sum(one.group.changes for one in self.classes)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person means: single changes as they were seen, or all of a class up to a number."""

    tokens: tuple[str, ...] = ()
    rule: Rule | None = None
    target: TargetName | None = None
    upto: int = 0


@dataclass(frozen=True, slots=True)
class Meant:
    """The changes of a choice; `moved` are those that do not stand any more as they were seen.

    `along` of them were not named: they only wait for one that was.
    """

    changes: tuple[Waiting, ...]
    moved: tuple[Waiting, ...] = ()
    along: int = 0


@dataclass(frozen=True, slots=True)
class Consequence:
    """What carrying changes out comes to at one target. `requests` is an estimate of writes."""

    target: TargetName
    changes: int
    prices: int
    created: int
    retired: int
    requests: int


def gather(desk: Desk) -> Waits:
    """All that the page of approvals shows."""
    from trueup.postgres import held

    now, connection = desk.time.now, desk.connection
    found = held.groups(connection, now)
    return Waits(
        tuple(class_of(desk, group, SHOWN) for group in found),
        tuple(map(line_of, held.approved(connection, now, _MOST))),
        tuple(map(line_of, held.rejected(connection, _MOST))),
        tuple(held.refused_rows(connection, _MOST)),
    )


def one_class(desk: Desk, rule: Rule, target: TargetName, page: int) -> Class | None:
    """One class, a page of it; None when nothing of it asks any more."""
    from trueup.postgres import held

    found = held.groups(desk.connection, desk.time.now)
    group = next((one for one in found if (one.rule, one.target) == (rule, target)), None)
    return None if group is None else class_of(desk, group, PAGE, (page - 1) * PAGE)


def class_of(desk: Desk, group: HeldGroup, limit: int, skip: int = 0) -> Class:
    """A class with some of its changes, and by how much the guard was broken."""
    from trueup.postgres import held, reports

    rule, target = group.rule, group.target
    said = reports.violations_of(desk.connection, {group.last_run})
    own: Mapping[str, Any] = {"measure": group.why, "limit": "none", "setting": SETTING_OF[rule]}
    broken = said.get((group.last_run, rule.value, target.value), own)
    changes = held.of_group(
        desk.connection, rule, target, desk.time.now, limit=limit, skip=skip, upto=group.newest
    )
    return Class(group, RULES[rule], explain_measure(broken), tuple(map(line_of, changes)))


def line_of(one: Waiting) -> Line:
    """A held change as people read it."""
    new = one.action is Action.CREATE
    steps = []
    for name, delta in steps_of(one).items():
        share, moved = share_of(delta), one.moved(name)
        before = "" if new and delta.before is None else words.value(delta.before)
        told = "" if not share else f"{'+' if share > 0 else ''}{percent(share)}"
        who = "" if moved is None else words.mover(moved, one.key.kind.target)
        steps.append(Step(name, before, words.value(delta.after), told, who))
    return Line(one, tuple(steps), token_of(one))


def token_of(one: Waiting) -> str:
    """Its number, how it stands, and since when that was decided: what a form brings back."""
    decided = 0 if one.decided_at is None else round(one.decided_at.timestamp() * 1_000_000)
    return f"{one.number}-{one.state.value}-{decided}"


def meant(desk: Desk, choice: Choice, *, whole: bool = True) -> Meant:
    """The changes that a choice names, as they stand now. `whole`: with what waits for them."""
    from trueup.postgres import held
    from trueup.postgres.decisions import PostgresDecisions

    now = desk.time.now
    if choice.rule is not None and choice.target is not None:
        rule, target, upto = choice.rule, choice.target, choice.upto
        return Meant(tuple(held.of_group(desk.connection, rule, target, now, upto=upto)))
    numbers = [int(token.partition("-")[0]) for token in choice.tokens]
    found = PostgresDecisions(desk.app.pool).find(numbers)
    seen = [one for one in found if token_of(one) in choice.tokens and open_to(one)]
    moved = tuple(one for one in found if one not in seen)
    candidates = held.beside(desk.connection, [one.number for one in seen], now) if whole else []
    along = waiting_for(seen, candidates)
    return Meant((*seen, *along), moved, len(along))


def open_to(one: Waiting) -> bool:
    """Whether a person may decide on it at all."""
    return one.state in (HeldState.OPEN, HeldState.APPROVED, HeldState.REJECTED)


def waiting_for(chosen: Sequence[Waiting], candidates: Iterable[Waiting]) -> list[Waiting]:
    """Those of the candidates that only wait for one of the chosen, or for such a one."""
    causes = {f"waits for {one.key}" for one in chosen}
    left = [one for one in candidates if one not in chosen]
    found: list[Waiting] = []
    while more := [one for one in left if one.why in causes]:
        found += more
        left = [one for one in left if one not in more]
        causes |= {f"waits for {one.key}" for one in more}
    return found


def consequences(changes: Collection[Waiting], batch_size: int) -> tuple[Consequence, ...]:
    """What carrying these out comes to, target by target; those without any are left out."""
    at = {t: [one for one in changes if one.target is t] for t in TargetName}
    return tuple(_consequence(t, of, batch_size) for t, of in at.items() if of)


def _consequence(target: TargetName, changes: Sequence[Waiting], batch_size: int) -> Consequence:
    return Consequence(
        target,
        len(changes),
        sum(_reprices(one) for one in changes),
        sum(one.action is Action.CREATE for one in changes),
        sum(one.action is Action.RETIRE for one in changes),
        _requests(target, changes, batch_size),
    )


def _reprices(one: Waiting) -> bool:
    return any(isinstance(delta.after, Decimal) for delta in one.deltas.values())


def _requests(target: TargetName, changes: Sequence[Waiting], batch_size: int) -> int:
    """About as `planner/estimate.py` counts them: CRM in batches, Billing one by one.

    A Billing update reads the record again before it is written (zoho-facts §3.2).
    """
    if target is TargetName.CRM:
        kinds = Counter(one.action is Action.CREATE for one in changes)
        return sum(-(-count // batch_size) for count in kinds.values())
    total = 0
    for one in changes:
        switch = ACTIVE[one.key.kind] in one.deltas
        fields = len(one.deltas) > switch
        total += 1 if one.action is Action.CREATE else 2 * fields + switch
    return total


def subscriptions_of(changes: Iterable[Waiting]) -> int:
    """Live subscriptions that are known to be touched, each plan's counted once."""
    known = {one.key: one.subscriptions or 0 for one in changes}
    return sum(known.values())


def products_of(changes: Iterable[Waiting]) -> list[str]:
    """Their products."""
    return sorted({one.sku for one in changes})


def expires(desk: Desk) -> datetime:
    """When an approval that is given now counts no more (`guards.approval_expires`)."""
    return desk.time.now + timedelta(seconds=desk.app.settings.approval_expires)
