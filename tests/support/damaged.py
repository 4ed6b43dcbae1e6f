"""A site as the predecessor leaves it: half-written copies at Zoho, ids that nobody can trust.

Its database is that of `predecessor`, with rows of our own; the damage at the emulator is what its
nightly job did: prices of nothing, duplicates after a
failed search, one Billing product for all tariffs of one name, one item for all of them, retired
tariffs on sale. All of it is invented.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from support.predecessor import SCHEMA
from support.site import Console

Fields = dict[str, Any]
_SEEN = "2026-01-05 02:00+00"
SHARED_ITEM = "SURVEY-1"  # somebody's item, which the job took for every tariff's


@dataclass(frozen=True)
class Tariff:
    """One row of the catalogue; `letter` makes its id, SKU and, unless given, its name."""

    letter: str
    name: str = ""
    status: str = "active"
    monthly: int = 899

    @property
    def sku(self) -> str:
        return f"FIB-{self.letter}"

    @property
    def title(self) -> str:
        return self.name or f"Fibre {self.letter}"

    @property
    def id(self) -> str:
        return f"00000000-0000-4000-8000-{ord(self.letter[0]):08d}{len(self.letter):04d}"


EXACT, RETIRED, MISSING = Tariff("H"), Tariff("F", status="archived"), Tariff("G")
TWICE, AMBIGUOUS = Tariff("B"), Tariff("E")
SHARING = Tariff("C", "Fibre Twin"), Tariff("D", "Fibre Twin")
PLAIN = Tariff("A")
TARIFFS = (PLAIN, TWICE, *SHARING, AMBIGUOUS, RETIRED, MISSING, EXACT)


@dataclass
class Damage:
    """What there is: remote ids by tariff, and what belongs to somebody else."""

    crm: dict[str, list[str]] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    foreign: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def extra_tariffs(count: int) -> tuple[Tariff, ...]:
    """More damaged ones, enough to make a repair look like a mass change."""
    return tuple(Tariff("Z" + "Z" * number) for number in range(1, count + 1))


def break_zoho(console: Console, tariffs: Iterable[Tariff] = TARIFFS) -> Damage:
    """Put into an empty organisation what the job left of these tariffs."""
    damage = Damage()
    _foreign(console, damage)
    for tariff in tariffs:
        if tariff is MISSING:
            continue
        copies = 2 if tariff in (TWICE, AMBIGUOUS) else 1
        damage.crm[tariff.sku] = [_crm(console, tariff) for _ in range(copies)]
        shared = damage.products.get(SHARING[0].sku) if tariff is SHARING[1] else None
        product = shared or _billing(console, "products", name=tariff.title)
        damage.products[tariff.sku] = product
        _plan(console, tariff, product)
    damage.items[PLAIN.sku] = _billing(
        console, "items", name=f"{PLAIN.title} - Installation", sku=f"{PLAIN.sku}-INSTALL", rate=0
    )
    damage.items[EXACT.sku] = _billing(
        console,
        "items",
        name=f"{EXACT.title} - Installation",
        sku=f"{EXACT.sku}-INSTALL",
        rate=900,
        description="One-time installation",
    )
    return damage


def _foreign(console: Console, damage: Damage) -> None:
    chair = _made(
        console, "crm", "products", Product_Name="Chair", Product_Code="CH-1", Unit_Price=50
    )
    product = _billing(console, "products", name="Hosting", description="somebody else's")
    plan = {"plan_code": "HOST-1", "name": "Hosting", "recurring_price": 99, "interval": 1}
    console.add("billing", "plans", **plan, product_id=product)
    # Renamed and re-priced by every tariff in turn; its own code shows whose it is.
    item = _billing(
        console, "items", name=f"{MISSING.title} - Installation", sku=SHARED_ITEM, rate=0
    )
    damage.items[SHARED_ITEM] = item
    damage.foreign = {
        ("crm", "products"): [chair],
        ("billing", "products"): [product],
        ("billing", "plans"): ["HOST-1"],
        ("billing", "items"): [item],
    }


def _crm(console: Console, tariff: Tariff) -> str:
    """Price and fee of nothing and eleven nulls; the exact one was published by hand since."""
    fields: Fields = {
        "Product_Name": tariff.title,
        "Product_Code": tariff.sku,
        "Unit_Price": 0,
        "Product_Active": True,
        "ct_service_package_id": tariff.id,
        "ct_installation_fee": 0,
    }
    if tariff is EXACT:
        fields |= {
            "Unit_Price": tariff.monthly,
            "Description": "A line",
            "Product_Category": "connectivity",
            "ct_installation_fee": 900,
            "ct_service_type": "fibre",
            "ct_download_speed_mbps": 100,
            "ct_upload_speed_mbps": 50,
        }
    return _made(console, "crm", "products", **fields)


def _plan(console: Console, tariff: Tariff, product: str) -> None:
    fields: Fields = {
        "plan_code": tariff.sku,
        "name": tariff.title,
        "recurring_price": tariff.monthly if tariff is EXACT else 0,
        "interval": 1,
        "interval_unit": "months",
        "billing_cycles": -1,
        "setup_fee": 0,
        "description": "A line" if tariff is EXACT else f"{tariff.title} by the job",
        "product_id": product,
    }
    console.add("billing", "plans", **fields)


def _billing(console: Console, resource: str, **fields: Any) -> str:
    if resource == "products" and fields["name"] == EXACT.title:
        fields |= {"description": "A line"}
    return _made(console, "billing", resource, **fields)


def _made(console: Console, service: str, resource: str, **fields: Any) -> str:
    before = {str(record["id"]) for record in console.records(service, resource)}
    console.add(service, resource, **fields)
    [made] = {str(record["id"]) for record in console.records(service, resource)} - before
    return made


def build_database(
    connection: psycopg.Connection[Any], damage: Damage, tariffs: Iterable[Tariff] = TARIFFS
) -> None:
    """The predecessor's tables with these rows, and what it stored about them."""
    connection.execute(SCHEMA)
    for tariff in tariffs:
        connection.execute(
            "insert into service_packages (id, name, sku, status, description, service_type,"
            " speed_down, speed_up, price, base_price_zar, pricing, product_category)"
            " values (%s, %s, %s, %s, 'A line', 'fibre', 100, 50, %s, %s, %s, 'connectivity')",
            [
                tariff.id,
                tariff.title,
                tariff.sku,
                tariff.status,
                tariff.monthly,
                tariff.monthly,
                Jsonb({"monthly": tariff.monthly, "setup": 900}),
            ],
        )
        _remember(connection, damage, tariff)


def _remember(connection: psycopg.Connection[Any], damage: Damage, tariff: Tariff) -> None:
    """One status for both targets; every item id is that of the first row of a list.

    Of the duplicates of one tariff the id is known; of the other's it was lost with a failure.
    """
    known = damage.crm.get(tariff.sku, [None])[-1] if tariff is not AMBIGUOUS else None
    status = "failed" if tariff is AMBIGUOUS else "ok"
    connection.execute(
        "insert into product_integrations (service_package_id, sync_status, zoho_crm_sync_status,"
        " zoho_billing_sync_status, zoho_crm_product_id, zoho_billing_plan_id,"
        " zoho_billing_item_id, zoho_crm_last_synced_at, last_synced_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            tariff.id,
            *[status] * 3,
            known,
            f"90000000000{ord(tariff.letter[0])}{len(tariff.letter)}",
            damage.items[SHARED_ITEM],
            _SEEN,
            _SEEN,
        ],
    )
