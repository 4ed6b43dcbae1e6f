"""What somebody asks a run to do, and what they let pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from trueup.domain.changes import Action, Change
from trueup.domain.guards import Held
from trueup.domain.plan import Plan, fingerprint_of_json, mark_of, mark_of_json
from trueup.domain.runs import Trigger
from trueup.planner.division import part_of
from trueup.ports import Decision
from trueup.reconcile.scope import Scope
from trueup.reconcile.surveyed import Survey

_NOT_APPROVED = "needs something that is not in the approved plan"


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person lets pass in this run: a plan's fingerprint, or that of one of its violations.

    It is void when the plan is another one by now; of a saved plan that goes with it, only for
    what moved.
    """

    fingerprint: str
    decision: Decision


# Whether somebody else goes on with a run that ended by such an exception.
GoesOn = Callable[[BaseException], bool]


def nobody(_: BaseException) -> bool:
    """Nobody goes on with it."""
    return False


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked for: a scope, who asked, and how.

    `approved_plan` limits the run to exactly these changes; what differs from them is stale.
    `goes_on` tells whether somebody else goes on with a run that ended by such an exception.
    """

    scope: Scope
    trigger: Trigger
    approved_plan: Sequence[Mapping[str, object]] | None = None
    trust_smaller: bool = False
    bounded: bool = True
    approval: Approval | None = None
    resumes: str = ""  # the run that was handed over to this one
    goes_on: GoesOn = nobody


def approved_by(
    plan: Plan, fingerprint: str, saved: Sequence[Mapping[str, object]] | None = None
) -> list[Held]:
    """What somebody approves who names a plan, one of its violations, or a single change.

    Who names the saved plan that is carried out approves what it holds and is still the same.
    What a person has said no to is approved by its own fingerprint alone.
    """
    asked = [one for one in plan.held if not one.rejected]
    if fingerprint == plan.fingerprint:
        return asked
    if saved and fingerprint == fingerprint_of_json(saved):
        marks = {mark_of_json(change) for change in saved}
        return [one for one in asked if mark_of(one.change) in marks]
    rules = {(v.target, v.rule) for v in plan.violations if v.fingerprint == fingerprint}
    return [
        one
        for one in plan.held
        if mark_of(one.change) == fingerprint
        or (not one.rejected and any((one.change.target, rule) in rules for rule in one.rules))
    ]


def keep_only(seen: Survey, approved: Sequence[Mapping[str, object]]) -> frozenset[str]:
    """Drop all that is not exactly among the approved changes; returns the marks of stale ones.

    An update that was approved in parts is made in these parts. What a target that could not be
    read would have got is not stale: nobody knows.
    """
    wanted = _Wanted(approved)
    for held in seen.held:
        wanted.part(held.change)
    for draft in seen.drafts:
        kept = [(change, wanted.part(change)) for change in draft.changes]
        dropped = {change.target for change, part in kept if part is not change}
        draft.unread = {**draft.unread, **dict.fromkeys(dropped, _NOT_APPROVED)}
        draft.changes = [part for _, part in kept if part is not None]
    seen.leftovers = [part for change in seen.leftovers if (part := wanted.part(change))]
    return wanted.missed({target.value for target in seen.stopped})


class _Wanted:
    """Approved changes by their marks, and which of them were met."""

    def __init__(self, approved: Sequence[Mapping[str, object]]) -> None:
        self._target = {mark_of_json(change): change.get("target") for change in approved}
        self._fields: dict[tuple[object, object], list[frozenset[str]]] = defaultdict(list)
        for change in approved:
            names = change.get("deltas")
            if isinstance(names, Mapping):
                place = change.get("kind"), change.get("code")
                self._fields[place].append(frozenset(names))
        self._met: set[str] = set()

    def part(self, change: Change) -> Change | None:
        """As much of a change as was approved."""
        if self._meets(change):
            return change
        if change.action is not Action.UPDATE:
            return None
        places = self._fields.get((change.key.kind.value, change.key.code), [])
        inside = [names for names in places if names < change.deltas.keys()]
        parts = [names for names in inside if self._meets(part_of(change, names))]
        names = frozenset().union(*parts)
        if not names:
            return None
        return change if names == change.deltas.keys() else part_of(change, names)

    def missed(self, unread: Collection[str]) -> frozenset[str]:
        """The marks of those that nobody met, but for targets that were not read."""
        return frozenset(
            mark
            for mark, target in self._target.items()
            if mark not in self._met and target not in unread
        )

    def _meets(self, change: Change) -> bool:
        mark = mark_of(change)
        if mark in self._target:
            self._met.add(mark)
            return True
        return False
