"""Take a run back: find the way back, judge it, carry it out.

It is a run like any other (lock, ledger, history, fence), so that it can be killed at any instant
and taken back itself. What moved since is left alone. The values that go are refused before the
first write and the refusals that end are lifted after the last, so that the same command again
does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from trueup.domain.changes import Change, Outcome, Status
from trueup.domain.errors import LockedError, TrueupError
from trueup.domain.plan import Plan, violation_as_json
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductResult, ProductStatus, Run, RunState, Tally, Trigger, Verdict
from trueup.planner.order import Work, order_changes
from trueup.planner.revert import Restoration
from trueup.ports import Decision, Past
from trueup.reconcile.applying import Brake, Lane
from trueup.reconcile.running import Report
from trueup.reconcile.scope import HeldLock, Workshop
from trueup.reconcile.stint import Stint
from trueup.reconcile.way_back import RevertOrder, WayBack, exactly, way_back


@dataclass(frozen=True, slots=True)
class RevertReport:
    """What became of a revert. One with nothing to do is `idle`: no run was written down."""

    report: Report
    way: WayBack
    idle: bool = False


def revert(shop: Workshop, past: Past, order: RevertOrder, brake: Brake) -> RevertReport:
    """Take a run back. One that finds the lock taken reports it and does nothing."""
    started = shop.clock.now()
    run_id = shop.new_run_id(Trigger.REVERT, started)
    record = Run(run_id, Trigger.REVERT, RunState.RUNNING, started)
    try:
        with shop.lock.hold(run_id) as lock:
            return _Reverting(shop, past, order, brake, record, lock).go()
    except LockedError as error:
        ended = replace(record, state=RunState.ALREADY_RUNNING, finished_at=shop.clock.now())
        report = Report(replace(ended, error=error.message), Plan(), error=error)
        return RevertReport(report, WayBack(order.run_id, Plan(), Restoration()), idle=True)


class _Reverting:
    """One revert, from the lock to the last word."""

    def __init__(
        self,
        shop: Workshop,
        past: Past,
        order: RevertOrder,
        brake: Brake,
        record: Run,
        lock: HeldLock,
    ) -> None:
        self.shop, self.past, self.order, self.brake = shop, past, order, brake
        self.record, self.lock = record, lock
        self.way = WayBack(order.run_id, Plan(), Restoration())
        self.stint = Stint(shop)
        self.results: dict[str, ProductResult] = {}
        self.applied = 0
        self.stale = 0

    def go(self) -> RevertReport:
        """Look, begin, decide, write, end; the ledger hears of the end whatever happens."""
        self._look()
        if self.way.restoration.empty and not (self.stale or self.stint.stopped):
            return RevertReport(Report(self._ended(None), self.way.plan), self.way, idle=True)
        self.shop.ledger.begin(self.record, self.lock.fence)
        error: TrueupError | None = None
        try:
            self._carry_out()
        except TrueupError as trouble:
            error = trouble
        except BaseException as crash:
            ended = self._ended(f"stopped by {type(crash).__name__}")
            self.shop.ledger.finish(ended, self.lock.fence)
            raise
        ended = self._ended(error.message if error else None)
        self.shop.ledger.finish(ended, self.lock.fence)
        report = Report(
            ended,
            self.way.plan,
            tuple(self.results.values()),
            error or self.stint.fatal(),
            self.stale,
        )
        return RevertReport(report, self.way)

    def _look(self) -> None:
        self.way = way_back(self.shop, self.past, self.order)
        if self.order.approved is not None:
            self.way = exactly(self.shop, self.way, self.order.approved)
            self.stale = len(self.order.approved) - len(self.way.plan.changes)
        self.stint.stopped.update(self.way.stopped)

    def _carry_out(self) -> None:
        plan, restoration = self.way.plan, self.way.restoration
        self.shop.watcher.planned(plan, len({c.owner or str(c.key) for c in plan.changes}))
        self._decide(plan)
        outcomes: list[Outcome] = []
        try:
            for name in self.order.targets:
                outcomes += self._write(name, [c for c in plan.changes if c.target is name])
        finally:
            self.past.sign(self.record.run_id, self.order.decision.by, self.lock.fence)
        done = {o.change.key for o in outcomes if o.status is Status.APPLIED}
        undone = {change.key for change in plan.changes} - done
        self.past.lift(restoration.without(undone).lift, self.lock.fence)

    def _decide(self, plan: Plan) -> None:
        """A person asked for it: what the guards hold passes, and what goes may not come back."""
        book, fence, run_id = self.shop.guardbook, self.lock.fence, self.record.run_id
        asked = self.order.decision
        note = f"reverted run {self.order.run_id}" + (f": {asked.note}" if asked.note else "")
        decision = Decision(asked.by, note)
        if plan.held:
            book.approve(plan.held, run_id, fence, decision)
        book.refuse(self.way.restoration.refuse, run_id, fence, decision)

    def _write(self, name: TargetName, changes: Sequence[Change]) -> list[Outcome]:
        """Carry out the changes at one target, and say how its products stand."""
        verdicts: dict[str, list[Verdict]] = {}

        def decided(work: Work, _: TargetName, verdict: Verdict) -> None:
            verdicts.setdefault(work.owner, []).append(verdict)

        lane = Lane(
            self.shop,
            self.shop.targets[name],
            self.lock,
            self.record.run_id,
            self.brake,
            self.stint.ends_at,
            decided,
        )
        lane.carry_out(_work(changes))
        if lane.stopped is not None:
            self.stint.stopped[name] = lane.stopped
        self._settle(name, changes, verdicts)
        applied = [o.change for o in lane.outcomes if o.status is Status.APPLIED]
        self.applied += len(applied)
        held = {one.change.key for one in self.way.plan.held}
        approved = [change for change in applied if change.key in held]
        self.shop.guardbook.passed(approved, self.record.run_id, self.lock.fence)
        return lane.outcomes

    def _settle(
        self, name: TargetName, changes: Sequence[Change], verdicts: Mapping[str, list[Verdict]]
    ) -> None:
        """A product that was taken back does not agree with the catalogue, and says why.

        Without a revision it is due again, so that the next run looks at it.
        """
        text = f"{self.order.decision.by} took run {self.order.run_id} back"
        skus = {change.owner: change.sku for change in changes}
        results = []
        for owner, found in verdicts.items():
            worst = next((v for v in found if not v.status.agrees), None)
            verdict = worst or Verdict(ProductStatus.SKIPPED, text)
            known = self.results.get(owner)
            before = dict(known.verdicts) if known else {}
            one = ProductResult(owner, skus[owner], "", "", {name: verdict})
            self.results[owner] = replace(one, verdicts={**before, name: verdict})
            if owner:
                results.append(one)
            self.shop.watcher.decided(one)
        if results:
            run_id, started = self.record.run_id, self.record.started_at
            self.shop.ledger.settle(results, run_id, self.lock.fence, started)

    def _ended(self, error: str | None) -> Run:
        tally = Tally(total_candidates=len(self.results))
        for result in self.results.values():
            tally.add(result)
        reasons = self.stint.reasons()
        if self.brake.pulled.is_set():
            reasons.append(self.brake.reason)
        return replace(
            self.record,
            state=self._state(tally, failed=error is not None),
            finished_at=self.shop.clock.now(),
            fingerprint=self.way.plan.fingerprint,
            summary=tally.as_summary(),
            requests=self.stint.requests(),
            error=error or "; ".join(reasons) or None,
            catalogue_size=self.stint.catalogue_size,
            violations=tuple(violation_as_json(one) for one in self.way.plan.violations),
        )

    def _state(self, tally: Tally, *, failed: bool) -> RunState:
        if failed:
            return RunState.FAILED
        undone = tally.products(ProductStatus.FAILED) + tally.products(ProductStatus.DEFERRED)
        if undone or self.stint.stopped or self.stale:
            return RunState.PARTIAL if self.applied else RunState.FAILED
        return RunState.SUCCEEDED


def _work(changes: Iterable[Change]) -> list[Work]:
    """The changes by product, each in its order."""
    by_owner: dict[str, list[Change]] = {}
    for change in changes:
        by_owner.setdefault(change.owner, []).append(change)
    return [
        Work(owner, of[0].sku, tuple(order_changes(of))) for owner, of in sorted(by_owner.items())
    ]
