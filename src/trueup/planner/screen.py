"""What must not reach a target: duplicates among rows, codes and texts that a target cannot take.

Everything refused here is refused before a request is made, for one product at one target, with a
reason and what to do. Nothing is shortened or rewritten silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from trueup.domain.changes import Finding, FindingKind
from trueup.domain.package import PackageRow, UnreadableRow
from trueup.domain.records import NAME, DesiredRecord, Kind, Schema, Slot, TargetName
from trueup.planner.census import Census
from trueup.planner.reading import clean_sku

BILLING_CODE_LIMIT = 100  # a code must be shorter (zoho-facts §3.4)
_NOT_IN_A_CODE = re.compile(r"[\s/\\]")
_LISTED_RIVALS = 5


def duplicate_finding(row: PackageRow | UnreadableRow, census: Census) -> Finding | None:
    """A SKU that another row carries too; every row of the set is refused."""
    sku = clean_sku(row.sku)
    rivals = census.rivals(row.id, sku)
    if not sku or not rivals or census.superseded(row.id, sku):
        return None
    named = ", ".join(f"{r.name!r} ({r.offering_id})" for r in rivals[:_LISTED_RIVALS])
    more = f" and {len(rivals) - _LISTED_RIVALS} more" if len(rivals) > _LISTED_RIVALS else ""
    message = f"the SKU is also on {named}{more}; give each row its own"
    return Finding("sku_duplicate", FindingKind.SKU, sku, message, owner=row.id)


def device_finding(code: str, census: Census, sku: str) -> Finding | None:
    """A shared device on whose cost the products that include it disagree."""
    shared = census.devices.get(code)
    if shared is None or len(shared.costs) < 2:  # noqa: PLR2004 (two prices are a disagreement)
        return None
    costs = " and ".join(str(cost) for cost in sorted(shared.costs))
    users = ", ".join(shared.skus[:_LISTED_RIVALS])
    message = f"the device {code} costs {costs}, depending on the product ({users}); not written"
    return Finding("device_cost", FindingKind.DEVICE, sku, message, blocks=frozenset())


def screen(records: Iterable[DesiredRecord], schemas: Mapping[TargetName, Schema]) -> list[Finding]:
    """The findings that keep a product away from a target."""
    found: list[Finding] = []
    for record in records:
        if record.retiring:
            continue
        if record.key.kind is Kind.BILLING_PLAN:
            found.extend(_code_findings(record))
        found.extend(_length_findings(record, schemas[record.key.kind.target]))
    return found


def _code_findings(record: DesiredRecord) -> Iterator[Finding]:
    code = record.key.code
    where = frozenset({TargetName.BILLING})
    if bad := _NOT_IN_A_CODE.search(code):
        what = "a slash" if bad[0] in "/\\" else "a space"
        message = (
            f"Billing cannot take the SKU as a plan code: it holds {what}; it goes to CRM alone"
        )
    elif len(code) >= BILLING_CODE_LIMIT:
        what = "this SKU" if code == record.sku else "the next version of this plan"
        message = (
            f"Billing takes codes below {BILLING_CODE_LIMIT} characters; {what} has {len(code)}"
        )
    else:
        return
    yield Finding("sku_not_a_code", FindingKind.SKU, record.sku, message, record.owner, where)


def _length_findings(record: DesiredRecord, schema: Schema) -> Iterator[Finding]:
    kind = record.key.kind
    for name, value in record.fields.items():
        spec = schema.kinds[kind].get(name)
        limit = spec.max_length if spec is not None else None
        if limit is None or not isinstance(value, str) or len(value) <= limit:
            continue
        excess = len(value) - limit
        label = "installation item's name" if record.slot is Slot.INSTALLATION else f"field {name}"
        message = (
            f"{kind.target.value} takes {limit} characters in the {label}; this has {len(value)}:"
            f" shorten {'the name' if name == NAME[kind] else 'it'} by {excess}"
        )
        where = frozenset({kind.target})
        yield Finding("text_too_long", FindingKind.TEXT, record.sku, message, record.owner, where)
