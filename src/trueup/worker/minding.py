"""The chores: each in a thread of its own, again and again until the worker stops.

A chore that fails is tried at its next turn. Its trouble is logged when it begins and when it has
passed, not each time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog

from trueup.deployment import Deployment
from trueup.postgres.chores import claim_chore
from trueup.worker.chores import Chore
from trueup.worker.pauses import FIRST, LONGEST

_LOOKS = 4.0  # in the time of a chore that one worker does for all: whose turn is it?
_SELDOM = 15.0  # seconds between two such looks at the most


class Minder:
    """Does the chores of one worker."""

    def __init__(self, deployment: Deployment, chores: Iterable[Chore]) -> None:
        self._deployment = deployment
        self._stopping = threading.Event()
        self._log = structlog.get_logger("trueup.worker")
        self._threads = [
            threading.Thread(target=self._mind, args=[one], name=f"chore-{one.name}", daemon=True)
            for one in chores
        ]

    def start(self) -> None:
        """Begin with all of them."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> None:
        """Begin none any more; one that is under way has so many seconds to end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(seconds)

    def _mind(self, chore: Chore) -> None:
        rhythm = min(chore.every / _LOOKS, _SELDOM) if chore.alone else chore.every
        trouble, pause = "", rhythm
        while not self._stopping.is_set():
            said = self._do(chore)
            if said and not trouble:
                self._log.warning("chore_failed", chore=chore.name, error=said)
            elif trouble and not said:
                self._log.info("chore_recovered", chore=chore.name)
            # With the database away every look is a failure: they become fewer.
            pause = min(max(pause, FIRST) * 2, max(rhythm, LONGEST)) if said else rhythm
            trouble = said
            self._stopping.wait(pause)

    def _do(self, chore: Chore) -> str:
        """Do it if it is this worker's turn; returns what went wrong."""
        try:
            pool = self._deployment.home.pool
            if not chore.alone or claim_chore(pool, chore.name, chore.every):
                chore.do(self._deployment)
        except Exception as error:  # noqa: BLE001 (whatever it is, its next turn comes)
            return f"{type(error).__name__}: {error}"
        return ""
