"""Jobs of workers that died: given up, so that another worker goes on with them."""

from __future__ import annotations

import structlog

from trueup.deployment import Deployment
from trueup.domain.jobs import JobState
from trueup.postgres.dispatch import Dispatch
from trueup.settings import Settings

REAP_EVERY = 1.0
_SHORTEST_SILENCE = 2.0
_WORDS = 5  # that a worker has to say about its job within a silence
_WORD_SECONDS = 1.0
_MOST_LOSSES = 10  # workers that died at one job; then it is the job


def silence(settings: Settings) -> float:
    """Seconds without a word after which a worker counts as dead.

    Half the run lock's life: when the lock of a dead run is free at last, its job has found another
    worker. Never less than a busy machine may need for a word that is due every second.
    """
    return max(settings.lease / 2, _SHORTEST_SILENCE)


def word_every(settings: Settings) -> float:
    """Seconds between two words of a worker about a job."""
    return min(_WORD_SECONDS, silence(settings) / _WORDS)


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
