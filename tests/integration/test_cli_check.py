"""`trueup check`: all well, and each thing that can be missing, with its remedy and exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from support.emulator import emulator_process
from support.program import Result, run_cli, run_program
from support.site import Console
from trueup.settings import load
from trueup.views.preflight import Verdict
from trueup.views.preflight_zoho import api_domain, crm_limits
from trueup.zoho.scopes import OPTIONAL_SCOPES, SCOPES

Lines = list[dict[str, str]]
CALM: dict[str, Any] = {
    "oauth": {"refreshes": None},
    "limits": {"total_per_minute": None, "billing_per_minute": None, "concurrency": None},
}
ROW: dict[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000001",
    "name": "Fibre 100",
    "service_type": "fibre",
    "product_category": "Hardware",
    "speed_down": 100,
    "speed_up": 50,
    "price": 899,
    "pricing": {"monthly": 899, "setup": 0},
    "sku": "FIB-100",
}


@pytest.fixture(scope="module")
def zoho() -> Iterator[dict[str, str]]:
    with emulator_process(options=CALM) as variables:
        yield variables


@pytest.fixture
def organisation(zoho: dict[str, str]) -> Callable[..., None]:
    """Begin again with an organisation that differs in these options."""

    def begin(**options: Any) -> None:
        merged = CALM | options | {"oauth": CALM["oauth"] | options.get("oauth", {})}
        answer = httpx2.post(f"{zoho['ZOHO_API_URL']}/_emulator/reset", json=merged)
        assert answer.status_code == 200, answer.text

    begin()
    return begin


@pytest.fixture
def env(
    zoho: dict[str, str], organisation: Callable[..., None], database_url: str
) -> dict[str, str]:
    """A database with one product, and a calm organisation."""
    found = {**zoho, "DATABASE_URL": database_url, "TRUEUP_SECRET_KEY": "key-of-this-test"}
    load_rows(found, ROW)
    return found


def load_rows(env: dict[str, str], *rows: dict[str, Any]) -> None:
    done = run_cli("db", "import", "-", env=env, stdin=json.dumps(rows))
    assert done.code == 0, done


def lines(result: Result, check: str, verdict: str) -> Lines:
    """The lines of one question with one verdict."""
    return [
        line
        for line in result.document["lines"]
        if line["check"] == check and line["verdict"] == verdict
    ]


def said(result: Result, check: str, verdict: str) -> str:
    return "\n".join(f"{x['detail']} → {x['remedy']}" for x in lines(result, check, verdict))


def test_all_is_well(env: dict[str, str], organisation: Callable[..., None]) -> None:
    organisation(crm={"field_overrides": {"Product_Code": {"unique": True}}})
    result = run_cli("check", "--json", env=env)
    assert result.code == 0, result
    assert result.document["verdict"] == "ok", result
    checks = {line["check"] for line in result.document["lines"]}
    assert checks >= {
        "configuration", "secret key", "database", "schema", "catalogue", "lock", "rate",
        "credentials", "region", "token", "scopes", "CRM organisation", "limits", "CRM fields",
        "CRM layouts", "Billing organisation", "Billing", "taxes", "renewal pricing",
    }  # fmt: skip
    assert "fixes" not in result.document
    shown = run_cli("check", env=env)
    assert "all 16 are granted" in shown.stdout
    assert "CRM enterprise: 52,000 credits in 24 hours, 20 calls at once" in shown.stdout
    assert "Renewal Pricing in Billing yourself" in said(result, "renewal pricing", "note")
    for name in ("ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"):
        assert env[name] not in shown.stdout + shown.stderr


def test_it_writes_nothing_at_zoho(env: dict[str, str]) -> None:
    assert run_cli("check", env=env).code == 0
    for kind in ("crm/products", "billing/products", "billing/plans", "billing/items"):
        found = httpx2.get(f"{env['ZOHO_API_URL']}/_emulator/records/{kind}").json()
        assert not found, (kind, found)


def test_missing_credentials_are_named(database_url: str) -> None:
    env = {"DATABASE_URL": database_url, "ZOHO_CLIENT_ID": "1000.X", "ZOHO_ORG_ID": "1"}
    result = run_cli("check", "--json", env=env)
    assert result.code == 4
    told = said(result, "credentials", "fail")
    assert "ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN" in told
    assert "ZOHO_ORG_ID" not in told
    assert lines(result, "Zoho", "skipped")


@pytest.mark.parametrize("variable", ["ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN"])
def test_a_refused_credential_is_named(env: dict[str, str], variable: str) -> None:
    result = run_cli("check", "--json", env={**env, variable: "1000.wrong"})
    assert result.code == 4
    assert variable in said(result, "token", "fail")
    assert lines(result, "Zoho", "skipped")


@pytest.mark.parametrize("scope", SCOPES)
def test_a_missing_scope_is_named(
    env: dict[str, str], organisation: Callable[..., None], scope: str
) -> None:
    organisation(oauth={"scope": ",".join(other for other in SCOPES if other != scope)})
    result = run_cli("check", "--json", env=env)
    assert result.code == 4
    told = said(result, "scopes", "fail")
    assert told.startswith(f"missing: {scope} →"), told
    assert "trueup auth url" in told


@pytest.mark.parametrize("scope", sorted(OPTIONAL_SCOPES))
def test_an_optional_scope_is_a_warning_at_most(
    env: dict[str, str], organisation: Callable[..., None], scope: str
) -> None:
    """What it is for is said; making fields is not asked for by somebody who only looks."""
    granted = [*SCOPES, *(other for other in OPTIONAL_SCOPES if other != scope)]
    organisation(oauth={"scope": ",".join(granted)})
    result = run_cli("check", "--json", env=env)
    assert result.code == 0, result
    assert "all 16 are granted" in said(result, "scopes", "ok")
    told = said(result, "scopes", "warn")
    if scope.endswith("fields.CREATE"):
        assert not told
    else:
        assert f"{scope} ({OPTIONAL_SCOPES[scope]})" in told
    assert bool(lines(result, "CRM layouts", "skipped")) is ("layouts" in scope)


def test_a_wrong_organisation_and_a_wrong_currency(
    env: dict[str, str], organisation: Callable[..., None]
) -> None:
    wrong = run_cli("check", "--json", env={**env, "ZOHO_ORG_ID": "12"})
    assert wrong.code == 4
    assert "700000001" in said(wrong, "Billing organisation", "fail")
    organisation(currency="USD", billing={"price_precision": 0})
    foreign = run_cli("check", "--json", env=env)
    assert foreign.code == 1
    for check in ("CRM organisation", "Billing organisation"):
        assert "counts in USD, the catalogue in ZAR" in said(foreign, check, "fail")
    assert "0 decimal places" in said(foreign, "Billing organisation", "warn")


def test_a_run_sends_no_amount_to_another_currency(
    env: dict[str, str], organisation: Callable[..., None]
) -> None:
    """Refused before the first write; what it costs is one question per target."""
    organisation(currency="USD")
    console = Console(env["ZOHO_API_URL"])
    refused = run_cli("run", "--json", env=env)
    assert refused.code == 2
    assert "counts in USD, the catalogue in ZAR" in refused.document["error"]
    assert console.records("crm") == console.records("billing", "plans") == []
    console.close()
    organisation()
    assert run_cli("run", env=env).code == 0


def test_fields_that_do_not_fit(env: dict[str, str], organisation: Callable[..., None]) -> None:
    """Missing, mistyped, too short, a picklist without the value, not unique, demanded."""
    load_rows(env, ROW | {"name": "Fibre " + "x" * 60, "product_category": "fibre"})
    organisation(
        crm={
            "missing_fields": ["ct_provider", "ct_service_package_id"],
            "field_overrides": {
                "ct_download_speed_mbps": {"data_type": "text"},
                "Manufacturer": {"mandatory": True},
            },
        }
    )
    result = run_cli("check", "--json", env=env)
    assert result.code == 1
    warned, failed = said(result, "CRM fields", "warn"), said(result, "CRM fields", "fail")
    assert "no ct_service_package_id, ct_provider" in warned
    assert "found by SKU alone" in warned
    assert "Product_Name takes 50 characters; the longest value has 66 (FIB-100)" in warned
    assert "the picklist Product_Category does not list 'fibre'" in warned
    assert "trueup check --fix" in warned
    assert "Product_Code is not unique" in said(result, "CRM fields", "note")
    assert "ct_download_speed_mbps is of type text; the catalogue has a number" in failed
    assert "CRM demands Manufacturer" in failed


def test_a_field_that_everything_rests_on(
    env: dict[str, str], organisation: Callable[..., None]
) -> None:
    organisation(crm={"missing_fields": ["Unit_Price"]})
    result = run_cli("check", "--json", env=env)
    assert result.code == 1
    assert "lacks, or hides from this user: Unit_Price" in said(result, "CRM fields", "fail")


def test_a_field_of_the_wrong_type_is_found_without_a_value_for_it(
    env: dict[str, str], organisation: Callable[..., None]
) -> None:
    """By what its source holds: no product has a validity window today."""
    organisation(crm={"field_overrides": {"ct_valid_to": {"data_type": "integer"}}})
    result = run_cli("check", "--json", env=env)
    assert result.code == 1
    told = said(result, "CRM fields", "fail")
    assert "ct_valid_to is of type integer; the catalogue has a date" in told


def test_what_a_layout_demands(env: dict[str, str], organisation: Callable[..., None]) -> None:
    """By default for somebody: every create would be refused. Else it is a note."""
    organisation(crm={"layouts": {"Standard": ["Manufacturer"], "Short": ["Usage_Unit"]}})
    result = run_cli("check", "--json", env=env)
    assert result.code == 1
    told = said(result, "CRM layouts", "fail")
    assert "the layout Standard demands Manufacturer" in told
    assert "every new product would be refused" in told
    assert "Short demands Usage_Unit" in said(result, "CRM layouts", "note")
    assert run_cli("run", env=env).code == 1

    organisation(crm={"layouts": {"Standard": ["Product_Code"], "Short": []}})
    filled = run_cli("check", "--json", env=env)
    assert filled.code == 0
    assert "Standard, Short: nothing is demanded" in said(filled, "CRM layouts", "ok")


def test_a_budget_that_the_edition_does_not_allow(env: dict[str, str]) -> None:
    greedy = run_cli("check", "--json", env={**env, "TRUEUP_DAILY_BUDGET": "60000"})
    assert "52,000 credits" in said(greedy, "limits", "warn")
    wide = run_cli("check", "--json", env={**env, "TRUEUP_CONCURRENCY": "30"})
    assert "TRUEUP_CONCURRENCY is 30" in said(wide, "limits", "warn")


def test_an_edition_that_nobody_knows() -> None:
    [line] = crm_limits(load(environment={}), "galactic", 2)
    assert line.verdict is Verdict.NOTE


def test_a_tax_that_does_not_exist(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "trueup.toml").write_text('[zoho]\ntax_id = "99"\n')
    result = run_cli("check", "--json", env=env, cwd=tmp_path)
    assert result.code == 1
    assert "no tax 99; it has" in said(result, "taxes", "fail")


def test_findings_in_the_catalogue_are_counted(env: dict[str, str]) -> None:
    rows = [ROW | {"id": ROW["id"][:-1] + n, "sku": f"F-{n}", "price": 1} for n in "23"]
    load_rows(env, *rows)
    told = said(run_cli("check", "--json", env=env), "catalogue", "warn")
    assert "2 findings (2 money)" in told
    assert "F-2: pricing.monthly says 899" in told


def test_an_empty_catalogue_and_a_held_lock(zoho: dict[str, str], database_url: str) -> None:
    env = {"DATABASE_URL": database_url}
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "select trueup.take_lease('default/run', 'me', 30::float8, 'nightly-1', 'host-7', 4242)"
        )
    result = run_cli("check", "--json", env=env)
    assert "is empty" in said(result, "catalogue", "warn")
    assert "nightly-1 is at work, on host-7, process 4242" in said(result, "lock", "ok")


def test_a_database_that_is_down(zoho: dict[str, str]) -> None:
    """What does not need it is still looked at."""
    env = {**zoho, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    result = run_cli("check", "--json", env=env)
    assert result.code == 2
    assert "DATABASE_URL" in said(result, "database", "fail")
    assert lines(result, "credentials", "ok")
    assert lines(result, "catalogue", "skipped")


def test_a_database_that_is_not_migrated(zoho: dict[str, str], empty_database_url: str) -> None:
    result = run_cli("check", "--json", env={**zoho, "DATABASE_URL": empty_database_url})
    assert result.code == 2
    assert "trueup db upgrade" in said(result, "schema", "fail")


def test_a_data_directory_that_cannot_be_written(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    env = {"DATABASE_URL": database_url, "TRUEUP_DATA_DIR": str(tmp_path / "taken" / "data")}
    result = run_cli("check", "--json", env=env)
    assert result.code == 2
    assert "TRUEUP_SECRET_KEY" in said(result, "secret key", "fail")


def test_zoho_that_is_away(env: dict[str, str]) -> None:
    """A token cannot be had: no fault of the credentials."""
    away = {"ZOHO_ACCOUNTS_URL": "http://127.0.0.1:1", "ZOHO_API_URL": "http://127.0.0.1:1"}
    result = run_cli("check", "--json", env={**env, **away})
    assert result.code == 1
    assert "http://127.0.0.1:1 gave no usable answer" in said(result, "token", "fail")


@pytest.mark.parametrize(
    ("settings", "verdict", "words"),
    [
        ({"TRUEUP_RATE_LIMIT": "30"}, "ok", "30 requests a minute"),
        ({"TRUEUP_RATE_LIMIT": "90"}, "ok", "one page of Zoho's says 30"),
        ({"TRUEUP_RATE_LIMIT": "120"}, "warn", "Billing refuses above 100"),
    ],
)
def test_the_rate(database_url: str, settings: dict[str, str], verdict: str, words: str) -> None:
    result = run_cli("check", "--json", env={"DATABASE_URL": database_url, **settings})
    assert words in said(result, "rate", verdict)


def test_wrong_settings_end_with_two(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "trueup.toml").write_text('[zoho]\nregoin = "EU"\n')
    typo = run_cli("check", env={"DATABASE_URL": database_url}, cwd=tmp_path)
    assert typo.code == 2
    assert "line 2" in typo.stderr
    assert "did you mean 'zoho.region'?" in typo.stderr
    env = {"DATABASE_URL": database_url, "ZOHO_REGION": "Mars"}
    region = run_cli("check", "--json", env=env)
    assert region.code == 2
    assert "Choose one of US, EU" in said(region, "region", "fail")
    greedy = {"TRUEUP_DAILY_BUDGET": "100", "TRUEUP_DAILY_RESERVE": "100"}
    reserve = run_cli("check", "--json", env={"DATABASE_URL": database_url, **greedy})
    assert reserve.code == 2
    assert "TRUEUP_DAILY_RESERVE" in reserve.document["remedy"]


def test_an_account_of_another_data_centre() -> None:
    """The token's answer says where the account lives."""
    settings = load(environment={"ZOHO_REGION": "US"})
    [line] = api_domain(settings, "https://www.zohoapis.eu")
    assert line.remedy == "set ZOHO_REGION=EU"
    assert not list(api_domain(settings, "https://zohoapis.com"))


def test_as_a_process_and_its_help(env: dict[str, str]) -> None:
    result = run_program("check", env=env)
    assert result.code == 0, result
    assert result.stdout.splitlines()[-1].startswith("ok: ")
    assert result.stderr == ""
    assert "trueup check" in run_cli("check", "--help").stdout.partition("For example:")[2]
