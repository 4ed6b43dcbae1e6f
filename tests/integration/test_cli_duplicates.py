"""`trueup duplicates` over an emulated organisation with copies in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.agreement import writes
from support.site import Site, open_site

ROOT = Path(__file__).parents[2]
OPEN = frozenset({"differs", "found", "read"})  # their keys are names of fields, reasons and kinds


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """Three products, in agreement."""
    with open_site(database_url, products=3) as found:
        assert found.call("run").code == 0
        yield found


def crm_copy(site: Site, number: int, **fields: Any) -> str:
    """A person enters one of our CRM records once more; returns the new record's id."""
    [ours] = [r for r in site.console.records("crm") if r["Product_Code"] == f"FIB-{number:04}"]
    kept = {n: ours[n] for n in ("Product_Name", "Product_Code", "Unit_Price", "Product_Active")}
    before = {r["id"] for r in site.console.records("crm")}
    site.console.add("crm", "products", **kept | fields)
    [made] = {r["id"] for r in site.console.records("crm")} - before
    return str(made)


def bound_id(site: Site, kind: str, sku: str) -> str:
    [(found,)] = site.sql(
        "select remote_id from trueup.binding where kind = %s and sku = %s", kind, sku
    )
    return str(found)


def found(site: Site, *options: str, code: int = 1) -> dict[str, Any]:
    said = site.call("duplicates", "--json", *options)
    assert said.code == code, said
    document: dict[str, Any] = said.document
    return document


def test_nothing_is_found_where_all_is_well(site: Site) -> None:
    """Names that differ in a number only are products, and a foreign record is nobody's copy."""
    site.console.add("crm", "products", Product_Name="Office chair", Product_Code="CHAIR")
    said = site.call("duplicates")
    assert said.code == 0, said
    assert said.stdout == "No duplicates, among 13 records.\n"
    assert found(site, code=0) == {
        "groups": [],
        "found": {"own_id": 0, "code": 0, "stored_id": 0, "name": 0},
        "settled": 0,
        "read": {"crm_product": 4, "billing_product": 3, "billing_plan": 3, "billing_item": 3},
    }


def test_a_copy_is_shown_with_what_differs_and_what_to_do(site: Site) -> None:
    """The bound record first; the code in another case; nothing is written."""
    kept = bound_id(site, "crm_product", "FIB-0001")
    copy = crm_copy(site, 1, Product_Code=" fib-0001", Unit_Price=0, Description="by hand")
    before = len(site.console.journal())
    [group] = found(site, "--target", "crm")["groups"]
    assert writes(site.console.journal()[before:]) == []
    told = {name: group[name] for name in ("kind", "why", "certainty", "shared", "keep")}
    assert told == {
        "kind": "crm_product",
        "why": "code",
        "certainty": "likely",
        "shared": "FIB-0001",
        "keep": kept,
    }
    ours, other = group["records"]
    assert (ours["remote_id"], ours["bound_to"], ours["price"]) == (kept, "FIB-0001", "501.00")
    assert (other["remote_id"], other["bound_to"], other["sku"]) == (copy, None, "FIB-0001")
    assert other["modified_at"].endswith("+02:00")
    assert group["differs"]["Unit_Price"] == ["501.00", "0.00"]
    assert f"make {copy} inactive at Zoho" in group["proposal"]

    said = site.call("duplicates", "--target", "crm").stdout.splitlines()
    assert said[1] == "crm_product, code 'FIB-0001' (likely)"
    assert re.match(rf"{kept} +Fibre 1 +FIB-0001 +501.00 +yes +FIB-0001 +\d{{4}}-", said[3])
    assert re.match(rf"{copy} +Fibre 1 +fib-0001 +0.00 +yes +- ", said[4])
    assert said[5].startswith("they differ in Product_Code, Description, Unit_Price")
    assert said[6].startswith(f"→ keep {kept} (")
    assert said[-1] == "1 group: 1 by code, among 4 records."


def test_every_reason_and_then_nothing(site: Site) -> None:
    """An own id, a code, a near name and a stored id; what is settled is not told again."""
    own = "00000000-0000-4000-8000-000000000001"
    same_id = crm_copy(site, 1, Product_Code="OTHER", ct_service_package_id=own)
    same_code = crm_copy(site, 2)
    near = crm_copy(site, 3, Product_Code="", Product_Name="FIBER 3 (1)")
    [item] = [
        r for r in site.console.records("billing", "items") if r["sku"].startswith("FIB-0001")
    ]
    site.sql("update public.product_integrations set zoho_billing_item_id = %s", item["id"])

    document = found(site)
    assert document["found"] == {"own_id": 1, "code": 1, "stored_id": 1, "name": 1}
    by_own, by_code, by_stored, by_name = document["groups"]
    assert by_own["records"][1]["remote_id"] == same_id
    assert by_code["records"][1]["remote_id"] == same_code
    assert [p["sku"] for p in by_stored["products"]] == ["FIB-0001", "FIB-0002", "FIB-0003"]
    assert by_stored["records"][0]["remote_id"] == str(item["id"])
    assert {r["remote_id"] for r in by_name["records"]} == {
        near,
        bound_id(site, "crm_product", "FIB-0003"),
    }
    assert (by_name["certainty"], by_name["keep"], by_name["commands"]) == ("possible", None, [])
    assert "look at these" in by_name["proposal"]
    assert found(site, "--no-near")["found"]["name"] == 0
    assert [g["why"] for g in found(site, "--limit", "2")["groups"]] == ["own_id", "code"]
    assert found(site, "--target", "billing")["found"]["stored_id"] == 1
    assert "… and 2 more; --limit 4 shows more" in site.call("duplicates", "--limit", "2").stdout

    for copy in (same_id, same_code, near):
        site.console.edit("crm", "products", copy, Product_Active=False)
    for number in (1, 2, 3):
        site.sql(
            "update public.product_integrations set zoho_billing_item_id = %s"
            " from public.service_packages as package"
            " where package.id = service_package_id and package.sku = %s",
            f"item-{number}",
            f"FIB-{number:04}",
        )
    again = found(site, code=0)
    assert (again["groups"], again["settled"]) == ([], 3)
    assert "3 more groups are settled" in site.call("duplicates").stdout
    site.assert_nothing_left()


def test_every_column_of_the_older_screens_is_looked_at(site: Site) -> None:
    """An id that one product alone remembers is no group, nor is an empty one."""
    site.sql(
        "update public.product_integrations set zoho_crm_product_id = 'a',"
        " zoho_billing_plan_id = 'b', zoho_billing_item_id = 'c',"
        " zoho_billing_hardware_item_id = 'd'"
    )
    site.sql(
        "update public.product_integrations set zoho_billing_plan_id = '',"
        " zoho_billing_item_id = service_package_id from public.service_packages as package"
        " where package.id = service_package_id and package.sku = 'FIB-0001'"
    )
    told = [
        (g["kind"], g["shared"], [(p["sku"], p["slot"]) for p in g["products"]], g["certainty"])
        for g in found(site)["groups"]
    ]
    skus = [f"FIB-{number:04}" for number in (1, 2, 3)]
    assert told == [
        ("crm_product", "a", [(sku, "product") for sku in skus], "certain"),
        ("billing_plan", "b", [(sku, "plan") for sku in skus[1:]], "certain"),
        ("billing_item", "c", [(sku, "installation") for sku in skus[1:]], "certain"),
        ("billing_item", "d", [(sku, "device") for sku in skus], "possible"),
    ]


def test_before_the_first_run_a_record_is_to_be_adopted(database_url: str) -> None:
    """A takeover: nothing is bound, and the code is in the catalogue; another code is foreign."""
    with open_site(database_url, products=1) as site:
        for name in ("One", "Two"):
            site.console.add("crm", "products", Product_Name=name, Product_Code="FIB-0001")
            site.console.add("crm", "products", Product_Name=f"Chair {name}", Product_Code="CH")
        foreign, ours = found(site)["groups"]
    assert (foreign["shared"], foreign["commands"]) == ("CH", [])
    assert "none of them is a product of the catalogue" in foreign["proposal"]
    assert ours["commands"] == [f"trueup adopt FIB-0001 crm {ours['keep']}"]


def test_a_target_that_cannot_be_read_is_not_without_duplicates(site: Site) -> None:
    """It fails with why, as every command does; the other one can be asked for."""
    down = {"match": {"service": "billing", "times": 99}, "do": "error_html"}
    site.console.weather(down)
    said = site.call("duplicates", "--json")
    assert said.code == 1, said
    assert set(said.document) == {"error", "remedy"}
    assert found(site, "--target", "crm", code=0)["groups"] == []


def test_the_page_names_every_key(site: Site) -> None:
    """docs/json.md, in the command's own part."""
    crm_copy(site, 1)
    site.sql("update public.product_integrations set zoho_billing_item_id = 'one'")
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    [told] = re.findall(r"### `duplicates`\n(.*?)(?=\n##)", page, re.DOTALL)
    assert {key for key in keys(found(site)) if f"`{key}`" not in told} == set()


def keys(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for part in document:
            yield from keys(part)
    elif isinstance(document, Mapping):
        for key, value in document.items():
            yield key
            if key not in OPEN:
                yield from keys(value)
