"""Taking over: the predecessor's damage, found, held, and repaired with one approval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support import damaged
from support.agreement import writes
from support.damaged import (
    AMBIGUOUS,
    EXACT,
    MISSING,
    PLAIN,
    SHARING,
    TARIFFS,
    TWICE,
    Damage,
    Tariff,
)
from support.emulator import emulator_process
from support.site import NO_LIMITS, UNHURRIED, Console, Site

APPROVAL = ("--yes", "--by", "finance@shop.example", "--reason", "the repair plan")


@pytest.fixture
def broken(
    empty_database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Site, Damage]]:
    """The predecessor's database and organisation, migrated and otherwise as it was left."""
    tariffs: tuple[Tariff, ...] = getattr(request, "param", TARIFFS)
    with emulator_process(options={"limits": NO_LIMITS}) as variables:
        console = Console(variables["ZOHO_API_URL"])
        damage = damaged.break_zoho(console, tariffs)
        with psycopg.connect(empty_database_url, autocommit=True) as connection:
            damaged.build_database(connection, damage, tariffs)
        env = variables | UNHURRIED | {"DATABASE_URL": empty_database_url}
        site = Site(empty_database_url, console, env, tmp_path)
        assert site.call("db", "upgrade").code == 0
        yield site, damage
        console.close()


def foreign(site: Site, damage: Damage) -> list[Any]:
    """All that belongs to somebody else, as it is stored."""
    return [
        record
        for (service, resource), ids in damage.foreign.items()
        for record in site.console.records(service, resource)
        if str(record.get("plan_code", record["id"])) in ids
    ]


def one(site: Site, service: str, resource: str, name: str, value: str) -> dict[str, Any]:
    [found] = [r for r in site.console.records(service, resource) if str(r.get(name)) == value]
    return found


def test_the_damage_is_repaired_with_one_approval(broken: tuple[Site, Damage]) -> None:
    """Creates and exact matches first; the rest is held, approved once, and then agrees."""
    site, damage = broken
    before = foreign(site, damage)

    first = site.call("run", "--json")
    assert (first.code, first.document["state"]) == (3, "held"), first
    assert {entry["method"] for entry in writes(site.console.journal())} == {"POST"}
    assert bound(site, EXACT) == {"crm_product", "billing_product", "billing_plan", "billing_item"}
    assert bound(site, MISSING) == bound(site, EXACT)
    assert one(site, "crm", "products", "id", damage.crm[PLAIN.sku][0])["Unit_Price"] == 0

    plan = site.call("plan", "--json").document
    assert plan["changes"] != []
    assert [c for c in plan["changes"] if "takeover" not in c["held"]] == []
    assert {f["code"] for f in plan["findings"]} == {"ambiguous", "plan_elsewhere"}

    approved = site.call("approve", "last", *APPROVAL, "--json")
    assert approved.code == 0, approved
    after = site.call("plan", "--json").document
    assert [c for c in after["changes"] if c["sku"] != AMBIGUOUS.sku] == []

    adopted = site.call("adopt", AMBIGUOUS.sku, "crm", damage.crm[AMBIGUOUS.sku][0], "--json")
    assert adopted.code == 0, adopted
    # That it is the one does not say that its price may rise from nothing.
    assert site.call("resync", AMBIGUOUS.sku).code == 3
    assert site.call("approve", "last", *APPROVAL).code == 0

    assert_repaired(site, damage)
    assert foreign(site, damage) == before
    site.assert_nothing_left()


def bound(site: Site, tariff: Tariff) -> set[str]:
    found = site.sql("select kind from trueup.binding where owner = %s", tariff.id)
    return {kind for (kind,) in found}


def assert_repaired(site: Site, damage: Damage) -> None:
    """Each tariff on sale has its records with its prices; the retired one is off."""
    for tariff in (PLAIN, TWICE, *SHARING, AMBIGUOUS, MISSING, EXACT):
        [plan] = [
            r
            for r in site.console.records("billing", "plans")
            if r["name"] == tariff.title and r["plan_code"] == tariff.sku
        ]
        assert (plan["recurring_price"], plan["status"]) == (tariff.monthly, "active")
        item = one(site, "billing", "items", "sku", f"{tariff.sku}-INSTALL")
        assert (item["rate"], item["status"]) == (900, "active")
    kept = {**damage.crm, TWICE.sku: damage.crm[TWICE.sku][-1:]}
    kept[AMBIGUOUS.sku] = damage.crm[AMBIGUOUS.sku][:1]
    for tariff in (PLAIN, TWICE, *SHARING, AMBIGUOUS, EXACT):
        [ours] = kept[tariff.sku]
        record = one(site, "crm", "products", "id", ours)
        assert (record["Unit_Price"], record["ct_installation_fee"]) == (tariff.monthly, 900)
        assert record["Description"] == "A line"
