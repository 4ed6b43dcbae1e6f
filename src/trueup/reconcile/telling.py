"""Telling people elsewhere how far a run has come: counted as it happens, written once a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from threading import Condition, Thread
from typing import Final

from trueup.domain.changes import Outcome, Status
from trueup.domain.plan import Plan
from trueup.domain.progress import Finished, Lane, RunProgress
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import ProductResult, ProductStatus, Trigger
from trueup.reconcile.scope import Watcher, Workshop

EVERY: Final = 1.0  # seconds, at least, between two writes
_LAST: Final = 20  # products
_TROUBLES: Final = 5
_QUIET: Final = frozenset({ProductStatus.UNCHANGED, ProductStatus.DEFERRED})

Keep = Callable[[str, RunProgress], None]  # a run's id and how far it has come; must not raise


def telling(shop: Workshop, keep: Keep, until: ExitStack, every: float = EVERY) -> Workshop:
    """The same workshop, whose runs are told of with `keep` until the stack is closed.

    What is planned without a run is nobody's business and is not written.
    """
    teller = Teller(shop.watcher, keep, shop.requests, every)
    until.callback(teller.close)

    def new_run_id(trigger: Trigger, started: datetime) -> str:
        return teller.name(shop.new_run_id(trigger, started))

    return replace(shop, watcher=teller, new_run_id=new_run_id)


class Teller:
    """A watcher beside the one that is there. It never makes a run wait, nor fail."""

    def __init__(
        self,
        beside: Watcher,
        keep: Keep,
        requests: Callable[[], Mapping[str, int]],
        every: float = EVERY,
    ) -> None:
        self._beside, self._keep, self._requests, self._every = beside, keep, requests, every
        self._changed = Condition()
        self._run_id = ""
        self._now = RunProgress()
        self._finished: deque[Finished] = deque(maxlen=_LAST)
        self._fresh = self._closed = False
        self._thread: Thread | None = None

    def name(self, run_id: str) -> str:
        """From now on it is about this run."""
        with self._changed:
            self._run_id, self._now = run_id, RunProgress()
            self._finished.clear()
        return run_id

    def close(self) -> None:
        """Write what is not written yet, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    # --- what a run tells its watcher --------------------------------------------------------

    def phase(self, text: str) -> None:
        """A new part of the work begins."""
        self._beside.phase(text)
        self._note(phase=text)

    def read(self, kind: Kind, count: int) -> None:
        """So many records of a kind have been read so far."""
        self._beside.read(kind, count)
        with self._changed:
            self._note(read={**self._now.read, kind.value: count})

    def planned(self, plan: Plan, writes: int) -> None:
        """The plan is made; so many products will be written."""
        self._beside.planned(plan, writes)
        self._note(
            phase="writing" if plan.changes else "nothing to write",
            changes=len(plan.changes),
            products=writes,
            requests=plan.estimate.requests,
            sent_before_plan=self._sent(),
        )

    def batch(self, target: TargetName, number: int, of: int) -> None:
        """A batch begins at a target."""
        self._beside.batch(target, number, of)
        with self._changed:
            lane = self._now.lanes.get(target, Lane())
            self._put(target, replace(lane, batch=number, batches=of))

    def outcome(self, outcome: Outcome) -> None:
        """One change was carried out, or not, and written down."""
        self._beside.outcome(outcome)
        target, status = outcome.change.target, outcome.status
        with self._changed:
            lane = self._now.lanes.get(target, Lane())
            written = lane.written + (status is Status.APPLIED)
            self._put(
                target, replace(lane, written=written, failed=lane.failed + status.is_failure)
            )

    def decided(self, result: ProductResult) -> None:
        """A product was decided at one target."""
        self._beside.decided(result)
        with self._changed:
            for target, verdict in result.verdicts.items():
                if verdict.status not in _QUIET:
                    error = verdict.error or ""
                    self._finished.appendleft(Finished(result.sku, target, verdict.status, error))
            self._note(compared=self._now.compared + 1)

    def stopped(self, target: TargetName, error: Exception) -> None:
        """A target takes nothing more in this run."""
        self._beside.stopped(target, error)
        with self._changed:
            self._note(troubles=(*self._now.troubles, f"{target.value}: {error}")[-_TROUBLES:])

    # --- writing it down -----------------------------------------------------------------------

    def _put(self, target: TargetName, lane: Lane) -> None:
        self._note(lanes={**self._now.lanes, target: lane})

    def _note(self, **news: object) -> None:
        with self._changed:
            self._now = replace(self._now, **news)  # type: ignore[arg-type]  # fields by name
            self._fresh = True
            if self._thread is None and self._run_id and not self._closed:
                self._thread = Thread(target=self._write, name="progress", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _write(self) -> None:
        """The newest state when there is one, then a pause; the last one before the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._fresh or self._closed)
                if not self._fresh:
                    return
                told, run_id, self._fresh = self._now, self._run_id, False
                told = replace(told, sent=self._sent(), finished=tuple(self._finished))
            self._keep(run_id, told)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, self._every)

    def _sent(self) -> int:
        return sum(self._requests().values())
