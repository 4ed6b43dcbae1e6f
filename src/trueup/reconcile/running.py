"""One run: lock, look, plan, apply, record; again for what became uncertain on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from trueup.domain.changes import Change, Status
from trueup.domain.errors import CredentialsError, LockedError, ScopeError, TrueupError
from trueup.domain.plan import Plan, change_as_json, fingerprint_of_json
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductResult, ProductStatus, Run, RunState, Tally, Trigger, Verdict
from trueup.planner.draft import ProductDraft
from trueup.planner.due import Look
from trueup.planner.order import Work, choose
from trueup.reconcile.applying import Brake, Lane
from trueup.reconcile.scope import HeldLock, Scope, Workshop
from trueup.reconcile.survey import Survey, survey

REQUEST_COUNTS = ("oauth", "crm", "billing")
_PASSES = 3  # a lost answer is looked up, and its dependants carried out, within the same run
_UNCERTAIN = frozenset({Status.UNKNOWN, Status.STALE})
_NOT_APPROVED = "needs something that is not in the approved plan"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked for: a scope, who asked, and how.

    `approved_plan` limits the run to exactly these changes; what differs from them is stale.
    """

    scope: Scope
    trigger: Trigger
    approved_plan: Sequence[Mapping[str, object]] | None = None
    trust_smaller: bool = False
    bounded: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A finished run with what it decided about each product."""

    run: Run
    plan: Plan
    results: tuple[ProductResult, ...] = ()
    error: TrueupError | None = None
    stale: int = 0


@dataclass(slots=True)
class _Book:
    """What a run has decided so far; settles products as they are decided."""

    shop: Workshop
    run_id: str
    lock: HeldLock
    started: datetime
    results: dict[str, ProductResult] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    def settle(self, decided: Iterable[tuple[ProductDraft, TargetName, Verdict]]) -> None:
        """Make verdicts durable and remember them for the report."""
        results = []
        for draft, target, verdict in decided:
            one = ProductResult(
                draft.offering_id, draft.sku, draft.name, draft.revision, {target: verdict}
            )
            results.append(one)
            with self.guard:
                known = self.results.get(draft.offering_id)
                before = dict(known.verdicts) if known else {}
                verdicts = {**before, target: _in_sum(before.get(target), verdict)}
                self.results[draft.offering_id] = replace(one, verdicts=verdicts)
        if results:
            ledger, fence = self.shop.ledger, self.lock.fence
            ledger.settle(results, self.run_id, fence, self.started)
        for one in results:
            self.shop.watcher.decided(one)

    def agreed(self, drafts: list[ProductDraft]) -> None:
        """Products that need nothing are verified at once."""
        self.settle(_without_changes(drafts))


def run(shop: Workshop, order: Order, brake: Brake) -> Report:
    """Carry out one run. A run that finds the lock taken reports it and does nothing."""
    started = shop.clock.now()
    run_id = shop.new_run_id(order.trigger, started)
    record = Run(run_id, order.trigger, RunState.RUNNING, started)
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
        shop.ledger.finish(
            _ended(work, f"stopped by {type(crash).__name__}", crashed=True), lock.fence
        )
        raise
    ended = _ended(work, error.message if error else None)
    shop.ledger.finish(ended, lock.fence)
    return Report(
        ended, work.plan, tuple(work.book.results.values()), error or work.fatal(), work.stale
    )


class _Running:
    """The passes of one run."""

    def __init__(
        self, shop: Workshop, order: Order, brake: Brake, record: Run, lock: HeldLock
    ) -> None:
        self.shop, self.order, self.brake, self.record, self.lock = shop, order, brake, record, lock
        self.book = _Book(shop, record.run_id, lock, record.started_at)
        self.plan = Plan()
        self.fingerprint = ""
        self.stopped: dict[TargetName, TrueupError] = {}
        # A run that is refused before it looked hands on what the last one saw.
        last = shop.ledger.last_run()
        self.catalogue_size = None if last is None else last.catalogue_size
        self.stale = 0
        deadline = shop.limits.deadline
        self.ends_at = None if deadline is None else shop.clock.monotonic() + deadline
        self.requests_before = dict(shop.requests())

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
        if not self.order.scope.skus and self.order.scope.limit is None:
            self.shop.ledger.note_absences(self.record.run_id, self.lock.fence)

    def requests(self) -> dict[str, int]:
        """The requests that this run has sent, by target."""
        before, now = self.requests_before, self.shop.requests()
        return {name: now.get(name, 0) - before.get(name, 0) for name in REQUEST_COUNTS}

    def fatal(self) -> TrueupError | None:
        """Refused credentials or permissions: what a person must mend."""
        return next(
            (e for e in self.stopped.values() if isinstance(e, CredentialsError | ScopeError)), None
        )

    def _survey(self, scope: Scope, *, first: bool) -> Survey:
        seen = survey(
            self.shop,
            scope,
            f"{self.record.run_id}",
            trust_smaller=self.order.trust_smaller or not first,
            on_agreed=self.book.agreed,
            why_stop=lambda: self.brake.why_stop(self.shop.clock, self.ends_at),
        )
        self.stopped.update(seen.stopped)
        if first:
            self.catalogue_size = seen.catalogue_size
            limits = self.shop.limits
            self.plan = seen.plan(batch_size=limits.batch_size, rate=limits.rate)
            self.fingerprint = self.plan.fingerprint
        return seen

    def _apply(self, seen: Survey, *, first: bool) -> list[Lane]:
        if self.order.approved_plan is not None:
            self.stale = keep_only(seen, self.order.approved_plan)
        self.book.settle(_without_changes(seen.drafts))
        chosen, deferred = self._choose(seen)
        if first:
            self.shop.watcher.planned(self.plan, len(chosen))
        drafts = {draft.offering_id: draft for draft in seen.drafts}

        def decided(work: Work, target: TargetName, verdict: Verdict) -> None:
            if work.owner in drafts:
                draft = drafts[work.owner]
                if verdict.status.agrees and target in draft.unread:
                    verdict = Verdict(ProductStatus.DEFERRED, draft.unread[target])
                self.book.settle([(draft, target, verdict)])

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
                        self.ends_at,
                        decided,
                    )
                )
        self.book.settle(_deferred(drafts[owner] for owner in deferred if owner in drafts))
        self._side_by_side(lanes, queues)
        for lane in lanes:
            if lane.stopped is not None:
                self.stopped[lane.target.name] = lane.stopped
        return lanes

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


def _work(drafts: dict[str, ProductDraft], owner: str, target: TargetName, seen: Survey) -> Work:
    if owner in drafts:
        return drafts[owner].work(target)
    return Work("", "", tuple(c for c in seen.leftovers if c.target is target))


def _in_sum(before: Verdict | None, now: Verdict) -> Verdict:
    """What a later pass found equal was written before; a failure it could not look at stays."""
    if before is None or before.status not in (ProductStatus.OK, ProductStatus.FAILED):
        return now
    if before.status is ProductStatus.FAILED and now.status is ProductStatus.DEFERRED:
        return before
    return Verdict(ProductStatus.OK) if now.status is ProductStatus.UNCHANGED else now


def _without_changes(
    drafts: Iterable[ProductDraft],
) -> list[tuple[ProductDraft, TargetName, Verdict]]:
    return [
        (draft, target, verdict)
        for draft in drafts
        for target in draft.due
        if (verdict := draft.verdict(target)) is not None
    ]


def _deferred(
    drafts: Iterable[ProductDraft],
) -> list[tuple[ProductDraft, TargetName, Verdict]]:
    later = Verdict(ProductStatus.DEFERRED, "the run's limit of products was reached")
    return [(d, target, later) for d in drafts for target in d.due if d.changes_at(target)]


def keep_only(seen: Survey, approved: Sequence[Mapping[str, object]]) -> int:
    """Drop every change that is not exactly among the approved ones; returns how many are stale."""
    wanted = {fingerprint_of_json([change]) for change in approved}
    kept: set[str] = set()

    def stays(change: Change) -> bool:
        mark = fingerprint_of_json([change_as_json(change)])
        kept.add(mark)
        return mark in wanted

    for draft in seen.drafts:
        dropped = [change for change in draft.changes if not stays(change)]
        draft.unread = {**draft.unread, **{c.target: _NOT_APPROVED for c in dropped}}
        draft.changes = [change for change in draft.changes if stays(change)]
    seen.leftovers = [change for change in seen.leftovers if stays(change)]
    return len(wanted - kept)


def _ended(work: _Running, error: str | None, *, crashed: bool = False) -> Run:
    tally = Tally(total_candidates=len(work.book.results), findings=len(work.plan.findings))
    for result in work.book.results.values():
        tally.add(result)
    reasons = [f"{t.value}: {e.message}" for t, e in sorted(work.stopped.items())]
    if _was_cut_short(work, tally):
        reasons.append(work.brake.reason)
    return replace(
        work.record,
        state=_state(work, tally, failed=bool(error) or crashed),
        finished_at=work.shop.clock.now(),
        fingerprint=work.fingerprint,
        summary=tally.as_summary(),
        requests=work.requests(),
        error=error or "; ".join(reasons) or None,
        catalogue_size=work.catalogue_size,
    )


def _state(work: _Running, tally: Tally, *, failed: bool) -> RunState:
    good = any(
        tally.at(t, ProductStatus.OK, ProductStatus.UNCHANGED) for t in work.order.scope.targets
    )
    if failed:
        return RunState.FAILED
    trouble = tally.products(ProductStatus.FAILED) > 0 or bool(work.stopped) or work.stale > 0
    if trouble:
        return RunState.PARTIAL if good else RunState.FAILED
    if _was_cut_short(work, tally):
        return RunState.PARTIAL
    return RunState.HELD if tally.products(ProductStatus.HELD) else RunState.SUCCEEDED


def _was_cut_short(work: _Running, tally: Tally) -> bool:
    """Whether a person, a signal or the deadline left work undone."""
    return work.brake.pulled.is_set() and tally.products(ProductStatus.DEFERRED) > 0
