"""What the end of a run means for the job that it was made for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from support.crew import a_request
from trueup.domain.jobs import Ending, Job, JobState
from trueup.domain.plan import Plan
from trueup.domain.runs import Run, RunState, Trigger
from trueup.jobs.sync import LOCKED_WAIT, outcome_of
from trueup.reconcile.running import Report

NOW = datetime(2026, 3, 2, tzinfo=UTC)
JOB = Job(1, a_request(), JobState.RUNNING, NOW, attempt=2, run_id="the-one-before")


@pytest.mark.parametrize(
    ("state", "ending", "run_id", "wait"),
    [
        (RunState.SUCCEEDED, Ending.SUCCEEDED, "a-run", 0.0),
        (RunState.PARTIAL, Ending.PARTIAL, "a-run", 0.0),  # also by its deadline
        (RunState.HELD, Ending.HELD, "a-run", 0.0),
        (RunState.FAILED, Ending.FAILED, "a-run", 0.0),
        (RunState.INTERRUPTED, None, "a-run", 0.0),
        (RunState.ALREADY_RUNNING, None, "the-one-before", LOCKED_WAIT),
    ],
)
def test_a_run_that_is_handed_over_or_locked_out_ends_no_job(
    state: RunState, ending: Ending | None, run_id: str, wait: float
) -> None:
    """Who goes on names the run that it resumes; who waits for the lock made none."""
    report = Report(Run("a-run", Trigger.SCHEDULE, state, NOW, NOW), Plan())
    outcome = outcome_of(report, JOB)
    assert (outcome.ending, outcome.run_id, outcome.wait) == (ending, run_id, wait)
