"""Jobs of workers that died: given up, so that another worker goes on with them."""

from __future__ import annotations

import structlog

from trueup.deployment import Deployment
from trueup.domain.jobs import JobState
from trueup.postgres.dispatch import Dispatch
from trueup.settings import Settings

REAP_EVERY = 2.0
_SHORTEST_SILENCE = 5.0
_MOST_LOSSES = 10  # workers that died at one job; then it is the job


def silence(settings: Settings) -> float:
    """Seconds without a word after which a worker counts as dead.

    Half the run lock's life: the lock of a dead run is free at last, and by then its job has found
    another worker. Never less than a busy machine may need for a word that is due every second.
    """
    return max(settings.lease / 2, _SHORTEST_SILENCE)


def reap(deployment: Deployment) -> None:
    """The chore of a worker."""
    log = structlog.get_logger("trueup.worker")
    seconds = silence(deployment.home.settings)
    for job in Dispatch(deployment.home.pool).reap(seconds, _MOST_LOSSES):
        told = log.error if job.state is JobState.DONE else log.warning
        told(
            "job_given_up",
            job=job.job_id,
            workspace=job.request.workspace,
            worker=job.worker,
            message=job.message,
        )
