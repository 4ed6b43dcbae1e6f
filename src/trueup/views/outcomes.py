"""Why a change did not get through, and what helps, in the words of pages and terminals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trueup.domain.changes import Status
from trueup.domain.states import ProductState, Standing

if TYPE_CHECKING:
    from trueup.postgres.reports import PastChange
    from trueup.views.desk import Desk

# What Zoho's codes ask for (zoho-facts §2.4, §3.6, §3.8); any other is answered by looking at it.
_BY_CODE: Final[Mapping[str, str]] = {
    "DUPLICATE_DATA": "Zoho has such a record already: see on the Duplicates page whether it is"
    " this product's, and adopt it.",
    "1000": "Zoho has an item of this name already: see on the Duplicates page whether it is this"
    " product's, and adopt it; or give the product another name.",
    "MANDATORY_NOT_FOUND": "Zoho wants a field that is empty: fill it in the row, or make it"
    " optional at Zoho, then re-sync the product.",
    "NOT_APPROVED": "An approval at Zoho holds the record: decide there, then re-sync the product.",
    "2049": "The item is part of a transaction at Zoho and stays as it is there.",
    "2076": "Zoho does not let the type of an item change: retire that item by hand.",
    "120129": "Billing has no such custom field: `trueup check --fix` makes what is missing, then"
    " re-sync the product.",
}
_REFUSED: Final = (
    "It is not tried again by itself before the row or the mapping changes. Correct what was"
    " refused; where the row is right, re-sync the product, which tries it at once."
)
_BY_STATUS: Final[Mapping[Status, str]] = {
    Status.REJECTED: _REFUSED,
    Status.FAILED: "The next run that looks at it tries again; a re-sync tries at once.",
    Status.UNKNOWN: "The answer was lost. The next run looks whether it was carried out.",
    Status.STALE: "The record moved meanwhile. The next run plans it again.",
    Status.SKIPPED: "It waits for another record of the product; mend that one.",
}
_PRODUCT: Final = re.compile(r"[0-9a-f-]{36}")  # an owner that is a product of the catalogue
_MENDED: Final = "Mended since: the product agrees there now."


@dataclass(frozen=True, slots=True)
class Told:
    """A change that was tried or held, why it stands so, and what helps; empty: nothing."""

    change: PastChange
    why: str
    remedy: str


def tell(desk: Desk, changes: Sequence[PastChange]) -> tuple[Told, ...]:
    """Changes with what helps by now: what was mended since needs nobody."""
    failed = {one.owner for one in changes if one.failed and _PRODUCT.fullmatch(one.owner)}
    states = desk.app.ledger.states(failed) if failed else {}
    return tuple(
        Told(one, why_it_failed(one), remedy(one, states.get(one.owner, {}).get(one.target)))
        for one in changes
    )


def why(code: str, detail: str) -> str:
    """The target's words with its code once, what kept us from trying, or what a person said."""
    if not code or not detail:
        return code or detail
    return detail if code in detail else f"{code}: {detail}"


def why_it_failed(change: PastChange) -> str:
    """The same of a change that was tried."""
    return why(change.error_code, change.detail)


def remedy(change: PastChange, now: ProductState | None = None) -> str:
    """What a person does about a change that failed; empty where there is nothing to do.

    `now` is how its product stands at the target by now.
    """
    if not isinstance(change.status, Status) or change.status not in _BY_STATUS:
        return ""
    if now is not None and now.standing is Standing.OK:
        return _MENDED
    if change.status is Status.REJECTED:
        return _BY_CODE.get(change.error_code, _REFUSED)
    return _BY_STATUS[change.status]
