"""`trueup auth`: the self-client flow, the state of the token, and every way to be refused."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from support.emulator import emulator_process
from support.program import Result, run_cli, run_program
from trueup.zoho.scopes import SCOPES

CLIENT = {"ZOHO_CLIENT_ID": "1000.NOBODY", "ZOHO_CLIENT_SECRET": "invented-secret"}


@pytest.fixture(scope="module")
def zoho() -> Iterator[dict[str, str]]:
    """An emulator that never runs out of tokens."""
    with emulator_process(options={"oauth": {"refreshes": None}}) as variables:
        yield variables


@pytest.fixture
def env(zoho: dict[str, str], database_url: str) -> dict[str, str]:
    return {**zoho, "DATABASE_URL": database_url, "TRUEUP_SECRET_KEY": "key-of-this-test"}


def grant_code(zoho: dict[str, str]) -> str:
    answer = httpx2.post(f"{zoho['ZOHO_ACCOUNTS_URL']}/_emulator/grant-code")
    return str(answer.json()["code"])


def without_secrets(result: Result, env: dict[str, str]) -> None:
    printed = result.stdout + result.stderr
    for name in ("ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "TRUEUP_SECRET_KEY"):
        assert env[name] not in printed


def test_url_names_the_console_the_scopes_and_the_steps() -> None:
    """It needs nothing but the region."""
    shown = run_cli("auth", "url", env={"ZOHO_REGION": "EU"})
    assert shown.code == 0, shown
    assert "https://api-console.zoho.eu" in shown.stdout
    assert ",".join(SCOPES) in shown.stdout
    assert "trueup auth exchange" in shown.stdout
    told = run_cli("auth", "url", "--json").document
    assert told["console_url"] == "https://api-console.zoho.com"
    assert told["scopes"] == list(SCOPES)
    assert len(told["steps"]) == 5


def test_url_refuses_an_unknown_region() -> None:
    result = run_cli("auth", "url", env={"ZOHO_REGION": "Europe"})
    assert result.code == 2
    assert "did you mean EU?" in result.stderr


def test_exchange_prints_a_refresh_token_that_works(env: dict[str, str]) -> None:
    """Once, with how to keep it; the secret and the access token are not shown."""
    without_refresh = {k: v for k, v in env.items() if k != "ZOHO_REFRESH_TOKEN"}
    result = run_cli("auth", "exchange", grant_code(env), env=without_refresh)
    assert result.code == 0, result
    name, _, token = result.stdout.splitlines()[0].partition("=")
    assert name == "ZOHO_REFRESH_TOKEN"
    assert (result.stdout + result.stderr).count(token) == 1
    without_secrets(result, env)
    fresh = run_cli("auth", "status", "--refresh", env={**env, "ZOHO_REFRESH_TOKEN": token})
    assert fresh.code == 0, fresh
    assert token not in fresh.stdout + fresh.stderr


def test_exchange_as_json(env: dict[str, str]) -> None:
    told = run_cli("auth", "exchange", grant_code(env), "--json", env=env).document
    assert told["refresh_token"].startswith("1000.")
    assert told["api_domain"] == env["ZOHO_API_URL"]


def test_a_used_or_wrong_code_is_refused(env: dict[str, str]) -> None:
    code = grant_code(env)
    assert run_cli("auth", "exchange", code, env=env).code == 0
    again = run_cli("auth", "exchange", code, env=env)
    assert again.code == 4
    assert "the grant code was refused" in again.stderr
    assert "ZOHO_REGION" in again.stderr


def test_exchange_names_what_is_not_set() -> None:
    result = run_cli("auth", "exchange", "1000.code", env={"ZOHO_CLIENT_ID": "1000.NOBODY"})
    assert result.code == 4
    assert "not set: ZOHO_CLIENT_SECRET" in result.stderr


def test_exchange_wants_a_database_that_is_migrated(
    zoho: dict[str, str], empty_database_url: str
) -> None:
    """Token requests count in the budget, which lives there."""
    result = run_cli("auth", "exchange", "x", env={**zoho, "DATABASE_URL": empty_database_url})
    assert result.code == 2
    assert "trueup db upgrade" in result.stderr


def test_status_before_and_after_the_first_token(env: dict[str, str]) -> None:
    before = run_cli("auth", "status", "--json", env=env)
    assert before.code == 0, before
    assert before.document["state"] == "none yet"
    fetched = run_cli("auth", "status", "--refresh", env=env)
    assert fetched.code == 0, fetched
    without_secrets(fetched, env)
    after = run_cli("auth", "status", "--json", env=env).document
    assert after["state"] == "valid"
    assert after["issued_at"] < after["refresh_at"] < after["expires_at"]
    assert after["api_domain"] == env["ZOHO_API_URL"]
    assert "ZohoSubscriptions" in after["scope"]


def test_status_needs_no_credentials(database_url: str) -> None:
    result = run_cli("auth", "status", env={"DATABASE_URL": database_url})
    assert result.code == 0, result
    assert "none yet" in result.stdout


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_ID is not known, or ZOHO_REGION is not"),
        ("ZOHO_CLIENT_SECRET", "ZOHO_CLIENT_SECRET does not belong to ZOHO_CLIENT_ID"),
        ("ZOHO_REFRESH_TOKEN", "ZOHO_REFRESH_TOKEN was revoked, or ZOHO_REGION is not"),
    ],
)
def test_a_wrong_credential_is_named(env: dict[str, str], variable: str, said: str) -> None:
    """A wrong data centre looks the same to Zoho, so it is named beside it."""
    wrong = {**env, variable: "1000.wrong"}
    result = run_cli("auth", "status", "--refresh", env=wrong)
    assert result.code == 4
    assert said in result.stderr
    without_secrets(result, wrong | {variable: env[variable]})


def test_too_many_tokens_start_a_silence_that_status_shows(database_url: str) -> None:
    """Ten in ten minutes are allowed; after the refusal nobody asks."""
    with emulator_process(options={"oauth": {"refreshes": 0}}) as zoho:
        env = {**zoho, "DATABASE_URL": database_url, "TRUEUP_SECRET_KEY": "key-of-this-test"}
        refused = run_cli("auth", "status", "--refresh", env=env)
        assert refused.code == 1
        assert "refuses new access tokens" in refused.stderr
        state = run_cli("auth", "status", "--json", env=env).document
    assert state["state"] == "cooling down"
    assert state["cooldown_until"] is not None
    assert "too many" in state["cooldown_reason"]


def test_as_a_process(env: dict[str, str]) -> None:
    result = run_program("auth", "status", "--refresh", "--json", env=env)
    assert result.code == 0, result
    assert result.document["state"] == "valid"
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["url", "exchange", "status"])
def test_help_has_an_example(command: str) -> None:
    shown = run_cli("auth", command, "--help").stdout
    assert f"trueup auth {command}" in shown.partition("For example:")[2]
