"""compose.yaml and its variables: closed where it can be, waiting for what it needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from trueup.settings.options import BY_KEY, OPTIONS
from trueup.settings.values import duration
from zoho_emulator.options import Options

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("migrate", "trueup", "worker")
VARIABLE = re.compile(r"^#?([A-Z][A-Z_]+)=(.*)$", re.MULTILINE)


def variables(name: str) -> dict[str, str]:
    """The variables of a file, those that are commented out too."""
    return dict(VARIABLE.findall((ROOT / "deploy" / name).read_text()))


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_write_where_it_should_not_or_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("privileged") is None
    assert "docker.sock" not in str(service)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_but_https_listens_beyond_this_machine(name: str) -> None:
    if name == "https":
        assert SERVICES[name]["profiles"] == ["https"]
        return
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", OURS)
def test_ours_wait_for_the_database_and_the_schema(name: str) -> None:
    waits = {what: how["condition"] for what, how in SERVICES[name]["depends_on"].items()}
    schema = {} if name == "migrate" else {"migrate": "service_completed_successfully"}
    assert waits == {"postgres": "service_healthy"} | schema


def test_each_of_ours_does_its_own() -> None:
    assert {name: SERVICES[name]["command"] for name in OURS} == {
        "migrate": ["db", "upgrade"],
        "trueup": ["serve"],
        "worker": ["worker"],
    }
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["worker"]["profiles"] == ["workers"]
    assert SERVICES["emulator"]["profiles"] == ["trial"]
    # The image looks at /healthz, which only `serve` has.
    assert "healthcheck" not in SERVICES["trueup"]
    assert SERVICES["worker"]["healthcheck"] == {"disable": True}


@pytest.mark.parametrize("name", OURS)
def test_a_stopped_service_may_finish_its_request(name: str) -> None:
    grace = BY_KEY["worker.grace"].default
    assert duration(SERVICES[name]["stop_grace_period"]) >= grace + 10


def test_it_holds_no_secret() -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert re.findall(r"PASSWORD: (.*)", text) == ["${POSTGRES_PASSWORD:?set it in .env}"]
    assert not re.search(r"CLIENT_SECRET|REFRESH_TOKEN|CRON_SECRET|SECRET_KEY", text)


def test_every_variable_of_ours_is_in_the_example() -> None:
    named = variables("example.env")
    wanted = {option.env for option in OPTIONS if option.env} - {
        "ZOHO_ACCOUNTS_URL",  # a sandbox, or the emulator
        "ZOHO_API_URL",
        "TRUEUP_CLOCK",  # for trials only
    }
    assert sorted(wanted - set(named)) == []
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text())) - {"TRUEUP_ENV_FILE"}
    assert sorted(used - set(named)) == []
    known = wanted | used | {"TRUEUP_CONFIG"}
    assert sorted(set(named) - known) == []


def test_the_example_states_the_defaults_and_no_real_secret() -> None:
    named = variables("example.env")
    for option in OPTIONS:
        if option.secret and named.get(option.env, ""):
            assert re.search(r"replace-?me|\.example", named[option.env], re.IGNORECASE)
    invented = {
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "TRUEUP_DAILY_BUDGET",
        "TRUEUP_DAILY_RESERVE",
        "TRUEUP_DATA_DIR",
        "TRUEUP_LOG_FORMAT",
        "TRUEUP_OIDC_CLIENT_ID",
        "TRUEUP_OIDC_ISSUER",
        "TRUEUP_OIDC_ROLES",
        "TRUEUP_PROXIES",
        "TRUEUP_WORKSPACES",
        "ZOHO_CLIENT_ID",
        "ZOHO_ORG_ID",
    }
    wrong = [
        f"{option.env}={named[option.env]}, the default is {option.default}"
        for option in OPTIONS
        if named.get(option.env) and not option.secret and option.env not in invented
        if option.parse(named[option.env]) != option.default
    ]
    assert wrong == []


def test_the_trial_names_the_emulators_organisation() -> None:
    trial, emulated = variables("trial.env"), Options()
    assert trial["ZOHO_CLIENT_ID"] == emulated.client_id
    assert trial["ZOHO_CLIENT_SECRET"] == emulated.client_secret
    assert trial["ZOHO_REFRESH_TOKEN"] == emulated.refresh_token
    assert trial["ZOHO_ORG_ID"] == emulated.org_id
    port = next(a for a in SERVICES["emulator"]["command"] if a.startswith("--port="))
    assert trial["ZOHO_API_URL"] == f"http://emulator:{port.removeprefix('--port=')}"
    assert trial["TRUEUP_ENV_FILE"] == "deploy/trial.env"
