"""One verdict on everything: does Zoho say what the catalogue says? Writes nothing.

It is a survey with a witness: every product is compared, also those that a run would pass over,
those that are not on sale yet, and those that left the catalogue a moment ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from trueup.domain.errors import CatalogueError
from trueup.domain.offering import Ended, Offering, Withdrawn
from trueup.domain.package import OutlineRow
from trueup.domain.records import DesiredRecord, Kind, RecordKey, Slot, TargetName
from trueup.domain.verification import Row, Stand, Verification
from trueup.planner.census import Census, device_codes
from trueup.planner.diff import Comparison
from trueup.planner.draft import ProductDraft
from trueup.planner.due import Due, Look
from trueup.planner.identity import Match
from trueup.planner.reading import clean_sku, key_of, read_lifecycle
from trueup.planner.verdicts import Found, Judge, RecordVerdict, row_of
from trueup.reconcile.due_products import RUNS_UNTIL_GONE
from trueup.reconcile.observing import WhyStop
from trueup.reconcile.scope import Scope, Workshop
from trueup.reconcile.survey import survey
from trueup.reconcile.surveyed import Survey


def verify(
    shop: Workshop, scope: Scope, reading: str, *, why_stop: WhyStop = lambda: None
) -> Verification:
    """Compare every product in scope, whatever was verified when.

    Raises what a survey raises, also when `why_stop` has a reason. A target that cannot be read is
    in `unread`, and no product agrees there.
    """
    scope = Scope(scope.targets, scope.skus, look=Look.EVERYTHING)
    watch = _Watch(shop, scope)
    seen = survey(
        shop,
        scope,
        reading,
        trust_smaller=True,
        why_stop=why_stop,
        on_agreed=watch.agreed,
        witness=watch,
    )
    unread = {target: error.message for target, error in seen.stopped.items()}
    watch.decide(seen.drafts, unread)
    watch.decide(watch.others, unread)
    rows = sorted(watch.rows, key=lambda row: row.place)
    spare = len(seen.planned_leftovers)
    return Verification(seen.started, rows, scope.targets, seen.stopped, spare)


@dataclass
class _Watch:
    """Notes what every comparison says, and makes a row of a product once all is known of it."""

    shop: Workshop
    scope: Scope
    rows: list[Row] = field(default_factory=list)
    others: list[ProductDraft] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._judge = Judge(self.shop.mapping)
        self._own: dict[str, list[RecordVerdict]] = {}
        self._glanced: dict[str, list[RecordVerdict]] = {}
        self._shared: dict[RecordKey, RecordVerdict] = {}
        self._stands: dict[str, Stand] = {}
        self._glancing: set[str] = set()
        self._decided: set[str] = set()

    # --- what the survey tells ----------------------------------------------------------------

    def compared(
        self, draft: ProductDraft, record: DesiredRecord, match: Match, comparison: Comparison, /
    ) -> None:
        """Note what a record says."""
        verdict = self._judge.of_record(record, match, comparison)
        if draft.offering_id in self._glancing:
            self._glanced.setdefault(draft.offering_id, []).append(verdict)
        elif record.slot is Slot.DEVICE and not record.owner:
            self._shared[record.key] = verdict
        else:
            self._own.setdefault(draft.offering_id, []).append(verdict)

    def agreed(self, drafts: Sequence[ProductDraft]) -> None:
        """Products that need nothing are decided at once, so that little is kept of them."""
        self.decide(drafts, {})

    def also(self, seen: Survey, census: Census) -> Iterator[ProductDraft]:
        """What a survey leaves alone: what is refused, not on sale yet, or gone a moment ago."""
        yield from self._refused(seen.drafts, census)
        known = self._decided | {draft.offering_id for draft in seen.drafts}
        for draft in self._dormant(seen, census, known):
            self.others.append(draft)
            yield draft
        for draft in self._gone():
            self.others.append(draft)
            yield draft

    def _refused(self, drafts: Iterable[ProductDraft], census: Census) -> Iterator[ProductDraft]:
        """What may not be written is looked at all the same, for what Zoho says of it."""
        for draft in drafts:
            seen = {record.kind.target for record in self._own.get(draft.offering_id, ())}
            blind = [t for t in draft.due if draft.blocks(t) is not None and t not in seen]
            if not blind:
                continue
            self._glancing.add(draft.offering_id)
            not_its_own = bool(census.rivals(draft.offering_id, draft.sku)) or not draft.sku
            yield _unwanted(draft.offering_id, draft.sku, draft.name, blind, superseded=not_its_own)

    def _dormant(self, seen: Survey, census: Census, known: set[str]) -> Iterator[ProductDraft]:
        """Drafts and products to come: they should be on sale nowhere."""
        asked = {key_of(sku) for sku in self.scope.skus}
        for row in self.shop.catalogue.outline():
            if row.id in known or not self._is_dormant(row, seen):
                continue
            sku = clean_sku(row.sku)
            if asked and key_of(sku) not in asked:
                continue
            self._stands[row.id] = Stand.DORMANT
            not_its_own = bool(census.rivals(row.id, sku)) or not sku
            name = (row.name or "").strip()
            yield _unwanted(row.id, sku, name, self.scope.targets, superseded=not_its_own)

    def _is_dormant(self, row: OutlineRow, seen: Survey) -> bool:
        try:
            return read_lifecycle(row, self.shop.rules.today(seen.started)) == "dormant"
        except CatalogueError:
            return False  # a row of a moment ago, or it would have been refused with a reason

    def _gone(self) -> Iterator[ProductDraft]:
        """Rows that are missing for the first time: nothing is done yet, and it should be said."""
        asked = {key_of(sku) for sku in self.scope.skus}
        gone = [
            (owner, bindings[0].sku)
            for owner, missed, bindings in self.shop.ledger.missing_owners()
            if bindings and missed + 1 < RUNS_UNTIL_GONE
            if not asked or key_of(bindings[0].sku) in asked
        ]
        carried_on = self._carried_on({sku for _, sku in gone})
        for owner, sku in gone:
            self._stands[owner] = Stand.GONE
            taken = key_of(sku) in carried_on
            yield _unwanted(owner, sku, sku, self.scope.targets, superseded=taken)

    def _carried_on(self, skus: set[str]) -> set[str]:
        """Which of these SKUs another row carries now."""
        entries = self.shop.catalogue.entries(tuple(sorted(skus))) if skus else ()
        return {key_of(entry.row.sku or "") for entry in entries}

    # --- what is made of it -------------------------------------------------------------------

    def decide(self, drafts: Iterable[ProductDraft], unread: dict[TargetName, str]) -> None:
        """Make rows of these products."""
        for draft in drafts:
            found = Found(
                draft,
                self._own.pop(draft.offering_id, ()),
                self._shared_by(draft),
                self._glanced.pop(draft.offering_id, ()),
                self._stands.get(draft.offering_id),
            )
            currency = self.shop.rules.currency
            self.rows.append(row_of(found, self.scope.targets, unread, currency))
            self._decided.add(draft.offering_id)

    def _shared_by(self, draft: ProductDraft) -> list[RecordVerdict]:
        """What was found of the devices that this product shares with others."""
        if not isinstance(draft.reading, Offering) or not self._shared:
            return []
        keys = (key for key in _device_keys(draft.reading) if key in self._shared)
        return [self._shared[key] for key in keys]


def _device_keys(offering: Offering) -> Iterator[RecordKey]:
    """The devices of an offering that have a SKU of their own."""
    for code, device in device_codes(offering.devices, offering.sku):
        if device.sku:
            yield RecordKey(Kind.BILLING_ITEM, code)


def _unwanted(
    offering_id: str, sku: str, name: str, targets: Iterable[TargetName], *, superseded: bool
) -> ProductDraft:
    """A product of which nothing should be on sale; `superseded`: its SKU is another row's."""
    draft = ProductDraft(offering_id, sku, name, "", dict.fromkeys(targets, Due.ASKED))
    draft.reading = Withdrawn(offering_id, sku, name, Ended.INACTIVE, superseded=superseded)
    return draft
