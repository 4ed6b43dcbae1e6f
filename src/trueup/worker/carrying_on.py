"""One job in a worker's hands: claimed, carried out, its end written down.

Beside each job a second thread tells the queue every second that its worker is alive, and hears
whether the job is to be stopped. Trouble with the database ends no job: it is begun again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import structlog

from trueup.domain.jobs import Ending, Job, JobOutcome, Word
from trueup.ports import Queue
from trueup.postgres.trouble import database_trouble
from trueup.reconcile.applying import Brake
from trueup.worker.pauses import growing

_WRITING = 30.0  # seconds in which the end of a job can be written down, or somebody repeats it

Attempt = Callable[[Job, Brake], JobOutcome]


@dataclass
class Hands:
    """The jobs that a worker is at. `attempt` carries one out; `name` is the worker's."""

    queue: Queue
    name: str
    attempt: Attempt
    word_seconds: float = 1.0
    _busy: dict[int, tuple[Job, Brake]] = field(default_factory=dict)
    _guard: threading.Condition = field(default_factory=threading.Condition)
    _stopping: str = ""
    _dropped: set[int] = field(default_factory=set)
    _leaving: threading.Event = field(default_factory=threading.Event)

    @property
    def busy(self) -> int:
        """How many jobs are being carried out."""
        with self._guard:
            return len(self._busy)

    def carry(self, job_id: int) -> bool:
        """Carry out a job, if it is to be had; whether it was. Ends when the job does."""
        if self._stopping:
            return False
        job = self.queue.claim(job_id, self.name)
        if job is None:
            return False
        brake = Brake()
        with self._under_way(job, brake):
            self._see_through(job, brake)
        return True

    def hand_over(self, reason: str) -> None:
        """Take nothing new, and stop what is under way before its next request."""
        with self._guard:
            self._stopping = reason
            for _, brake in self._busy.values():
                brake.pull(reason, hand_over=True)

    def wait(self, seconds: float) -> bool:
        """Until nothing is under way any more; False when that takes longer."""
        with self._guard:
            return self._guard.wait_for(lambda: not self._busy, seconds)

    def drop(self) -> list[int]:
        """Hand back what does not stop; its last request is looked up by whoever goes on."""
        with self._guard:
            left = [job for job, _ in self._busy.values()]
            self._dropped.update(job.job_id for job in left)
            self._leaving.set()
        for job in left:
            self.queue.finish(job, JobOutcome(None, message=f"{self._stopping}; it did not end"))
        return [job.job_id for job in left]

    @contextmanager
    def _under_way(self, job: Job, brake: Brake) -> Iterator[None]:
        with self._guard:
            self._busy[job.job_id] = (job, brake)
            if self._stopping:
                brake.pull(self._stopping, hand_over=True)
        try:
            yield
        finally:
            with self._guard:
                del self._busy[job.job_id]
                self._guard.notify_all()

    def _see_through(self, job: Job, brake: Brake) -> None:
        log = structlog.get_logger("trueup.worker").bind(**_named(job))
        with _Beside(self.queue, job, brake, self.word_seconds):
            outcome = self._attempted(job, brake, log)
        self._write_down(job, outcome, log)

    def _attempted(self, job: Job, brake: Brake, log: Any) -> JobOutcome:
        try:
            return self.attempt(job, brake)
        except Exception as error:
            # A fault of ours: it would fail in the same way again, so a person must know.
            log.exception("job_crashed")
            said = f"{type(error).__name__}: {error}"
            return JobOutcome(Ending.FAILED, message=said, report={"error": said, "exit_code": 1})

    def _write_down(self, job: Job, outcome: JobOutcome, log: Any) -> None:
        """Write the end down, also when the database comes back only after a while."""
        for pause in growing(_WRITING):
            if job.job_id in self._dropped:
                return
            try:
                kept = self.queue.finish(job, outcome)
            except Exception as error:
                if database_trouble(error) is None:
                    raise
                self._leaving.wait(pause)
                continue
            if not kept:
                # Every write names its attempt: this one was taken for dead.
                log.warning("job_lost", message="another worker goes on with it")
            elif outcome.ending is None:
                log.info("job_handed_back", message=outcome.message, wait=outcome.wait)
            return
        log.warning("job_end_lost", message="its end could not be written down; it is done again")


class _Beside:
    """The thread beside a job: says that it is alive, and pulls its brake when told to."""

    def __init__(self, queue: Queue, job: Job, brake: Brake, every: float) -> None:
        self._queue, self._job, self._brake, self._every = queue, job, brake, every
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._listen, name=f"beside-{job.job_id}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._over.wait(self._every):
            try:
                word = self._queue.word(self._job)
                if word is not None:
                    self._obey(word)
            except Exception as error:
                if database_trouble(error) is None:
                    raise
                # The run lock has a heartbeat of its own, which stops a run in time.

    def _obey(self, word: Word) -> None:
        match word:
            case Word.CANCEL:
                known = self._queue.get(self._job.job_id)
                by = known.cancelled_by if known else "somebody"
                self._brake.pull(f"cancelled by {by}")
            case Word.GIVE_WAY:
                self._brake.pull("it gives way to a person's job", hand_over=True)
            case Word.LOST:
                self._brake.pull("another worker goes on with it", hand_over=True)


def _named(job: Job) -> dict[str, Any]:
    asked = job.request
    return {"workspace": asked.workspace, "job_id": job.job_id, "job": asked.kind.value}
