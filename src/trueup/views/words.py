"""What people read for the names that programs use: places, records, fields, standings."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from trueup.domain.records import Kind, TargetName
from trueup.domain.states import Standing
from trueup.domain.threeway import Moved
from trueup.planner.explain import explain_value

if TYPE_CHECKING:
    from trueup.domain.records import FieldValue
    from trueup.views.products import Stand

PLACES: Final = {TargetName.CRM: "CRM", TargetName.BILLING: "Billing"}
RECORDS: Final = {
    Kind.CRM_PRODUCT: "CRM product",
    Kind.BILLING_PRODUCT: "Billing product",
    Kind.BILLING_PLAN: "Billing plan",
    Kind.BILLING_ITEM: "Billing item",
}
STANDINGS: Final = {
    Standing.OK: "agrees",
    Standing.FAILED: "fails",
    Standing.HELD: "held",
    Standing.SKIPPED: "refused",
    Standing.PENDING: "not compared",
}
_CENTS: Final = 2
_OURS: Final = "ct_"  # fields of ours in CRM begin with it
_SPELT: Final = {"id": "ID", "sku": "SKU", "url": "URL", "vat": "VAT", "mbps": "(Mbps)"}


def place(target: str) -> str:
    """`CRM` for `crm`; a word that names no target stays as it is."""
    return next((shown for known, shown in PLACES.items() if known.value == target), str(target))


def record(kind: str) -> str:
    """`Billing plan` for `billing_plan`."""
    return next((shown for known, shown in RECORDS.items() if known.value == kind), str(kind))


def standing(one: Stand) -> str:
    """How a product stands at a target: `agrees`, `in quarantine`, `not compared`."""
    if one.standing is None:
        return STANDINGS[Standing.PENDING]
    return "in quarantine" if one.quarantined else STANDINGS[one.standing]


def field(name: str) -> str:
    """`Download speed (Mbps)` for `ct_download_speed_mbps`, `Unit price` for `Unit_Price`."""
    words = name.removeprefix(_OURS).replace("_", " ").lower().split()
    shown = " ".join(_SPELT.get(word, word) for word in words)
    return shown[:1].upper() + shown[1:]


def value(one: FieldValue) -> str:
    """A value of a field: amounts with thousands apart, `yes` and `no`, long texts shortened."""
    if isinstance(one, bool):
        return "yes" if one else "no"
    return amount(one) if isinstance(one, Decimal) else explain_value(one)


def amount(exact: Decimal) -> str:
    """An amount with thousands apart: two decimals, more where it has more."""
    decimals = max(_CENTS, -int(exact.normalize().as_tuple().exponent))
    return f"{exact:,.{decimals}f}"


def mover(moved: Moved, target: TargetName) -> str:
    """Who moved a field since it was last written, as a sentence."""
    match moved:
        case Moved.OURS:
            return "the catalogue changed"
        case Moved.THEIRS:
            return f"somebody changed it in {PLACES[target]}"
        case Moved.BOTH:
            return f"the catalogue changed, and somebody changed it in {PLACES[target]}"
        case Moved.UNKNOWN:
            return "nobody knows: Trueup has never written it"
