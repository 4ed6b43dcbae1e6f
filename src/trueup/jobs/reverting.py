"""The job that takes a run back: first it only looks, then it makes exactly what was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.domain.errors import UsageError
from trueup.domain.jobs import Ending, Job, JobOutcome, Terms
from trueup.domain.plan import fingerprint_of_json, mark_of, value_as_json
from trueup.domain.runs import RunState
from trueup.jobs.noting import noted_workshop
from trueup.jobs.sync import ENDINGS, LOCKED_WAIT
from trueup.ports import Decision
from trueup.postgres.prune import changes_removed_at
from trueup.reconcile.reported import exit_code, report_as_json
from trueup.reconcile.reverting import RevertReport, revert
from trueup.reconcile.way_back import RevertOrder, WayBack, way_back

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.domain.past import PastWrite
    from trueup.planner.revert import Left
    from trueup.reconcile.applying import Brake

_MOST_SHOWN = 500  # changes, and things left as they are, for whoever asked; marks are kept of all


def take_back(app: App, job: Job, brake: Brake) -> JobOutcome:
    """Look at the way back (a dry run), or go it.

    A report of the look has the fingerprint of every change in `marks`; a job with these in its
    terms (`exactly`) makes these and nothing else. Cut short, the job goes on where it was.
    """
    terms, asked_by = job.request.terms, job.request.asked_by
    order = RevertOrder(
        terms.takes_back, Decision(asked_by, terms.reason), terms.targets, terms.skus,
        still_to_do(app, terms, job.run_id),
    )  # fmt: skip
    if not terms.dry_run:
        return _outcome_of(carry_out(app, order, brake), job, brake)
    way = look(app, order)
    if brake.hands_over:
        return JobOutcome(None, message=brake.reason)  # what was read may not be whole
    trouble = way.trouble
    return JobOutcome(
        Ending.FAILED if trouble else Ending.SUCCEEDED,
        message=trouble.message if trouble else "",
        report=way_in_short(way) | {"exit_code": trouble.exit_code if trouble else 0},
    )


def look(app: App, order: RevertOrder) -> WayBack:
    """The way back from a run; writes nothing.

    Raises `UsageError` where what it changed is past its time, or a SKU is named for which it
    wrote nothing.
    """
    refuse_without_changes(app, order.run_id)
    return _found(way_back(app.workshop(), app.past, order), order)


def carry_out(app: App, order: RevertOrder, brake: Brake) -> RevertReport:
    """Take the run back; raises as `look` does."""
    refuse_without_changes(app, order.run_id)
    done = revert(noted_workshop(app), app.past, order, brake)
    if done.report.error is None:
        _found(done.way, order)
    return done


def refuse_without_changes(app: App, run_id: str) -> None:
    """Raise `UsageError` when what the run changed is past its time: a part cannot be all of it."""
    with app.pool.connection() as connection:
        removed_at = changes_removed_at(connection, run_id)
    if removed_at is not None:
        raise UsageError(
            f"run {run_id} cannot be taken back: what it changed was removed on"
            f" {removed_at:%Y-%m-%d}, past its time",
            "correct the catalogue instead; retention.history says how long changes are kept",
        )


def way_as_json(way: WayBack, report: dict[str, Any] | None) -> dict[str, Any]:
    """The document of `trueup revert --json`; `run` is null while nothing was carried out."""
    made = set(way.restoration.created)
    document = {
        "reverts": way.run_id,
        **way.plan.as_json(),
        "made_inactive": [
            {"target": c.target.value, "kind": c.key.kind.value, "code": c.key.code, "sku": c.sku}
            for c in way.plan.changes
            if c.key in made and c.writes
        ],
        "left": [_left_as_json(one) for one in way.restoration.left],
        "run": report,
    }
    if way.trouble is None:
        return document
    return {**document, "error": way.trouble.message, "remedy": way.trouble.remedy}


def way_in_short(way: WayBack) -> dict[str, Any]:
    """The same document with the first of its lines, `counts` of all, and the `marks` of all."""
    document, changes = way_as_json(way, None), way.plan.changes
    counts = {
        "products": len({change.sku for change in changes}),
        "changes": sum(change.writes for change in changes),
        "held": len(way.plan.held),
        "findings": 0,
        "left": len(way.restoration.left),
        "made_inactive": len(document["made_inactive"]),
        "looked": way.looked,
    }
    short = {n: document[n][:_MOST_SHOWN] for n in ("changes", "made_inactive", "left")}
    more = {"counts": counts, "marks": [mark_of(c) for c in changes]}
    return document | short | more | {"empty": way.restoration.empty}


def _outcome_of(done: RevertReport, job: Job, brake: Brake) -> JobOutcome:
    """What a revert means for its job: its end, or that somebody goes on with it."""
    run = done.report.run
    message = run.error or ""
    if run.state is RunState.ALREADY_RUNNING:
        return JobOutcome(None, job.run_id, message, wait=LOCKED_WAIT)
    run_id = "" if done.idle else run.run_id
    if brake.hands_over and run.state is not RunState.SUCCEEDED:
        return JobOutcome(None, run_id, message)
    ending = Ending.CANCELLED if job.cancelled_by else ENDINGS[run.state]
    report = report_as_json(done.report) | {
        "results": [],
        "reverts": done.way.run_id,
        "left": [_left_as_json(one) for one in done.way.restoration.left[:_MOST_SHOWN]],
        "idle": done.idle,
        "exit_code": exit_code(done.report),
    }
    return JobOutcome(ending, run_id, message, report)


def still_to_do(app: App, terms: Terms, so_far: str) -> list[dict[str, object]] | None:
    """The changes that were shown, but for those that an earlier attempt of the job has made."""
    if terms.exactly is None:
        return None
    writes = app.past.writes(so_far) if so_far else []
    done = {_mark_of_write(write) for write in writes if write.certain}
    return [{"fingerprint": mark} for mark in terms.exactly if mark not in done]


def _mark_of_write(write: PastWrite) -> str:
    """The fingerprint of the change that was written."""
    change = {
        "target": write.key.kind.target.value,
        "kind": write.key.kind.value,
        "code": write.key.code,
        "action": write.action.value,
        "reason": write.reason.value,
        "sku": write.sku,
        "deltas": {
            name: [value_as_json(value) for value in delta] for name, delta in write.deltas.items()
        },
    }
    return fingerprint_of_json([change])


def _found(way: WayBack, order: RevertOrder) -> WayBack:
    """The same; raises `UsageError` where a SKU was named for which the run wrote nothing."""
    if order.skus and not way.looked:
        raise UsageError(
            f"run {order.run_id} wrote nothing for {', '.join(order.skus)}",
            f"`trueup runs show {order.run_id}` lists what it wrote",
        )
    return way


def _left_as_json(one: Left) -> dict[str, Any]:
    return {
        "target": one.key.kind.target.value,
        "kind": one.key.kind.value,
        "code": one.key.code,
        "sku": one.sku,
        "field": one.name or None,
        "wrote": value_as_json(one.wrote),
        "now": value_as_json(one.now),
        "why": one.why,
    }
