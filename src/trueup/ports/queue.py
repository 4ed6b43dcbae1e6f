"""The queue of jobs, as whoever asks and whoever works sees it. No engine is known here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from trueup.domain.jobs import Job, JobOutcome, JobRequest, Word


class Queue(Protocol):
    """Jobs of all workspaces of a deployment, in its home database."""

    def ask(self, request: JobRequest) -> Job | None:
        """Write a job down. None when its slot was asked for before, by anybody.

        A request whose `merge` names a job that still waits is merged into it.
        """

    def get(self, job_id: int) -> Job | None:
        """A job by its number."""

    def open_jobs(self, workspace: str | None = None) -> Sequence[Job]:
        """What waits or runs, what runs first, then by priority and age."""

    def recent(self, limit: int, workspace: str | None = None) -> Sequence[Job]:
        """What ended, the latest first."""

    def of_run(self, run_id: str) -> Job | None:
        """The job for which this run is being made, if it is not over."""

    def claim(self, job_id: int, worker: str) -> Job | None:
        """Begin a waiting job, unless one of its workspace runs; None when it is not to be had."""

    def word(self, job: Job) -> Word | None:
        """Say that the worker is alive at this attempt, and hear what it should know."""

    def note_run(self, job: Job, run_id: str) -> None:
        """The run that is being made for it."""

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        """Write down how the attempt went: the end, or back to waiting. False when it is lost.

        What goes back ends instead when somebody cancelled it meanwhile.
        """

    def cancel(self, job_id: int, by: str) -> Job | None:
        """Stop a job: one that waits ends at once, one that runs is told. None: already over."""

    def since(self, workspace: str, name: str, cron: str, zone: str, now: datetime) -> datetime:
        """From when on this schedule has been watched, as it is written now."""
