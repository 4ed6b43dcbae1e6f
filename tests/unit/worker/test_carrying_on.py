"""One job in a worker's hands: claimed, told, seen through, its end written down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from support.crew import a_request
from support.memory_queue import MemoryQueue
from trueup.domain.jobs import Ending, Job, JobOutcome, JobState, Priority
from trueup.jobs.interrupted import or_cancelled
from trueup.reconcile.applying import Brake
from trueup.worker.carrying_on import Hands

SOON = 0.01  # seconds between two words
DONE = JobOutcome(Ending.SUCCEEDED, "run-1")
PATIENCE = 30.0


def until_braked(job: Job, brake: Brake) -> JobOutcome:
    """A run that stops when it is told to."""
    assert brake.pulled.wait(PATIENCE)
    return JobOutcome(None if brake.hands_over else Ending.PARTIAL, "run-1", brake.reason)


def asked(queue: MemoryQueue, priority: Priority = Priority.SCHEDULE) -> Job:
    job = queue.ask(a_request(priority))
    assert job is not None
    return job


@contextmanager
def carrying(hands: Hands, job: Job) -> Iterator[None]:
    """Within the block the job is under way; after it, it has ended."""
    with ThreadPoolExecutor(1) as pool:
        carried = pool.submit(hands.carry, job.job_id)
        while hands.busy == 0:
            assert not carried.done()
        yield
        assert carried.result(PATIENCE)


def test_a_job_that_is_not_to_be_had_is_left_alone() -> None:
    queue = MemoryQueue()
    hands = Hands(queue, "w1", lambda _job, _brake: DONE)
    job = asked(queue)
    assert hands.carry(job.job_id)
    assert queue.jobs[job.job_id].ending is Ending.SUCCEEDED
    assert not hands.carry(job.job_id)
    assert not hands.carry(77)
    hands.hand_over("the worker was stopped")
    assert not hands.carry(asked(queue).job_id)


def test_a_cancel_is_heard() -> None:
    queue = MemoryQueue()
    hands, job = Hands(queue, "w1", until_braked, SOON), asked(queue)
    with carrying(hands, job):
        queue.cancel(job.job_id, "Ann Example")
    ended = queue.jobs[job.job_id]
    assert (ended.ending, ended.message) == (Ending.PARTIAL, "cancelled by Ann Example")
    assert or_cancelled(queue, job, until_braked(job, pulled())).ending is Ending.CANCELLED


def pulled() -> Brake:
    brake = Brake()
    brake.pull("a person")
    return brake


def test_a_cancel_that_comes_too_late_is_not_how_it_ended() -> None:
    """What was done is not called undone."""
    queue, told = MemoryQueue(), threading.Event()

    def done_all_the_same(job: Job, brake: Brake) -> JobOutcome:
        assert brake.pulled.wait(PATIENCE)
        return DONE

    hands, job = Hands(queue, "w1", done_all_the_same, SOON), asked(queue)
    with carrying(hands, job):
        queue.cancel(job.job_id, "Ann Example")
        told.set()
    assert queue.jobs[job.job_id].ending is Ending.SUCCEEDED
    assert or_cancelled(queue, job, DONE) is DONE


def test_it_gives_way_to_a_person() -> None:
    queue = MemoryQueue()
    hands, job = Hands(queue, "w1", until_braked, SOON), asked(queue)
    with carrying(hands, job):
        asked(queue, Priority.PERSON)
    back = queue.jobs[job.job_id]
    assert (back.state, back.message) == (JobState.WAITING, "it gives way to a person's job")


def test_who_was_taken_for_dead_writes_nothing_down() -> None:
    """Somebody else has the job by now: how this attempt went is nobody's business."""
    queue = MemoryQueue()
    hands, job = Hands(queue, "w1", until_braked, SOON), asked(queue)
    with carrying(hands, job):
        queue.finish(queue.jobs[job.job_id], JobOutcome(None))
        other = queue.claim(job.job_id, "w2")
    assert queue.jobs[job.job_id] == other


def test_what_is_under_way_is_handed_over_at_once() -> None:
    queue = MemoryQueue()
    hands, job = Hands(queue, "w1", until_braked, SOON), asked(queue)
    with carrying(hands, job):
        hands.hand_over("the worker was stopped")
        assert hands.wait(PATIENCE)
    back = queue.jobs[job.job_id]
    assert (back.state, back.message) == (JobState.WAITING, "the worker was stopped")
    assert hands.drop() == []


def test_what_does_not_stop_is_handed_over_as_it_is() -> None:
    """Its thread may end whenever it likes: the attempt is over."""
    queue, hangs = MemoryQueue(), threading.Event()

    def stuck(job: Job, brake: Brake) -> JobOutcome:
        assert hangs.wait(PATIENCE)
        return DONE

    hands, job = Hands(queue, "w1", stuck, SOON), asked(queue)
    with carrying(hands, job):
        hands.hand_over("the worker was stopped")
        assert not hands.wait(0)
        assert hands.drop() == [job.job_id]
        assert queue.jobs[job.job_id].state is JobState.WAITING
        hangs.set()
    assert queue.jobs[job.job_id].state is JobState.WAITING


def test_a_fault_of_ours_is_a_failed_job() -> None:
    queue = MemoryQueue()

    def broken(job: Job, brake: Brake) -> JobOutcome:
        raise KeyError("nothing")

    job = asked(queue)
    assert Hands(queue, "w1", broken).carry(job.job_id)
    ended = queue.jobs[job.job_id]
    assert (ended.ending, ended.message) == (Ending.FAILED, "KeyError: 'nothing'")


class Shaky(MemoryQueue):
    """A queue whose database is away now and then."""

    failures = 3

    def _or_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise psycopg.OperationalError("the connection was lost")

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        self._or_fail()
        return super().finish(job, outcome)


def test_an_end_is_written_down_when_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.worker.pauses.FIRST", 0.001)
    queue = Shaky()
    job = asked(queue)
    assert Hands(queue, "w1", lambda _job, _brake: DONE).carry(job.job_id)
    assert (queue.jobs[job.job_id].ending, queue.failures) == (Ending.SUCCEEDED, 0)


def test_no_word_is_no_reason_to_stop() -> None:
    """The run lock has a heartbeat of its own; the job goes on when the database is back."""
    words: list[int] = []

    class Deaf(MemoryQueue):
        def word(self, job: Job) -> None:
            words.append(job.job_id)
            raise psycopg.OperationalError("the connection was lost")

    def patient(job: Job, brake: Brake) -> JobOutcome:
        wait_until(lambda: len(words) > 2)
        assert not brake.pulled.is_set()
        return DONE

    queue = Deaf()
    job = asked(queue)
    assert Hands(queue, "w1", patient, SOON).carry(job.job_id)
    assert queue.jobs[job.job_id].ending is Ending.SUCCEEDED


def wait_until(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / SOON)):
        if happened():
            return
        pause.wait(SOON)
    raise AssertionError("it did not happen")
