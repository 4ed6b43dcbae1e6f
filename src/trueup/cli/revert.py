"""`revert RUN`: take back what a run changed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.asking import By, Why, Yes, confirmed, person
from trueup.cli.done import write_down
from trueup.cli.job import braked, job_app
from trueup.cli.selectors import Json, Skus, Targets, Verbose, targets_of
from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.runs import RunState

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.reverting import RevertReport
    from trueup.reconcile.way_back import RevertOrder, WayBack

LAST = "last"
_DECLINED = 1


def revert(
    run_id: Annotated[
        str, Parameter(help="The run: its id, the beginning of it, or `last`.", name="RUN")
    ],
    /,
    *,
    sku: Skus = None,
    target: Targets = None,
    by: By = None,
    reason: Why = "",
    yes: Yes = False,
    out: Annotated[
        Path | None,
        Parameter(name="--out", help="Save it instead, for `trueup run --plan FILE`."),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Take back what a run changed: show how, ask, and do it.

    Fields get the value that they had before that run. What it made becomes
    inactive, what it retired becomes active again. What was changed by
    somebody since is left alone, and listed. Until the catalogue wants
    something else, later runs do not bring the values back. A revert is a run
    too, so it can be reverted.

    For example:
      trueup revert last
      trueup revert schedule-20260302 --sku FIB-100
      trueup revert last --yes --by "Thandi Nkosi" --reason "wrong price list"
    """
    name = person(by)
    with job_app(json=json, verbose=verbose) as app:
        order = _order(app, run_id, name, reason, target, sku)
        if yes and out is None:
            return _conclude(_carry_out(app, order, by), json=json)
        way = _look(app, order)
    if out is not None:
        from trueup.cli.saved_revert import save_revert

        save_revert(way, order, out)
    code = _shown(way, order, by, asking=out is None, json=json, verbose=verbose)
    if out is not None and not json:
        output.say(f"saved to {out}; apply exactly this with `trueup run --plan {out}`")
    return code


def apply_revert(order: RevertOrder, *, json: bool, verbose: bool) -> int:
    """Apply exactly the revert that a saved plan holds; what moved since is stale."""
    with job_app(json=json, verbose=verbose) as app:
        return _conclude(_carry_out(app, order, order.decision.by), json=json)


def _shown(
    way: WayBack, order: RevertOrder, by: str | None, *, asking: bool, json: bool, verbose: bool
) -> int:
    """Show the way back, ask where somebody can answer, and do it after a yes."""
    from trueup.cli.revert_view import show_way_back
    from trueup.domain.plan import change_as_json
    from trueup.jobs.reverting import way_as_json

    with suppress(BrokenPipeError):
        output.print_json(way_as_json(way, None)) if json else show_way_back(way)
    if way.trouble is not None:
        output.complain(way.trouble.message, way.trouble.remedy)
        return way.trouble.exit_code
    if json or way.restoration.empty or not asking:
        return 0
    if not confirmed(f"Take this back as {order.decision.by}?", yes=False):
        output.say("Nothing was done.")
        return _DECLINED
    exactly = [change_as_json(change) for change in way.plan.changes]
    with job_app(json=json, verbose=verbose) as app:
        done = _carry_out(app, replace(order, approved=exactly), by)
    return _conclude(done, json=False, plan=False)


def _conclude(done: RevertReport, *, json: bool, plan: bool = True) -> int:
    from trueup.cli.revert_view import show_outcome, show_way_back
    from trueup.jobs.reverting import way_as_json
    from trueup.reconcile.reported import exit_code, report_as_json

    with suppress(BrokenPipeError):
        if json:
            carried_out = None if done.idle else report_as_json(done.report)
            output.print_json(way_as_json(done.way, carried_out))
        else:
            if plan and done.report.error is None:
                show_way_back(done.way)
            show_outcome(done)
    return exit_code(done.report)


def _order(app: App, run_id: str, by: str, reason: str, target: Targets, sku: Skus) -> RevertOrder:
    from trueup.ports import Decision
    from trueup.reconcile.way_back import RevertOrder

    skus = tuple(dict.fromkeys(one.strip() for one in sku or ()))
    if "" in skus:
        raise UsageError("a SKU is missing after --sku")
    decision = Decision(by, reason.strip())
    return RevertOrder(_known_run(app, run_id), decision, targets_of(target), skus)


def _known_run(app: App, run_id: str) -> str:
    """The full id of the run that is meant; raises `UsageError` where there is none, or several."""
    from trueup.postgres import reports

    wanted = run_id.strip()
    with app.pool.connection() as connection:
        if wanted == LAST:
            newest = reports.last_runs(connection, 1)
            found = newest[0] if newest else None
        else:
            found = reports.find_run(connection, wanted) if wanted else None
    if found is None:
        raise UsageError(f"there is no run {wanted!r}", "`trueup runs` lists them")
    return found.run_id


def _look(app: App, order: RevertOrder) -> WayBack:
    from trueup.jobs.reverting import look

    return look(app, order)


def _carry_out(app: App, order: RevertOrder, by: str | None) -> RevertReport:
    from trueup.jobs.reverting import carry_out

    with braked(app) as brake:
        done = carry_out(app, order, brake)
    run = done.report.run
    if not done.idle and run.state is not RunState.ALREADY_RUNNING:
        subject, after = f"run {order.run_id}", {"run": run.run_id, "ended": run.state.value}
        write_down(app, Did.REVERTED, subject, by=by, reason=order.decision.note, after=after)
    return done
