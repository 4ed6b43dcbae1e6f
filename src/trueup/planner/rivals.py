"""How records that could all be one product's differ, for the person who must say which it is."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

from trueup.domain.plan import value_as_json
from trueup.domain.records import ACTIVE, NAME, FieldValue, Kind, RecordKey, RemoteRecord
from trueup.domain.stored import StoredId

_LISTED = 5  # rivals that are described; the others are counted
_FIELDS = 2  # other fields in which they differ, beside price and active
_LONGEST = 24
A_PERSON_SAYS = "a person says which"
PRICE = {
    Kind.CRM_PRODUCT: "Unit_Price",
    Kind.BILLING_PLAN: "recurring_price",
    Kind.BILLING_ITEM: "rate",
}


def describe_rivals(
    key: RecordKey, sku: str, rivals: Sequence[RemoteRecord], stored: StoredId | None = None
) -> str:
    """One bounded sentence: how many, each with its price, state and what differs, the command."""
    differing = _differing(rivals)
    told = "; ".join(_described(rival, differing) for rival in rivals[:_LISTED])
    more = len(rivals) - _LISTED
    command = shlex.join(["trueup", "adopt", sku, key.kind.target.value])
    return (
        f"{len(rivals)} records of kind {key.kind.value} could be this one: {told}"
        f"{f' and {more} more' if more > 0 else ''}{_about(stored, rivals)};"
        f" {A_PERSON_SAYS}: `{command} ID`"
    )


def _about(stored: StoredId | None, rivals: Sequence[RemoteRecord]) -> str:
    """Why the id that the predecessor stored does not decide."""
    if stored is None:
        return ""
    if not stored.exclusive:
        return f"; the stored id {stored.remote_id} is that of {stored.products} products"
    if all(rival.remote_id != stored.remote_id for rival in rivals):
        return f"; the stored id {stored.remote_id} is none of them"
    return ""


def _differing(rivals: Sequence[RemoteRecord]) -> list[str]:
    """The first managed fields in which they differ, the name before the others."""
    kind = rivals[0].kind
    told = {PRICE.get(kind), ACTIVE[kind]}
    names = dict.fromkeys([NAME[kind], *(name for r in rivals for name in r.fields)])
    return [
        name for name in names if name not in told and len({r.fields.get(name) for r in rivals}) > 1
    ][:_FIELDS]


def _described(rival: RemoteRecord, differing: Sequence[str]) -> str:
    """`4611: 899.00 active, Description Fast line, changed 2026-11-02`."""
    price = rival.fields.get(PRICE.get(rival.kind, ""))
    active = rival.fields.get(ACTIVE[rival.kind]) is not False
    state = "active" if active else "inactive"
    parts = [state if price is None else f"{_short(price)} {state}"]
    parts += [f"{name} {_short(rival.fields.get(name))}" for name in differing]
    if changed := _changed_on(rival.version):
        parts.append(f"changed {changed}")
    return f"{rival.remote_id}: {', '.join(parts)}"


def _changed_on(version: str) -> str:
    """The date in a record's version; empty where the target does not tell one."""
    try:
        return datetime.fromisoformat(version).date().isoformat()
    except ValueError:
        return ""


def _short(value: FieldValue) -> str:
    plain = value_as_json(value)
    if plain is None or plain == "":
        return "(empty)"
    text = " ".join(str(plain).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
