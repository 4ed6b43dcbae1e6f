"""A job that met trouble which passes by itself: it waits and is begun again, by any worker."""

from __future__ import annotations

from trueup.domain.errors import LeaseLostError
from trueup.domain.jobs import Job, JobOutcome
from trueup.postgres.trouble import database_trouble

_LONGEST_WAIT = 60.0
_MOST_ATTEMPTS = 30  # with the waits between them half an hour: by then a person must know


def interrupted(job: Job, error: BaseException) -> JobOutcome | None:
    """How a job goes on after its database went away or its lock was lost.

    None for every other error, and for a trouble that has lasted too long.
    """
    trouble = error if isinstance(error, LeaseLostError) else database_trouble(error)
    if trouble is None or job.attempt >= _MOST_ATTEMPTS:
        return None
    wait = min(_LONGEST_WAIT, 2.0 ** min(job.attempt - 1, 6))
    return JobOutcome(None, message=trouble.message, wait=wait)
