"""Carry changes out: one lane per target, in batches, each outcome durable before the next request.

A lane never waits for the other target. Within a lane, products go side by side where a target
takes one record a request; the changes of one product stay in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from trueup.domain.changes import Action, Change, Outcome, Status
from trueup.domain.errors import (
    LostAnswerError,
    RecordError,
    RejectedError,
    RetryableError,
    StaleError,
    TargetStoppedError,
)
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus, Verdict
from trueup.planner.order import Work
from trueup.ports import Clock, Target, Written
from trueup.reconcile.scope import HeldLock, Workshop

Decided = Callable[[Work, TargetName, Verdict], None]

GONE = "GONE"  # the code with which targets say that a record is no longer there
_STATUS_OF: dict[type[RecordError], Status] = {
    RejectedError: Status.REJECTED,
    RetryableError: Status.FAILED,
    LostAnswerError: Status.UNKNOWN,
    StaleError: Status.STALE,
}


@dataclass(slots=True)
class Brake:
    """Why no further request is begun: a person, the deadline, or the loss of the lock."""

    pulled: Event = field(default_factory=Event)
    reason: str = ""
    hands_over: bool = False

    def pull(self, reason: str, *, hand_over: bool = False) -> None:
        """Stop before the next request; `hand_over`: somebody else goes on with the run."""
        if not self.pulled.is_set():
            self.reason, self.hands_over = reason, hand_over
            self.pulled.set()

    def why_stop(self, clock: Clock, ends_at: float | None) -> str | None:
        """The reason to begin nothing more, if there is one; `ends_at` is a monotonic second."""
        if ends_at is not None and clock.monotonic() >= ends_at:
            self.pull("the run's deadline was reached")
        return self.reason if self.pulled.is_set() else None


@dataclass(slots=True)
class Lane:
    """The work of one run at one target."""

    shop: Workshop
    target: Target
    lock: HeldLock
    run_id: str
    brake: Brake
    ends_at: float | None
    decided: Decided
    stopped: TargetStoppedError | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    def carry_out(self, work: Sequence[Work]) -> None:
        """Carry out all work in batches; what is not reached is deferred."""
        size = self.shop.limits.batch_size
        batches = [work[start : start + size] for start in range(0, len(work), size)]
        for number, batch in enumerate(batches, start=1):
            self.shop.watcher.batch(self.target.name, number, len(batches))
            self._carry_out_batch(batch)

    def _carry_out_batch(self, batch: Sequence[Work]) -> None:
        done: dict[int, Outcome] = {}
        only_bound = [change for work in batch for change in work.changes if not change.writes]
        if only_bound:
            self._follow([only_bound], done)
        chains = list(self._chains(batch))
        workers = min(self.shop.limits.workers, len(chains))
        if workers <= 1:
            for chain in chains:
                self._follow(chain, done)
        else:
            with ThreadPoolExecutor(workers, thread_name_prefix=self.target.name.value) as pool:
                for finished in [pool.submit(self._follow, chain, done) for chain in chains]:
                    finished.result()
        for work in batch:
            outcomes = [done[id(change)] for change in work.changes]
            self.decided(work, self.target.name, self._verdict(outcomes))

    def _chains(self, batch: Sequence[Work]) -> Iterator[list[list[Change]]]:
        """What must happen one after the other: a product's requests, or a shared request alone."""
        groups = self.target.group([c for work in batch for c in work.changes if c.writes])
        chain_of: dict[str, list[list[Change]]] = {}
        for group in groups:
            owners = {change.owner or str(change.key) for change in group}
            if len(owners) > 1:
                yield [group]
            else:
                chain_of.setdefault(owners.pop(), []).append(group)
        yield from chain_of.values()

    def _follow(self, chain: Sequence[Sequence[Change]], done: dict[int, Outcome]) -> None:
        for group in chain:
            for outcome in self._attempt(group):
                done[id(outcome.change)] = outcome

    def _attempt(self, group: Sequence[Change]) -> list[Outcome]:
        """Carry out one group and make its outcomes durable."""
        if (reason := self._why_not()) is not None:
            return [Outcome(change, Status.DEFERRED, detail=reason) for change in group]
        ready, waiting = self._split_by_refs(group)
        outcomes = waiting
        if ready:
            outcomes = waiting + self._send(ready)
        self.shop.ledger.record(outcomes, self.run_id, self.lock.fence)
        for outcome in outcomes:
            self.shop.watcher.outcome(outcome)
        self.outcomes.extend(outcomes)
        return outcomes

    def _why_not(self) -> str | None:
        if self.stopped is not None:
            return self.stopped.message
        if (reason := self.brake.why_stop(self.shop.clock, self.ends_at)) is not None:
            return reason
        self.lock.check()
        return None

    def _split_by_refs(self, group: Sequence[Change]) -> tuple[list[Change], list[Outcome]]:
        ready: list[Change] = []
        waiting: list[Outcome] = []
        for change in group:
            missing = [ref for ref in change.refs if self.shop.ledger.remote_id(ref.key) is None]
            if missing:
                detail = f"waits for {missing[0].key}"
                waiting.append(Outcome(change, Status.SKIPPED, detail=detail))
            else:
                ready.append(change)
        return ready, waiting

    def _send(self, group: Sequence[Change]) -> list[Outcome]:
        at = self.shop.clock.now()
        if not any(change.writes for change in group):
            return [Outcome(c, Status.APPLIED, remote_id=c.remote_id, at=at) for c in group]
        self.shop.ledger.intend(group, self.run_id, self.lock.fence)
        throttles = self.shop.throttles(self.target.name)
        try:
            answers = self.target.apply(group, self.shop.ledger.remote_id)
        except TargetStoppedError as error:
            if self.stopped is None:
                self.stopped = error
                self.shop.watcher.stopped(self.target.name, error)
            return [Outcome(c, Status.DEFERRED, detail=error.message) for c in group]
        finally:
            self._note_throttles(group, throttles)
        at = self.shop.clock.now()
        return [_outcome(change, answer, at) for change, answer in zip(group, answers, strict=True)]

    def _note_throttles(self, group: Sequence[Change], before: int) -> None:
        """The predecessor's screens show which products met a rate limit."""
        met = self.shop.throttles(self.target.name) - before
        if met > 0:
            owners = {user for change in group for user in change.users}
            message = f"{met} refused for too many requests"
            self.shop.ledger.rate_limited(owners, self.target.name, message)

    def _verdict(self, outcomes: Sequence[Outcome]) -> Verdict:
        """What a product's outcomes say about it: the worst one decides."""
        failed = [o for o in outcomes if o.status.is_failure]
        if failed:
            first = next((o for o in failed if o.status is not Status.SKIPPED), failed[0])
            permanent = any(o.status is Status.REJECTED for o in failed)
            text = f"{first.change.key}: {first.detail}"
            return Verdict(ProductStatus.FAILED, text, permanent=permanent)
        deferred = [o for o in outcomes if o.status is Status.DEFERRED]
        if deferred:
            return Verdict(ProductStatus.DEFERRED, deferred[0].detail)
        only_bound = all(o.change.action is Action.ADOPT and not o.change.writes for o in outcomes)
        return Verdict(ProductStatus.UNCHANGED if only_bound else ProductStatus.OK)


def _outcome(change: Change, answer: Written | RecordError, at: datetime) -> Outcome:
    if isinstance(answer, Written):
        return Outcome(change, Status.APPLIED, remote_id=answer.remote_id, at=at)
    if isinstance(answer, RejectedError) and answer.code == GONE:
        # Somebody deleted it since it was read: the next look makes it again, or not.
        return Outcome(change, Status.STALE, detail=answer.message, code=answer.code, at=at)
    if isinstance(answer, RejectedError) and answer.duplicate:
        # Another record holds its name or code and may give it up: worth another try, later.
        return Outcome(change, Status.FAILED, detail=answer.message, code=answer.code, at=at)
    status = next((s for kind, s in _STATUS_OF.items() if isinstance(answer, kind)), Status.FAILED)
    code = answer.code if isinstance(answer, RejectedError) else ""
    return Outcome(change, status, detail=answer.message, code=code, at=at)
