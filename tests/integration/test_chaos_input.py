"""Bad input through the command line: a clear word, the right exit code, and nothing sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.agreement import a_catalogue_row, some_rows, wanted, writes
from support.program import Result, run_cli
from support.site import Site, open_site
from zoho_emulator.oauth.options import FULL_SCOPE

NOWHERE = {
    "ZOHO_ACCOUNTS_URL": "http://127.0.0.1:1",
    "ZOHO_API_URL": "http://127.0.0.1:1",
    "ZOHO_CLIENT_ID": "1000.INVENTED",
    "ZOHO_CLIENT_SECRET": "invented-secret",
    "ZOHO_REFRESH_TOKEN": "1000.invented.token",
    "ZOHO_ORG_ID": "700000001",
    "TRUEUP_SECRET_KEY": "invented-key-of-the-tests",
}


def assert_refused(result: Result, code: int, *words: str) -> None:
    """The exit code, and one message with these words; no trace of Python."""
    assert result.code == code, str(result)
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr, str(result)


@pytest.mark.parametrize("amount", ["0", "-1", "x", ""])
@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_limit_must_be_a_whole_number_above_zero(verb: str, amount: str) -> None:
    """Nothing is opened for it, neither database nor target."""
    assert_refused(run_cli(verb, f"--max-products={amount}"), 2, "--max-products")


@pytest.mark.parametrize("verb", ["run", "plan", "drift"])
def test_missing_credentials_are_named(verb: str) -> None:
    """All of them at once."""
    env = {name: text for name, text in NOWHERE.items() if name != "ZOHO_CLIENT_SECRET"}
    del env["ZOHO_ORG_ID"]
    assert_refused(run_cli(verb, env=env), 4, "ZOHO_CLIENT_SECRET", "ZOHO_ORG_ID")


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_database_that_is_down(verb: str) -> None:
    url = "postgresql://trueup:invented-password@127.0.0.1:1/trueup"
    result = run_cli(verb, env=NOWHERE | {"DATABASE_URL": url})
    assert_refused(result, 2, "database cannot be reached")
    assert "invented-password" not in result.stderr + result.stdout


@pytest.mark.parametrize("verb", ["run", "plan", "drift"])
def test_a_database_without_our_schema(empty_database_url: str, verb: str) -> None:
    result = run_cli(verb, env=NOWHERE | {"DATABASE_URL": empty_database_url})
    assert_refused(result, 2, "trueup db upgrade")


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_an_empty_catalogue_is_not_a_wish(database_url: str, verb: str) -> None:
    """It would retire everything."""
    result = run_cli(verb, env=NOWHERE | {"DATABASE_URL": database_url})
    said = result.stdout + result.stderr
    assert (result.code, "the catalogue is empty" in said) == (1, True), str(result)


@pytest.fixture
def site(database_url: str) -> Any:
    with open_site(database_url, products=4) as opened:
        yield opened


def test_an_unknown_sku_is_refused_with_a_suggestion(site: Site) -> None:
    for verb in ("run", "plan", "drift"):
        result = site.call(verb, "--sku", "FIB-0001", "--sku", "FIB-00O2")
        assert_refused(result, 2, "'FIB-00O2'", "did you mean 'FIB-0002'?")
    assert_refused(site.call("resync", "NOTHING-LIKE-IT-999"), 2, "NOTHING-LIKE-IT-999")
    assert site.console.sent() == 0


def test_wrong_credentials(site: Site) -> None:
    """Client, secret or token: exit 4, nothing written, no secret repeated."""
    given = {"ZOHO_CLIENT_ID": "run", "ZOHO_CLIENT_SECRET": "run", "ZOHO_REFRESH_TOKEN": "plan"}
    for name, verb in given.items():
        result = site.call(verb, **{name: "1000.wrong-and-secret"})
        assert result.code == 4, str(result)
        assert "Traceback" not in result.stderr
        assert "wrong-and-secret" not in result.stdout + result.stderr
    assert writes(site.console.journal()) == []
    assert site.call("run").code == 0
    site.assert_agreement()


def test_a_missing_scope_is_named_and_the_other_target_completes(database_url: str) -> None:
    scopes = [scope for scope in FULL_SCOPE.split(",") if not scope.startswith("ZohoSubscriptions")]
    options = {"oauth": {"scope": ",".join(scopes)}}
    with open_site(database_url, products=3, options=options) as site:
        result = site.call("run", "--json")
        assert result.code == 4, str(result)
        assert "ZohoSubscriptions" in result.document["error"]
        assert len(site.console.records("crm")) == 3
        assert result.document["summary"]["billingFailed"] == 0
        assert_refused(site.call("plan"), 4, "ZohoSubscriptions")


def test_a_catalogue_that_lost_more_than_half_of_its_rows(site: Site) -> None:
    """The run fails before any write, until somebody says that it is right."""
    assert site.call("run").code == 0
    site.sql("delete from service_packages where sku <> 'FIB-0001'")
    before = site.console.sent()
    for verb in ("run", "plan"):
        result = site.call(verb)
        said = result.stdout + result.stderr
        assert (result.code, "the last run saw 4" in said) == (1, True), str(result)
        assert "--accept-smaller-catalogue" in said
    assert site.console.sent() == before
    for _ in range(2):
        assert site.call("run", "--accept-smaller-catalogue").code == 0
    plans = site.console.records("billing", "plans")
    assert sorted(plan["status"] for plan in plans) == ["active"] + ["inactive"] * 3
    site.assert_nothing_left()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("valid_to = 'infinity'", 0),
        ("metadata = '[1]'", 0),
        ("price = 'NaN', pricing = null, base_price_zar = null", 3),
    ],
)
def test_one_row_that_cannot_be_read_stops_nobody_else(site: Site, fault: str, code: int) -> None:
    """It is a finding; one about its money is held. What Zoho has of it is left alone."""
    assert site.call("run").code == 0
    before = site.console.records("billing", "plans")
    site.sql(f"update service_packages set {fault} where sku = 'FIB-0001'")
    site.sql("update service_packages set description = 'Better' where sku = 'FIB-0002'")
    result = site.call("run", "--json")
    assert result.code == code, str(result)
    [odd] = [r for r in result.document["results"] if r["sku"] == "FIB-0001"]
    assert "column " in odd["crm"]["error"]
    after = site.console.records("billing", "plans")
    assert [p["description"] for p in after if p["plan_code"] == "FIB-0002"] == ["Better"]
    untouched = [p for p in before if p["plan_code"] == "FIB-0001"]
    assert [p for p in after if p["plan_code"] == "FIB-0001"] == untouched


FINE = {
    1: {"name": "Inthanethi Esheshayo Yasekhaya", "description": "Isivinini esiphezulu"},
    2: {"name": "Fibre 🚀 Turbo", "description": "Schnell — „süß“ & <b>günstig</b>"},
    3: {"name": "光ファイバー 100", "description": "速い\r\n安い"},
    4: {"sku": "Z'A&B", "name": "O'Brien & Sons"},
}  # fmt: skip
ODD: dict[int, tuple[str, dict[str, Any]]] = {
    10: ("sku_missing", {"sku": None}),
    11: ("sku_missing", {"sku": "   "}),
    12: ("sku_duplicate", {"sku": "TWIN-1"}),
    13: ("sku_duplicate", {"sku": " twin-1 "}),
    14: ("text_too_long", {"name": "N" * 95}),
    15: ("name_control_character", {"name": "bell\x07"}),
    16: ("price_contradiction", {"base_price_zar": 1}),
    17: ("term_contradiction", {"metadata": {"contract_months": 12, "contract_term_months": 24}}),
    18: ("price_zero", {"monthly": 0}),
    19: ("sku_not_a_code", {"sku": "WITH SPACE/1"}),
}


def test_odd_rows_are_findings_and_odd_texts_arrive_whole(database_url: str) -> None:
    """Each bad row is refused with its own reason; nothing of the good ones is changed."""
    with open_site(database_url) as site:
        fine = [a_catalogue_row(number, **columns) for number, columns in FINE.items()]
        site.fill([*fine, *(a_catalogue_row(n, **columns) for n, (_, columns) in ODD.items())])
        plan = site.call("plan", "--json").document
        found = {finding["sku"]: finding["code"] for finding in plan["findings"]}
        assert {code for code, _ in ODD.values()} == set(found.values())

        result = site.call("run", "--json")
        assert result.code == 3, str(result)
        assert result.document["summary"]["held"] == 2
        names = {r["Product_Code"]: r["Product_Name"] for r in site.console.records("crm")}
        assert {row["sku"]: row["name"] for row in fine}.items() <= names.items()
        assert set(names) - {row["sku"] for row in fine} == {"WITH SPACE/1"}
        codes = {plan["plan_code"] for plan in site.console.records("billing", "plans")}
        assert codes == {row["sku"] for row in fine}
        site.assert_nothing_left()


PLANS = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"[]",
    b"{}",
    b'{"changes": 5, "scope": {"targets": ["crm"], "skus": []}}',
    b'{"changes": [1], "scope": {"targets": ["crm"], "skus": []}}',
    b'{"changes": [{}], "scope": {"targets": ["crm"], "skus": []}}',
    b'{"changes": [], "scope": {"targets": [["crm"]], "skus": []}}',
    b'{"changes": [], "scope": {"targets": ["crm"], "skus": [7]}}',
    b'{"changes": [], "scope": {"targets": ["elsewhere"], "skus": []}}',
]


@pytest.mark.parametrize("content", PLANS)
def test_a_broken_plan_file_is_refused(database_url: str, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content)
    result = run_cli("run", "--plan", str(file), env=NOWHERE | {"DATABASE_URL": database_url})
    assert_refused(result, 2, "is not a plan")


def test_a_plan_file_that_cannot_be_read_or_written(site: Site, tmp_path: Path) -> None:
    """A folder, a missing file, a full disk."""
    assert_refused(site.call("run", "--plan", str(tmp_path)), 2, "cannot be read")
    assert_refused(site.call("run", "--plan", str(tmp_path / "none")), 2, "cannot be read")
    assert_refused(site.call("plan", "--out", str(tmp_path)), 2, "cannot be written")
    assert_refused(site.call("plan", "--out", "/dev/full"), 2, "No space left")


def test_a_saved_plan_leaves_out_what_moved_since(site: Site, tmp_path: Path) -> None:
    """A row that changed on either side is stale; the rest is applied exactly."""
    assert site.call("run").code == 0
    for number in (1, 2, 3):
        site.fill([a_catalogue_row(number, monthly=540 + number)])
    file = str(tmp_path / "plan.json")
    saved = site.call("plan", "--json", "--out", file).document
    assert len(json.loads(Path(file).read_text())["changes"]) == len(saved["changes"]) == 6

    site.console.edit("crm", "products", "FIB-0001", Unit_Price=1.0)
    site.fill([a_catalogue_row(2, monthly=549)])
    result = site.call("run", "--plan", file, "--json")
    assert (result.code, result.document["state"]) == (1, "partial"), str(result)
    assert result.document["stale"] == 3
    prices = {r["Product_Code"]: r["Unit_Price"] for r in site.console.records("crm")}
    assert prices == {"FIB-0001": 1.0, "FIB-0002": 502, "FIB-0003": 543, "FIB-0004": 504}
    assert site.call("run", "--plan", file, "--json").document["stale"] == 6

    assert site.call("run").code == 0
    site.assert_agreement()
    assert wanted(some_rows(4)) != wanted(site.rows)


def test_a_data_directory_that_cannot_be_used(site: Site, tmp_path: Path) -> None:
    """The key is kept there; a file in its place is as bad as a read-only one."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    result = site.call("run", TRUEUP_DATA_DIR=str(blocked), TRUEUP_SECRET_KEY="")
    assert_refused(result, 2, "data directory", "TRUEUP_SECRET_KEY")
    result = run_cli("run", env=NOWHERE | {"TRUEUP_DATA_DIR": str(blocked), "DATABASE_URL": ""})
    assert_refused(result, 2, str(blocked))


@pytest.mark.parametrize("table", ["run", "intent", "binding", "change_history", "product_state"])
def test_a_full_disk_of_the_database(site: Site, table: str) -> None:
    """The run stops with a clear word, at whatever it could not write; later it goes on."""
    with psycopg.connect(site.database, autocommit=True) as connection:
        connection.execute(
            "create function no_space() returns trigger language plpgsql as"
            " $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$"
        )
        connection.execute(
            f"create trigger full_disk before insert on trueup.{table}"
            " for each row execute function no_space()".encode()
        )
        assert_refused(site.call("run"), 2, "disk is full")
        connection.execute(f"drop trigger full_disk on trueup.{table}".encode())
    assert site.call("run").code == 0
    site.assert_agreement()
