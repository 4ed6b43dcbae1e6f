"""`trueup drift`: compare everything, keep what differs for the page, or correct it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.asking import who_asks
from trueup.cli.done import write_down
from trueup.cli.job import carry_out, conclude, job_app
from trueup.cli.selectors import Json, Skus, Targets, Verbose, known_skus, targets_of
from trueup.domain.deeds import Did
from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger
from trueup.planner.due import Look
from trueup.views.deeds import subject_of

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.drawing import Drawn
    from trueup.reconcile.running import Report
    from trueup.reconcile.scope import Scope


def drift(
    *,
    target: Targets = None,
    sku: Skus = None,
    repair: Annotated[
        bool, Parameter(name="--repair", negative="", help="Correct what differs.")
    ] = False,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Compare the whole catalogue with both targets, whatever was verified when.

    Writes nothing without --repair. Exit code 1 when something differs. The
    page of drift shows what was found, unless --target or --sku leave some out.

    For example:
      trueup drift
      trueup drift --target billing --repair
    """
    with job_app(json=json, verbose=verbose) as app:
        from trueup.reconcile.orders import Order
        from trueup.reconcile.scope import Scope

        scope = Scope(targets_of(target), known_skus(app, sku), look=Look.EVERYTHING)
        result: Report | Drawn
        if repair:
            result = carry_out(app, Order(scope, Trigger.REPAIR, bounded=False))
            after = {"run": result.run.run_id}
            write_down(app, Did.ASKED_FOR_REPAIR, subject_of(scope.skus), after=after)
        else:
            result = _look(app, scope)
    code = conclude(result, json=json)
    if repair or code or result.plan.empty:
        return code
    if not json and result.plan.free:
        output.say("→ `trueup drift --repair` corrects what no guard holds", "cyan")
    return 1


def _look(app: App, scope: Scope) -> Drawn:
    """What differs; kept for the page where nothing was left out."""
    from trueup.cli.planning import draw
    from trueup.jobs.looking import keep_drift

    began = app.clock.now()
    drawn = draw(app, scope)
    if not scope.skus and set(scope.targets) == set(TargetName):
        keep_drift(app, drawn.plan, drawn.stopped, began, who_asks())
    write_down(app, Did.ASKED_FOR_DRIFT, subject_of(scope.skus))
    return drawn
