"""A job that was cut short: by trouble that passes by itself, or by a person."""

from __future__ import annotations

from dataclasses import replace

from trueup.domain.errors import LeaseLostError, SchemaError
from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.ports import Queue
from trueup.postgres.trouble import database_trouble

_CUT_SHORT = (Ending.PARTIAL, Ending.FAILED)
_LONGEST_WAIT = 60.0
_MOST_ATTEMPTS = 30  # with the waits between them half an hour: by then a person must know


def interrupted(job: Job, error: BaseException) -> JobOutcome | None:
    """How a job goes on after its database went away, its lock was lost, or in mid-upgrade.

    A worker of another version than the schema's leaves the job to one of the right version. None
    for every other error, and for a trouble that has lasted too long.
    """
    trouble = error if isinstance(error, LeaseLostError | SchemaError) else database_trouble(error)
    if trouble is None or job.attempt >= _MOST_ATTEMPTS:
        return None
    wait = min(_LONGEST_WAIT, 2.0 ** min(job.attempt - 1, 6))
    return JobOutcome(None, message=trouble.message, wait=wait)


def or_cancelled(queue: Queue, job: Job, outcome: JobOutcome) -> JobOutcome:
    """The outcome; when a person cancelled the job meanwhile, and it was cut short, that one.

    What was done all the same is not called undone. One that is handed back ends in the queue.
    """
    if outcome.ending not in _CUT_SHORT:
        return outcome
    try:
        known = queue.get(job.job_id)
    except Exception as error:
        if database_trouble(error) is None:
            raise
        return outcome
    if known is None or not known.cancelled_by:
        return outcome
    said = f"cancelled by {known.cancelled_by}"
    return replace(outcome, ending=Ending.CANCELLED, message=said)
