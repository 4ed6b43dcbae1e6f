"""What every queue of jobs keeps: one suite for memory and Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.crew import a_request
from support.memory_queue import MemoryQueue
from trueup.domain.jobs import Ending, Job, JobOutcome, JobState, Priority, Word
from trueup.ports import Queue
from trueup.postgres.pool import open_pool
from trueup.postgres.queue import PostgresQueue

GIVEN_BACK = JobOutcome(None, "a-run", "it gives way")
DONE = JobOutcome(Ending.SUCCEEDED, "a-run", report={"state": "succeeded"})


@pytest.fixture(params=["memory", "postgres"])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    if request.param == "memory":
        yield MemoryQueue()
        return
    with open_pool(request.getfixturevalue("database_url"), 6) as pool:
        yield PostgresQueue(pool)


def ask(queue: Queue, priority: Priority = Priority.SCHEDULE, **given: Any) -> Job:
    job = queue.ask(a_request(priority, **given))
    assert job is not None
    return job


def claim(queue: Queue, job: Job, worker: str = "w1") -> Job:
    claimed = queue.claim(job.job_id, worker)
    assert claimed is not None
    return claimed


def test_a_slot_is_asked_for_once_ever(queue: Queue) -> None:
    """Whoever asks, and also when it is over; the same slot elsewhere is another one."""
    slot = a_request(schedule="nightly", slot="2026-10-25T02:00")
    with ThreadPoolExecutor(4) as askers:
        asked = [job for job in askers.map(queue.ask, [slot] * 4) if job]
    [job] = asked
    queue.finish(claim(queue, job), DONE)
    assert queue.ask(slot) is None
    assert ask(queue, schedule="nightly", slot="2026-10-25T02:00", workspace="other") is not None
    assert ask(queue).job_id != ask(queue).job_id


def test_what_is_merged_waits_once(queue: Queue) -> None:
    """Names are added; without names it is about all that is due; one that runs is left alone."""
    first = ask(queue, merge="watch", skus=("A", "B"), force=False)
    again = ask(queue, Priority.CRON, merge="watch", skus=("B", "C"), force=False)
    assert (again.job_id, set(again.request.terms.skus)) == (first.job_id, {"A", "B", "C"})
    assert again.request.priority is Priority.CRON
    assert ask(queue, merge="watch").request.terms.skus == ()
    running = claim(queue, first)
    next_one = ask(queue, merge="watch", skus=("D",), force=False)
    assert (next_one.job_id != first.job_id, next_one.request.terms.skus) == (True, ("D",))
    assert queue.finish(running, GIVEN_BACK)
    assert {job.job_id for job in queue.open_jobs()} == {first.job_id, next_one.job_id}


def test_one_of_a_workspace_runs_at_a_time(queue: Queue) -> None:
    first, second, elsewhere = ask(queue), ask(queue), ask(queue, workspace="other")
    running = claim(queue, first)
    assert queue.claim(first.job_id, "w2") is None
    assert queue.claim(second.job_id, "w2") is None
    assert claim(queue, elsewhere, "w2").worker == "w2"
    assert queue.finish(running, DONE)
    assert claim(queue, second).attempt == 1
    assert queue.claim(10_000, "w1") is None


def test_what_runs_is_listed_first_then_by_priority_and_age(queue: Queue) -> None:
    jobs = [ask(queue), ask(queue, Priority.HOUSEKEEPING), ask(queue), ask(queue, Priority.PERSON)]
    claim(queue, jobs[1])
    numbers = [job.job_id for job in queue.open_jobs()]
    assert numbers == [jobs[i].job_id for i in (1, 3, 0, 2)]
    assert queue.open_jobs("other") == []
    assert [job.job_id for job in queue.open_jobs("default")] == numbers


def test_a_job_that_is_handed_back_waits_and_keeps_its_run(queue: Queue) -> None:
    """Its next attempt is another one: the one before changes nothing any more."""
    job = ask(queue)
    first = claim(queue, job)
    queue.note_run(first, "run-1")
    assert queue.of_run("run-1").job_id == job.job_id
    assert queue.finish(first, JobOutcome(None, message="stopped"))
    second = claim(queue, job, "w2")
    assert (second.attempt, second.run_id, second.message) == (2, "run-1", "stopped")
    assert queue.word(first) is Word.LOST
    assert not queue.finish(first, DONE)
    queue.note_run(first, "run-of-a-ghost")
    assert queue.word(second) is None
    assert queue.finish(second, JobOutcome(Ending.HELD, "run-2", report={"state": "held"}))
    over = queue.get(job.job_id)
    assert (over.state, over.ending, over.run_id) == (JobState.DONE, Ending.HELD, "run-2")
    assert (over.report, over.worker) == ({"state": "held"}, "w2")
    assert queue.word(second) is Word.LOST
    assert queue.of_run("run-2") is None


def test_what_waits_for_a_while_is_not_to_be_had(queue: Queue) -> None:
    job = ask(queue)
    assert queue.finish(claim(queue, job), JobOutcome(None, wait=60))
    assert queue.claim(job.job_id, "w1") is None
    assert queue.get(job.job_id).not_before > datetime.now(UTC) + timedelta(seconds=30)


def test_a_job_gives_way_to_a_person(queue: Queue) -> None:
    """Not one of a person, not to another workspace's, not to one that is to wait."""
    nightly = claim(queue, ask(queue))
    ask(queue, Priority.CRON)
    ask(queue, Priority.PERSON, workspace="other")
    assert queue.word(nightly) is None
    resync = ask(queue, Priority.PERSON)
    assert queue.word(nightly) is Word.GIVE_WAY
    assert queue.finish(nightly, GIVEN_BACK)
    running = claim(queue, resync)
    ask(queue, Priority.PERSON)
    assert queue.word(running) is None
    assert queue.finish(running, JobOutcome(None, wait=60))


def test_a_person_cancels(queue: Queue) -> None:
    """One that waits ends at once; one that runs is told, and ends even when it is handed back."""
    waiting = queue.cancel(ask(queue).job_id, "Ann Example")
    assert (waiting.state, waiting.ending) == (JobState.DONE, Ending.CANCELLED)
    assert queue.cancel(waiting.job_id, "Ben Example") is None
    assert queue.claim(waiting.job_id, "w1") is None
    running = claim(queue, ask(queue))
    told = queue.cancel(running.job_id, "Ann Example")
    assert (told.state, told.cancelled_by) == (JobState.RUNNING, "Ann Example")
    assert queue.word(running) is Word.CANCEL
    assert queue.finish(running, GIVEN_BACK)
    assert queue.get(running.job_id).ending is Ending.CANCELLED
    assert queue.open_jobs() == []


def test_what_ended_is_listed_the_latest_first(queue: Queue) -> None:
    jobs = [ask(queue) for _ in range(3)]
    for job in (jobs[2], jobs[0]):
        queue.finish(claim(queue, job), DONE)
    assert [job.job_id for job in queue.recent(5)] == [jobs[0].job_id, jobs[2].job_id]
    assert [job.job_id for job in queue.recent(1)] == [jobs[0].job_id]
    assert queue.recent(5, "other") == []


def test_a_schedule_is_watched_from_when_it_was_written_so(queue: Queue) -> None:
    first, later = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)
    cape = ("default", "nightly", "0 2 * * *", "Africa/Johannesburg")
    assert queue.since(*cape, first) == first
    assert queue.since(*cape, later) == first
    assert queue.since(*cape[:2], "0 3 * * *", cape[3], later) == later


def test_a_clock_that_was_ahead_makes_nothing_past(queue: Queue) -> None:
    ahead, now = datetime(2031, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    cape = ("default", "nightly", "0 2 * * *", "Africa/Johannesburg")
    assert queue.since(*cape, ahead) == ahead
    assert queue.since(*cape, now) == now
    assert queue.since(*cape, ahead) == now
