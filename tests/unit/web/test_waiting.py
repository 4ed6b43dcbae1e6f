"""Waiting for a job's end: woken by the bell, and not for ever when nobody can bring it about."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from types import SimpleNamespace
from typing import Any, Self

import pytest

from trueup.domain.errors import DatabaseUnavailableError
from trueup.domain.jobs import Ending, Job, JobKind, JobRequest, JobState, Priority
from trueup.domain.runs import Trigger
from trueup.web.bell import Bell
from trueup.web.refusals import Refusal
from trueup.web.waiting import PATIENCE, await_end

ASKED = JobRequest("default", JobKind.SYNC, Trigger.CRON, Priority.CRON)
WAITS = Job(7, ASKED, JobState.WAITING, datetime(2026, 3, 2, tzinfo=UTC))
ENDED = replace(WAITS, state=JobState.DONE, ending=Ending.SUCCEEDED)
LONG = 60.0  # seconds after which a test gives up


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.web.waiting.LOOK_AGAIN", 0.005)
    monkeypatch.setattr("trueup.web.bell._PAUSE", 0.005)


class Says:
    """A listener that is told what to hear, by number of job; an error is raised instead."""

    def __init__(self, *said: str | Exception) -> None:
        self.said = deque(said)
        self.open = False
        self.silence, self.begun = Event(), Event()
        self.begun.set()

    def __enter__(self) -> Self:
        self.open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False

    def wait(self, _seconds: float) -> list[tuple[str, str]]:
        assert self.begun.wait(LONG)
        if not self.said:
            self.silence.wait(0.005)
            return []
        one = self.said.popleft()
        if isinstance(one, Exception):
            raise one
        return [("trueup_jobs", one)]


def test_the_bell_rings_for_the_job_that_moved_and_for_all_when_it_begins() -> None:
    listener = Says()
    listener.begun.clear()
    bell = Bell(lambda: listener)

    async def wait() -> tuple[bool, bool]:
        with bell.rings_for(7) as seven, bell.rings_for(8) as eight:
            listener.begun.set()
            for event in (seven, eight):
                await asyncio.wait_for(event.wait(), LONG)
                event.clear()
            listener.said.append("8")
            await asyncio.wait_for(eight.wait(), LONG)
            return seven.is_set(), eight.is_set()

    assert asyncio.run(wait()) == (False, True)
    bell.close()
    assert not listener.open


def test_a_bell_that_lost_its_connection_comes_back_and_rings_for_all() -> None:
    """What was said meanwhile is gone, so everybody has to look."""
    listener = Says()
    bell = Bell(lambda: listener)

    async def wait() -> None:
        with bell.rings_for(7) as seven:
            await asyncio.wait_for(seven.wait(), LONG)
            seven.clear()
            listener.said.append(DatabaseUnavailableError("gone"))
            await asyncio.wait_for(seven.wait(), LONG)

    asyncio.run(wait())
    bell.close()


class Scene:
    """What `await_end` sees: answers of the queue, one for each look, and time that flies."""

    def __init__(self, *answers: Any, workers: bool = True) -> None:
        self.answers, self.alive, self.now = deque(answers), workers, 0.0
        self.stopping, self.left = asyncio.Event(), False
        clock = SimpleNamespace(monotonic=lambda: self.now)
        queue = SimpleNamespace(get=self.get)
        self.deployment = SimpleNamespace(clock=clock, queue=queue)
        self.bell = Bell(Says)

    def get(self, _job_id: int) -> Job:
        self.now += PATIENCE / 4
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        found: Job = answer
        return found

    def workers(self) -> list[str]:
        return ["somebody"] if self.alive else []

    async def is_disconnected(self) -> bool:
        return self.left

    def wait(self) -> Job | None:
        async def go() -> Job | None:
            return await asyncio.wait_for(await_end(self, self, WAITS), LONG)

        try:
            return asyncio.run(go())
        finally:
            self.bell.close()


def test_the_end_is_found() -> None:
    assert Scene(WAITS, WAITS, ENDED).wait() is ENDED


def test_a_long_run_is_waited_for_as_long_as_a_worker_is_alive() -> None:
    assert Scene(*[WAITS] * 12, ENDED).wait() is ENDED


@pytest.mark.parametrize("what", ["left", "stopping"])
def test_nobody_waits_when_the_client_left_or_the_server_stops(what: str) -> None:
    scene = Scene(WAITS)
    if what == "left":
        scene.left = True
    else:
        scene.stopping.set()
    assert scene.wait() is None


def test_without_a_worker_it_gives_up_after_a_while_and_names_the_job() -> None:
    with pytest.raises(Refusal) as caught:
        Scene(WAITS, workers=False).wait()
    assert (caught.value.status, caught.value.more) == (503, {"jobId": 7})


def test_a_database_that_comes_back_in_time_is_no_trouble() -> None:
    gone = DatabaseUnavailableError("gone")
    assert Scene(gone, gone, WAITS, gone, gone, ENDED).wait() is ENDED
    with pytest.raises(Refusal) as caught:
        Scene(gone).wait()
    assert (caught.value.status, caught.value.more) == (503, {"jobId": 7})


def test_a_fault_of_ours_is_not_waited_out() -> None:
    with pytest.raises(KeyError):
        Scene(KeyError("x")).wait()
