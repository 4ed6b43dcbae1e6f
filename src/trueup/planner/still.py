"""Products that stand still: what was agreed last time still holds, and no field need be compared.

A night in which little happens finds a million products as it left them. A product is passed over
when three things are known of it, and is compared in full when one of them is not:

    its own side     the row, the mapping and what the rest of the catalogue adds to them are those
                     with which it was last found, or put, in order (`revision`)
    the other side   every record that was written for it was read back as it was written (`intact`)
    nothing else     no date, device, duplicate or promotion makes it depend on today or on others

Only what is verified because it is stale is passed over. `trueup drift`, a backfill, a retry and a
person who asks compare everything. Whoever writes to a target what the catalogue does not want must
make the product due again (`release` of the ledger).
"""

from __future__ import annotations

from collections.abc import Mapping

from trueup.domain.calendar import Today
from trueup.domain.package import PackageRow
from trueup.domain.records import TargetName
from trueup.domain.states import NEVER, ProductState, Standing
from trueup.planner.census import Census
from trueup.planner.due import Due
from trueup.planner.places import included_devices
from trueup.planner.reading import read_lifecycle

_LABELLED = "+label"


def full_revision(revision: str, name: str, census: Census) -> str:
    """The digest of a row with what other rows add: whether its name must be made unique."""
    return revision + _LABELLED if census.name_repeats(name) else revision


def stands_still(
    row: PackageRow,
    revision: str,
    due: Mapping[TargetName, Due],
    states: Mapping[TargetName, ProductState],
    intact: frozenset[TargetName],
    census: Census,
    today: Today,
) -> bool:
    """Whether a product is known to agree wherever it is due."""
    return (
        all(
            why is Due.STALE and target in intact and _in_order(states.get(target, NEVER), revision)
            for target, why in due.items()
        )
        and _speaks_for_itself(row, census)
        and _is_timeless(row, today)
    )


def _in_order(state: ProductState, revision: str) -> bool:
    return state.standing is Standing.OK and state.revision == revision


def _speaks_for_itself(row: PackageRow, census: Census) -> bool:
    return (
        row.promotion_price is None
        and not included_devices(row)
        and not census.rivals(row.id, row.sku or "")
    )


def _is_timeless(row: PackageRow, today: Today) -> bool:
    """On sale today, and on no day when it was looked at before was it anything else."""
    active = row.status == "active" and row.valid_to is None
    return active and read_lifecycle(row, today) == "live"
