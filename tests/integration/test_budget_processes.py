"""Real processes share one budget: strict, fully used, fair, and free of the dead."""

from __future__ import annotations

import collections
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from trueup.postgres.budget import PostgresBudget
from trueup.postgres.call_figures import CallFigures

CALLER = Path(__file__).parents[1] / "support" / "budget_caller.py"
SOURCES = Path(__file__).parents[2] / "src"


class Recorder:
    """Notes when datagrams arrive, and from whom."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrivals: list[tuple[float, str]] = []
        self.ready = threading.Semaphore(0)
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.bind(str(path))
        self._thread = threading.Thread(target=self._record)
        self._thread.start()

    def _record(self) -> None:
        while message := self._wire.recv(64).decode():
            if message == "ready":
                self.ready.release()
            else:
                self.arrivals.append((time.monotonic(), message))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.sendto(b"", str(self.path))
        self._thread.join()
        self._wire.close()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path / "recorder")
    yield recorder
    recorder.close()


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(database_url, min_size=1, kwargs={"autocommit": True}) as pool:
        yield pool


def start_caller(
    url: str, rules: dict[str, Any], recorder: Recorder, name: str, seconds: float, hold: float
) -> subprocess.Popen[str]:
    command = [sys.executable, CALLER, url, json.dumps(rules), recorder.path, name]
    return subprocess.Popen(
        [*map(str, command), str(seconds), str(hold)],
        stdin=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
    )


def let_go(callers: list[subprocess.Popen[str]], recorder: Recorder) -> None:
    """Start all at once, when the last has said that it is ready."""
    for _ in callers:
        assert recorder.ready.acquire(timeout=30)
    for caller in callers:
        assert caller.stdin is not None
        caller.stdin.write("go\n")
        caller.stdin.close()


def test_four_processes_share_the_window(
    database_url: str, pool: ConnectionPool, recorder: Recorder
) -> None:
    """By arrival time no window holds more than the limit, and the limit is made use of.

    How well is a figure of the benchmarks (`rate`): a busy machine asks less often.
    """
    rules = {"limit": 90, "window": 1.0, "concurrency": 4, "run_id": "r1"}
    callers = [start_caller(database_url, rules, recorder, str(n), 6.0, 0.0) for n in range(4)]
    let_go(callers, recorder)
    assert [caller.wait(timeout=30) for caller in callers] == [0, 0, 0, 0]

    times = sorted(at for at, _ in recorder.arrivals)
    spans = [over - first for first, over in zip(times, times[90:], strict=False)]
    assert min(spans) >= 1.0
    fullest = max(bisect_left(times, at + 1.0) - first for first, at in enumerate(times))
    assert fullest >= 0.9 * 90
    assert len(times) >= 0.5 * 90 * 6

    figures = CallFigures(pool)
    assert [(count.target, count.calls) for count in figures.by_run("r1")] == [("crm", len(times))]
    assert sum(count.calls for count in figures.by_day(2)) == len(times)


def test_four_processes_get_equal_shares(
    database_url: str, pool: ConnectionPool, recorder: Recorder
) -> None:
    """Who waits is served in the order of asking.

    Spaced, so that there is always a queue: a burst goes to whom the machine lets run.
    """
    rules = {"limit": 90, "window": 1.0, "concurrency": 4, "spacing": 0.011}
    callers = [start_caller(database_url, rules, recorder, str(n), 4.0, 0.0) for n in range(4)]
    let_go(callers, recorder)
    assert [caller.wait(timeout=30) for caller in callers] == [0, 0, 0, 0]

    shares = collections.Counter(name for _, name in recorder.arrivals)
    assert max(shares.values()) / min(shares.values()) < 1.5


def test_a_killed_caller_frees_its_seat(
    database_url: str, pool: ConnectionPool, recorder: Recorder
) -> None:
    """kill -9 in mid-call: the seat is free when its lease ends, the call stays counted."""
    rules = {"limit": 90, "window": 60.0, "concurrency": 1, "lease": 1.0}
    caller = start_caller(database_url, rules, recorder, "doomed", 30.0, 30.0)
    let_go([caller], recorder)
    budget = PostgresBudget(pool, sleep=time.sleep, **rules)  # type: ignore[arg-type]  # JSON
    while not recorder.arrivals:
        time.sleep(0.01)
    caller.send_signal(signal.SIGKILL)
    assert caller.wait(timeout=10) == -signal.SIGKILL
    assert budget.usage().in_flight == 1

    killed_at = time.monotonic()
    budget.acquire("billing", patience=5)
    assert time.monotonic() - killed_at < 1.5
    assert (budget.usage().in_flight, budget.usage().in_window) == (1, 2)


def test_more_callers_than_seats_take_turns(
    database_url: str, pool: ConnectionPool, recorder: Recorder
) -> None:
    """Who asks first for a seat gets it first: nobody starves behind a full house."""
    rules = {"limit": 1000, "window": 1.0, "concurrency": 2}
    callers = [start_caller(database_url, rules, recorder, str(n), 4.0, 0.02) for n in range(4)]
    let_go(callers, recorder)
    assert [caller.wait(timeout=30) for caller in callers] == [0, 0, 0, 0]

    shares = collections.Counter(name for _, name in recorder.arrivals)
    assert max(shares.values()) / min(shares.values()) < 1.5


def test_refusals_are_on_record(pool: ConnectionPool) -> None:
    """The last thousand refusals of a workspace are kept, and those of a run are counted."""
    budget = PostgresBudget(pool, limit=90, window=0.01, concurrency=4, sleep=time.sleep)
    budget = budget.for_run("r2")
    budget.release(budget.acquire("crm", patience=1))
    for retry_after in (0.5, None):
        budget.throttled("crm", retry_after)
    budget.exhausted("billing", 60)

    events = CallFigures(pool).throttles()
    assert [(event.target, event.kind, event.retry_after) for event in events] == [
        ("billing", "exhausted", 60),
        ("crm", "throttled", None),
        ("crm", "throttled", 0.5),
    ]
    [count] = CallFigures(pool).by_run("r2")
    assert (count.calls, count.throttled) == (1, 2)

    with pool.connection() as connection:
        connection.execute(
            "insert into trueup.throttle_event (workspace, target, at, kind)"
            " select 'default', 'crm', clock_timestamp(), 'throttled' from generate_series(1, 1500)"
        )
    budget.throttled("billing", 7)
    kept = CallFigures(pool).throttles(5000)
    assert (len(kept), kept[0].retry_after) == (1000, 7)
