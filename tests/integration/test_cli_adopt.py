"""`trueup adopt` over an emulated organisation in which a record is there twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.agreement import writes
from support.deeds import ACTED, BY_LOGIN, deeds, states
from support.site import Site, open_site

ROOT = Path(__file__).parents[2]
BY = ("--by", "Thandi Nkosi", "--reason", "the one with quotes")


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """Two products; CRM has the first one twice, which a takeover would find."""
    with open_site(database_url, products=2) as found:
        for price in (450, 500):
            found.console.add(
                "crm",
                "products",
                Product_Name="Fibre 1",
                Product_Code="FIB-0001",
                Unit_Price=price,
            )
        assert found.call("run").code == 0
        yield found


def copies(site: Site) -> list[str]:
    """The ids of the two, the one at 450 first."""
    both = [r for r in site.console.records("crm") if r["Product_Code"] == "FIB-0001"]
    return [r["id"] for r in sorted(both, key=lambda r: r["Unit_Price"])]


def history(site: Site) -> list[tuple[Any, ...]]:
    return site.sql(
        "select action, actor, detail, deltas::text, remote_id from trueup.change_history"
        " where action = 'adopt' order by id"
    )


def test_adopt_and_resync(site: Site) -> None:
    """The command that the finding names; nothing is written until the product is reconciled."""
    kept, copy = copies(site)
    [finding] = site.call("plan", "--json").document["findings"]
    assert "`trueup adopt FIB-0001 crm ID`" in finding["message"]
    before = len(site.console.journal())
    said = site.call("adopt", "FIB-0001", "crm", kept, *BY)
    assert said.code == 0, said
    assert said.stdout.startswith(f"crm {kept} (Fibre 1) is crm_product/FIB-0001 from now on.\n")
    assert "Unit_Price  450.00 -> 501.00" in said.stdout
    assert "→ `trueup resync FIB-0001`" in said.stdout
    assert writes(site.console.journal()[before:]) == []
    assert deeds(site) == [("Thandi Nkosi", ACTED, "adopted", "FIB-0001", "the one with quotes")]
    assert states(site) == ({"crm": None}, {"crm": kept})
    detail = "adopted by Thandi Nkosi: the one with quotes"
    assert history(site) == [("adopt", "Thandi Nkosi", detail, "{}", kept)]
    [(stored,)] = site.sql(
        "select zoho_crm_product_id from product_integrations join service_packages as package"
        " on package.id = service_package_id where package.sku = 'FIB-0001'"
    )
    assert stored == kept

    other = next(r for r in site.console.records("crm") if r["id"] == copy)
    assert site.call("resync", "FIB-0001").code == 0
    assert deeds(site)[1:] == [(*BY_LOGIN, "asked for a re-sync", "FIB-0001", "")]
    [ours] = [r for r in site.console.records("crm") if r["id"] == kept]
    assert ours["Unit_Price"] == 501
    assert other in site.console.records("crm")
    site.assert_nothing_left()


def test_the_document(site: Site) -> None:
    """For scripts: what was bound, what it replaced, and the plan; a second time it is no run."""
    kept, copy = copies(site)
    first = site.call("adopt", "fib-0001", "crm", kept, *BY, "--json").document
    told = {name: first[name] for name in first if name not in ("plan", "run_id")}
    assert told == {
        "sku": "FIB-0001",
        "target": "crm",
        "kind": "crm_product",
        "code": "FIB-0001",
        "remote_id": kept,
        "before": None,
        "by": "Thandi Nkosi",
    }
    assert [c["action"] for c in first["plan"]["changes"]] == ["update"]
    assert site.sql("select trigger, state from trueup.run where run_id = %s", first["run_id"]) == [
        ("adopt", "succeeded")
    ]
    again = site.call("adopt", "FIB-0001", "crm", kept, "--json").document
    assert again["run_id"] is None
    assert site.call("adopt", "FIB-0001", "crm", kept).stdout.splitlines()[0].endswith("was done.")
    moved = site.call("adopt", "FIB-0001", "crm", copy, *BY, "--json").document
    assert moved["before"] == kept
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    [part] = re.findall(r"### `adopt`\n(.*?)(?=\n##|\Z)", page, re.DOTALL)
    assert {key for key in first if f"`{key}`" not in part} == set()


def test_what_is_refused(site: Site) -> None:
    """Another product's record, an id that is not there, a SKU that nobody knows; exit 2."""
    [(theirs,)] = site.sql(
        "select remote_id from trueup.binding where kind = 'crm_product' and code = 'FIB-0002'"
    )
    runs = site.run_states()
    for arguments, said in (
        (("FIB-0001", "crm", theirs), "is bound to another product: FIB-0002"),
        (("FIB-0001", "crm", "4611"), "crm has no record with the id 4611"),
        (("FIB-0001", "billing", theirs), f"billing has no record with the id {theirs}"),
        (("FIB-9999", "crm", theirs), "the catalogue has no product with the SKU 'FIB-9999'"),
        (("FIB-0001", "crm", " "), "the id of the record is missing"),
    ):
        refused = site.call("adopt", *arguments, *BY)
        assert (refused.code, refused.stdout) == (2, ""), refused
        assert said in refused.stderr
    assert site.run_states() == runs
    assert history(site) == []


def test_one_writer(site: Site) -> None:
    """While another run holds the lock, nothing is done: exit 75."""
    kept, _ = copies(site)
    with psycopg.connect(site.database) as connection:
        connection.execute(
            "update trueup.lease set owner = 'another', run_id = 'cli-1',"
            " expires_at = clock_timestamp() + interval '1 hour'"
        )
        connection.commit()
    assert site.call("adopt", "FIB-0001", "crm", kept, *BY).code == 75
    assert history(site) == []
