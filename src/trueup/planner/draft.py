"""From catalogue entries to drafts: what each product needs at each target, as data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from trueup.domain.changes import Change, Finding
from trueup.domain.guards import Held
from trueup.domain.offering import Dormant, Offering, Reading, Withdrawn
from trueup.domain.package import PackageRow, UnreadableRow
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Intent,
    RecordKey,
    RemoteRecord,
    Schema,
    Slot,
    TargetName,
)
from trueup.domain.runs import ProductStatus, Verdict
from trueup.domain.states import NEVER, ProductState, Standing
from trueup.domain.stored import StoredId
from trueup.planner.census import Census
from trueup.planner.diff import Comparison, Policies, compare_record
from trueup.planner.due import Due
from trueup.planner.identity import Claimed, Identity, Match
from trueup.planner.order import Work, order_changes
from trueup.planner.project import Projector
from trueup.planner.reading import CatalogueRules, promotion_trouble, read_row
from trueup.planner.screen import device_finding, duplicate_finding, screen
from trueup.planner.sharing import misplaced
from trueup.planner.succession import left_over
from trueup.planner.versions import PlanChoice, PlanVersions


@dataclass(slots=True)
class ProductDraft:
    """One product that is looked at: why, what was found, and what it needs.

    One that is `still` is known to agree without being compared. `planned` are its changes before
    the guards looked at them, `changes` those that pass, `held` those that wait for a person.
    """

    offering_id: str
    sku: str
    name: str
    revision: str
    due: Mapping[TargetName, Due]
    states: Mapping[TargetName, ProductState] = field(default_factory=dict)
    reading: Reading | None = None
    findings: list[Finding] = field(default_factory=list)
    planned: list[Change] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    unread: Mapping[TargetName, str] = field(default_factory=dict)
    still: bool = False

    def blocks(self, target: TargetName) -> Finding | None:
        """The finding that keeps the product away from a target; one about money first."""
        against = [f for f in self.findings if target in f.blocks]
        return next((f for f in against if f.held), against[0] if against else None)

    def open_targets(self) -> frozenset[TargetName]:
        """Where the product is due, was read, and nothing is in its way."""
        return frozenset(t for t in self.due if t not in self.unread and self.blocks(t) is None)

    def changes_at(self, target: TargetName) -> list[Change]:
        """What the product needs at a target."""
        return [change for change in self.changes if change.target is target]

    def verdict(self, target: TargetName) -> Verdict | None:
        """How the product stands where no change is needed or allowed; None where one is."""
        if (finding := self.blocks(target)) is not None:
            status = ProductStatus.HELD if finding.held else ProductStatus.SKIPPED
            return Verdict(status, finding.message)
        if target in self.unread:
            return Verdict(ProductStatus.DEFERRED, self.unread[target])
        if self.changes_at(target):
            return None
        return self.waiting(target) or Verdict(ProductStatus.UNCHANGED)

    def waiting(self, target: TargetName) -> Verdict | None:
        """The verdict of a product with changes at a target that wait, or that a person refused."""
        held = [one for one in self.held if one.change.target is target]
        if not held:
            return None
        asks = [one for one in held if not one.rejected]
        status = ProductStatus.HELD if asks else ProductStatus.SKIPPED
        return Verdict(status, "; ".join(dict.fromkeys(one.why for one in asks or held)))

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to do and nothing to say."""
        return not (self.planned or self.findings or self.unread)

    def work(self, target: TargetName) -> Work:
        """The product's changes at a target, with what decides their place in the queue."""
        state = self.states.get(target, NEVER)
        return Work(
            self.offering_id,
            self.sku,
            tuple(order_changes(self.changes_at(target))),
            failed_before=state.standing is Standing.FAILED,
            last_attempt_at=state.last_attempt_at,
        )

    def whole_work(self) -> Work:
        """The product's changes at all targets: what decides whether this run writes it."""
        at = [self.work(target) for target in self.due]
        attempts = [work.last_attempt_at for work in at if work.last_attempt_at is not None]
        return Work(
            self.offering_id,
            self.sku,
            tuple(self.changes),
            failed_before=any(work.failed_before for work in at),
            last_attempt_at=min(attempts, default=None),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the catalogue on its way: drafts, and the records that they want."""

    drafts: Mapping[str, ProductDraft]
    desired: Sequence[tuple[ProductDraft, DesiredRecord]]


# Told of each record that is compared: its product, what is wanted, what was found, what follows.
OnCompared = Callable[[ProductDraft, DesiredRecord, Match, Comparison], None]
# The predecessor's ids for these offerings.
Stored = Callable[[Collection[str]], Iterable[StoredId]]


def read_draft(
    row: PackageRow | UnreadableRow,
    draft: ProductDraft,
    rules: CatalogueRules,
    census: Census,
    now: datetime,
) -> bool:
    """Fill in what the row says; false when nothing is wanted of it (a draft, a future product)."""
    draft.reading, draft.findings = read_row(row, rules, now)
    if isinstance(draft.reading, Dormant):
        return False
    if isinstance(draft.reading, Withdrawn):
        if census.superseded(row.id, draft.sku):
            draft.reading = _superseded(draft.reading)
        elif (twin := duplicate_finding(row, census)) is not None:
            draft.findings.append(twin)
            draft.reading = None
        return True
    for finding in (duplicate_finding(row, census), promotion_trouble(row, rules.today(now))):
        if finding is not None:
            draft.findings.append(finding)
    return True


def _superseded(withdrawn: Withdrawn) -> Withdrawn:
    return Withdrawn(
        withdrawn.offering_id, withdrawn.sku, withdrawn.name, withdrawn.why, superseded=True
    )


class Drafter:
    """Turns parts of the catalogue into drafts.

    Remembers which shared devices it has planned, and which records are taken.
    """

    def __init__(
        self,
        projector: Projector,
        census: Census,
        schemas: Mapping[TargetName, Schema],
        policies: Policies,
        plans: PlanVersions,
    ) -> None:
        self._projector = projector
        self._census = census
        self._schemas = schemas
        self._policies = policies
        self._plans = plans
        self._planned: set[RecordKey] = set()
        self._claimed = Claimed()

    def desire(self, drafts: Iterable[ProductDraft], bindings: Sequence[Binding]) -> Part:
        """What each product wants, after what its targets cannot take has been refused."""
        by_owner: dict[str, list[Binding]] = {}
        for binding in bindings:
            by_owner.setdefault(binding.owner, []).append(binding)
        wanted: list[tuple[ProductDraft, DesiredRecord]] = []
        listed = {draft.offering_id: draft for draft in drafts}
        choices = self._plans.choose(
            (draft.reading, by_owner.get(draft.offering_id, []))
            for draft in listed.values()
            if isinstance(draft.reading, Offering) and TargetName.BILLING in draft.open_targets()
        )
        for draft in listed.values():
            mine, choice = by_owner.get(draft.offering_id, []), choices.get(draft.offering_id)
            wanted.extend((draft, record) for record in self._wanted(draft, mine, choice))
        return Part(listed, wanted)

    def compare(
        self,
        part: Part,
        remotes: Iterable[RemoteRecord],
        bindings: Iterable[Binding],
        intents: Mapping[RecordKey, Intent],
        on_compared: OnCompared | None = None,
        stored: Stored = lambda _: (),
    ) -> None:
        """Add to each draft what its records need; `stored` is asked only for what has rivals."""
        ask = partial(stored, part.drafts.keys())
        identity = Identity(remotes, bindings, intents, ask, self._claimed)
        for draft, record in part.desired:
            compared = compare_record(record, identity, self._policies)
            if on_compared is not None:
                on_compared(draft, record, identity.match(record), compared)
            change, finding = compared
            if change is not None:
                draft.planned.append(change)
            if finding is not None:
                draft.findings.append(finding)
            self._say_where(draft, record, identity)
        for draft in part.drafts.values():
            draft.planned = [c for c in draft.planned if draft.blocks(c.target) is None]

    def _say_where(self, draft: ProductDraft, record: DesiredRecord, identity: Identity) -> None:
        if record.slot is Slot.PLAN and (plan := identity.match(record).remote) is not None:
            finding = misplaced(record, plan, identity)
            if finding is not None:
                draft.findings.append(finding)

    def _wanted(
        self, draft: ProductDraft, remembered: Sequence[Binding], choice: PlanChoice | None
    ) -> list[DesiredRecord]:
        begun = self._plans.begun_by(draft.offering_id)
        if isinstance(draft.reading, Withdrawn):
            records = self._projector.retire(draft.reading, remembered, begun)
        elif isinstance(draft.reading, Offering):
            offering, choice = draft.reading, choice or PlanChoice(draft.sku)
            records = self._projector.project(offering, choice.code)
            records = [self._plans.completed(r, offering, choice, remembered) for r in records]
            draft.findings.extend(screen(records, self._schemas))
            records += left_over(records, remembered, begun)
            self._report_devices(draft, draft.reading)
        else:
            return []
        reachable = draft.open_targets()
        return [r for r in records if r.key.kind.target in reachable and self._first(r)]

    def _report_devices(self, draft: ProductDraft, offering: Offering) -> None:
        if TargetName.BILLING in draft.due:
            for device in offering.devices:
                finding = device_finding(device.sku, self._census, draft.sku)
                if finding is not None:
                    draft.findings.append(finding)

    def _first(self, record: DesiredRecord) -> bool:
        """Whether this is the first time that this plan meets a shared device."""
        if record.slot is not Slot.DEVICE or record.owner:
            return True
        if record.key in self._planned:
            return False
        self._planned.add(record.key)
        return True
