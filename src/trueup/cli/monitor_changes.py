"""Changes as they happened: `history SKU`, and how one change is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.reading import Limit, open_desk
from trueup.cli.selectors import Json, known_skus
from trueup.views.documents import change_as_json
from trueup.views.outcomes import why_it_failed

if TYPE_CHECKING:
    from trueup.postgres.reports import PastChange
    from trueup.views.times import BusinessTime

_SHOWN = 60  # changes written out on a terminal; a pipe gets all
_STYLES = {"applied": "green", "rejected": "red", "failed": "red", "held": "magenta"}


def history(
    sku: Annotated[str, Parameter(help="The product.")],
    /,
    *,
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """Every change to a product, the newest first: before and after, run, outcome, remote id.

    Changes under other SKUs that the same product had before are part of it.

    For example:
      trueup history FIB-100
      trueup history FIB-100 --limit 5 --json
    """
    from trueup.postgres import reports

    with open_desk() as desk:
        found = reports.history(desk.connection, sku, limit=limit)
        if not found:
            known_skus(desk.app, [sku])
    if json:
        listed = [change_as_json(change, desk.time) for change in found]
        output.print_json({"sku": sku, "changes": listed})
        return
    if not found:
        output.say(f"{sku} is in the catalogue; nothing was changed for it yet.")
    for change in found:
        show_change(change, desk.time, run=True)
    if len(found) == limit:
        output.say(f"… perhaps more; --limit {2 * limit} shows more", "dim")


def show_changes(changes: Iterable[PastChange], time: BusinessTime) -> list[PastChange]:
    """Write changes as they are read; on a terminal the first ones. Returns those that failed."""
    failures: list[PastChange] = []
    shown = 0
    most = _SHOWN if output.on_terminal() else None
    output.heading("Changes")
    for change in changes:
        shown += 1
        if change.failed:
            failures.append(change)
        if most is None or shown <= most:
            show_change(change, time)
    if not shown:
        output.say("none")
    if most is not None and shown > most:
        output.say(f"… and {shown - most:,} more; a pipe or --json shows all", "dim")
    return failures


def show_change(change: PastChange, time: BusinessTime, *, run: bool = False) -> None:
    """One change: a line that says what became of it, then each field before and after."""
    from trueup.domain.changes import Action
    from trueup.planner.explain import SIGNS, explain_value

    words = [
        time.at(change.at),
        f"{SIGNS[change.action]} {change.key} {change.action.value} ({change.reason.value})",
        f"{change.status.value} by {change.actor}" if change.actor else change.status.value,
        *([f"id {change.remote_id}"] if change.remote_id else []),
        *([f"run {change.run_id}"] if run else []),
    ]
    output.say("  ".join(words), _STYLES.get(change.status.value, "yellow"))
    for name, delta in change.deltas.items():
        before = "" if change.action is Action.CREATE else f"{explain_value(delta.before)} -> "
        output.say(f"    {name}  {before}{explain_value(delta.after)}")
    if change.editor:
        output.say(f"    last changed at Zoho by {change.editor}")
    if why := why_it_failed(change):
        output.say(f"    why  {why}", "red" if change.failed else "")
