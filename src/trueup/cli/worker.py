"""`trueup worker`: carry out the jobs of all workspaces until it is told to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Annotated

from cyclopts import Parameter

from trueup.cli.stopping import shout

_STOPPING = "finishing the requests in flight; once more stops at once"
_AT_ONCE = "stopped at once; nothing is lost: another worker continues"


def worker(
    *,
    scheduler: Annotated[
        bool,
        Parameter(
            name="--scheduler",
            negative="--no-scheduler",
            help="Also ask for what the schedules say; one worker of a deployment is enough.",
        ),
    ] = True,
) -> int:
    """Carry out jobs as they come, and what the schedules say, until it is stopped.

    Start as many as you like, on as many machines as you like, on one
    database: each job is carried out by one of them, and one of a workspace
    at a time. If a worker dies another goes on within a minute. SIGTERM or
    Ctrl-C finishes the requests in flight and hands the jobs over; a second
    one stops at once.

    For example:
      trueup worker
      TRUEUP_WORKER_JOBS=8 trueup worker --no-scheduler
    """
    from trueup.cli.deployed import open_deployed
    from trueup.worker.main import Worker

    with open_deployed(told=True) as deployment, _signals() as asked:
        working = Worker(deployment, scheduler=scheduler)
        with working:
            working.stop(asked.get())
        if working.left:
            # Their threads may wait for an answer for long, and the end of this process for them.
            # To die at any instant loses nothing (law 9).
            os._exit(0)
    return 0


@contextmanager
def _signals() -> Iterator[SimpleQueue[str]]:
    """The first signal is put into a queue, which is safe in a handler; the second one ends us."""
    asked: SimpleQueue[str] = SimpleQueue()
    heard: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) > 1:
            shout(_AT_ONCE)
            os._exit(1)
        shout(_STOPPING)
        asked.put(f"the worker was stopped by {signal.Signals(number).name}")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
