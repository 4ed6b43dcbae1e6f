"""The job: plan, run, backfill, resync."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.asking import By, Why
from trueup.cli.done import write_down
from trueup.cli.job import carry_out, conclude, due_or_named, job_app
from trueup.cli.selectors import (
    Json,
    Limit,
    MaxProducts,
    Skus,
    Targets,
    TargetWord,
    Verbose,
    known_skus,
    targets_of,
)
from trueup.cli.told import told
from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.jobs import Terms
from trueup.domain.runs import RunState, Trigger
from trueup.planner.due import Look
from trueup.views.deeds import subject_of

_BACKFILL_BATCH = 100

Out = Annotated[
    Path | None, Parameter(name="--out", help="Also save the plan, for `trueup run --plan FILE`.")
]
DryRun = Annotated[bool, Parameter(name="--dry-run", negative="", help="Only show the plan.")]
Deadline = Annotated[
    str | None,
    Parameter(name="--deadline", help="Stop cleanly after this long, e.g. 45min."),
]
Smaller = Annotated[
    bool,
    Parameter(
        name="--accept-smaller-catalogue",
        negative="",
        help="Go on although the catalogue has lost more than half of its rows.",
    ),
]


def plan(
    *,
    target: Targets = None,
    sku: Skus = None,
    max_products: MaxProducts = None,
    out: Out = None,
    accept_smaller: Smaller = False,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Show what a run would change, and why. Writes nothing.

    Every change comes with its reason and each field before and after.
    Findings are rows that are refused or held, each with its reason. The
    estimate says how many requests and how long the plan would take.

    For example:
      trueup plan
      trueup plan --target billing --sku FIB-100
      trueup plan --out tonight.json && trueup run --plan tonight.json
    """
    with job_app(json=json, verbose=verbose) as app:
        from trueup.cli.planning import draw, save_plan

        scope = due_or_named(app, target, sku)
        drawn = draw(app, scope, max_products=max_products, trust_smaller=accept_smaller)
        if out is not None:
            save_plan(drawn.plan, scope, out)
    code = conclude(drawn, json=json)
    if out is not None and not json:
        output.say(f"saved to {out}; apply exactly this with `trueup run --plan {out}`")
    return code


def run(
    *,
    target: Targets = None,
    sku: Skus = None,
    max_products: MaxProducts = None,
    dry_run: DryRun = False,
    plan_file: Annotated[
        Path | None,
        Parameter(name="--plan", help="Apply exactly this saved plan; what moved since is stale."),
    ] = None,
    approve: Annotated[
        str | None,
        Parameter(
            name="--approve",
            help="Let pass what is held: the fingerprint of a plan, of one of its guards, or of one"
            " change.",
        ),
    ] = None,
    by: By = None,
    reason: Why = "",
    deadline: Deadline = None,
    accept_smaller: Smaller = False,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Plan and apply: bring CRM and Billing into agreement with the catalogue.

    Looks at what is due and writes only what differs, each outcome durable
    before the next request. What a guard holds waits for `trueup approve`.
    Ctrl-C stops cleanly; the next run continues.

    For example:
      trueup run
      trueup run --max-products 20 --target crm
      trueup run --plan tonight.json --json
      trueup run --approve 5f1c02ab93d24e51 --by "Ann Example"
    """
    if approve is None and (by is not None or reason):
        raise UsageError("--by and --reason say who approves, and why", "give --approve too")
    if dry_run:
        if approve is not None:
            raise UsageError("--dry-run applies nothing, so that there is nothing to approve")
        return plan(
            target=target,
            sku=sku,
            max_products=max_products,
            accept_smaller=accept_smaller,
            json=json,
            verbose=verbose,
        )
    if plan_file is not None:
        from trueup.cli.revert import apply_revert
        from trueup.cli.saved_revert import saved_revert

        if (undoing := saved_revert(plan_file)) is not None:
            return apply_revert(undoing, json=json, verbose=verbose)
    # Where nobody sits there, a scheduler asks: what is kept for people is not for it.
    person = output.on_terminal(error=True)
    with (
        told(whole=not (sku or target or plan_file or approve)) as note,
        job_app(
            json=json, verbose=verbose, deadline=deadline, max_products=max_products, person=person
        ) as app,
    ):
        from trueup.cli.asking import approval
        from trueup.cli.planning import read_plan
        from trueup.reconcile.orders import Approval, Order

        scope = due_or_named(app, target, sku)
        saved = None
        if plan_file is not None:
            scope, saved = read_plan(plan_file, scope)
        order = Order(scope, Trigger.CLI, saved, trust_smaller=accept_smaller)
        if approve is not None:
            decision = approval(app, by, reason)
            order = replace(order, approval=Approval(approve.strip(), decision))
        report = note(carry_out(app, order))
        after = {"run": report.run.run_id}
        stale = report.run.state is RunState.HELD and report.run.error is not None
        if approve is not None and report.error is None and not stale:
            write_down(
                app, Did.APPROVED, f"what has the mark {approve}", by=by, reason=reason, after=after
            )
        elif approve is None and person:
            write_down(app, Did.ASKED_FOR_RUN, subject_of(scope.skus), after=after)
    return conclude(report, json=json)


def backfill(
    where: Literal["crm", "billing", "all"],
    /,
    *,
    dry_run: DryRun = False,
    limit: Limit = None,
    status: Annotated[
        Literal["pending", "ok", "failed", "held", "skipped"] | None,
        Parameter(name="--status", help="Only products that stand so at the target."),
    ] = None,
    deadline: Deadline = None,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """The job over the whole catalogue, without the product limit.

    It takes 100 products a batch. Stop it whenever you like: what is done
    is done, and a second call goes on with the rest.

    For example:
      trueup backfill all --dry-run
      trueup backfill billing --status failed --limit 500
    """
    with (
        told(whole=where == "all" and not (dry_run or limit or status)) as note,
        job_app(json=json, verbose=verbose, deadline=deadline, batch=_BACKFILL_BATCH) as app,
    ):
        from trueup.cli.planning import draw
        from trueup.domain.states import Standing
        from trueup.reconcile.orders import Order
        from trueup.reconcile.scope import Scope

        words: list[TargetWord] | None = None if where == "all" else [where]
        standing = Standing(status) if status else None
        scope = Scope(targets_of(words), look=Look.ALL, standing=standing, limit=limit)
        order = Order(scope, Trigger.BACKFILL, bounded=False)
        result = draw(app, scope) if dry_run else note(carry_out(app, order))
        if not dry_run:
            write_down(app, Did.ASKED_FOR_RUN, f"everything at {where}")
    return conclude(result, json=json)


def resync(
    skus: Annotated[list[str], Parameter(help="The products.")],
    /,
    *,
    target: Targets = None,
    queue: Annotated[
        bool, Parameter(name="--queue", negative="", help="Leave them to the next run.")
    ] = False,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Lift back-off and quarantine from products and reconcile them at once.

    A worker's run that is writing gives way to it and goes on afterwards.

    For example:
      trueup resync FIB-100 FIB-200
      trueup resync FIB-100 --target billing --queue
    """
    if not skus:
        raise UsageError("name at least one SKU", "`trueup resync FIB-100`")
    with job_app(json=json, verbose=verbose) as app:
        from trueup.reconcile.orders import Order
        from trueup.reconcile.scope import Scope

        asked, targets = known_skus(app, skus), targets_of(target)
        owners = [o for found in app.catalogue.offering_ids(asked).values() for o in found]
        app.ledger.release(owners, targets)
        report = None
        if not queue:
            scope = Scope(targets, asked, look=Look.EVERYTHING)
            report = carry_out(app, Order(scope, Trigger.RESYNC, bounded=False))
        did = Did.RELEASED if queue else Did.ASKED_FOR_RESYNC
        write_down(app, did, subject_of(asked), after={"targets": [t.value for t in targets]})
        workspace = app.settings.workspace
    if report is not None and report.run.state is RunState.ALREADY_RUNNING:
        from trueup.cli.yielding import conclude_job, resync_through_a_worker

        terms = Terms(asked, targets, force=True)
        if (job := resync_through_a_worker(workspace, terms)) is not None:
            return conclude_job(job, json=json)
    if report is not None:
        return conclude(report, json=json)
    if json:
        output.print_json({"queued": list(asked), "targets": [t.value for t in targets]})
    else:
        output.say(f"{len(asked)} products are due at the next run")
    return 0
