"""Look at both sides and draft what to do: gather, call the pure core, write to no target.

The catalogue is streamed and compared part by part, so that a million products fit into memory:
what agrees is handed on at once, and only what differs or cannot be planned is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Protocol, TypeVar

from trueup.domain.changes import Change
from trueup.domain.errors import CatalogueError
from trueup.domain.offering import Offering
from trueup.domain.records import (
    NAME,
    DesiredRecord,
    Kind,
    RecordKey,
    Schema,
    TargetName,
)
from trueup.planner.census import Census, device_codes, take_census
from trueup.planner.conflicts import claims, without_claimed
from trueup.planner.diff import Comparison, compare_record
from trueup.planner.draft import Drafter, ProductDraft
from trueup.planner.guard import percent
from trueup.planner.identity import Identity, Match
from trueup.planner.mapping import Policy
from trueup.planner.preflight import refuse_unsafe
from trueup.planner.project import Projector, retiring
from trueup.planner.restate import Restater
from trueup.planner.sharing import leaving_products, occupied_products, spared
from trueup.planner.versions import PlanVersions
from trueup.ports import Glance
from trueup.reconcile.due_products import DueProducts
from trueup.reconcile.guarding import guard
from trueup.reconcile.in_use import count_subscriptions
from trueup.reconcile.observing import WhyStop, observe
from trueup.reconcile.scope import Scope, Workshop
from trueup.reconcile.surveyed import Survey

PART = 1000  # products compared at a time

_T = TypeVar("_T")
Agreed = Callable[[list[ProductDraft]], None]


class Witness(Protocol):
    """Somebody who is told of every comparison, and of products for which nothing is planned."""

    def compared(
        self, draft: ProductDraft, record: DesiredRecord, match: Match, comparison: Comparison, /
    ) -> None:
        """A record was compared."""

    def also(self, seen: Survey, census: Census) -> Iterable[ProductDraft]:
        """More products to compare, once all that is due has been; they are not planned."""


def survey(
    shop: Workshop,
    scope: Scope,
    reading: str,
    *,
    trust_smaller: bool = False,
    on_agreed: Agreed = lambda _: None,
    why_stop: WhyStop = lambda: None,
    witness: Witness | None = None,
) -> Survey:
    """Draft what the products in scope need.

    `reading` names this look at the targets in the ledger and is dropped at the end. `on_agreed`
    gets the products that need nothing, part by part. With a `witness` every target is read and
    every record is compared, also where a glance would do. Raises `CatalogueError` when the
    catalogue cannot be trusted as a whole, `UsageError` where every write would be wrong, and
    `TrueupError` when `why_stop` has a reason before all is read; a target that cannot be read is
    noted and the other goes on.
    """
    result = Survey(started=shop.clock.now())
    shop.watcher.phase("reading the catalogue")
    census = take_census(shop.catalogue.outline, shop.rules.today(result.started))
    result.catalogue_size = census.size
    _refuse_suspicious(shop, census, trust_smaller=trust_smaller)
    _remember_gone(shop, census)
    due = DueProducts(shop, scope, census, result.started)
    try:
        targets = due.targets() if witness is None else scope.targets
        schemas = observe(shop, targets, reading, result, why_stop)
        refuse_unsafe(schemas, shop.mapping, shop.rules.currency)
        comparer = _Comparer(shop, census, schemas, reading, result, on_agreed, witness)
        comparer.compare(due, scope)
    finally:
        shop.ledger.forget(reading)
    count_subscriptions(shop, result)
    guard(shop, result)
    return result


def _remember_gone(shop: Workshop, census: Census) -> None:
    """Billing wants unique names, also among the records of products that are no more."""
    for _, _, bindings in shop.ledger.missing_owners():
        for binding in bindings:
            name = binding.applied.get(NAME[binding.key.kind])
            if binding.key.kind is Kind.BILLING_PRODUCT and isinstance(name, str):
                census.remember_gone(name, binding.sku)


def _refuse_suspicious(shop: Workshop, census: Census, *, trust_smaller: bool) -> None:
    """An empty or halved catalogue is a fault of its source, not a wish (spec §5)."""
    if census.size == 0:
        raise CatalogueError(
            "the catalogue is empty: nothing was done",
            "load rows with `trueup db import FILE`, or check which database DATABASE_URL names",
        )
    last = shop.ledger.last_run()
    before = last.catalogue_size if last is not None else None
    most = shop.guards.catalogue_loss
    if before and 1 - Decimal(census.size) / before > most and not trust_smaller:
        raise CatalogueError(
            f"the catalogue has {census.size} rows; the last run saw {before}, and losing more than"
            f" {percent(most)} of them (guards.catalogue_loss) stops a run: nothing was done",
            "check the catalogue; if it is right, run once with --accept-smaller-catalogue",
        )


class _Comparer:
    """Compares the due products with what was read, part by part."""

    def __init__(
        self,
        shop: Workshop,
        census: Census,
        schemas: dict[TargetName, Schema],
        reading: str,
        result: Survey,
        on_agreed: Agreed,
        witness: Witness | None,
    ) -> None:
        self._witness = witness
        self._shop, self._census, self._schemas = shop, census, schemas
        self._reading, self._result, self._on_agreed = reading, result, on_agreed
        self._policies = {kind: shop.mapping.policies(kind) for kind in Kind}
        projector = Projector(shop.mapping, census, schemas)
        self._intents = {i.key: i for i in shop.ledger.intents(tuple(Kind))}
        plans = PlanVersions(
            shop.price_changes,
            shop.mapping,
            Restater(shop.mapping, shop.rules),
            census,
            self._intents,
            self._occupied,
        )
        self._drafter = Drafter(projector, census, schemas, self._policies, plans)

    def compare(self, due: DueProducts, scope: Scope) -> None:
        """Compare everything that is due."""
        self._shop.watcher.phase("comparing")
        unread = {name: error.message for name, error in self._result.stopped.items()}
        moved = self._pass_over(due.drafts(unread, self._glance()))
        for drafts in parts(moved, PART):
            self._compare_part(drafts)
        reachable = [d for d in due.gone() if self._schemas]
        for draft in reachable:
            draft.due = {t: why for t, why in draft.due.items() if t in self._schemas}
        for drafts in parts(reachable, PART):
            self._compare_part(drafts)
        if TargetName.BILLING in self._schemas and not (scope.skus or scope.limit):
            self._result.planned_leftovers += self._unused_devices()
        self._settle_conflicts()
        self._spare_occupied()
        if self._witness is not None:
            self._look_also(self._witness)

    def _glance(self) -> Glance | None:
        """What a record that was read is compared by as a whole; None where nothing was read."""
        if not self._schemas or self._witness is not None:
            return None
        rules = {
            kind: [r for r in self._shop.mapping.rules[kind] if schema.has(kind, r.field)]
            for schema in self._schemas.values()
            for kind in schema.kinds
        }
        enforced = {
            k: [r.field for r in of if r.policy in (Policy.ENFORCE, Policy.REPORT)]
            for k, of in rules.items()
        }
        filled = {k: [r.field for r in of if r.policy is Policy.FILL] for k, of in rules.items()}
        return Glance(self._reading, enforced, filled)

    def _pass_over(self, drafts: Iterator[ProductDraft]) -> Iterator[ProductDraft]:
        """The products that must be compared; those that stand still agree."""
        still: list[ProductDraft] = []
        for draft in drafts:
            if not draft.still:
                yield draft
                continue
            still.append(draft)
            if len(still) == PART:
                self._agree(still)
                still = []
        self._agree(still)

    def _agree(self, drafts: list[ProductDraft]) -> None:
        self._result.looked += len(drafts)
        self._result.agreed += len(drafts)
        self._on_agreed(drafts)

    def _settle_conflicts(self) -> None:
        result = self._result
        claimed = claims(change for draft in result.drafts for change in draft.planned)
        for draft in result.drafts:
            draft.planned = without_claimed(draft.planned, claimed)
        result.planned_leftovers = without_claimed(result.planned_leftovers, claimed)

    def _spare_occupied(self) -> None:
        """A Billing product stays on sale while plans that are not its own are in it."""
        planned = [change for draft in self._result.drafts for change in draft.planned]
        leaving = leaving_products(planned)
        if not leaving:
            return
        residents = self._shop.ids.residents(self._reading, leaving)
        occupied = occupied_products(planned, residents)
        for draft in self._result.drafts if occupied else ():
            draft.planned, said = spared(draft.planned, occupied)
            draft.findings += said

    def _compare_part(self, drafts: list[ProductDraft]) -> None:
        self._draft_part(drafts)
        needy = [draft for draft in drafts if not draft.agrees]
        self._result.looked += len(needy)
        self._result.drafts += needy
        self._agree([draft for draft in drafts if draft.agrees])

    def _draft_part(self, drafts: list[ProductDraft]) -> None:
        ledger = self._shop.ledger
        owners = [draft.offering_id for draft in drafts]
        bindings = ledger.bindings(owners, self._shared_devices(drafts))
        part = self._drafter.desire(drafts, bindings)
        remotes = ledger.candidates(self._reading, [r for _, r in part.desired], bindings)
        told = self._witness.compared if self._witness is not None else None
        self._drafter.compare(part, remotes, bindings, self._intents, told, self._shop.ids.stored)

    def _look_also(self, witness: Witness) -> None:
        """Compare what is left alone: its drafts are dropped."""
        for drafts in parts(witness.also(self._result, self._census), PART):
            for draft in drafts:
                draft.due = {t: why for t, why in draft.due.items() if t in self._schemas}
            self._draft_part(drafts)

    def _occupied(self, plans: Sequence[DesiredRecord]) -> frozenset[str]:
        """Casefolded codes, among these, of plans that are there or bound to some product."""
        ledger = self._shop.ledger
        there = [r.code for r in ledger.candidates(self._reading, plans, [])]
        bound = [b.key.code for b in ledger.bindings([], [plan.key for plan in plans])]
        return frozenset(code.casefold() for code in (*there, *bound))

    def _shared_devices(self, drafts: Iterable[ProductDraft]) -> list[RecordKey]:
        return [
            RecordKey(Kind.BILLING_ITEM, code)
            for draft in drafts
            if isinstance(draft.reading, Offering)
            for code, device in device_codes(draft.reading.devices, draft.sku)
            if device.sku
        ]

    def _unused_devices(self) -> list[Change]:
        """Shared devices that no product on sale includes any more."""
        ledger = self._shop.ledger
        unused = [b for b in ledger.shared_bindings() if b.key.code not in self._census.devices]
        records = [retiring(b.key, b.slot, "", b.sku) for b in unused]
        identity = Identity(ledger.candidates(self._reading, records, unused), unused, {})
        compared = (compare_record(record, identity, self._policies) for record in records)
        return [c.change for c in compared if c.change is not None]


def parts(stream: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Cut a stream into lists of at most `size`."""
    waiting = iter(stream)
    while part := list(islice(waiting, size)):
        yield part
