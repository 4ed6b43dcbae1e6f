"""The queue of jobs in memory: what the Postgres one keeps, by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from trueup.domain.jobs import (
    Ending,
    Job,
    JobOutcome,
    JobRequest,
    JobState,
    Priority,
    Word,
)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class MemoryQueue:
    """Jobs in a dict."""

    clock: Callable[[], datetime] = _now
    jobs: dict[int, Job] = field(default_factory=dict)
    watched: dict[tuple[str, str], tuple[str, str, datetime]] = field(default_factory=dict)

    def ask(self, request: JobRequest) -> Job | None:
        slot = (request.workspace, request.schedule, request.slot)
        for job in self.jobs.values():
            known = job.request
            if request.slot and (known.workspace, known.schedule, known.slot) == slot:
                return None
            mergeable = request.merge and known.merge == request.merge
            if mergeable and known.workspace == request.workspace and job.state is JobState.WAITING:
                return self._keep(replace(job, request=_merged(known, request)))
        number = len(self.jobs) + 1
        return self._keep(Job(number, request, JobState.WAITING, self.clock()))

    def get(self, job_id: int) -> Job | None:
        return self.jobs.get(job_id)

    def open_jobs(self, workspace: str | None = None) -> Sequence[Job]:
        found = [j for j in self._of(workspace) if j.state is not JobState.DONE]
        waits = JobState.WAITING
        return sorted(found, key=lambda j: (j.state is waits, -j.request.priority, j.job_id))

    def recent(self, limit: int, workspace: str | None = None) -> Sequence[Job]:
        found = [j for j in self._of(workspace) if j.finished_at is not None]
        return sorted(found, key=lambda j: (j.finished_at, j.job_id), reverse=True)[:limit]

    def of_run(self, run_id: str) -> Job | None:
        found = [j for j in self.open_jobs() if j.run_id == run_id]
        return found[0] if found else None

    def claim(self, job_id: int, worker: str) -> Job | None:
        job = self.jobs.get(job_id)
        if job is None or not self._ready(job):
            return None
        if any(j.state is JobState.RUNNING for j in self._of(job.request.workspace)):
            return None
        started = job.started_at or self.clock()
        begun = replace(job, state=JobState.RUNNING, attempt=job.attempt + 1, worker=worker)
        return self._keep(replace(begun, started_at=started))

    def word(self, job: Job) -> Word | None:
        mine = self._mine(job)
        if mine is None:
            return Word.LOST
        if mine.cancelled_by:
            return Word.CANCEL
        others = [j for j in self._of(job.request.workspace) if self._ready(j)]
        person = any(j.request.priority >= Priority.PERSON for j in others)
        gives_way = person and mine.request.priority < Priority.PERSON
        return Word.GIVE_WAY if gives_way else None

    def note_run(self, job: Job, run_id: str) -> None:
        mine = self._mine(job)
        if mine is not None:
            self._keep(replace(mine, run_id=run_id))

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        mine = self._mine(job)
        if mine is None:
            return False
        told = replace(mine, message=outcome.message, run_id=outcome.run_id or mine.run_id)
        if outcome.ending is not None:
            self._end(replace(told, report=outcome.report), outcome.ending)
            return True
        back = replace(told, request=replace(told.request, merge=""))
        if mine.cancelled_by:
            self._end(back, Ending.CANCELLED)
        else:
            later = self.clock() + timedelta(seconds=outcome.wait)
            self._keep(replace(back, state=JobState.WAITING, not_before=later))
        return True

    def cancel(self, job_id: int, by: str) -> Job | None:
        job = self.jobs.get(job_id)
        if job is None or job.state is JobState.DONE:
            return None
        told = self._keep(replace(job, cancelled_by=by))
        return self._end(told, Ending.CANCELLED) if job.state is JobState.WAITING else told

    def since(self, workspace: str, name: str, cron: str, zone: str, now: datetime) -> datetime:
        known = self.watched.get((workspace, name))
        if known is None or known[:2] != (cron, zone):
            known = (cron, zone, now)
        self.watched[workspace, name] = (cron, zone, min(known[2], now))
        return self.watched[workspace, name][2]

    def _of(self, workspace: str | None) -> list[Job]:
        jobs = self.jobs.values()
        return [j for j in jobs if workspace is None or j.request.workspace == workspace]

    def _ready(self, job: Job) -> bool:
        due = job.not_before is None or job.not_before <= self.clock()
        return job.state is JobState.WAITING and due

    def _mine(self, job: Job) -> Job | None:
        known = self.jobs[job.job_id]
        same = known.attempt == job.attempt and known.state is JobState.RUNNING
        return known if same else None

    def _end(self, job: Job, ending: Ending) -> Job:
        done = replace(job, state=JobState.DONE, ending=ending, finished_at=self.clock())
        return self._keep(done)

    def _keep(self, job: Job) -> Job:
        self.jobs[job.job_id] = job
        return job


def _merged(known: JobRequest, asked: JobRequest) -> JobRequest:
    skus: tuple[str, ...] = ()
    if known.terms.skus and asked.terms.skus:
        skus = tuple(sorted({*known.terms.skus, *asked.terms.skus}))
    priority = max(known.priority, asked.priority)
    return replace(known, terms=replace(known.terms, skus=skus), priority=priority)
