"""`held`: what waits for a person, and how a held change is shown wherever one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json
from trueup.domain.changes import Action
from trueup.domain.waiting import Waiting
from trueup.planner.explain import RULES, SIGNS, counted, explain_delta, explain_measure
from trueup.planner.succession import in_use
from trueup.views.held import (
    Group,
    decision_in_words,
    group_as_json,
    grouped,
    plan_of,
    steps_of,
)

if TYPE_CHECKING:
    from trueup.views.times import BusinessTime

_SHOWN = 20  # changes of a guard written out on a terminal; a pipe gets all


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
    for name, step in steps_of(one).items():
        new = one.action is Action.CREATE and step.before is None
        output.say(explain_delta(name, step, one.moved(name), new=new))
    output.say(f"    why  {one.why}")
    output.say(f"    since {time.at(one.held_at)}, fingerprint {one.fingerprint}", "dim")
    if one.subscriptions:
        output.say(f"    {in_use(one.subscriptions, plan_of(one))}")
    if words := decision_in_words(one, time):
        output.say(f"    {words}", "cyan")
