"""One row of the catalogue, typed: read whole or not at all."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec


class DatedPrice(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A list price that is agreed to hold from a local date on: one row of `price_changes`.

    Drafts and what was cancelled are none. `old_price` is what the catalogue said when it was made.
    """

    effective_date: date
    published_at: datetime | None
    old_price: Decimal | None
    new_price: Decimal


# What one of them is made from.
DATED_COLUMNS: Final = (
    "service_package_id",
    "old_price",
    "new_price",
    "published_at",
    "effective_date",
    "status",
)


class PackageRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The columns of `service_packages` that a record can come from, and its dated prices.

    No column has a default: a query that leaves one out fails to decode instead of turning into a
    zero price. Numbers inside the JSON columns are exact decimals.
    """

    id: str
    sku: str | None
    name: str | None
    description: str | None
    service_type: str | None
    product_category: str | None
    market_segment: str | None
    provider: str | None
    source_admin_product_id: str | None
    speed_down: int | None
    speed_up: int | None
    price: Decimal | None
    base_price_zar: Decimal | None
    promotion_price: Decimal | None
    pricing: dict[str, Any] | None
    metadata: dict[str, Any] | None
    provider_specific_config: dict[str, Any] | None
    features: list[str] | None
    status: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    dated_prices: list[DatedPrice] | None


# The dated prices are rows of a table of their own; all else is a column of the catalogue's.
DATED: Final = "dated_prices"
CATALOGUE_COLUMNS: Final = tuple(n for n in PackageRow.__struct_fields__ if n != DATED)


class UnreadableRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row that is there but cannot be read whole, and which of its columns is to blame."""

    id: str
    sku: str | None
    name: str | None
    status: str | None
    column: str
    problem: str


class OutlineRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the whole catalogue must be asked about: who else has this SKU, name or device."""

    id: str
    sku: str | None
    name: str | None
    status: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    metadata: dict[str, Any] | None
    provider_specific_config: dict[str, Any] | None
