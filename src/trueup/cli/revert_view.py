"""A revert, for people: what goes back, what stays as it is and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trueup.cli import output
from trueup.domain.changes import Change
from trueup.domain.records import Kind
from trueup.domain.runs import ProductStatus, RunState
from trueup.planner.explain import explain_value
from trueup.views.times import lasted

if TYPE_CHECKING:
    from trueup.planner.revert import Left
    from trueup.reconcile.reverting import RevertReport
    from trueup.reconcile.way_back import WayBack

_SHOWN = 60  # rows of a table on a terminal; a pipe gets all
_WORDS = {
    RunState.SUCCEEDED: ("Taken back.", "bold green"),
    RunState.PARTIAL: ("Taken back in part; the same command does the rest.", "bold yellow"),
    RunState.FAILED: ("Nothing was taken back.", "bold red"),
    RunState.ALREADY_RUNNING: ("Another run is writing; nothing was done.", "bold yellow"),
}


def show_way_back(way: WayBack) -> None:
    """The plan of a revert: each field now and then, what is left, what the guards say."""
    restoration = way.restoration
    back, others = _rows(way)
    if back:
        output.heading(f"Going back to what was there before run {way.run_id}")
        _table(("product", "record", "field", "now", "then"), back)
    if others:
        output.heading("Made by that run, and made inactive: Zoho's records are never deleted")
        _table(("product", "record"), others)
    if restoration.left:
        output.heading("Left as it is")
        rows = [_left_row(one) for one in restoration.left]
        _table(("product", "record", "field", "that run wrote", "now", "why"), rows)
    if way.plan.violations:
        output.heading("The guards would hold this; that you ask for it counts as approval")
        for one in way.plan.violations:
            where = f"{one.rule.value} at {one.target.value}, {one.products} products"
            output.say(f"{where}: {one.measure} (limit {one.limit})", "magenta")
    _show_counts(way)


def show_outcome(done: RevertReport) -> None:
    """What became of a revert, and how to take it back."""
    report, run = done.report, done.report.run
    if done.idle and report.error is None:
        return
    for result in report.results:
        for target, verdict in result.verdicts.items():
            if verdict.status is ProductStatus.FAILED:
                output.say(f"{result.sku}  {target.value}  {verdict.error}", "bold red")
    output.heading(f"Run {run.run_id}")
    words, style = _WORDS[run.state]
    output.say(words, style)
    if run.error:
        output.say(run.error, "red")
    if report.stale:
        output.say(
            f"{report.stale} of the changes shown were not made: something moved since", "yellow"
        )
    if run.state in (RunState.SUCCEEDED, RunState.PARTIAL):
        if done.way.restoration.refuse:
            output.say(
                "→ until the catalogue wants others, later runs do not bring them back", "cyan"
            )
        output.say(f"→ `trueup revert {run.run_id}` takes this revert back", "cyan")


def _show_counts(way: WayBack) -> None:
    plan, restoration = way.plan, way.restoration
    output.heading("Revert")
    if restoration.empty:
        output.say(*_nothing(way))
    requests = f"{plan.estimate.requests} requests, {lasted(plan.estimate.seconds)}"
    output.facts(
        {
            "takes back": f"run {way.run_id}",
            "records it wrote": plan.looked,
            "records changed now": sum(change.writes for change in plan.changes),
            "left as they are": len({one.key for one in restoration.left}),
            "estimate": f"{requests} at the rate limit",
            "fingerprint": plan.fingerprint,
        }
    )


def _nothing(way: WayBack) -> tuple[str, str]:
    if way.trouble is not None:
        return "Cannot tell: not everything could be read.", "bold red"
    if not way.looked:
        return "That run wrote nothing: there is nothing to take back.", "bold"
    if way.restoration.left:
        return "Nothing to take back: what that run wrote has changed since.", "bold"
    return "Nothing to take back: all is as it was before that run.", "bold green"


def _rows(way: WayBack) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The fields that go back, and the records that are only made inactive."""
    made = set(way.restoration.created)
    changes = sorted(
        way.plan.changes, key=lambda c: (c.sku, list(Kind).index(c.key.kind), c.key.code)
    )
    back = [row for c in changes if c.key not in made for row in _field_rows(c)]
    others: list[tuple[str, ...]] = [
        (c.sku, str(c.key)) for c in changes if c.key in made and c.writes
    ]
    return back, others


def _field_rows(change: Change) -> Iterator[tuple[str, ...]]:
    for name, (before, after) in change.deltas.items():
        yield change.sku, str(change.key), name, explain_value(before), explain_value(after)


def _left_row(one: Left) -> tuple[str, ...]:
    if not one.name:
        return one.sku, str(one.key), "-", "-", "-", one.why
    return (
        one.sku,
        str(one.key),
        one.name,
        explain_value(one.wrote),
        explain_value(one.now),
        one.why,
    )


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    shown = rows[:_SHOWN] if output.on_terminal() else rows
    output.table(columns, shown)
    if len(shown) < len(rows):
        output.say(f"… and {len(rows) - len(shown)} more; --out FILE or a pipe shows all", "dim")
