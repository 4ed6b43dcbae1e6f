"""Carry out a job: the kind says which use-case, the workspace whose catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.domain.errors import TrueupError
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome, Priority
from trueup.jobs.adopting import bind
from trueup.jobs.alerting import after
from trueup.jobs.approving import apply_approved
from trueup.jobs.interrupted import interrupted, or_cancelled
from trueup.jobs.journal import Journal
from trueup.jobs.looking import look_for_drift, look_for_duplicates
from trueup.jobs.pruning import remove_what_is_old
from trueup.jobs.reporting import report
from trueup.jobs.reverting import take_back
from trueup.jobs.sync import sync
from trueup.jobs.verifying import verify

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.deployment import Deployment
    from trueup.reconcile.applying import Brake

Work = Callable[["App", Job, "Brake"], JobOutcome]

KINDS: dict[JobKind, Work] = {
    JobKind.SYNC: sync,
    JobKind.VERIFY: verify,
    JobKind.REPORT: report,
    JobKind.PRUNE: remove_what_is_old,
    JobKind.APPROVE: apply_approved,
    JobKind.REVERT: take_back,
    JobKind.ADOPT: bind,
    JobKind.DRIFT: look_for_drift,
    JobKind.DUPLICATES: look_for_duplicates,
}


def carry_out(deployment: Deployment, job: Job, brake: Brake) -> JobOutcome:
    """Do what a job asks for until it is done or the brake is pulled; trouble is an outcome."""
    try:
        with Journal(job) as journal:
            outcome = _carried_out(deployment, job, brake, journal)
            outcome = journal.ended(or_cancelled(deployment.queue, job, outcome))
    except Exception as crash:
        said = f"it crashed ({type(crash).__name__}); the worker's log says where"
        after(deployment, job, JobOutcome(Ending.FAILED, message=said))
        raise
    after(deployment, job, outcome)
    return outcome


def _carried_out(deployment: Deployment, job: Job, brake: Brake, journal: Journal) -> JobOutcome:
    asked = job.request
    try:
        settings = deployment.settings(asked.workspace)
        if asked.terms.max_products is not None:
            settings = replace(settings, max_products=asked.terms.max_products)
        person = asked.priority >= Priority.PERSON

        def note_run(run_id: str) -> None:
            deployment.queue.note_run(job, run_id)
            journal.run(run_id)

        with deployment.open(
            settings,
            person=person,
            note_run=note_run,
            watcher=journal,
            on_request=journal.request,
        ) as app:
            app.clock.stopped = brake.pulled
            return KINDS[asked.kind](app, job, brake)
    except Exception as error:
        if (goes_on := interrupted(job, error)) is not None:
            return goes_on
        if not isinstance(error, TrueupError):
            raise
        if brake.hands_over:
            return JobOutcome(None, message=brake.reason)
        report = {"error": error.message, "remedy": error.remedy, "exit_code": error.exit_code}
        return JobOutcome(Ending.FAILED, message=error.message, report=report)
