"""Products as documents: a line of the list, and one product on all its sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.domain.plan import finding_as_json
from trueup.domain.records import TargetName
from trueup.views.documents import change_as_json

if TYPE_CHECKING:
    from trueup.views.product import Sheet
    from trueup.views.product_fields import RecordSheet
    from trueup.views.products import Line, Stand
    from trueup.views.times import BusinessTime


def line_as_json(one: Line, currency: str, time: BusinessTime) -> dict[str, Any]:
    """A product in a list; the price as text, null where its row states none that can be read."""
    return {
        "offering_id": one.offering_id,
        "sku": one.sku,
        "name": one.name,
        "status": one.status,
        "price": None if one.price is None else str(one.price),
        "currency": currency,
        **{target.value: stand_as_json(one.stands[target], time) for target in TargetName},
    }


def stand_as_json(one: Stand, time: BusinessTime) -> dict[str, Any]:
    """How a product stands at one target."""
    return {
        "standing": one.standing.value if one.standing else None,
        "since": time.iso(one.since),
        "error": one.error or None,
        "quarantined": one.quarantined,
        "next_attempt_at": time.iso(one.next_attempt_at),
    }


def sheet_as_json(one: Sheet, currency: str, time: BusinessTime) -> dict[str, Any]:
    """A product: what is wanted, what was written and read, why it does not agree."""
    return {
        "offering_id": one.offering_id,
        "sku": one.sku,
        "name": one.name,
        "wish": one.wish,
        "price": None if one.price is None else str(one.price),
        "currency": currency,
        **{target.value: stand_as_json(one.stands[target], time) for target in TargetName},
        "troubles": [
            {"target": t.target.value, "error": t.stand.error or None, "remedy": t.remedy}
            for t in one.troubles
        ],
        "findings": [finding_as_json(finding) for finding in one.findings],
        "records": [_record(record, time) for record in one.records],
        "looked_at": time.iso(one.looked_at),
        "changes": [change_as_json(change, time) for change in one.history],
    }


def _record(one: RecordSheet, time: BusinessTime) -> dict[str, Any]:
    return {
        "kind": one.key.kind.value,
        "code": one.key.code,
        "remote_id": one.remote_id or None,
        "wanted": one.wanted,
        "retiring": one.retiring,
        "known_from": one.how.value,
        "read_at": time.iso(one.read_at),
        "written_at": time.iso(one.written_at),
        "run_id": one.run_id or None,
        "fields": [
            {
                "name": line.name,
                "wanted": line.wanted,
                "written": line.written,
                "there": line.there,
                "known": line.known,
                "differs": line.differs,
                "moved": line.moved.value if line.moved else None,
                "ignored": line.ignored,
            }
            for line in one.lines
        ],
    }
