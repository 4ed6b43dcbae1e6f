"""Where a catalogue row hides its contract term, its hardware and its setup fee.

The catalogue grew over years and each generation of forms used another key. These functions look
into every place that was ever used; what two places contradict is said aloud, not chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from trueup.domain.errors import CatalogueError
from trueup.domain.money import HIGHEST_PRICE, amount_of
from trueup.domain.offering import Device
from trueup.domain.package import OutlineRow, PackageRow

_MONTHS = re.compile(r"\b(\d{1,3})\s*-?\s*month", re.IGNORECASE)
_MONTH_TO_MONTH = re.compile(r"month[\s-]*to[\s-]*month", re.IGNORECASE)
_LONGEST_TERM = 120


def setup_fee(row: PackageRow) -> Decimal | None:
    """The one-time fee: `pricing.setup`, else the installation fee of the provider's settings.

    Never the cost column, which holds the wholesale cost. None when no place states it.
    """
    pricing, config, metadata = _columns(row)
    for place in (
        pricing.get("setup"),
        config.get("installation_fee"),
        metadata.get("promotional_installation"),
    ):
        if place is not None:
            fee = amount_of(place)
            if fee is None:
                raise CatalogueError(f"the setup fee {place!r} is not an amount")
            return fee
    return None


def term_months(row: PackageRow) -> int | None:
    """The contract term in months, 0 for month to month, None where it is not fixed.

    Raises `CatalogueError` when two places contradict each other, or one cannot be read.
    """
    stated = {months for months in _stated_terms(row) if months is not None}
    offered = _offered_terms(row)
    if len(stated) > 1:
        listed = " and ".join(str(months) for months in sorted(stated))
        raise CatalogueError(f"the contract term is stated as {listed} months")
    if stated and offered and not stated <= offered:
        raise CatalogueError(
            f"the contract term {min(stated)} is not among the offered {sorted(offered)}"
        )
    if stated:
        return stated.pop()
    if offered:
        return min(offered) if len(offered) == 1 else None
    return _term_in_text(row.features or ())


def _stated_terms(row: PackageRow) -> Iterator[int | None]:
    _, config, metadata = _columns(row)
    yield _whole_months(metadata.get("contract_months"))
    yield _whole_months(metadata.get("contract_term_months"))
    yield _months_in(metadata.get("contract_type"))
    yield _months_in(metadata.get("contract_duration"))
    yield _whole_months(config.get("contract_months"))


def _offered_terms(row: PackageRow) -> set[int]:
    offered = (row.metadata or {}).get("contract_terms")
    if not isinstance(offered, list):
        return set()
    return {months for each in offered if (months := _whole_months(each)) is not None}


def _whole_months(value: object) -> int | None:
    if value is None:
        return None
    amount = amount_of(value)
    if amount is None or amount != amount.to_integral_value():
        raise CatalogueError(f"the contract term {value!r} is not a number of months")
    if not 0 <= amount <= _LONGEST_TERM:
        raise CatalogueError(f"the contract term {value!r} is not between 0 and {_LONGEST_TERM}")
    return int(amount)


def _months_in(text: object) -> int | None:
    if not isinstance(text, str):
        return _whole_months(text)
    if _MONTH_TO_MONTH.search(text):
        return 0
    found = _MONTHS.search(text)
    return _whole_months(int(found[1])) if found else None


def _term_in_text(features: Sequence[str]) -> int | None:
    """A term that only the list of features mentions, where that is unmistakable."""
    found = {
        _months_in(text)
        for text in features
        if "contract" in text.lower() or "term" in text.lower()
    } - {None}
    return found.pop() if len(found) == 1 else None


def included_devices(row: PackageRow | OutlineRow) -> tuple[Device, ...]:
    """The hardware that comes with a product, from the first place that states any.

    A device without a stated cost keeps None; one without a model keeps an empty name. Raises
    `CatalogueError` when a cost is stated that is no amount.
    """
    config, metadata = row.provider_specific_config or {}, row.metadata or {}
    hardware = metadata.get("hardware")
    if isinstance(hardware, Mapping):
        return (_device(hardware),) if hardware.get("included") is True else ()
    if isinstance(hardware, list):
        return tuple(
            _device(each)
            for each in hardware
            if isinstance(each, Mapping) and each.get("is_included", each.get("included")) is True
        )
    router = metadata.get("router")
    if isinstance(router, Mapping):
        included = router.get("included") is True or router.get("free_to_use") is True
        return (_device(router),) if included else ()
    if isinstance(router, str) and router.strip():
        return (Device(router.strip(), "", None),)
    flags = (metadata.get("router_included"), config.get("router_included"))
    model = metadata.get("router_model") or config.get("router_model")
    if False in flags or (True not in flags and not model):
        return ()
    return (Device(str(model or "").strip(), "", None),)


def _device(entry: Mapping[str, Any]) -> Device:
    model, stated = str(entry.get("model") or "").strip(), entry.get("cost")
    cost = amount_of(stated)
    if stated not in (None, "") and (cost is None or not 0 <= cost <= HIGHEST_PRICE):
        raise CatalogueError(f"the cost {stated!r} of the device {model!r} is not an amount")
    return Device(model, str(entry.get("sku") or "").strip(), cost)


def _columns(row: PackageRow) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    return row.pricing or {}, row.provider_specific_config or {}, row.metadata or {}
