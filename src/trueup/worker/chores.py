"""What a worker looks after besides its jobs, every so many seconds.

One chore's trouble is logged and tried again; it keeps none of the others from their turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trueup.deployment import Deployment
from trueup.worker.reaping import REAP_EVERY, reap
from trueup.worker.scheduling import LOOK_EVERY, look_at_schedules

SCHEDULER = "schedule"  # the chore that a worker without a scheduler leaves to others


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to look after. `alone`: one worker of the deployment does it for all of them."""

    name: str
    every: float  # seconds
    do: Callable[[Deployment], None]
    alone: bool = True


CHORES: tuple[Chore, ...] = (
    Chore("reap", REAP_EVERY, reap),
    Chore(SCHEDULER, LOOK_EVERY, look_at_schedules, alone=False),
)
