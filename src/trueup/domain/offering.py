"""What a catalogue row says: something on sale, something withdrawn, something not yet there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from trueup.domain.money import Money


@dataclass(frozen=True, slots=True)
class Device:
    """A hardware device that is included in an offering.

    `sku` is the device's own SKU, or empty; `cost` is None where the catalogue states none.
    """

    model: str
    sku: str
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Offering:
    """A product on sale. It is built whole or not at all: money has no defaults.

    `vat_inclusive` says whether its row states prices with VAT; None where it does not say.
    """

    offering_id: str
    sku: str
    name: str
    description: str
    product_category: str
    service_type: str
    market_segment: str
    provider: str
    source_product_id: str
    recurring: Money
    setup: Money
    term_months: int | None
    down_mbps: int | None
    up_mbps: int | None
    valid_from: str | None
    valid_to: str | None
    devices: tuple[Device, ...]
    vat_inclusive: bool | None = None


class Ended(StrEnum):
    """Why a product is no longer sold."""

    INACTIVE = "inactive"
    ARCHIVED = "archived"
    OVER = "validity window over"
    GONE = "gone from the catalogue"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A product that was sold and is not any more: inactive wherever it exists.

    `superseded` says that another row carries its SKU now, so that only records known to be its
    own are touched.
    """

    offering_id: str
    sku: str
    name: str
    why: Ended
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Dormant:
    """A draft or a future product: nothing is done."""

    offering_id: str
    sku: str
    name: str


Reading: TypeAlias = Offering | Withdrawn | Dormant
