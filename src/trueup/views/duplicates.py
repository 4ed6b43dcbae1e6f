"""What the last search for duplicates found, what was bound since, and what could be adopted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trueup.domain.jobs import JobKind
from trueup.domain.looks import Look
from trueup.domain.records import Kind, TargetName
from trueup.planner.adoption import Part
from trueup.planner.duplicates import Certainty, Why
from trueup.planner.explain import explain_value
from trueup.postgres import looks

if TYPE_CHECKING:
    from trueup.views.desk import Desk

REASONS: Mapping[Why, str] = {
    Why.OWN_ID: "our own id",
    Why.CODE: "code",
    Why.STORED_ID: "stored id",
    Why.NAME: "near name",
}
_ADOPTION = re.compile(r"`trueup adopt [^`]*`")
_PARTS = {Kind.BILLING_PRODUCT: Part.PRODUCT, Kind.BILLING_PLAN: Part.PLAN}  # of an item: it tells


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a group as it was read; `sku` is the product that it is, or would be, of.

    `bound_to` is the code that it was bound to then, `bound_now` the one that it is bound to now.
    """

    kind: Kind
    remote_id: str
    name: str
    code: str
    sku: str
    price: str | None
    active: bool
    modified_at: datetime | None
    bound_to: str
    bound_now: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A record that could be adopted: as what, and which one it would take over from."""

    record: Record
    sku: str
    former: str = ""
    proposed: bool = False

    @property
    def target(self) -> TargetName:
        """Where it is."""
        return self.record.kind.target

    @property
    def part(self) -> str:
        """Which part of the product it is to be, where its kind tells; the record may tell more."""
        part = _PARTS.get(self.record.kind)
        return part.value if part else ""


@dataclass(frozen=True, slots=True)
class Group:
    """Records that may be one thing; `skus` are products that remember one id."""

    kind: Kind
    why: Why
    certainty: Certainty
    shared: str
    records: tuple[Record, ...]
    differs: Mapping[str, tuple[str, ...]]
    skus: tuple[str, ...]
    proposal: str
    keep: str

    @property
    def moved_on(self) -> bool:
        """Whether a record was bound, or let go, since they were read."""
        return any(record.bound_to != record.bound_now for record in self.records)

    @property
    def advice(self) -> str:
        """The proposal for who has a button for it, in the place of a command."""
        return _ADOPTION.sub("adopt it", self.proposal)

    @property
    def offers(self) -> Mapping[str, Offer]:
        """What could be adopted, by remote id: nothing where several are bound, or no SKU is known.

        A name alone proves nothing, so that nothing is proposed there; a person may know better.
        """
        bound = [record for record in self.records if record.bound_now]
        skus = {record.sku for record in self.records if record.sku}
        if self.why is Why.STORED_ID or len(bound) > 1 or len(skus) != 1:
            return {}
        [sku] = skus
        former = bound[0].remote_id if bound else ""
        return {
            record.remote_id: Offer(record, sku, former, record.remote_id == self.keep)
            for record in self.records
            if not record.bound_now
        }


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The last search, the strongest reason first. The counts of `look.document` are of all."""

    look: Look
    groups: tuple[Group, ...]
    earlier: tuple[Look, ...] = ()

    @property
    def document(self) -> Mapping[str, Any]:
        """The counts."""
        return self.look.document

    @property
    def unlisted(self) -> int:
        """Groups that were counted, and not kept."""
        return self.look.found - len(self.groups)

    def offer(self, kind: str, remote_id: str) -> tuple[Group, Offer] | None:
        """The first group that offers this record, and the offer."""
        for group in self.groups:
            offer = group.offers.get(remote_id) if group.kind.value == kind else None
            if offer is not None:
                return group, offer
        return None


def gather(desk: Desk, *, earlier: int = 10) -> Duplicates | None:
    """The last search; None before the first."""
    look = looks.last(desk.connection, JobKind.DUPLICATES)
    if look is None:
        return None
    kept = look.document["groups"]
    ids = {(Kind(one["kind"]), record["remote_id"]) for one in kept for record in one["records"]}
    bound = looks.bound_now(desk.connection, ids)
    groups = tuple(_group(one, bound) for one in kept)
    return Duplicates(look, groups, tuple(looks.earlier(desk.connection, look.what, earlier)))


def _group(kept: Mapping[str, Any], bound: Mapping[tuple[Kind, str], str]) -> Group:
    kind = Kind(kept["kind"])
    return Group(
        kind,
        Why(kept["why"]),
        Certainty(kept["certainty"]),
        kept["shared"],
        tuple(_record(kind, one, bound) for one in kept["records"]),
        {
            name: tuple(explain_value(value) for value in values)
            for name, values in kept["differs"].items()
        },
        tuple(use["sku"] or use["offering_id"] for use in kept["products"]),
        kept["proposal"],
        kept["keep"] or "",
    )


def _record(kind: Kind, kept: Mapping[str, Any], bound: Mapping[tuple[Kind, str], str]) -> Record:
    modified = kept["modified_at"]
    return Record(
        kind,
        kept["remote_id"],
        kept["name"] or "",
        kept["code"] or "",
        kept["sku"] or "",
        kept["price"],
        kept["active"],
        datetime.fromisoformat(modified) if modified else None,
        kept["bound_to"] or "",
        bound.get((kind, kept["remote_id"]), ""),
    )
