"""The job itself: plan and apply what is due, or only show the plan."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from trueup.domain.jobs import Ending, Job, JobOutcome, Terms
from trueup.domain.runs import RunState
from trueup.jobs.noting import noted_workshop
from trueup.planner.due import Look
from trueup.postgres.trouble import database_trouble
from trueup.reconcile.drawing import draw, drawn_as_json
from trueup.reconcile.orders import Order
from trueup.reconcile.reported import exit_code, report_as_json
from trueup.reconcile.running import Report, run
from trueup.reconcile.scope import Scope

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.applying import Brake

LOCKED_WAIT = 5.0  # seconds until a job looks again whether the run lock is free
_MOST_RESULTS = 100  # of a run's products, or a plan's lines, for whoever asked
ENDINGS = {
    RunState.SUCCEEDED: Ending.SUCCEEDED,
    RunState.PARTIAL: Ending.PARTIAL,
    RunState.HELD: Ending.HELD,
    RunState.FAILED: Ending.FAILED,
}


def sync(app: App, job: Job, brake: Brake) -> JobOutcome:
    """Bring both targets into agreement with the catalogue, as far as the job's terms go."""
    terms = job.request.terms
    scope = scope_of(terms)
    if terms.dry_run:
        return _draw(app, scope, terms, brake)
    if terms.force:
        found = app.catalogue.offering_ids(terms.skus)
        app.ledger.release([o for owners in found.values() for o in owners], terms.targets)
    order = Order(
        scope,
        job.request.trigger,
        bounded=not terms.force,
        resumes=job.run_id,
        goes_on=lambda crash: database_trouble(crash) is not None,
    )
    return outcome_of(run(noted_workshop(app), order, brake), job)


def scope_of(terms: Terms) -> Scope:
    """What a job looks at: what is due, or the products that somebody named."""
    look = Look.EVERYTHING if terms.force else Look.ALL if terms.skus else Look.DUE
    return Scope(terms.targets, terms.skus, look=look)


def outcome_of(report: Report, job: Job) -> JobOutcome:
    """What a run means for its job: its end, or that somebody goes on with it."""
    state, run_id = report.run.state, report.run.run_id
    message = report.run.error or ""
    if state is RunState.ALREADY_RUNNING:
        return JobOutcome(None, job.run_id, message, wait=LOCKED_WAIT)
    if state is RunState.INTERRUPTED:
        return JobOutcome(None, run_id, message)
    ending = Ending.CANCELLED if job.cancelled_by else ENDINGS[state]
    return JobOutcome(ending, run_id, message, _bounded(report))


def _bounded(report: Report) -> dict[str, Any]:
    document = report_as_json(report)
    results = document["results"]
    return document | {
        "results": results[:_MOST_RESULTS],
        "resultsCount": len(results),
        "exit_code": exit_code(report),
    }


def _draw(app: App, scope: Scope, terms: Terms, brake: Brake) -> JobOutcome:
    reading = f"plan-{secrets.token_hex(6)}"
    drawn = draw(app.workshop(), scope, reading, max_products=terms.max_products)
    if brake.hands_over:
        return JobOutcome(None, message=brake.reason)  # what was read is not whole
    trouble = drawn.trouble
    document = plan_in_short(drawn_as_json(drawn))
    document["exit_code"] = trouble.exit_code if trouble else 0
    ending = Ending.FAILED if trouble else Ending.SUCCEEDED
    return JobOutcome(ending, message=trouble.message if trouble else "", report=document)


def plan_in_short(document: dict[str, Any]) -> dict[str, Any]:
    """A plan's document with the first of its lines, and `counts` of all of them."""
    changes, findings = document["changes"], document["findings"]
    counts = {
        "products": len({change.get("sku") for change in changes}),
        "changes": len(changes),
        "held": sum(bool(change.get("held")) for change in changes),
        "findings": len(findings),
    }
    first = {"changes": changes[:_MOST_RESULTS], "findings": findings[:_MOST_RESULTS]}
    return document | first | {"counts": counts}
