"""What waits for a person, what people decided, and what a decision leads to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from trueup.domain.changes import FieldDelta
from trueup.domain.guards import SETTING_OF, Rule
from trueup.domain.records import TargetName
from trueup.domain.threeway import same
from trueup.domain.waiting import HeldState, Waiting
from trueup.planner.explain import share_of

if TYPE_CHECKING:
    from trueup.views.desk import Desk
    from trueup.views.times import BusinessTime

Violations = Mapping[tuple[str, str, str], Mapping[str, Any]]  # by run, rule and target


@dataclass(frozen=True, slots=True)
class Group:
    """The held changes of one guard at one target, with what their last run said of it."""

    rule: Rule
    target: TargetName
    changes: tuple[Waiting, ...]
    violation: Mapping[str, Any]

    @property
    def skus(self) -> list[str]:
        """The products."""
        return sorted({one.sku for one in self.changes})


def grouped(desk: Desk, changes: Sequence[Waiting]) -> list[Group]:
    """Held changes by guard and target, in the order of the guards.

    One that several guards hold is under the first of them.
    """
    from trueup.postgres import reports

    said = reports.violations_of(desk.connection, {one.last_run for one in changes})
    found: dict[tuple[Rule, TargetName], list[Waiting]] = {}
    for one in changes:
        found.setdefault((one.rules[0], one.target), []).append(one)
    places = sorted(found, key=lambda place: (list(Rule).index(place[0]), place[1].value))
    return [
        Group(rule, target, tuple(sorted(of, key=_by_cause)), _violation(said, rule, target, of))
        for rule, target in places
        for of in [found[rule, target]]
    ]


def _by_cause(one: Waiting) -> tuple[str, bool, int]:
    """By product; what only waits for another change comes after it."""
    return one.sku, one.depends, one.number


def _violation(
    said: Violations, rule: Rule, target: TargetName, changes: Sequence[Waiting]
) -> Mapping[str, Any]:
    """What the last run that held these said; without one, the words of the change itself."""
    own = {"measure": changes[-1].why, "limit": "none", "setting": SETTING_OF[rule]}
    return said.get((changes[-1].last_run, rule.value, target.value), own)


def steps_of(one: Waiting) -> dict[str, FieldDelta]:
    """What changes, amounts first; of a new version what differs from the one before."""
    steps = {name: one.step(name) for name in one.deltas}
    if one.applied:
        steps = {name: step for name, step in steps.items() if not same(*step)}
    return dict(sorted(steps.items(), key=lambda of: not isinstance(of[1].after, Decimal)))


def plan_of(one: Waiting) -> str:
    """The plan that customers have: the one that a new version takes over from."""
    return str(one.applied.get("plan_code") or one.key.code)


def decision_in_words(one: Waiting, time: BusinessTime) -> str:
    """`approved by Ann Example until 2026-03-09 02:00:05 +02:00: agreed with sales`."""
    if not one.decided_by:
        return ""
    expired = one.state is HeldState.APPROVED and one.asks(time.now)
    until = ""
    if one.expires_at is not None:
        until = (
            f", expired {time.at(one.expires_at)}"
            if expired
            else f" until {time.at(one.expires_at)}"
        )
    verb = "rejected" if one.state is HeldState.REJECTED else "approved"
    return f"{verb} by {one.decided_by}{until}{f': {one.note}' if one.note else ''}"


def group_as_json(group: Group, time: BusinessTime) -> dict[str, Any]:
    """One guard with its changes."""
    told = group.violation
    return {
        "rule": group.rule.value,
        "target": group.target.value,
        "measure": told["measure"],
        "limit": told["limit"],
        "setting": told["setting"],
        "products": len(group.skus),
        "skus": group.skus,
        "changes": [waiting_as_json(one, time) for one in group.changes],
    }


def waiting_as_json(one: Waiting, time: BusinessTime) -> dict[str, Any]:
    """One held change; `share` is how far each amount moves, as a fraction."""
    shares = {name: share_of(one.step(name)) for name in one.deltas}
    moved = {name: who.value for name in one.deltas if (who := one.moved(name)) is not None}
    expired = one.state is HeldState.APPROVED and one.asks(time.now)
    return {
        **one.as_json(),
        "moved": moved,
        "share": {name: f"{share:.4f}" for name, share in shares.items() if share is not None},
        "rules": [rule.value for rule in one.rules],
        "why": one.why,
        "state": HeldState.OPEN.value if expired else one.state.value,
        "first_run": one.first_run,
        "last_run": one.last_run,
        "held_at": time.iso(one.held_at),
        "decided_by": one.decided_by or None,
        "decided_at": time.iso(one.decided_at),
        "reason_given": one.note or None,
        "expires_at": time.iso(one.expires_at),
        "subscriptions": one.subscriptions,
    }
