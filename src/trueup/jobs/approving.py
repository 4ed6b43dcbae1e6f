"""The job after an approval: make exactly what a person let pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.domain.waiting import HeldState
from trueup.jobs.noting import noted_workshop
from trueup.jobs.sync import outcome_of
from trueup.postgres.decisions import PostgresDecisions
from trueup.postgres.trouble import database_trouble
from trueup.reconcile.deciding import Decided, carry_out

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.applying import Brake

_ALL_DONE = "nothing of it waits any more"


def apply_approved(app: App, job: Job, brake: Brake) -> JobOutcome:
    """Carry out the approved changes that the terms number; `fates` says what became of each.

    What was rejected again, or expired, or was carried out by a run meanwhile is left alone.
    """
    decisions = PostgresDecisions(app.pool)
    asked = decisions.find(job.request.terms.held)
    now = app.clock.now()
    approved = tuple(one for one in asked if one.approved(now))
    if not approved:
        return JobOutcome(
            Ending.SUCCEEDED, job.run_id, _ALL_DONE, {"fates": _fates(decisions, job), "stale": 0}
        )
    decided = carry_out(
        noted_workshop(app),
        decisions,
        Decided(approved),
        brake,
        resumes=job.run_id,
        goes_on=lambda crash: database_trouble(crash) is not None,
    )
    if decided.report is None:
        raise AssertionError("a run that was asked for has a report")
    outcome = outcome_of(decided.report, job)
    return replace(outcome, report={**outcome.report, "fates": _fates(decisions, job)})


def _fates(decisions: PostgresDecisions, job: Job) -> dict[str, int]:
    """How many of the changes stand how, in the words of `HeldState`."""
    found = Counter(one.state for one in decisions.find(job.request.terms.held))
    return {state.value: found[state] for state in HeldState if found[state]}
