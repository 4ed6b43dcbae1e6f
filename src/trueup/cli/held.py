"""`held`: what waits for a person, and how a held change is shown wherever one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json
from trueup.domain.changes import Action, FieldDelta
from trueup.domain.guards import SETTING_OF, Rule
from trueup.domain.records import TargetName
from trueup.domain.threeway import same
from trueup.domain.waiting import HeldState, Waiting
from trueup.planner.explain import (
    RULES,
    SIGNS,
    counted,
    explain_delta,
    explain_measure,
    share_of,
)
from trueup.planner.succession import in_use

if TYPE_CHECKING:
    from trueup.views.desk import Desk
    from trueup.views.times import BusinessTime

_SHOWN = 20  # changes of a guard written out on a terminal; a pipe gets all

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


def held(*, json: Json = False) -> None:
    """What waits for a person now, and why: by guard, before and after, since when.

    What was approved and is not carried out yet is there too, with who said
    so and until when that counts. Needs no credentials and sends nothing.

    For example:
      trueup held
      trueup held --json
    """
    from trueup.postgres.decisions import PostgresDecisions

    with open_desk() as desk:
        decisions = PostgresDecisions(desk.app.pool)
        waiting, newest = decisions.waiting(), decisions.newest_run()
        groups = grouped(desk, waiting)
    if json:
        listed = [group_as_json(group, desk.time) for group in groups]
        output.print_json({"run_id": newest, "changes": len(waiting), "groups": listed})
        return
    if not waiting:
        output.say("Nothing waits for a person.", "bold green")
        return
    show_groups(groups, desk.time)
    output.say()
    output.say(f"→ `trueup approve {newest}` or `trueup reject {newest}` decides", "cyan")
    output.say("  --guard and --sku choose; `last` stands for that run", "dim")


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


def show_groups(groups: Sequence[Group], time: BusinessTime) -> None:
    """Each guard in words with its measure, then each change."""
    for group in groups:
        output.heading(f"{group.rule.value} at {group.target.value}: {RULES[group.rule]}")
        output.say(explain_measure(group.violation))
        products, changes = len(group.skus), len(group.changes)
        output.say(f"{counted(products, 'product')}, {counted(changes, 'change')}")
        shown = group.changes[:_SHOWN] if output.on_terminal() else group.changes
        for one in shown:
            show_waiting(one, time)
        if len(shown) < changes:
            output.say(f"… and {changes - len(shown):,} more; a pipe or --json shows all", "dim")


def show_waiting(one: Waiting, time: BusinessTime) -> None:
    """One held change: the record, each field before and after, since when, and what was said."""
    also = ", ".join(rule.value for rule in one.rules[1:])
    words = f"{SIGNS[one.action]} {one.key} {one.action.value} ({one.reason.value})"
    output.say(f"{words}  {one.sku}{f'  [also: {also}]' if also else ''}", "magenta")
    for name, step in _steps(one).items():
        new = one.action is Action.CREATE and step.before is None
        output.say(explain_delta(name, step, one.moved(name), new=new))
    output.say(f"    why  {one.why}")
    output.say(f"    since {time.at(one.held_at)}, fingerprint {one.fingerprint}", "dim")
    if one.subscriptions:
        output.say(f"    {in_use(one.subscriptions, _plan_of(one))}")
    if words := decision_in_words(one, time):
        output.say(f"    {words}", "cyan")


def _steps(one: Waiting) -> dict[str, FieldDelta]:
    """What changes, amounts first; of a new version what differs from the one before."""
    steps = {name: one.step(name) for name in one.deltas}
    if one.applied:
        steps = {name: step for name, step in steps.items() if not same(*step)}
    return dict(sorted(steps.items(), key=lambda of: not isinstance(of[1].after, Decimal)))


def _plan_of(one: Waiting) -> str:
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
