"""One run: lock, look, plan, apply, record; again for what became uncertain on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from trueup.domain.changes import Action, Status
from trueup.domain.errors import LockedError, TrueupError
from trueup.domain.plan import (
    Plan,
    mark_of,
    violation_as_json,
)
from trueup.domain.records import RecordKey, TargetName
from trueup.domain.runs import (
    ProductResult,
    ProductStatus,
    Run,
    RunState,
    Tally,
    Trigger,
    Verdict,
)
from trueup.planner.draft import ProductDraft
from trueup.planner.due import Look
from trueup.planner.order import Work, choose
from trueup.reconcile.applying import Brake, Lane
from trueup.reconcile.book import Book, deferred_at, without_changes
from trueup.reconcile.currency import refuse_another_currency
from trueup.reconcile.guarding import guard
from trueup.reconcile.orders import Approval, Order, approved_by, keep_only
from trueup.reconcile.scope import HeldLock, Scope, Workshop
from trueup.reconcile.stint import Stint
from trueup.reconcile.survey import survey
from trueup.reconcile.surveyed import Survey

_PASSES = 3  # a lost answer is looked up, and its dependants carried out, within the same run
_UNCERTAIN = frozenset({Status.UNKNOWN, Status.STALE})


@dataclass(frozen=True, slots=True)
class Report:
    """A finished run with what it decided about each product."""

    run: Run
    plan: Plan
    results: tuple[ProductResult, ...] = ()
    error: TrueupError | None = None
    stale: int = 0
    moved: frozenset[str] = frozenset()  # the marks of what was to be made and was stale


def run(shop: Workshop, order: Order, brake: Brake) -> Report:
    """Carry out one run. A run that finds the lock taken reports it and does nothing."""
    started = shop.clock.now()
    run_id = shop.new_run_id(order.trigger, started)
    record = Run(run_id, order.trigger, RunState.RUNNING, started, resumes=order.resumes)
    try:
        with shop.lock.hold(run_id) as lock:
            return _run_locked(shop, order, brake, record, lock)
    except LockedError as error:
        ended = replace(record, state=RunState.ALREADY_RUNNING, finished_at=shop.clock.now())
        return Report(replace(ended, error=error.message), Plan(), error=error)


def _run_locked(shop: Workshop, order: Order, brake: Brake, record: Run, lock: HeldLock) -> Report:
    shop.ledger.begin(record, lock.fence)
    work = _Running(shop, order, brake, record, lock)
    error: TrueupError | None = None
    try:
        work.go()
    except TrueupError as trouble:
        error = trouble
    except BaseException as crash:
        if order.goes_on(crash):
            brake.pull(f"stopped by {type(crash).__name__}", hand_over=True)
        shop.ledger.finish(
            _ended(work, f"stopped by {type(crash).__name__}", crashed=True), lock.fence
        )
        raise
    ended = _ended(work, error.message if error else None)
    shop.ledger.finish(ended, lock.fence)
    return Report(
        ended,
        work.plan,
        tuple(work.book.results.values()),
        error or work.stint.fatal(),
        len(work.moved),
        work.moved,
    )


class _Running:
    """The passes of one run."""

    def __init__(
        self, shop: Workshop, order: Order, brake: Brake, record: Run, lock: HeldLock
    ) -> None:
        self.shop, self.order, self.brake, self.record, self.lock = shop, order, brake, record, lock
        self.book = Book(shop, record.run_id, lock, record.started_at)
        self.plan = Plan()
        self.fingerprint = ""
        self.stint = Stint(shop)
        self.moved: frozenset[str] = frozenset()
        self.approval_is_stale = False
        self.uncreated: set[RecordKey] = set()

    def go(self) -> None:
        """Look, apply, and look again at what became uncertain."""
        scope = self.order.scope
        for number in range(_PASSES):
            seen = self._survey(scope, first=number == 0)
            lanes = self._apply(seen, first=number == 0)
            uncertain = {
                o.change.sku for lane in lanes for o in lane.outcomes if o.status in _UNCERTAIN
            }
            if not uncertain or self.brake.pulled.is_set() or self.order.approved_plan is not None:
                break
            scope = replace(scope, skus=tuple(sorted(uncertain)), look=Look.EVERYTHING)
        self.shop.guardbook.tidy(self.record.started_at, self.lock.fence)
        if not self.order.scope.skus and self.order.scope.limit is None:
            self.shop.ledger.note_absences(self.record.run_id, self.lock.fence)
            self._note_established()

    def _note_established(self) -> None:
        """A target at which nothing is left to create is established: its first sync is over."""
        undone = {key.kind.target for key in self.uncreated}
        read = {t for t in self.order.scope.targets if t not in self.stint.stopped}
        if done := read - undone:
            self.shop.guardbook.establish(done, self.record.run_id, self.lock.fence)

    def _survey(self, scope: Scope, *, first: bool) -> Survey:
        seen = survey(
            self.shop,
            scope,
            f"{self.record.run_id}",
            trust_smaller=self.order.trust_smaller or not first,
            on_agreed=self.book.agreed,
            why_stop=lambda: self.brake.why_stop(self.shop.clock, self.stint.ends_at),
        )
        self.stint.stopped.update(seen.stopped)
        if seen.outgrown and self.order.trigger is not Trigger.REVERT:
            self.shop.guardbook.lift(seen.outgrown, self.lock.fence)
        if first and self.order.approval is not None:
            self._let_pass(seen, self.order.approval)
        if first:
            self.stint.catalogue_size = seen.catalogue_size
            limits = self.shop.limits
            self.plan = seen.plan(batch_size=limits.batch_size, rate=limits.rate)
            self.fingerprint = self.plan.fingerprint
            self.uncreated = {c.key for c in self.plan.changes if c.action is Action.CREATE}
        return seen

    def _let_pass(self, seen: Survey, approval: Approval) -> None:
        """A person approved this plan, or what one of its violations holds."""
        plan = seen.plan(batch_size=1, rate=1.0)
        held = approved_by(plan, approval.fingerprint, self.order.approved_plan)
        if not held:
            self.approval_is_stale = bool(plan.held)
            return
        fence = self.lock.fence
        self.shop.guardbook.approve(held, self.record.run_id, fence, approval.decision)
        guard(self.shop, seen, [mark_of(one.change) for one in held])

    def _apply(self, seen: Survey, *, first: bool) -> list[Lane]:
        if self.order.approved_plan is not None:
            self.moved = keep_only(seen, self.order.approved_plan)
        self.shop.guardbook.hold(seen.held, self.record.run_id, self.lock.fence)
        self.book.settle(without_changes(seen.drafts))
        chosen, deferred = self._choose(seen)
        if first:
            self.shop.watcher.planned(self.plan, len(chosen))
        drafts = {draft.offering_id: draft for draft in seen.drafts}

        def decided(work: Work, target: TargetName, verdict: Verdict) -> None:
            if work.owner in drafts:
                draft = drafts[work.owner]
                self.book.settle([(draft, target, _with_the_rest(draft, target, verdict))])

        lanes = []
        queues = []
        for name in self.order.scope.targets:
            queue = [w for owner in chosen if (w := _work(drafts, owner, name, seen)).changes]
            if queue:
                queues.append(queue)
                lanes.append(
                    Lane(
                        self.shop,
                        self.shop.targets[name],
                        self.lock,
                        self.record.run_id,
                        self.brake,
                        self.stint.ends_at,
                        decided,
                    )
                )
        if first:
            waiting = (c for queue in queues for work in queue for c in work.changes)
            refuse_another_currency(self.shop, waiting)
        self.book.settle(deferred_at(drafts[owner] for owner in deferred if owner in drafts))
        self._side_by_side(lanes, queues)
        for lane in lanes:
            if lane.stopped is not None:
                self.stint.stopped[lane.target.name] = lane.stopped
        self._note_done(lanes)
        return lanes

    def _note_done(self, lanes: list[Lane]) -> None:
        """Decisions on what was carried out are done with."""
        done = [o.change for lane in lanes for o in lane.outcomes if o.status is Status.APPLIED]
        self.uncreated -= {change.key for change in done}
        self.shop.guardbook.passed(done, self.record.run_id, self.lock.fence)

    def _side_by_side(self, lanes: list[Lane], queues: list[list[Work]]) -> None:
        """Each target has its own lane, so that one that is slow or paused delays nobody."""
        if len(lanes) < 2 or self.shop.limits.workers <= 1:  # noqa: PLR2004 (nothing to go beside)
            for lane, queue in zip(lanes, queues, strict=True):
                lane.carry_out(queue)
            return
        with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
            pairs = zip(lanes, queues, strict=True)
            running = [pool.submit(lane.carry_out, queue) for lane, queue in pairs]
            try:
                for finished in running:
                    finished.result()
            except BaseException:
                self.brake.pull("the run was stopped")
                raise

    def _choose(self, seen: Survey) -> tuple[list[str], list[str]]:
        """The products that this run writes, in order, and those it defers (law 10)."""
        work = [draft.whole_work() for draft in seen.drafts if draft.changes]
        if seen.leftovers:
            work.append(Work("", "", tuple(seen.leftovers)))
        most = self.shop.limits.max_products if self.order.bounded else None
        now, later = choose(work, most)
        return [w.owner for w in now], [w.owner for w in later]


def _with_the_rest(draft: ProductDraft, target: TargetName, verdict: Verdict) -> Verdict:
    """What was written went well; what could not be read, or waits for a person, counts too."""
    if not verdict.status.agrees:
        return verdict
    if target in draft.unread:
        return Verdict(ProductStatus.DEFERRED, draft.unread[target])
    return draft.waiting(target) or verdict


def _work(drafts: dict[str, ProductDraft], owner: str, target: TargetName, seen: Survey) -> Work:
    if owner in drafts:
        return drafts[owner].work(target)
    return Work("", "", tuple(c for c in seen.leftovers if c.target is target))


def _ended(work: _Running, error: str | None, *, crashed: bool = False) -> Run:
    tally = Tally(total_candidates=len(work.book.results), findings=len(work.plan.findings))
    for result in work.book.results.values():
        tally.add(result)
    reasons = work.stint.reasons()
    if work.approval_is_stale:
        reasons.append(
            "the approval is stale: nothing that is held has this fingerprint any more; that of the"
            f" plan is {work.fingerprint} now"
        )
    if work.moved and work.order.trigger is Trigger.APPROVAL:
        reasons.append(f"{len(work.moved)} approved changes are stale: one of the sides moved")
    if _was_cut_short(work, tally):
        reasons.append(work.brake.reason)
    return replace(
        work.record,
        state=_state(work, tally, failed=bool(error) or crashed),
        finished_at=work.shop.clock.now(),
        fingerprint=work.fingerprint,
        summary=tally.as_summary(),
        requests=work.stint.requests(),
        error=error or "; ".join(reasons) or None,
        catalogue_size=work.stint.catalogue_size,
        violations=tuple(violation_as_json(one) for one in work.plan.violations),
    )


def _state(work: _Running, tally: Tally, *, failed: bool) -> RunState:
    good = any(
        tally.at(t, ProductStatus.OK, ProductStatus.UNCHANGED) for t in work.order.scope.targets
    )
    approval = work.order.trigger is Trigger.APPROVAL
    if work.brake.hands_over and (failed or work.stint.stopped or _was_cut_short(work, tally)):
        return RunState.INTERRUPTED  # whoever goes on with it meets the same trouble again
    if failed:
        return RunState.FAILED
    # Who approved something that is stale is asked again; a saved plan has nobody to ask.
    asks_again = work.approval_is_stale or (approval and bool(work.moved))
    failures = tally.products(ProductStatus.FAILED) > 0
    if not failures and _was_cut_short(work, tally):
        # A request that waited for its turn when the brake was pulled is no trouble of its target.
        return RunState.PARTIAL
    if failures or work.stint.stopped or (work.moved and not approval):
        return RunState.PARTIAL if good else RunState.FAILED
    held = asks_again or tally.products(ProductStatus.HELD) > 0
    return RunState.HELD if held else RunState.SUCCEEDED


def _was_cut_short(work: _Running, tally: Tally) -> bool:
    """Whether a person, a signal or the deadline left work undone."""
    return work.brake.pulled.is_set() and tally.products(ProductStatus.DEFERRED) > 0
