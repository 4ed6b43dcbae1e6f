"""A person says which remote record is a product's: bind it, and write nothing to the target.

What is bound is the record as it is now, so that the next run corrects what differs as it corrects
any edit, under the same guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from trueup.domain.changes import Action, Change, Outcome, Reason, Status
from trueup.domain.errors import RecordError, UsageError
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Fields,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Schema,
    TargetName,
)
from trueup.domain.runs import Run, RunState, Tally, Trigger
from trueup.planner.adoption import Part, key_under, wanted_by
from trueup.planner.census import Census
from trueup.planner.diff import Comparison
from trueup.planner.draft import ProductDraft
from trueup.planner.due import Look
from trueup.planner.identity import Match
from trueup.planner.reading import key_of
from trueup.planner.restate import PRICE
from trueup.ports import Decision, Fence, Target, Written
from trueup.reconcile.scope import HeldLock, Scope, Workshop
from trueup.reconcile.survey import survey
from trueup.reconcile.surveyed import Survey

# Writes a person's name on what a run recorded: run id, name, fence.
Sign = Callable[[str, str, Fence], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which record a person wants bound to which product; `part` where the id does not tell."""

    sku: str
    target: TargetName
    remote_id: str
    decision: Decision
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was bound; `before` is the remote id that the product had there until now.

    Without a run nothing was done, because the record was this product's already.
    """

    key: RecordKey
    sku: str
    record: RemoteRecord
    run: Run | None = None
    before: str = ""


def adopt(shop: Workshop, wish: Wish, sign: Sign) -> Adopted:
    """Bind a record to a product.

    Raises `LockedError` when another run is writing, and `UsageError` when the record is not
    there, is bound to another product, or could be several parts of this one.
    """
    started = shop.clock.now()
    run = Run(shop.new_run_id(Trigger.ADOPT, started), Trigger.ADOPT, RunState.RUNNING, started)
    with shop.lock.hold(run.run_id) as lock:
        record, wanted = _look(shop, wish, run.run_id)
        key = key_under(wanted, record)
        holder = shop.ids.holder(record.kind, record.remote_id)
        if holder is not None and _is_its(holder, wanted):
            if holder.key == key:
                return Adopted(key, wanted.sku, record)
        elif holder is not None:
            raise UsageError(
                f"{record.remote_id} is bound to another product: {holder.sku or holder.key.code},"
                f" as {holder.key}",
                f"`trueup history {holder.sku or holder.key.code}` shows how it came to that",
            )
        before = shop.ledger.remote_id(key) or ""
        change = _binding_change(shop, wanted, key, record)
        ended = _write_down(shop, lock, run, change, wish.decision, sign)
    return Adopted(key, wanted.sku, record, ended, before)


def _look(shop: Workshop, wish: Wish, reading: str) -> tuple[RemoteRecord, DesiredRecord]:
    """The record as it is now, and the part of the product that it shall be."""
    ear = Overhearing(shop.targets[wish.target], wish.remote_id)
    watch = _Watch(key_of(wish.sku))
    listening = replace(shop, targets={**shop.targets, wish.target: ear})
    scope = Scope((wish.target,), (wish.sku,), look=Look.EVERYTHING)
    seen = survey(listening, scope, reading, trust_smaller=True, witness=watch)
    if wish.target in seen.stopped:
        raise seen.stopped[wish.target]
    if ear.heard is None:
        raise UsageError(
            f"{wish.target.value} has no record with the id {wish.remote_id}",
            "`trueup duplicates` lists ids; the id of a plan is its code",
        )
    if not watch.wanted:
        raise UsageError(*_why_nothing(wish, seen))
    return ear.heard, wanted_by(wish.sku, watch.wanted, ear.heard, wish.part)


def _why_nothing(wish: Wish, seen: Survey) -> tuple[str, str]:
    findings = [f for d in seen.drafts for f in d.findings if wish.target in f.blocks]
    if not findings:
        return f"{wish.sku} wants no record at {wish.target.value}", "`trueup plan --sku` says why"
    return f"{wish.sku}: {findings[0].message}", "correct the row, then adopt"


def _is_its(holder: Binding, wanted: DesiredRecord) -> bool:
    if not wanted.owner:
        return holder.key == wanted.key
    return holder.owner == wanted.owner and holder.slot is wanted.slot


def _binding_change(
    shop: Workshop, wanted: DesiredRecord, key: RecordKey, record: RemoteRecord
) -> Change:
    managed = shop.mapping.managed(record.kind)
    return Change(
        key,
        Action.ADOPT,
        Reason.UNBOUND,
        {},
        wanted.slot,
        wanted.owner,
        wanted.users,
        wanted.sku,
        remote_id=record.remote_id,
        version=record.version,
        fields={name: record.fields[name] for name in managed if name in record.fields},
        terms=_terms(wanted, record),
        editor=record.editor,
    )


def _terms(wanted: DesiredRecord, record: RemoteRecord) -> Fields:
    """A plan's next version is measured by the price that it has, so that subscriptions are safe.

    From no price nothing can be measured: such a plan is repaired in place.
    """
    price = record.fields.get(PRICE)
    if PRICE in wanted.terms and isinstance(price, Decimal) and price > 0:
        return {**wanted.terms, PRICE: price}
    return wanted.terms


def _write_down(
    shop: Workshop, lock: HeldLock, run: Run, change: Change, decision: Decision, sign: Sign
) -> Run:
    """A run that binds one record: in the ledger, in the history, and the product is due."""
    last = shop.ledger.last_run()
    detail = f"adopted by {decision.by}" + (f": {decision.note}" if decision.note else "")
    at = shop.clock.now()
    outcome = Outcome(change, Status.APPLIED, remote_id=change.remote_id, detail=detail, at=at)
    shop.ledger.begin(run, lock.fence)
    shop.ledger.record([outcome], run.run_id, lock.fence)
    sign(run.run_id, decision.by, lock.fence)
    shop.ledger.release(change.users, (change.target,))
    tally = Tally(total_candidates=1, processed=1)
    ended = replace(
        run,
        state=RunState.SUCCEEDED,
        finished_at=shop.clock.now(),
        summary=tally.as_summary(),
        catalogue_size=None if last is None else last.catalogue_size,
    )
    shop.ledger.finish(ended, lock.fence)
    return ended


@dataclass(slots=True)
class Overhearing:
    """A target whose listings are read by somebody else, while we wait for one record to pass."""

    target: Target
    remote_id: str
    heard: RemoteRecord | None = None
    name: TargetName = field(init=False)

    def __post_init__(self) -> None:
        """It answers to the same name."""
        self.name = self.target.name

    def schema(self) -> Schema:
        """The target's fields."""
        return self.target.schema()

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        """Every record of a kind; the one that is waited for is noted."""
        for record in self.target.records(kind):
            if record.remote_id == self.remote_id:
                self.heard = record
            yield record

    def find(self, intents: Sequence[Intent]) -> list[RemoteRecord]:
        """Look records up."""
        return self.target.find(intents)

    def group(self, changes: Sequence[Change]) -> list[list[Change]]:
        """Nothing is written through it."""
        return self.target.group(changes)

    def apply(
        self, changes: Sequence[Change], remote_id: Callable[[RecordKey], str | None]
    ) -> list[Written | RecordError]:
        """Nothing is written through it."""
        raise AssertionError(f"an adoption writes nothing: {changes}, {remote_id}")


@dataclass(slots=True)
class _Watch:
    """Notes what the product wants, and what could be it."""

    sku_key: str
    wanted: list[tuple[DesiredRecord, Match]] = field(default_factory=list)

    def compared(
        self, draft: ProductDraft, record: DesiredRecord, match: Match, comparison: Comparison
    ) -> None:
        """A record was compared."""
        del comparison
        if key_of(draft.sku) == self.sku_key:
            self.wanted.append((record, match))

    def also(self, seen: Survey, census: Census) -> Iterable[ProductDraft]:
        """No other product matters."""
        del seen, census
        return ()
