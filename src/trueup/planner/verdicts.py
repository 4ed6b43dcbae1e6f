"""What comparing a product's records means, in words: whether everybody says the same.

It is decided from what the planner was about to do, so that agreement here and an empty plan are
one thing: a record without a change agrees, one that would be created is missing, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from trueup.domain.changes import Action, Change, FieldDelta, Reason
from trueup.domain.offering import Offering, Withdrawn
from trueup.domain.records import ACTIVE, DesiredRecord, Fields, FieldValue, Kind, Slot, TargetName
from trueup.domain.verification import Accord, Row, Side, Stand
from trueup.planner.diff import Comparison
from trueup.planner.draft import ProductDraft
from trueup.planner.identity import Match
from trueup.planner.mapping import FieldMap

_LONGEST = 40  # characters of a value that are quoted
_TARGETS = {TargetName.CRM: "CRM", TargetName.BILLING: "Billing"}
_NOUNS = {
    Kind.CRM_PRODUCT: "CRM",
    Kind.BILLING_PRODUCT: "Billing product",
    Kind.BILLING_PLAN: "Billing plan",
    Kind.BILLING_ITEM: "Billing item",
}
_GONE = "left the catalogue; it is retired when it is missing in two runs in a row"
_ITEMS = frozenset({Slot.INSTALLATION, Slot.DEVICE})


@dataclass(frozen=True, slots=True)
class RecordVerdict:
    """What one record says. `change` is what the planner would do about it.

    `wanted` is the price that it should say, `there` tells whether it exists, `price` and `active`
    what it says, `code` the code it carries.
    """

    kind: Kind
    slot: Slot
    accord: Accord
    words: str
    retiring: bool
    wanted: Decimal | None = None
    there: bool = False
    price: Decimal | None = None
    active: bool | None = None
    code: str = ""
    change: Change | None = None


class Judge:
    """Turns comparisons into verdicts under one mapping."""

    def __init__(self, mapping: FieldMap) -> None:
        self._prices = {
            kind: [name for name, listed in mapping.money(kind).items() if listed] for kind in Kind
        }

    def of_record(
        self, record: DesiredRecord, match: Match, comparison: Comparison
    ) -> RecordVerdict:
        """What one record says, and whether that is what is wanted."""
        accord, words = self._compared(record, comparison)
        kind, remote = record.key.kind, match.remote
        verdict = RecordVerdict(
            kind,
            record.slot,
            accord,
            words,
            record.retiring,
            wanted=self._price(kind, record.fields),
            change=comparison.change,
        )
        if remote is None:
            return verdict
        active = remote.fields.get(ACTIVE[kind])
        return replace(
            verdict,
            there=True,
            price=self._price(kind, remote.fields),
            active=active if isinstance(active, bool) else None,
            code=remote.code or record.key.code,
        )

    def _price(self, kind: Kind, fields: Fields) -> Decimal | None:
        """The list price that a record states."""
        kept = (fields.get(name) for name in self._prices[kind])
        return next((value for value in kept if isinstance(value, Decimal)), None)

    def _compared(self, record: DesiredRecord, comparison: Comparison) -> tuple[Accord, str]:
        change, finding = comparison
        if finding is not None:
            return Accord.AMBIGUOUS, finding.message
        if change is None:
            return Accord.SAME, ""
        noun = _noun(record)
        if change.action is Action.CREATE:
            if change.reason is Reason.REPRICED:
                noun = f"{_NOUNS[record.key.kind]} {record.key.code}"
                return Accord.DIFFERS, f"{noun} is to take over and is not there"
            return Accord.MISSING, f"{noun} is missing"
        if change.action is Action.RETIRE:
            return Accord.DIFFERS, f"{noun} is still active"
        if not change.deltas:
            return Accord.SAME, ""  # only our memory of it changes
        return Accord.DIFFERS, "; ".join(self._differing(noun, change))

    def _differing(self, noun: str, change: Change) -> Iterator[str]:
        kind = change.key.kind
        for name, delta in change.deltas.items():
            if name == ACTIVE[kind]:
                yield f"{noun} is {'active' if delta.before else 'inactive'}"
            else:
                label = "price" if name in self._prices[kind] else name
                yield f"{noun} {label} {_quoted(delta)}"


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was learnt about a product.

    `stand` is given where the draft alone does not tell it. `records` are its own, `shared` the
    devices that it shares. `glanced` were looked at only to tell what is there, because nothing can
    be wanted of them.
    """

    draft: ProductDraft
    records: Sequence[RecordVerdict] = ()
    shared: Sequence[RecordVerdict] = ()
    glanced: Sequence[RecordVerdict] = ()
    stand: Stand | None = None


def row_of(
    found: Found,
    targets: Iterable[TargetName],
    unread: Mapping[TargetName, str],
    currency: str,
) -> Row:
    """The verdict on one product at these targets.

    Its price is the one that Zoho should show: the catalogue's, in the VAT basis of the record.
    """
    draft, reading = found.draft, found.draft.reading
    records = [_settled(record, draft) for record in found.records] + list(found.shared)
    offering = reading if isinstance(reading, Offering) else None
    sides, words = {}, []
    for target in targets:
        mine = [record for record in records if record.kind.target is target]
        accord, why = _at(target, draft, mine, unread)
        glanced = [record for record in found.glanced if record.kind.target is target]
        sides[target] = _side(accord, [*mine, *glanced])
        words += why
    stand = found.stand or _stand(draft, sides.values())
    if stand is Stand.GONE and words:
        words.insert(0, _GONE)
    stated = next((r.wanted for r in records if r.wanted is not None), None)
    items = [r for r in records if r.slot in _ITEMS and not r.retiring]
    plan = _selling([r for r in [*records, *found.glanced] if r.kind is Kind.BILLING_PLAN])
    return Row(
        offering_id=draft.offering_id,
        sku=draft.sku,
        name=draft.name,
        stand=stand,
        accord=Accord.worst(side.accord for side in sides.values()),
        currency=offering.recurring.currency if offering else currency,
        price=(stated or offering.recurring.amount) if offering else None,
        active=None if stand is Stand.REFUSED else stand is Stand.ACTIVE,
        sides=sides,
        plan=plan.code if plan else "",
        items=len(items),
        items_same=sum(1 for item in items if item.accord is Accord.SAME),
        waiting=_waiting(draft),
        why="; ".join(dict.fromkeys([*words, *_held_words(draft), *_remarks(draft)])),
    )


def _at(
    target: TargetName,
    draft: ProductDraft,
    records: Sequence[RecordVerdict],
    unread: Mapping[TargetName, str],
) -> tuple[Accord, list[str]]:
    """The verdict at one target, and why."""
    if target in unread:
        return Accord.UNREAD, [f"{_TARGETS[target]} could not be read: {unread[target]}"]
    words = [record.words for record in records if record.words]
    accord = Accord.worst(record.accord for record in records)
    finding = draft.blocks(target)
    if finding is None or accord is Accord.AMBIGUOUS:
        return accord, words
    return Accord.REFUSED, [finding.message]


def _settled(record: RecordVerdict, draft: ProductDraft) -> RecordVerdict:
    """A retirement that the plan dropped, because another product claims the record, is nothing."""
    change = record.change
    if change is None or change.action is not Action.RETIRE:
        return record
    if any(p.action is change.action and p.key == change.key for p in draft.planned):
        return record
    return RecordVerdict(record.kind, record.slot, Accord.SAME, "", retiring=True)


def _side(accord: Accord, records: Sequence[RecordVerdict]) -> Side:
    """Price and state as a target shows them: of its product in CRM, of its plan in Billing."""
    selling = _selling([r for r in records if r.kind in (Kind.CRM_PRODUCT, Kind.BILLING_PLAN)])
    if selling is None:
        return Side(accord)
    parent = next((r for r in records if r.kind is Kind.BILLING_PRODUCT and r.there), None)
    active = selling.active
    if active and parent is not None and parent.active is False:
        active = False
    return Side(accord, selling.price, active)


def _selling(records: Sequence[RecordVerdict]) -> RecordVerdict | None:
    """Of the versions of a plan that are there, the wanted one, else one that is still on sale."""
    there = [record for record in records if record.there]
    return max(there, key=lambda r: (not r.retiring, bool(r.active)), default=None)


def _stand(draft: ProductDraft, sides: Iterable[Side]) -> Stand:
    if isinstance(draft.reading, Withdrawn):
        return Stand.RETIRED
    refused = draft.reading is None or all(side.accord is Accord.REFUSED for side in sides)
    return Stand.REFUSED if refused else Stand.ACTIVE


def _waiting(draft: ProductDraft) -> str:
    if not draft.held:
        return ""
    return "rejected" if all(one.rejected for one in draft.held) else "held"


def _held_words(draft: ProductDraft) -> Iterator[str]:
    for one in draft.held:
        yield f"{'rejected' if one.rejected else 'held'}: {one.why}"


def _remarks(draft: ProductDraft) -> Iterator[str]:
    """What was found and keeps the product from nothing."""
    return (finding.message for finding in draft.findings if not finding.blocks)


def _noun(record: DesiredRecord) -> str:
    """The record in words, with its code where that is not the product's own."""
    noun = _NOUNS[record.key.kind]
    return noun if record.key.code == record.sku else f"{noun} {record.key.code}"


def _quoted(delta: FieldDelta) -> str:
    return f"is {_shown(delta.before)}, the catalogue says {_shown(delta.after)}"


def _shown(value: FieldValue) -> str:
    if value is None or value == "":
        return "empty"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
