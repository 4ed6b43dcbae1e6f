"""How long a worker waits, tries again, and may be silent."""

from __future__ import annotations

import psycopg
import pytest

from support.crew import a_request
from support.memory_queue import MemoryQueue
from trueup.domain.errors import (
    CredentialsError,
    DatabaseUnavailableError,
    LeaseLostError,
    SchemaError,
)
from trueup.domain.jobs import Job
from trueup.jobs.interrupted import interrupted
from trueup.postgres.trouble import database_trouble
from trueup.settings import Settings, load
from trueup.worker.pauses import growing
from trueup.worker.reaping import silence, word_every


def a_job(attempt: int) -> Job:
    queue = MemoryQueue()
    asked = queue.ask(a_request())
    assert asked is not None
    for _ in range(attempt):
        job = queue.claim(asked.job_id, "w1")
        assert job is not None
        queue.jobs[job.job_id] = asked.__class__(
            job.job_id, job.request, asked.state, job.asked_at, attempt=job.attempt
        )
    return queue.jobs[asked.job_id]


def settings(lease: str) -> Settings:
    return load(environment={"TRUEUP_LEASE": lease}, use_file=False)


@pytest.mark.parametrize(
    ("lease", "quiet", "words"), [("30", 15.0, 1.0), ("2", 2.0, 0.4), ("1h", 1800.0, 1.0)]
)
def test_a_worker_is_dead_after_half_the_life_of_a_lock(
    lease: str, quiet: float, words: float
) -> None:
    """And has five words to say in that time at least."""
    assert (silence(settings(lease)), word_every(settings(lease))) == (quiet, words)
    assert silence(settings(lease)) >= 5 * word_every(settings(lease))


def test_pauses_grow_until_patience_ends() -> None:
    now = [0.0]
    pauses = []
    for pause in growing(60, monotonic=lambda: now[0]):
        pauses.append(pause)
        now[0] += pause
    assert pauses[:7] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert sum(pauses[:-1]) < 60 <= sum(pauses)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("the connection was lost"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.errors.AdminShutdown("terminating connection"),
        psycopg.errors.TooManyConnections("sorry, too many clients already"),
        psycopg.errors.DeadlockDetected("deadlock detected"),
        DatabaseUnavailableError("The database cannot be reached"),
        LeaseLostError("the lock was lost"),
        SchemaError("The database was upgraded by a newer Trueup"),
    ],
)
def test_what_passes_by_itself_ends_no_job(error: Exception) -> None:
    """It waits longer each time; after half an hour a person must know."""
    waits = [interrupted(a_job(attempt), error) for attempt in (1, 2, 5, 12)]
    assert [outcome and (outcome.ending, outcome.wait) for outcome in waits] == [
        (None, 1.0),
        (None, 2.0),
        (None, 16.0),
        (None, 60.0),
    ]
    assert interrupted(a_job(30), error) is None


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.UndefinedColumn("column is not there"),
        psycopg.errors.DiskFull("could not extend file"),
        CredentialsError("refused"),
        ValueError("a fault of ours"),
    ],
)
def test_what_would_fail_again_is_no_interruption(error: Exception) -> None:
    assert interrupted(a_job(1), error) is None
    assert database_trouble(error) is None
