"""`trueup config`: every setting with its origin, no secret, and precise errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.program import run_cli, run_program
from trueup.settings.options import OPTIONS

SECRETS = {
    "TRUEUP_OIDC_CLIENT_SECRET": "invented-secret-at-the-issuer",
    "DATABASE_URL": "postgresql://shop:invented-password@db.example/shop",
    "ZOHO_CLIENT_SECRET": "invented-client-secret",
    "ZOHO_REFRESH_TOKEN": "1000.invented-refresh-token",
    "CRON_SECRET": "invented-cron-secret",
    "CRON_SECRET_PREVIOUS": "invented-old-cron-secret",
    "TRUEUP_SECRET_KEY": "invented-key-of-the-vault",
    "TRUEUP_ALERTS": "https://hooks.example/invented",
    "TRUEUP_PING_URL": "https://ping.example/invented",
}


def write(folder: Path, text: str) -> Path:
    (folder / "trueup.toml").write_text(text, encoding="utf-8")
    return folder


def test_every_setting_is_listed_with_its_meaning() -> None:
    shown = run_cli("config")
    assert shown.code == 0, shown
    told = run_cli("config", "--json").document
    assert [s["key"] for s in told["settings"]] == [option.key for option in OPTIONS]
    for option in OPTIONS:
        assert option.key in shown.stdout
        assert option.env in shown.stdout
        assert option.meaning in shown.stdout


def test_no_character_of_a_secret_is_shown(tmp_path: Path) -> None:
    """Neither from the environment nor from the file, in neither form."""
    from_file = write(tmp_path, '[zoho]\nrefresh_token = "1000.invented-refresh-token"\n')
    for arguments in (("config",), ("config", "--json")):
        for env, folder in ((SECRETS, None), ({}, from_file)):
            result = run_cli(*arguments, env=env, cwd=folder)
            assert result.code == 0, result
            assert "invented" not in result.stdout + result.stderr
    told = run_cli("config", "--json", env=SECRETS).document
    secret = {s["env"]: s["value"] for s in told["settings"] if s["secret"]}
    assert secret == dict.fromkeys(SECRETS, "set")
    assert "ZOHO_REFRESH_TOKEN" in run_cli("config").stdout
    assert re.search(r"ZOHO_REFRESH_TOKEN +not set", run_cli("config").stdout)


def test_each_value_says_where_it_comes_from(tmp_path: Path) -> None:
    """The environment wins over the file, the file over the default."""
    write(tmp_path, "[rate]\nlimit = 30\nconcurrency = 2\n")
    env = {"TRUEUP_CONCURRENCY": "3"}
    told = run_cli("config", "--json", env=env, cwd=tmp_path).document
    settings = {s["key"]: (s["value"], s["origin"]) for s in told["settings"]}
    assert told["file"] == "trueup.toml"
    assert settings["rate.limit"] == (30, "trueup.toml")
    assert settings["rate.concurrency"] == (3, "TRUEUP_CONCURRENCY")
    assert settings["run.lease"] == (30.0, "default")


def test_the_effective_mapping_is_shown(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[mapping.crm_product]\nDescription = { policy = "ignore" }\nVendor_Code = "provider"\n'
        '[catalogue.columns]\nsku = "upper(code)"\n',
    )
    told = run_cli("config", "--json", cwd=tmp_path).document
    rules = {(rule["kind"], rule["field"]): rule for rule in told["mapping"]}
    assert rules["crm_product", "Description"]["policy"] == "ignore"
    assert rules["crm_product", "Vendor_Code"]["source"] == "provider"
    assert rules["billing_plan", "interval_unit"]["value"] == "months"
    assert rules["billing_plan", "setup_fee"]["value"] == "0.00"
    assert told["columns"] == {"sku": "upper(code)"}
    shown = run_cli("config", cwd=tmp_path).stdout
    assert re.search(r"Vendor_Code +provider +enforce", shown)
    assert re.search(r"interval_unit +always months +enforce", shown)
    assert "upper(code)" in shown


def test_the_hosts_follow_the_region() -> None:
    told = run_cli("config", "--json", env={"ZOHO_REGION": "eu"}).document
    assert told["hosts"] == {
        "accounts": "https://accounts.zoho.eu",
        "api": "https://www.zohoapis.eu",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[zoho]\n\nregio = 'EU'\n", ("line 3", "zoho.regio", "did you mean 'zoho.region'?")),
        ("[rate]\nlimit = 0\n", ("line 2", "a whole number from 1 to 100000, not 0")),
        ("[rate\nlimit = 1\n", ("trueup.toml cannot be read", "line 1")),
        ("[mapping.crm_produkt]\nX = 'sku'\n", ("line 1", "did you mean 'crm_product'?")),
        (
            "[mapping.crm_product]\nDescription = { policy = 'enforced' }\n",
            ("line 2", "did you mean 'enforce'?"),
        ),
    ],
)
def test_a_mistake_in_the_file_is_found_by_line(
    tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    result = run_cli("config", cwd=write(tmp_path, text))
    assert result.code == 2
    for words in said:
        assert words in result.stderr


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"ZOHO_REGION": "EUR"}, "did you mean EU?"),
        ({"TRUEUP_TIMEZONE": "Africa/Nowhere"}, "TRUEUP_TIMEZONE: expected an IANA time zone"),
        ({"TRUEUP_LEASE": "soon"}, "TRUEUP_LEASE: expected a duration such as 90"),
        ({"TRUEUP_CONFIG": "nowhere.toml"}, "there is no configuration file nowhere.toml"),
        ({"ZOHO_API_URL": "www.zohoapis.eu"}, "ZOHO_API_URL"),
        ({"TRUEUP_DAILY_BUDGET": "5", "TRUEUP_DAILY_RESERVE": "5"}, "TRUEUP_DAILY_RESERVE"),
    ],
)
def test_a_mistake_in_the_environment_is_found_by_name(env: dict[str, str], said: str) -> None:
    result = run_cli("config", env=env)
    assert result.code == 2
    assert said in result.stderr
    assert run_cli("config", "--json", env=env).document["error"]


def test_as_a_process_and_its_help() -> None:
    result = run_program("config", "--json", env=SECRETS)
    assert result.code == 0, result
    assert result.stderr == ""
    assert result.document["settings"]
    assert "trueup config" in run_cli("config", "--help").stdout.partition("For example:")[2]
