"""What a worker looks after besides its jobs, every so many seconds.

One chore's trouble is logged and tried again; it keeps none of the others from their turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trueup.deployment import Deployment
from trueup.jobs.alerting import REVIEW_EVERY, review_all
from trueup.jobs.pruning import FORGET_EVERY, forget_jobs
from trueup.worker.reaping import REAP_EVERY, reap
from trueup.worker.scheduling import LOOK_EVERY, look_at_schedules
from trueup.worker.watching import WATCH_EVERY, watch

SCHEDULER = "schedule"  # the chore that a worker without a scheduler leaves to others


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to look after. `alone`: one worker of the deployment does it for all of them."""

    name: str
    every: float  # seconds
    do: Callable[[Deployment], None]
    alone: bool = True


CHORES: tuple[Chore, ...] = (
    Chore("reap", REAP_EVERY, reap, alone=False),
    Chore("alerts", REVIEW_EVERY, review_all),
    Chore(SCHEDULER, LOOK_EVERY, look_at_schedules, alone=False),
    Chore("watch", WATCH_EVERY, watch, alone=False),
    Chore("forget-jobs", FORGET_EVERY, forget_jobs),
)
