"""Which part of a product a remote record is to be, when a person says that it is the product's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from trueup.domain.errors import UsageError
from trueup.domain.records import DesiredRecord, Kind, RecordKey, RemoteRecord, Slot
from trueup.planner.identity import Match
from trueup.planner.versions import version_number

Wanted = tuple[DesiredRecord, Match]


class Part(StrEnum):
    """The parts of a product, in the words of a command line."""

    PRODUCT = "product"
    PLAN = "plan"
    INSTALLATION = "installation"
    DEVICE = "device"


_SLOT = {part: Slot(part.value) for part in Part}
_PLAIN = {
    Kind.CRM_PRODUCT: "product",
    Kind.BILLING_PRODUCT: "product",
    Kind.BILLING_PLAN: "plan",
    Kind.BILLING_ITEM: "item",
}


def wanted_by(
    sku: str, wanted: Iterable[Wanted], record: RemoteRecord, part: Part | None
) -> DesiredRecord:
    """The desired record that a remote one is to be.

    Among several it is the one for which the record is a rival, else the one with its code. Raises
    `UsageError` when there is none, or still more than one.
    """
    listed = list(wanted)
    fitting = [pair for pair in listed if pair[0].key.kind is record.kind]
    if part is not None:
        fitting = [pair for pair in fitting if pair[0].slot is _SLOT[part]]
    if not fitting:
        what = part.value if part is not None else _PLAIN[record.kind]
        raise UsageError(
            f"{record.remote_id} is a {record.kind.value}, and {sku} wants none as its {what}",
            f"it wants {_listed(r for r, _ in listed)}",
        )
    rivals = [r for r, match in fitting if _is_rival(record, match)]
    coded = [r for r, _ in fitting if record.code and r.key.code == record.code]
    only = [r for r, _ in fitting]
    for found in (rivals, coded, only):
        if len(found) == 1:
            return found[0]
    raise UsageError(
        f"{record.remote_id} could be several parts of {sku}: {_listed(only)}",
        "say which with --kind installation or --kind device",
    )


def key_under(wanted: DesiredRecord, record: RemoteRecord) -> RecordKey:
    """The key under which a record is remembered; raises `UsageError` for a plan of another code.

    A plan's code is permanent (zoho-facts §3.4), so another one could never become this plan; a
    version of it (`FIB-100-V2`) is remembered as what it is.
    """
    if record.kind is not Kind.BILLING_PLAN or record.code == wanted.key.code:
        return wanted.key
    if version_number(wanted.sku, record.code):
        return RecordKey(Kind.BILLING_PLAN, record.code)
    raise UsageError(
        f"the plan {record.code} can never be the plan of {wanted.sku}: a plan's code is permanent",
        "a run makes the plan; make the other one inactive at Zoho",
    )


def _is_rival(record: RemoteRecord, match: Match) -> bool:
    return any(rival.remote_id == record.remote_id for rival in match.rivals)


def _listed(records: Iterable[DesiredRecord]) -> str:
    named: Sequence[str] = [f"{r.key} ({r.slot.value})" for r in records]
    return ", ".join(named) or "nothing there"
