"""Taking over: the predecessor's damage, found, held, and repaired with one approval."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    RETIRED,
    SHARING,
    TARIFFS,
    TWICE,
    Damage,
    Tariff,
)
from support.emulator import emulator_process
from support.site import NO_LIMITS, UNHURRIED, Console, Site

APPROVAL = ("--yes", "--by", "finance@shop.example", "--reason", "the repair plan")


ON_SALE = (PLAIN, TWICE, *SHARING, AMBIGUOUS, MISSING, EXACT)


@pytest.fixture
def broken(
    empty_database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Site, Damage]]:
    """The predecessor's database and organisation, migrated and otherwise as it was left."""
    tariffs: tuple[Tariff, ...] = getattr(request, "param", TARIFFS)
    with broken_site(empty_database_url, tmp_path, tariffs) as found:
        yield found


@contextmanager
def broken_site(
    database: str, folder: Path, tariffs: tuple[Tariff, ...]
) -> Iterator[tuple[Site, Damage]]:
    with emulator_process(options={"limits": NO_LIMITS}) as variables:
        console = Console(variables["ZOHO_API_URL"])
        damage = damaged.break_zoho(console, tariffs)
        with psycopg.connect(database, autocommit=True) as connection:
            damaged.build_database(connection, damage, tariffs)
        env = variables | UNHURRIED | {"DATABASE_URL": database}
        site = Site(database, console, env, folder)
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
    assert_older_screens_agree(site)
    assert foreign(site, damage) == before
    site.assert_nothing_left()


def bound(site: Site, tariff: Tariff) -> set[str]:
    found = site.sql("select kind from trueup.binding where owner = %s", tariff.id)
    return {kind for (kind,) in found}


def assert_repaired(site: Site, damage: Damage) -> None:
    """Each tariff on sale has its own records with its prices; the retired one is off."""
    products = {p["id"]: p for p in site.console.records("billing", "products")}
    for tariff in ON_SALE:
        plan = one(site, "billing", "plans", "plan_code", tariff.sku)
        assert (plan["recurring_price"], plan["status"]) == (tariff.monthly, "active")
        item = one(site, "billing", "items", "sku", f"{tariff.sku}-INSTALL")
        assert (item["rate"], item["status"]) == (900, "active")
        product = products[remote_id(site, "billing_product", tariff)]
        assert (product["status"], product["description"]) == ("active", "A line")
        record = one(site, "crm", "products", "id", remote_id(site, "crm_product", tariff))
        assert (record["Unit_Price"], record["ct_installation_fee"]) == (tariff.monthly, 900)
        assert (record["Description"], record["ct_service_type"]) == ("A line", "fibre")
    assert len({remote_id(site, "billing_product", t) for t in ON_SALE}) == len(ON_SALE)

    # The first of those that shared a product keeps it; the stored copy of a duplicate is the one.
    first, second = SHARING
    shared = damage.products[first.sku]
    assert remote_id(site, "billing_product", first) == shared
    assert products[shared]["name"] == "Fibre Twin [FIB-C]"
    assert products[remote_id(site, "billing_product", second)]["name"] == "Fibre Twin [FIB-D]"
    assert remote_id(site, "crm_product", TWICE) == damage.crm[TWICE.sku][-1]
    copy = one(site, "crm", "products", "id", damage.crm[TWICE.sku][0])
    assert copy["Unit_Price"] == 0

    [gone] = damage.crm[RETIRED.sku]
    assert one(site, "crm", "products", "id", gone)["Product_Active"] is False
    assert one(site, "crm", "products", "id", gone)["Unit_Price"] == 0
    assert one(site, "billing", "plans", "plan_code", RETIRED.sku)["status"] == "inactive"
    assert products[damage.products[RETIRED.sku]]["status"] == "inactive"


def remote_id(site: Site, kind: str, tariff: Tariff) -> str:
    [(found,)] = site.sql(
        "select remote_id from trueup.binding where kind = %s and owner = %s", kind, tariff.id
    )
    return str(found)


def assert_older_screens_agree(site: Site) -> None:
    """The predecessor's columns say what is bound, and how it stands."""
    for tariff in ON_SALE:
        [(crm, plan, item, *statuses)] = site.sql(
            "select zoho_crm_product_id, zoho_billing_plan_id, zoho_billing_item_id,"
            " zoho_crm_sync_status, zoho_billing_sync_status, sync_status"
            " from product_integrations where service_package_id = %s",
            tariff.id,
        )
        assert crm == remote_id(site, "crm_product", tariff)
        assert (plan, statuses) == (tariff.sku, ["ok", "ok", "ok"])
        assert item == one(site, "billing", "items", "sku", f"{tariff.sku}-INSTALL")["id"]


EXTRA = damaged.extra_tariffs(14)


@pytest.mark.parametrize("broken", [(*TARIFFS, *EXTRA)], indirect=True)
def test_what_was_approved_is_not_stopped_as_a_mass_change(broken: tuple[Site, Damage]) -> None:
    """Far more than ten products and thirty per cent are re-priced: one approval is enough.

    This one names the fingerprint of the plan, as a pipeline does.
    """
    site, damage = broken
    before = foreign(site, damage)
    assert site.call("run").code == 3
    plan = site.call("plan", "--json").document
    assert {v["rule"] for v in plan["violations"]} >= {"takeover", "mass_reprice"}
    approved = site.call("run", "--approve", plan["fingerprint"], "--by", "Ann Example", "--json")
    assert approved.code == 0, approved
    left = site.call("plan", "--json").document
    assert (left["changes"], left["violations"]) == ([], [])
    prices = {
        r["plan_code"]: r["recurring_price"] for r in site.console.records("billing", "plans")
    }
    assert {prices[tariff.sku] for tariff in EXTRA} == {899}
    assert foreign(site, damage) == before


def test_nobody_is_asked_twice_and_nothing_moves_without_a_yes(
    broken: tuple[Site, Damage],
) -> None:
    """Night after night what is held stays held, and Zoho stays as it is."""
    site, _ = broken
    assert site.call("run").code == 3
    held = site.sql("select count(*) from trueup.held_change where state = 'open'")
    sent = len(writes(site.console.journal()))
    for _ in range(2):
        assert site.call("run").code == 3
    assert len(writes(site.console.journal())) == sent
    assert site.sql("select count(*) from trueup.held_change where state = 'open'") == held


def test_an_item_named_after_another_tariff_gets_its_own_name_back(
    empty_database_url: str, tmp_path: Path
) -> None:
    """The job named one tariff's item after the last: a run after the repair all names are right.

    The new item carries its code while the name is taken, and gives it up without being asked.
    """
    with broken_site(empty_database_url, tmp_path, (PLAIN, MISSING)) as (site, damage):
        site.console.delete("billing", "items", damage.items[damaged.SHARED_ITEM])
        name = f"{MISSING.title} - Installation"
        site.console.edit("billing", "items", damage.items[PLAIN.sku], name=name)
        assert site.call("run").code == 3
        item = f"{MISSING.sku}-INSTALL"
        assert one(site, "billing", "items", "sku", item)["name"] == f"{name} [{item}]"
        assert site.call("approve", "last", *APPROVAL).code == 0
        plain = one(site, "billing", "items", "sku", f"{PLAIN.sku}-INSTALL")
        assert plain["name"] == f"{PLAIN.title} - Installation"
        assert site.call("drift", "--repair").code == 0
        assert one(site, "billing", "items", "sku", item)["name"] == name
        site.assert_nothing_left()
