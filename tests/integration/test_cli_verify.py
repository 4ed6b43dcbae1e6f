"""`trueup verify` through the program: what it counts, what it writes, and what it proves."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.agreement import some_rows, writes
from support.site import Site, open_site
from trueup import __version__

HOSTILE = (
    ("=1+1", "<script>alert(1)</script> \"x\" & 'y'"),
    ("'quoted", '</td><td data-cell="verdict">same'),
    ("@sum", "a,b;c\td $hash ${rows}"),
)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=6) as opened:
        assert opened.call("run").code == 0
        yield opened


def verify(site: Site, *arguments: str) -> tuple[int, Any]:
    result = site.call("verify", "--json", *arguments)
    return result.code, result.document


def chained(site: Site) -> list[tuple[str, str]]:
    return site.sql("select previous, hash from trueup.verification order by id")


def crm_record(site: Site, code: str) -> dict[str, Any]:
    [record] = [r for r in site.console.records("crm") if r["Product_Code"] == code]
    return record


def test_all_the_same_then_one_of_each_trouble_then_a_run_mends_it(site: Site) -> None:
    code, report = verify(site)
    assert (code, report["agreeing"], report["products"]) == (0, 6, 6)
    assert {row["verdict"] for row in report["rows"]} == {"same"}

    skus = sorted(row["sku"] for row in site.rows)
    drifted, off, deleted = skus[:3]
    site.console.edit("crm", "products", crm_record(site, drifted)["id"], Unit_Price=1.5)
    site.console.edit("billing", "plans", off, status="inactive")
    site.console.delete("crm", "products", crm_record(site, deleted)["id"])
    before = len(writes(site.console.journal()))
    code, report = verify(site)
    assert (code, report["agreeing"], report["products"]) == (1, 3, 6)
    rows = {row["sku"]: row for row in report["rows"]}
    assert rows[drifted]["verdict"] == "differs"
    assert rows[drifted]["why"].startswith("CRM price is 1.50, the catalogue says ")
    assert (rows[off]["why"], rows[off]["billing"]["active"]) == ("Billing plan is inactive", False)
    assert (rows[deleted]["verdict"], rows[deleted]["why"]) == ("missing", "CRM is missing")
    totals = report["totals"]["ZAR"]
    assert (totals["crm"]["products"], totals["billing"]["products"]) == (5, 5)
    assert len(writes(site.console.journal())) == before

    site.call("run", "--sku", drifted, "--sku", off, "--sku", deleted)
    assert verify(site)[0] == 0
    site.assert_agreement()


def test_a_duplicate_that_nobody_can_tell_apart(site: Site) -> None:
    [new] = some_rows(7)[6:]
    site.fill([new])
    for _ in range(2):
        site.console.add("crm", "products", Product_Name=new["name"], Product_Code=new["sku"])
    code, report = verify(site)
    [row] = [row for row in report["rows"] if row["verdict"] != "same"]
    assert (code, row["sku"], row["crm"]["verdict"]) == (1, new["sku"], "ambiguous")


def test_what_a_person_sees(site: Site) -> None:
    shown = site.call("verify", "--no-record").stdout
    assert shown.startswith("6/6 products say the same everywhere.")
    assert "What differs" not in shown
    site.console.edit("billing", "plans", "FIB-0001", recurring_price=1)
    shown = site.call("verify", "--no-record").stdout
    assert shown.startswith("5/6 ")
    assert "Billing plan price is 1.00, the catalogue says" in shown
    assert "FIB-0002" not in shown
    assert "FIB-0002" in site.call("verify", "--no-record", "--all").stdout
    assert chained(site) == []


def test_a_target_that_is_down_is_never_the_same(site: Site) -> None:
    site.console.weather({"match": {"service": "crm"}, "do": "error_html", "status": 503})
    result = site.call("verify")
    assert result.code == 1
    assert result.stdout.startswith("0/6 ")
    assert "crm could not be read" in result.stdout
    code, report = verify(site)
    assert (code, report["totals"]["ZAR"]["crm"]) == (1, None)
    assert {row["crm"]["verdict"] for row in report["rows"]} == {"unread"}


def test_a_part_of_the_catalogue_is_not_recorded(site: Site) -> None:
    code, report = verify(site, "--sku", "FIB-0001", "--target", "billing")
    assert (code, report["products"], report["number"], report["rows"][0]["crm"]) == (
        0,
        1,
        None,
        None,
    )
    assert chained(site) == []
    assert site.call("verify", "--sku", "NO-SUCH").code == 2


# --- the chain ----------------------------------------------------------------------------------


def test_each_report_names_the_one_before(site: Site) -> None:
    first, second = verify(site)[1], verify(site)[1]
    assert (first["number"], first["previous"], second["previous"]) == (1, None, first["hash"])
    assert second["rows_hash"] == first["rows_hash"]
    assert second["hash"] != first["hash"]


def test_two_at_once_do_not_fork_the_chain(site: Site) -> None:
    from trueup.domain.verification import Head, digest_rows
    from trueup.postgres.verifications import append, chain

    def add(products: int) -> None:
        from datetime import UTC, datetime

        with psycopg.connect(site.database, autocommit=True) as connection:
            head = Head(datetime(2026, 3, 2, tzinfo=UTC), products, 0, {}, digest_rows([]))
            append(connection, head)

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(site.database, autocommit=True) as connection:
        links = list(chain(connection))
    assert [link.previous for link in links] == ["", *(link.hash for link in links[:-1])]
    assert [link.number for link in links] == list(range(1, 9))
    assert all(link.sound for link in links)


# --- files and their check ----------------------------------------------------------------------


def written(site: Site) -> dict[str, Path]:
    """The same report in its three formats."""
    files = {name: site.folder / f"report.{name}" for name in ("json", "csv", "html")}
    done = site.call("verify", "--json", "--csv", str(files["csv"]), "--html", str(files["html"]))
    files["json"].write_text(done.stdout, encoding="utf-8")
    return files


def hostile(site: Site) -> None:
    names = zip(some_rows(9)[6:], HOSTILE, strict=True)
    site.fill([row | {"sku": sku, "name": name} for row, (sku, name) in names])


def test_every_format_can_be_checked_and_none_can_be_changed(site: Site) -> None:
    hostile(site)
    for file in written(site).values():
        checked = site.call("verify", "--check", str(file), "--json")
        assert (checked.code, checked.document["verdict"]) == (0, "untouched"), str(checked)
        assert checked.document["chain"] == {"reports": 1, "broken_at": None}
        text = file.read_bytes().decode("utf-8-sig")
        for old, new in (("FIB-0002", "FIB-0020"), ("missing", "same"), ('"6"', '"9"')):
            if old in text:
                file.write_text(text.replace(old, new, 1), encoding="utf-8")
                assert site.call("verify", "--check", str(file)).code == 1, (file.name, old)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("html", 'data-head="agreeing">6', 'data-head="agreeing">5'),
        ("html", 'data-total="ZAR/crm/difference">0.00', 'data-total="ZAR/crm/difference">1.00'),
        ("csv", "agreeing,6", "agreeing,5"),
        ("json", '"agreeing": 6', '"agreeing": 5'),
    ],
)
def test_counts_and_totals_cannot_be_changed(site: Site, name: str, old: str, new: str) -> None:
    file = written(site)[name]
    text = file.read_bytes().decode("utf-8-sig")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    result = site.call("verify", "--check", str(file))
    assert (result.code, "was altered" in result.stdout) == (1, True)


def test_a_page_cannot_be_changed_around_its_figures(site: Site) -> None:
    file = written(site)["html"]
    text = file.read_text(encoding="utf-8")
    more = "<p>All is well, says somebody.</p></header>"
    for changed in (text.replace("</header>", more), text.replace("good", "none", 1), text + " "):
        file.write_text(changed, encoding="utf-8")
        result = site.call("verify", "--check", str(file))
        assert (result.code, "the page around its figures" in result.stdout) == (1, True)


def test_a_page_of_another_version_is_checked_by_its_figures_and_says_so(site: Site) -> None:
    file = written(site)["html"]
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f"&quot;{__version__}&quot;", "&quot;0.0.0-old&quot;"))
    result = site.call("verify", "--check", str(file))
    assert (result.code, "only its figures were checked" in result.stdout) == (0, True)


def test_a_report_that_was_made_anew_is_unknown_to_the_chain(site: Site) -> None:
    files = written(site)
    site.sql("delete from trueup.verification")
    result = site.call("verify", "--check", str(files["json"]))
    assert (result.code, "does not know it" in result.stdout) == (1, True)


def test_a_chain_that_was_changed_is_told(site: Site) -> None:
    file = written(site)["html"]
    verify(site)
    site.sql("update trueup.verification set agreeing = 1 where previous <> ''")
    checked = site.call("verify", "--check", str(file), "--json")
    assert (checked.code, checked.document["verdict"]) == (1, "untouched")
    assert checked.document["chain"] == {"reports": 2, "broken_at": 2}


def test_what_is_no_report_is_refused(site: Site) -> None:
    for text in ("", "hello", "{}", "[1]", "<html></html>", "sku,name\r\na,b\r\n"):
        file = site.folder / "other.txt"
        file.write_text(text, encoding="utf-8")
        assert site.call("verify", "--check", str(file)).code == 2, text
    assert site.call("verify", "--check", str(site.folder / "none")).code == 2
    assert site.call("verify", "--html", str(site.folder / "no/such/folder.html")).code == 2
    assert site.call("verify", "--csv", "--html", "x.html").code == 2
    assert site.call("verify", "--csv", "-", "--json").code == 2
    assert chained(site) == []


def test_a_spreadsheet_sees_no_formula_and_every_row(site: Site) -> None:
    hostile(site)
    told = site.call("verify", "--csv", "-").stdout
    lines = list(csv.reader(told.splitlines()))
    assert lines[0][:2] == ["sku", "name"]
    assert [len(line) for line in lines[1:10]] == [len(lines[0])] * 9
    assert lines[10] == []
    assert not [cell for line in lines for cell in line if cell[:1] in "=@" and cell]


def test_the_page_asks_for_nothing_and_escapes_everything(site: Site) -> None:
    hostile(site)
    text = written(site)["html"].read_text(encoding="utf-8")
    page = _Elements()
    page.feed(text)
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert not [value for value in page.addresses if value]
    assert "url(" not in text
    assert page.rows == 9
    for _, name in HOSTILE:
        assert name in page.texts


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str | None] = []
        self.texts: set[str] = set()
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        known = dict(attrs)
        self.addresses += [known.get(name) for name in ("src", "href", "style", "onclick")]
        self.rows += "data-row" in known

    def handle_data(self, data: str) -> None:
        self.texts.add(data)


def test_anybody_can_take_the_digest_again(site: Site) -> None:
    import hashlib

    report = verify(site)[1]
    lines = [
        json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
        for row in report["rows"]
    ]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == report["rows_hash"]
