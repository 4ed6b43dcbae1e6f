"""Which granted scopes cover which wanted ones (zoho-facts §1.6)."""

from __future__ import annotations

from collections.abc import Iterable

_COVERS = {"write": frozenset({"write", "create", "update"})}


def allows(held: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether any one of `wanted` is covered; no wanted scope at all is always allowed.

    One entry of `wanted` may be several scopes joined by commas: then all of them are needed, as
    search needs `ZohoSearch.securesearch.READ` beside the module's READ.
    """
    granted = [scope.strip().lower() for scope in held]
    alternatives = list(wanted)
    return not alternatives or any(
        all(_covered(granted, part.strip().lower()) for part in alternative.split(","))
        for alternative in alternatives
    )


def _covered(granted: list[str], wanted: str) -> bool:
    return any(_covers(scope, wanted) for scope in granted)


def _covers(scope: str, wanted: str) -> bool:
    product, *area, operation = scope.split(".")
    wanted_product, *wanted_area, wanted_operation = wanted.split(".")
    if product != wanted_product:
        return False
    if area == ["fullaccess"]:
        return True
    # `modules.ALL` covers `modules.products.READ`: a shorter area holds the longer one.
    inside = wanted_area[: len(area)] == area
    return inside and (
        operation == "all" or wanted_operation in _COVERS.get(operation, frozenset({operation}))
    )
