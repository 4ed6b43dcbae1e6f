"""Stopping a run from outside: the first signal cleanly, the second at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from trueup.cli import output
from trueup.reconcile.applying import Brake

_STOPPING = "stopping after the request in flight; once more stops at once"


@contextmanager
def stoppable(brake: Brake, show: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Ctrl-C and SIGTERM finish the request in flight and stop; a second one stops at once.

    `show` tells a display that is redrawn in place, which would paint over a line of ours. It is
    called from within a signal handler, so it must wait for nothing.
    """
    asked: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            # Threads may wait for an answer for long. To die at any instant loses nothing (law 9).
            shout("stopped at once; nothing is lost: the next run continues")
            os._exit(1)
        shout(_STOPPING)
        show(_STOPPING)
        brake.pull("stopped by a person" if number == signal.SIGINT else "stopped by a signal")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def shout(text: str) -> None:
    """A line on stderr from within a signal handler, past every buffer; shows the cursor again."""
    cursor = "\x1b[?25h" if output.on_terminal(error=True) else ""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"{cursor}\ntrueup: {text}\n".encode())
