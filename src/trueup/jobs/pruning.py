"""Remove what is past its time: the nightly housekeeping, and `trueup db prune`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.postgres.prune import Ages, prune, prune_jobs

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.deployment import Deployment
    from trueup.reconcile.applying import Brake

FORGET_EVERY = 3_600.0  # seconds


def remove_what_is_old(app: App, _: Job, brake: Brake) -> JobOutcome:
    """Remove what is past its time in a workspace's database; what is left is removed next time."""
    removed = prune(app.pool, ages_of(app), stopped=brake.pulled.is_set)
    total = sum(removed.values())
    message = f"{total:,} rows were past their time"
    report = {"rows": removed}
    if brake.pulled.is_set():
        ending = None if brake.hands_over else Ending.CANCELLED
        return JobOutcome(ending, message=brake.reason, report=report)
    return JobOutcome(Ending.SUCCEEDED, message=message, report=report)


def forget_jobs(deployment: Deployment) -> None:
    """The same for jobs: a home database may be no workspace's, so that no job of its own comes."""
    prune_jobs(deployment.home.pool, ages_of(deployment.home))


def ages_of(app: App) -> Ages:
    """How long this workspace keeps things."""
    settings = app.settings
    return Ages(
        app.clock.now(),
        timedelta(seconds=settings.history_kept),
        timedelta(seconds=settings.runs_kept),
        timedelta(days=settings.flip_days),
    )
