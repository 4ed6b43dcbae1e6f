"""Workers as processes of their own, and what they are given to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg_pool import ConnectionPool

from support.program import command, environment
from support.site import Site
from trueup.domain.jobs import Job, JobKind, JobRequest, JobState, Priority, Terms
from trueup.domain.runs import Trigger
from trueup.postgres.pool import open_pool
from trueup.postgres.queue import PostgresQueue

PATIENCE = 60.0  # seconds: the promise is that another worker goes on within a minute
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Hand:
    """A worker's process, and what it logs."""

    process: subprocess.Popen[bytes]
    log: Path

    def tell(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.tell(number)
        return self.process.wait(PATIENCE)

    def has(self, job: Job) -> bool:
        return f"-{self.process.pid}-" in job.worker

    def events(self) -> list[dict[str, Any]]:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def said(self, event: str) -> bool:
        return any(line["event"] == event for line in self.events())


@dataclass
class Crew:
    """The workers of a site and its queue."""

    site: Site
    queue: PostgresQueue
    pool: ConnectionPool[Any]
    stack: ExitStack
    hands: list[Hand] = field(default_factory=list)

    def hire(self, *arguments: str, **env: str) -> Hand:
        """Start a worker; returns when it works."""
        log = self.site.folder / f"worker-{len(self.hands)}.log"
        process = subprocess.Popen(
            command("worker", *arguments),
            cwd=self.site.folder,
            env=environment(self.site.env | env, self.site.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.stack.enter_context(log.open("wb")),
        )
        self.stack.callback(_see_off, process)
        hand = Hand(process, log)
        self.hands.append(hand)
        return hand

    def at_work(self, *hands: Hand) -> None:
        for hand in hands:
            self.until(lambda hand=hand: hand.said("worker_started"), "a worker at work", hand)

    def ask(self, priority: Priority = Priority.SCHEDULE, **given: Any) -> Job:
        job = self.queue.ask(a_request(priority, **given))
        assert job is not None
        return job

    def job(self, job_id: int) -> Job:
        found = self.queue.get(job_id)
        assert found is not None
        return found

    def who_has(self, job_id: int) -> Hand:
        job = self.job(job_id)
        [hand] = [one for one in self.hands if one.has(job)]
        return hand

    def until_over(self, *jobs: Job) -> list[Job]:
        for job in jobs:
            self.until(
                lambda job=job: self.job(job.job_id).state is JobState.DONE,
                f"the end of job {job.job_id}",
            )
        return [self.job(job.job_id) for job in jobs]

    def until(self, happened: Callable[[], bool], what: str, *alive: Hand) -> None:
        until = time.monotonic() + PATIENCE
        while not happened():
            for hand in alive:
                assert hand.process.poll() is None, f"{hand.log.read_text()}"
            assert time.monotonic() < until, f"{what} did not come: {self.logs()}"
            time.sleep(_LOOK)

    def logs(self) -> str:
        return "\n---\n".join(hand.log.read_text(encoding="utf-8") for hand in self.hands)


def a_request(priority: Priority = Priority.SCHEDULE, **given: Any) -> JobRequest:
    skus = tuple(given.pop("skus", ()))
    trigger = Trigger.RESYNC if priority is Priority.PERSON else Trigger.SCHEDULE
    terms = Terms(skus=skus, force=bool(given.pop("force", bool(skus))))
    chosen = {"workspace": "default", "kind": JobKind.SYNC, "trigger": trigger, "terms": terms}
    return JobRequest(**(chosen | {"priority": priority} | given))


@contextmanager
def open_crew(site: Site) -> Iterator[Crew]:
    """A crew without any workers yet; those that are hired are gone at the end."""
    with open_pool(site.database, 4) as pool, ExitStack() as stack:
        yield Crew(site, PostgresQueue(pool), pool, stack)


def _see_off(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
