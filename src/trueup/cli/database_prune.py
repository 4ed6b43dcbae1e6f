"""`trueup db prune`: remove what is past its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import Json

if TYPE_CHECKING:
    from trueup.postgres.prune import Ages


def prune(
    *,
    dry_run: Annotated[
        bool, Parameter(name="--dry-run", negative="", help="Only count what would be removed.")
    ] = False,
    json: Json = False,
) -> int:
    """Remove history, runs and jobs that are past their time; a worker does so every night.

    How long they are kept is set by retention.history and retention.runs.
    What is still needed stays whatever its age: which records are ours, what
    waits for a person, the last run, the chain of verification reports.

    For example:
      trueup db prune --dry-run
      TRUEUP_KEEP_HISTORY=30d trueup db prune
    """
    from trueup.bootstrap import open_app
    from trueup.jobs.pruning import ages_of
    from trueup.postgres import prune as pruning
    from trueup.settings import load

    with open_app(load()) as app:
        ages = ages_of(app)
        rows = pruning.past_its_time(app.pool, ages) if dry_run else pruning.prune(app.pool, ages)
    if json:
        output.print_json(_document(rows, ages, dry_run=dry_run))
        return 0
    output.say(
        f"kept: changes of runs since {ages.history_before:%Y-%m-%d},"
        f" runs since {ages.runs_before:%Y-%m-%d}"
    )
    what = "#would go" if dry_run else "#removed"
    output.table(("table", what), [(name, count) for name, count in rows.items() if count])
    if not any(rows.values()):
        output.say("nothing is past its time")
    return 0


def _document(rows: dict[str, int], ages: Ages, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "history_before": ages.history_before.isoformat(),
        "runs_before": ages.runs_before.isoformat(),
        "rows": rows,
    }
