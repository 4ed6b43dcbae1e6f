"""The queue of jobs in Postgres: what was asked, who is at it, how it ended.

Its guarantees are unique indexes (migration 0009): a slot exists once, one job of a workspace runs
at a time. Every write of a worker names its attempt: one that was taken for dead changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import errors, sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from trueup.domain.jobs import (
    Ending,
    Job,
    JobKind,
    JobOutcome,
    JobRequest,
    JobState,
    Priority,
    Terms,
    Word,
)
from trueup.domain.runs import Trigger
from trueup.postgres.queries import load_queries

CHANNEL: Final = "trueup_jobs"  # notified with a job's number when it is asked for or moves on
_SQL: Final[Mapping[str, sql.SQL]] = load_queries("queue")
_READING: Final = ("get", "of_run")


class PostgresQueue:
    """Jobs of all workspaces, in the home database."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool

    def ask(self, request: JobRequest) -> Job | None:
        """Write a job down, or merge it into one that waits; None for a slot that was asked for."""
        given = _request_values(request)
        with self._pool.connection() as connection, connection.transaction():
            rows = connection.cursor(row_factory=dict_row)
            found = rows.execute(_SQL["ask"], given).fetchone()
            if found is None and request.merge:
                found = rows.execute(_SQL["merge"], given).fetchone()
            if found is not None:
                connection.execute(_SQL["announce"], found)
        if found is None and request.merge:
            # The one it would have joined was claimed a moment ago.
            return self.ask(request)
        return None if found is None else to_job(found)

    def get(self, job_id: int) -> Job | None:
        """A job by its number."""
        return self._one("get", {"job_id": job_id})

    def open_jobs(self, workspace: str | None = None) -> Sequence[Job]:
        """What waits or runs."""
        with self._pool.connection() as connection:
            rows = connection.cursor(row_factory=dict_row)
            found = rows.execute(_SQL["open"], {"workspace": workspace}).fetchall()
        return [to_job(row) for row in found]

    def recent(self, limit: int, workspace: str | None = None) -> Sequence[Job]:
        """What ended, the latest first."""
        given = {"workspace": workspace, "limit": limit}
        with self._pool.connection() as connection:
            rows = connection.cursor(row_factory=dict_row)
            found = rows.execute(_SQL["recent"], given).fetchall()
        return [to_job(row) for row in found]

    def of_run(self, run_id: str) -> Job | None:
        """The job for which this run is being made, if it is not over."""
        return self._one("of_run", {"run_id": run_id})

    def claim(self, job_id: int, worker: str) -> Job | None:
        """Begin a waiting job; None when it is not to be had, or another of its workspace runs."""
        try:
            return self._one("claim", {"job_id": job_id, "worker": worker})
        except errors.UniqueViolation:
            return None

    def word(self, job: Job) -> Word | None:
        """Say that this attempt is alive, and hear what it should know."""
        given = _attempt(job) | {"person": int(Priority.PERSON)}
        with self._pool.connection() as connection:
            [said] = connection.execute(_SQL["word"], given).fetchone() or ("lost",)
        return None if said is None else Word(said)

    def note_run(self, job: Job, run_id: str) -> None:
        """The run that is being made for it."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["note_run"], _attempt(job) | {"run_id": run_id})

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        """The end of an attempt; False when the job is somebody else's by now."""
        given = _attempt(job) | {
            "ending": outcome.ending,
            "run_id": outcome.run_id,
            "message": outcome.message,
            "report": json.dumps(dict(outcome.report)),
            "wait": outcome.wait,
        }
        return self._one("end" if outcome.ending else "hand_back", given) is not None

    def cancel(self, job_id: int, by: str) -> Job | None:
        """Stop a job; None when it is over."""
        return self._one("cancel", {"job_id": job_id, "by": by})

    def since(self, workspace: str, name: str, cron: str, zone: str, now: datetime) -> datetime:
        """From when on this schedule has been watched, as it is written now."""
        given = {
            "workspace": workspace, "schedule": name, "cron": cron, "zone": zone, "now": now,
        }  # fmt: skip
        with self._pool.connection() as connection:
            [since] = connection.execute(_SQL["since"], given).fetchone() or (now,)
        return since

    def _one(self, query: str, given: Mapping[str, Any]) -> Job | None:
        with self._pool.connection() as connection, connection.transaction():
            rows = connection.cursor(row_factory=dict_row)
            found = rows.execute(_SQL[query], given).fetchone()
            if found is not None and query not in _READING:
                connection.execute(_SQL["announce"], found)
        return None if found is None else to_job(found)


def to_job(row: Mapping[str, Any]) -> Job:
    """A row of `trueup.job` as a value."""
    request = JobRequest(
        workspace=row["workspace"],
        kind=JobKind(row["kind"]),
        trigger=Trigger(row["trigger"]),
        priority=Priority(row["priority"]),
        terms=Terms.from_json(row["terms"]),
        schedule=row["schedule"],
        slot=row["slot"],
        planned_at=row["planned_at"],
        merge=row["merge"],
        asked_by=row["asked_by"],
    )
    plain = ("asked_at", "not_before", "attempt", "worker", "started_at", "finished_at", "run_id")
    return Job(
        job_id=row["job_id"],
        request=request,
        state=JobState(row["state"]),
        ending=Ending(row["ending"]) if row["ending"] else None,
        message=row["message"],
        cancelled_by=row["cancelled_by"],
        report=row["report"],
        **{name: row[name] for name in plain},
    )


def _attempt(job: Job) -> dict[str, Any]:
    return {"job_id": job.job_id, "attempt": job.attempt}


def _request_values(request: JobRequest) -> dict[str, Any]:
    return {
        "workspace": request.workspace,
        "kind": request.kind.value,
        "trigger": request.trigger.value,
        "priority": int(request.priority),
        "terms": json.dumps(request.terms.as_json()),
        "schedule": request.schedule,
        "slot": request.slot,
        "planned_at": request.planned_at,
        "merge": request.merge,
        "asked_by": request.asked_by,
    }
