"""One product: what is wanted, what was written and read, what happened, and what to do now.

What is wanted is drawn up here as a run draws it up, from the row as it is this moment; only who
else carries the name or the SKU is asked of the few rows that could, not of the whole catalogue.
That every mapped field exists at its target is taken for granted: a run knows, and leaves it out.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from trueup.domain.changes import Finding
from trueup.domain.offering import Dormant, Ended, Offering, Withdrawn
from trueup.domain.package import PackageRow
from trueup.domain.records import KINDS_OF, DesiredRecord, FieldSpec, Kind, Schema, TargetName
from trueup.domain.states import ProductState, Standing
from trueup.planner.census import take_census
from trueup.planner.dated import list_price
from trueup.planner.draft import Drafter, ProductDraft, read_draft
from trueup.planner.due import Due
from trueup.planner.project import Projector
from trueup.planner.restate import Restater
from trueup.planner.rivals import A_PERSON_SAYS
from trueup.planner.versions import PlanVersions
from trueup.postgres import reports
from trueup.postgres.product_lists import whole_rows
from trueup.postgres.product_sheet import (
    Looked,
    Remembered,
    ids_of_sku,
    kin,
    near_skus,
    remembered,
    tried,
    undecided,
)
from trueup.settings.rules import price_changes
from trueup.views import duplicates
from trueup.views.product_fields import RecordSheet, lay_out, readings
from trueup.views.product_sides import SideRow, side_by_side
from trueup.views.products import Stand, dated_of, source_of, stand_of

if TYPE_CHECKING:
    from trueup.domain.package import UnreadableRow
    from trueup.planner.census import Census
    from trueup.planner.mapping import FieldMap
    from trueup.postgres.reports import PastChange
    from trueup.views.desk import Desk
    from trueup.views.duplicates import Offer

MOST_CHANGES: Final = 100
_MOST_NEAR: Final = 5


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a product does not agree at a target, and what helps.

    `decision` says: a yes or a no; `rivals`: to say which of several records it is.
    """

    target: TargetName
    stand: Stand
    remedy: str
    decision: bool = False
    rivals: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything about one product. `wish` says in words what the catalogue wants of it."""

    offering_id: str
    sku: str
    name: str
    wish: str
    price: Decimal | None
    stands: Mapping[TargetName, Stand]
    troubles: Sequence[Trouble]
    findings: Sequence[Finding]
    records: Sequence[RecordSheet]
    history: Sequence[PastChange]
    looked_at: datetime | None
    sides: Sequence[SideRow] = ()

    def at(self, target: TargetName) -> list[RecordSheet]:
        """Its records at one target."""
        return [record for record in self.records if record.key.kind.target is target]

    @property
    def quarantined(self) -> bool:
        """Whether a person may lift something."""
        return any(stand.quarantined or stand.next_attempt_at for stand in self.stands.values())


def sku_of(desk: Desk, offering_id: str) -> str | None:
    """The SKU of a product that the catalogue or the ledger knows; None for any other id."""
    rows = whole_rows(
        desk.connection, source_of(desk.app.settings), dated_of(desk.app.settings), [offering_id]
    )
    if offering_id in rows:
        return (rows[offering_id].sku or "").strip()
    known = remembered(desk.connection, offering_id, ())
    if not known and offering_id not in desk.app.ledger.states([offering_id]):
        return None
    return known[0].binding.sku if known else ""


def gather(desk: Desk, offering_id: str, looked: Looked | None = None) -> Sheet | None:
    """A product on all its sides; None for an id that nobody knows.

    `looked` is the last look that a person asked for. Raises `CatalogueError` when the
    catalogue's table or columns are missing.
    """
    settings = desk.app.settings
    source = source_of(settings)
    rows = whole_rows(desk.connection, source, dated_of(settings), [offering_id])
    row = rows.get(offering_id)
    states = desk.app.ledger.states([offering_id]).get(offering_id, {})
    known = remembered(desk.connection, offering_id, ())
    if row is None and not states and not known:
        return None
    sku = (row.sku or "").strip() if row is not None else known[0].binding.sku if known else ""
    today = desk.app.rules.today(desk.time.now)
    relatives = kin(desk.connection, source, row.sku, row.name) if row is not None else []
    census = take_census(lambda: iter(relatives), today)
    draft = _draft(desk, offering_id, sku, row, census)
    devices = _shared_devices(draft)
    if devices:
        known = remembered(desk.connection, offering_id, devices)
    wanted = _wanted(desk, draft, census, known)
    read = readings(tried(desk.connection, offering_id), looked)
    looked_at = None if looked is None else looked.at
    mapping = settings.mapping
    records = lay_out(wanted, known, read, looked_at, {k: mapping.policies(k) for k in Kind})
    return Sheet(
        offering_id,
        sku,
        draft.name or _last_name(known),
        _wish(draft),
        list_price(row, today) if isinstance(row, PackageRow) else None,
        {target: stand_of(states.get(target)) for target in TargetName},
        _troubles(desk, states, undecided(desk.connection, offering_id)),
        draft.findings,
        records,
        reports.history(desk.connection, sku, limit=MOST_CHANGES) if sku else [],
        looked_at,
        side_by_side(records, mapping),
    )


def with_sku(desk: Desk, sku: str) -> list[str]:
    """The products that carry this SKU."""
    return ids_of_sku(desk.connection, source_of(desk.app.settings), sku)


def near(desk: Desk, sku: str) -> list[tuple[str, str]]:
    """SKUs, with their products, that somebody may have meant."""
    found = dict(near_skus(desk.connection, source_of(desk.app.settings), sku))
    folded = {known.casefold(): known for known in found}
    close = get_close_matches(sku.casefold(), list(folded), n=_MOST_NEAR, cutoff=0.4)
    return [(folded[one], found[folded[one]]) for one in close]


def candidates(desk: Desk, sku: str) -> list[Offer]:
    """Records that could be this product's, from the last search for duplicates."""
    search = duplicates.gather(desk)
    if search is None or not sku:
        return []
    offers = (offer for group in search.groups for offer in group.offers.values())
    return [offer for offer in offers if offer.sku == sku]


def _draft(
    desk: Desk, offering_id: str, sku: str, row: PackageRow | UnreadableRow | None, census: Census
) -> ProductDraft:
    """What the row says, as a run reads it."""
    name = (row.name or "").strip() if row is not None else ""
    due = dict.fromkeys(TargetName, Due.ASKED)
    draft = ProductDraft(offering_id, sku, name, "", due)
    if row is None:
        draft.reading = Withdrawn(offering_id, sku, name, Ended.GONE)
    else:
        read_draft(row, draft, desk.app.rules, census, desk.time.now)
    return draft


def _wanted(
    desk: Desk, draft: ProductDraft, census: Census, known: Sequence[Remembered]
) -> list[DesiredRecord]:
    """The records that a run would want."""
    settings, mapping = desk.app.settings, desk.app.settings.mapping
    schemas = _schemas(mapping)
    policies = {kind: mapping.policies(kind) for kind in Kind}
    intents = {one.key: one for one in desk.app.ledger.intents([Kind.BILLING_PLAN])}
    restater = Restater(mapping, desk.app.rules)
    plans = PlanVersions(price_changes(settings), mapping, restater, census, intents)
    projector = Projector(mapping, census, schemas)
    drafter = Drafter(projector, census, schemas, policies, plans)
    part = drafter.desire([draft], [one.binding for one in known])
    return [record for _, record in part.desired]


def _schemas(mapping: FieldMap) -> dict[TargetName, Schema]:
    """Targets that have every field of the mapping."""
    return {
        target: Schema(
            {kind: {r.field: FieldSpec(r.field) for r in mapping.rules[kind]} for kind in kinds}
        )
        for target, kinds in KINDS_OF.items()
    }


def _shared_devices(draft: ProductDraft) -> list[str]:
    if not isinstance(draft.reading, Offering):
        return []
    return [device.sku for device in draft.reading.devices if device.sku]


def _last_name(known: Sequence[Remembered]) -> str:
    """What a product that is gone was called, from a record of it."""
    named = (one.binding.applied.get(field) for one in known for field in ("Product_Name", "name"))
    return next((str(name) for name in named if name), "")


def _wish(draft: ProductDraft) -> str:
    match draft.reading:
        case Offering():
            return "on sale"
        case Dormant():
            return "not on sale yet: nothing is done"
        case Withdrawn(why=why):
            return f"no longer sold ({why.value}): inactive wherever it exists"
        case _:
            return "the row cannot be used as it is: nothing is written"


def _troubles(
    desk: Desk, states: Mapping[TargetName, ProductState], waiting: Container[TargetName]
) -> list[Trouble]:
    return [
        Trouble(
            target,
            stand_of(state),
            _remedy(desk, state, decision=target in waiting),
            target in waiting,
            _has_rivals(state),
        )
        for target, state in states.items()
        if state.standing not in (Standing.OK, Standing.PENDING)
    ]


def _has_rivals(state: ProductState) -> bool:
    """Whether several records could be the product's."""
    return state.standing is Standing.SKIPPED and A_PERSON_SAYS in (state.last_error or "")


def _remedy(desk: Desk, state: ProductState, *, decision: bool) -> str:
    """What a person can do about it."""
    match state.standing:
        case Standing.HELD if decision:
            return "say yes or no on the approvals page, or correct the row"
        case Standing.HELD:
            return "no decision helps here: correct the row; the next run looks again"
        case Standing.SKIPPED if _has_rivals(state):
            return "say which record is this product's; nothing is made or written before that"
        case Standing.SKIPPED:
            return "correct the row in the catalogue; the next run looks again"
    if state.quarantined:
        return (
            "nothing is tried until the row or the mapping changes;"
            " correct it, or release it from quarantine"
        )
    if state.next_attempt_at is None:
        return "the next run tries again"
    when = desk.time.at(state.next_attempt_at)
    return f"tried again from {when} on; a re-sync does not wait"
