"""The program between a catalogue gone wrong and an organisation that is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.agreement import Row, some_rows, writes
from support.site import Site, open_site

# What the predecessor's nightly job read of a row: everything else was nothing to it.
FOUR_COLUMNS = """
update service_packages
set price = 0, base_price_zar = null, pricing = null, description = null, metadata = '{}',
    product_category = null, provider = null, market_segment = null, speed_down = 0, speed_up = 0
"""
PRICES_MISSING = (
    """update service_packages set pricing = pricing - 'monthly' || '{"monthly": null}'"""
)
PRICES_ZERO = """
update service_packages
set price = 0, base_price_zar = 0, pricing = pricing || '{"monthly": 0}'
"""
DAMAGES = (
    (FOUR_COLUMNS, "price_missing"),
    (PRICES_MISSING, "price_missing"),
    (PRICES_ZERO, "price_zero"),
)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=4) as opened:
        yield opened


def everything(site: Site) -> list[list[dict[str, Any]]]:
    """Every record of the organisation, byte for byte."""
    places = [("crm", "products"), ("billing", "products"), ("billing", "plans")]
    return [site.console.records(*place) for place in [*places, ("billing", "items")]]


def written(site: Site) -> int:
    return len(writes(site.console.journal()))


def at(row: Row, price: int) -> Row:
    """A row at another price."""
    pricing = row["pricing"] | {"monthly": price}
    return row | {"price": price, "base_price_zar": price, "pricing": pricing}


def test_the_predecessor_s_accident(site: Site) -> None:
    """Rows that lost their prices write none; it is said why, in all three places; exit 3."""
    assert site.call("run").code == 0
    before, sent = everything(site), written(site)
    for damage, code in DAMAGES:
        site.sql(damage)
        dry = site.call("plan", "--json")
        assert (dry.document["changes"], len(dry.document["findings"])) == ([], 4)
        assert {finding["code"] for finding in dry.document["findings"]} == {code}
        told = site.call("run", "--json")
        assert (told.code, told.document["state"]) == (3, "held"), told
        assert told.document["summary"]["held"] == 4
        assert "price" in told.document["results"][0]["crm"]["error"]
        shown = site.call("run")
        assert shown.code == 3
        assert "price" in shown.stdout
        assert last_logged(site) == ("held", "4")
        assert (everything(site), written(site)) == (before, sent)
        site.fill(some_rows(4))
        site.assert_agreement()
        assert (everything(site), written(site)) == (before, sent)


def last_logged(site: Site) -> tuple[str, str]:
    """What the older screens read of the last run."""
    [row] = site.sql(
        "select status, result_summary->>'held' from cron_execution_log"
        " where job_name = 'zoho-sync' order by created_at desc limit 1"
    )
    return row[0], row[1]


def test_the_accident_on_the_first_night_of_all(database_url: str) -> None:
    """An organisation with right prices that Trueup never wrote, and rows without any."""
    with open_site(database_url, products=3) as site:
        site.sql(FOUR_COLUMNS)
        for row in some_rows(3):
            price = row["pricing"]["monthly"]
            made = {"Product_Code": row["sku"], "Product_Name": row["name"], "Unit_Price": price}
            site.console.add("crm", "products", **made)
        before = everything(site)
        first = site.call("run")
        assert first.code == 3, first
        assert (everything(site), written(site)) == (before, 0)
        assert site.call("run").code == 3
        assert (everything(site), written(site)) == (before, 0)


def test_a_view_of_four_columns_is_no_catalogue(site: Site) -> None:
    """The table that the settings name has no prices at all: nothing is read from it."""
    assert site.call("run").code == 0
    before = everything(site)
    site.sql("create view four_columns as select id, sku, name, status from service_packages")
    (site.folder / "trueup.toml").write_text('[catalogue]\ntable = "four_columns"\n')
    refused = site.call("run")
    assert refused.code == 2, refused
    assert "of four_columns cannot be read" in refused.stdout
    assert everything(site) == before


def test_every_price_a_tenth_of_what_it_was(site: Site) -> None:
    """A comma in the wrong place: held, shown the same in each form, approved by a person."""
    assert site.call("run").code == 0
    before = everything(site)
    cheap = [at(row, row["price"] // 10) for row in some_rows(4)]
    site.fill(cheap)
    told = site.call("run", "--json")
    assert told.code == 3, told
    assert everything(site) == before
    rules = {
        (v["rule"], v["target"]): v for v in site.call("plan", "--json").document["violations"]
    }
    assert set(rules) == {("price_fall", "billing"), ("price_fall", "crm")}
    fall = rules["price_fall", "crm"]
    assert (fall["measure"], fall["limit"], fall["setting"]) == (
        "90.08 %",
        "30 %",
        "guards.price_fall",
    )
    assert (fall["products"], fall["skus"]) == (4, [row["sku"] for row in cheap])
    shown = site.call("plan")
    for words in ("90.08 %", "30 %", "guards.price_fall", "FIB-0001"):
        assert words in shown.stdout
    again = site.call("run", "--json")
    assert (again.code, everything(site)) == (3, before)
    agreed = ("--yes", "--by", "Ada Accountant")
    approved = site.call("approve", "last", *agreed, "--reason", "a sale")
    assert approved.code == 0, approved
    assert {r["Unit_Price"] for r in site.console.records("crm")} == {r["price"] for r in cheap}
    site.assert_nothing_left()


def test_a_hand_edit_of_a_price_that_is_only_reported(site: Site) -> None:
    """`policy = "report"`: the edit stays and the name goes on, until a person says yes."""
    (site.folder / "trueup.toml").write_text(
        '[mapping.crm_product]\nUnit_Price = { policy = "report" }\n'
    )
    assert site.call("run").code == 0
    [record, *_] = [r for r in site.console.records("crm") if r["Product_Code"] == "FIB-0001"]
    site.console.edit("crm", "products", record["id"], Unit_Price=555.0)
    site.fill([some_rows(1)[0] | {"name": "Fibre 1 renamed"}])
    held = site.call("run", "--json")
    assert held.code == 3, held
    assert "Unit_Price was set at Zoho to 555.00" in held.document["results"][0]["crm"]["error"]
    [there] = [r for r in site.console.records("crm") if r["Product_Code"] == "FIB-0001"]
    assert (there["Unit_Price"], there["Product_Name"]) == (555.0, "Fibre 1 renamed")
    [change] = site.call("plan", "--json").document["changes"]
    assert (change["moved"], change["held"]) == ({"Unit_Price": "theirs"}, ["hand_edit"])
    assert site.call("approve", "last", "--yes", "--by", "Ada Accountant").code == 0
    site.assert_agreement()


def test_a_policy_that_nobody_knows_is_refused(site: Site) -> None:
    (site.folder / "trueup.toml").write_text(
        '[mapping.crm_product]\nUnit_Price = { policy = "reprot" }\n'
    )
    refused = site.call("config")
    assert refused.code == 2
    assert "a policy is enforce, fill, report or ignore, not 'reprot'" in refused.stderr
    assert "did you mean 'report'?" in refused.stderr
