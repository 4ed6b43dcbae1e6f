"""Telling people elsewhere how far a run has come: counted as it happens, written once a second."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from threading import Condition, Lock, Thread
from typing import Final

from trueup.domain.changes import Outcome, Status
from trueup.domain.plan import Plan
from trueup.domain.progress import Finished, Lane, Line, RunProgress
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import ProductResult, ProductStatus, Trigger
from trueup.planner.explain import counted
from trueup.reconcile.scope import Watcher, Workshop

EVERY: Final = 1.0  # seconds, at least, between two writes
_LAST: Final = 20  # products
_TROUBLES: Final = 5
_LINES: Final = 100  # of the log
_LONGEST: Final = 500  # characters of a line
_QUIET: Final = frozenset({ProductStatus.UNCHANGED, ProductStatus.DEFERRED})
_EXPECTED: Final = frozenset({"ok", "empty", "gone"})  # answers that are no news
_CAME: Final = {
    "throttled": "refused for too many",
    "quota": "refused: the day's quota is used up",
    "server": "ended in an error of the server",
    "unreadable": "were answered by nothing that can be read",
    "refused": "refused",
    "unknown": "refused",
    "duplicate": "refused as duplicates",
    "stale": "came too late: the record had moved",
    "busy": "met a locked record",
    "token": "met a token that was no longer valid",
}

Keep = Callable[[str, RunProgress], None]  # a run's id and how far it has come; must not raise
Answers = Callable[[], Mapping[str, Mapping[str, int]]]  # counts by target and kind of answer


def telling(
    shop: Workshop, keep: Keep, until: ExitStack, every: float = EVERY, answers: Answers = dict
) -> Workshop:
    """The same workshop, whose runs are told of with `keep` until the stack is closed.

    What is planned without a run is nobody's business and is not written.
    """
    teller = Teller(shop.watcher, keep, shop.requests, every, answers, shop.clock.now)
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
        answers: Answers = dict,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._beside, self._keep, self._requests, self._every = beside, keep, requests, every
        self._answers, self._clock = answers, now
        self._changed = Condition()
        self._keeping = Lock()  # one writes at a time, so that the newest is written last
        self._run_id = ""
        self._now = RunProgress()
        self._answered_before = _counted(answers())
        self._sent_before = self._sent()
        self._finished: deque[Finished] = deque(maxlen=_LAST)
        self._log: deque[Line] = deque(maxlen=_LINES)
        self._told_of: Counter[tuple[str, str]] = Counter()
        self._fresh = self._closed = False
        self._thread: Thread | None = None

    def name(self, run_id: str) -> str:
        """From now on it is about this run; the last word about the one before is written."""
        self._write_now()
        with self._changed:
            self._run_id, self._now, self._fresh = run_id, RunProgress(), False
            self._answered_before = _counted(self._answers())
            self._sent_before = self._sent()
            self._finished.clear()
            self._log.clear()
            self._told_of.clear()
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
        with self._changed:
            self._say(text.replace("_", " "))
            self._note(phase=text)

    def read(self, kind: Kind, count: int) -> None:
        """So many records of a kind have been read so far."""
        self._beside.read(kind, count)
        with self._changed:
            self._note(read={**self._now.read, kind.value: count})

    def planned(self, plan: Plan, writes: int) -> None:
        """The plan is made; so many products will be written."""
        self._beside.planned(plan, writes)
        with self._changed:
            self._say(_planned(plan, writes))
            self._note(
                phase="writing" if plan.free else "nothing to write",
                changes=len(plan.free),
                products=writes,
                requests=plan.estimate.requests,
                sent_before_plan=self._sent() - self._sent_before,
                planned_at=self._clock() if self._clock else None,
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
            trouble = f"{target.value}: {error}"
            self._say(f"{trouble}; nothing more is sent there", grave=True)
            self._note(troubles=(*self._now.troubles, trouble)[-_TROUBLES:])

    # --- writing it down -----------------------------------------------------------------------

    def _put(self, target: TargetName, lane: Lane) -> None:
        self._note(lanes={**self._now.lanes, target: lane})

    def _say(self, text: str, *, grave: bool = False) -> None:
        if self._clock is not None:
            self._log.append(Line(self._clock(), text[:_LONGEST], grave))

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
            self._write_now()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, self._every)

    def _write_now(self) -> None:
        with self._keeping:
            with self._changed:
                if not (self._fresh and self._run_id):
                    return
                told, run_id, self._fresh = self._whole(), self._run_id, False
            self._keep(run_id, told)

    def _whole(self) -> RunProgress:
        """Where the run is, with what is counted elsewhere."""
        answered = _counted(self._answers())
        answered.subtract(self._answered_before)
        found: dict[str, dict[str, int]] = {}
        for (target, kind), number in sorted(answered.items()):
            if number:
                found.setdefault(target, {})[kind] = number
                self._tell_of(target, kind, number)
        return replace(
            self._now,
            sent=self._sent() - self._sent_before,
            finished=tuple(self._finished),
            answers=found,
            log=tuple(self._log),
        )

    def _tell_of(self, target: str, kind: str, number: int) -> None:
        """Answers that nobody hopes for are in the log, as many as came since the last look."""
        more = number - self._told_of[target, kind]
        if kind in _EXPECTED or more <= 0:
            return
        self._told_of[target, kind] = number
        self._say(f"{target}: {counted(more, 'request')} {_CAME.get(kind, kind)}", grave=True)

    def _sent(self) -> int:
        return sum(self._requests().values())


def _counted(answers: Mapping[str, Mapping[str, int]]) -> Counter[tuple[str, str]]:
    return Counter({(t, kind): n for t, kinds in answers.items() for kind, n in kinds.items()})


def _planned(plan: Plan, writes: int) -> str:
    held = f"; {counted(len(plan.held), 'change')} held by guards" if plan.held else ""
    if not plan.free:
        return f"planned: nothing to write{held}"
    requests = counted(plan.estimate.requests, "request")
    of = f"{counted(len(plan.free), 'change')} of {counted(writes, 'product')}"
    return f"planned: {of}, about {requests}{held}"
