"""`trueup check --fix`: missing custom fields are made once, by somebody who agreed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.emulator import emulator_process
from support.program import Result, command, environment, run_cli
from trueup.zoho.scopes import OPTIONAL_SCOPES, SCOPES

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
CUSTOM = {
    "ct_product_id": "text", "ct_service_package_id": "text", "ct_service_type": "text",
    "ct_market_segment": "text", "ct_provider": "text", "ct_installation_fee": "currency",
    "ct_download_speed_mbps": "integer", "ct_upload_speed_mbps": "integer",
    "ct_contract_term_months": "integer", "ct_valid_from": "date", "ct_valid_to": "date",
}  # fmt: skip


@pytest.fixture(scope="module")
def zoho() -> Iterator[dict[str, str]]:
    with emulator_process(options=CALM) as variables:
        yield variables


@pytest.fixture
def bare(zoho: dict[str, str]) -> Callable[..., None]:
    """Begin again with an organisation that has none of our fields, or lacks those named."""

    def begin(*missing: str, scope: str = "", **crm: Any) -> None:
        options = CALM | {"crm": {"missing_fields": list(missing or CUSTOM), **crm}}
        if scope:
            options |= {"oauth": {**CALM["oauth"], "scope": scope}}
        httpx2.post(f"{zoho['ZOHO_API_URL']}/_emulator/reset", json=options).raise_for_status()

    return begin


@pytest.fixture
def env(zoho: dict[str, str], database_url: str) -> dict[str, str]:
    found = {**zoho, "DATABASE_URL": database_url, "TRUEUP_SECRET_KEY": "key-of-this-test"}
    done = run_cli("db", "import", "-", env=found, stdin=json.dumps([ROW]))
    assert done.code == 0, done
    return found


def said(result: Result, check: str, verdict: str) -> str:
    found = [x for x in result.document["lines"] if (x["check"], x["verdict"]) == (check, verdict)]
    return "\n".join(f"{line['detail']} → {line['remedy']}" for line in found)


def created(env: dict[str, str]) -> int:
    """How many requests to make fields Zoho has seen."""
    journal = httpx2.get(f"{env['ZOHO_API_URL']}/_emulator/journal").json()
    return sum(e["method"] == "POST" and e["path"].endswith("/settings/fields") for e in journal)


def test_without_a_yes_it_says_what_it_would_do(
    env: dict[str, str], bare: Callable[..., None]
) -> None:
    bare()
    result = run_cli("check", "--fix", "--json", env=env)
    assert result.code == 0, result
    told = said(result, "new fields", "note")
    assert "would make 11 fields in CRM" in told
    assert "ct_provider (text, 255)" in told
    assert "ct_valid_to (date)" in told
    assert "`trueup check --fix --yes`" in told
    fixes = result.document["fixes"]
    assert {fix["field"]: fix["data_type"] for fix in fixes} == CUSTOM
    assert not any(fix["made"] for fix in fixes)
    assert "would make 11 fields" in run_cli("check", "--fix", env=env, stdin="y\n").stdout
    assert created(env) == 0


def test_with_a_yes_they_are_made_and_the_check_is_green(
    env: dict[str, str], bare: Callable[..., None]
) -> None:
    """A run then fills them; doing it again does nothing."""
    bare()
    before = run_cli("check", "--json", env=env)
    assert "no ct_product_id" in said(before, "CRM fields", "warn")
    result = run_cli("check", "--fix", "--yes", "--json", env=env)
    assert (result.code, result.document["verdict"]) == (0, "ok"), result
    assert "17 of 17 mapped fields exist" in said(result, "CRM fields", "ok")
    assert all(fix["made"] and fix["api_name"] == fix["field"] for fix in result.document["fixes"])
    assert created(env) == 3

    env |= {"TRUEUP_RATE_LIMIT": "100000"}  # what follows need not wait for the next minute
    assert run_cli("run", env=env).code == 0
    [product] = httpx2.get(f"{env['ZOHO_API_URL']}/_emulator/records/crm/products").json()
    assert product["ct_service_package_id"] == ROW["id"]
    assert (product["ct_installation_fee"], product["ct_download_speed_mbps"]) == (0.0, 100)

    again = run_cli("check", "--fix", "--yes", "--json", env=env)
    assert again.document["fixes"] == []
    assert "no ct_ field of the mapping is missing" in said(again, "new fields", "ok")
    assert created(env) == 3
    assert run_cli("drift", env=env).code == 0


def test_another_name_is_told_with_the_mapping_for_it(
    env: dict[str, str], bare: Callable[..., None], tmp_path: Path
) -> None:
    """With that mapping all is well, and nothing is made twice."""
    bare("ct_provider", api_names_from_labels="capitalised")
    for how in ("calls the new field Ct_Provider", "has a field with that label, called Ct_Prov"):
        result = run_cli("check", "--fix", "--yes", "--json", env=env)
        told = said(result, "new fields", "warn")
        assert how in told
        assert 'Ct_Provider = "provider" and ct_provider = { policy = "ignore" }' in told
    assert created(env) == 1
    (tmp_path / "trueup.toml").write_text(
        '[mapping.crm_product]\nCt_Provider = "provider"\nct_provider = { policy = "ignore" }\n'
    )
    mapped = run_cli("check", "--fix", "--yes", "--json", env=env, cwd=tmp_path)
    assert (mapped.document["verdict"], mapped.document["fixes"]) == ("ok", [])


def test_a_missing_permission_is_named(env: dict[str, str], bare: Callable[..., None]) -> None:
    create = "ZohoCRM.settings.fields.CREATE"
    bare(scope=",".join([*SCOPES, *(scope for scope in OPTIONAL_SCOPES if scope != create)]))
    result = run_cli("check", "--fix", "--yes", "--json", env=env)
    assert result.code == 4
    assert create in said(result, "new fields", "fail")
    assert "trueup auth url" in said(result, "new fields", "fail")


def test_what_crm_refuses_is_told_and_the_others_are_made(
    env: dict[str, str], bare: Callable[..., None]
) -> None:
    """A field by that label is there and of no use; two fields share a request."""
    bare("ct_provider", "ct_valid_to")
    refusal = {
        "fields": [
            {"code": "SUCCESS", "details": {"id": "1"}, "message": "", "status": "success"},
            {
                "code": "FIELD_LIMIT_EXCEEDED",
                "details": {"limit": 300},
                "message": "limit exceeded",
                "status": "error",
            },
        ]
    }
    rule = {
        "match": {"method": "POST", "path": "*/settings/fields"},
        "do": "refuse",
        "status": 207,
        "body": refusal,
    }
    httpx2.post(f"{env['ZOHO_API_URL']}/_emulator/faults", json=[rule]).raise_for_status()
    result = run_cli("check", "--fix", "--yes", "--json", env=env)
    assert result.code == 1
    told = said(result, "new fields", "fail")
    assert "ct_valid_to (date) was not made: FIELD_LIMIT_EXCEEDED" in told
    assert "ct_provider (text, 255) was not made: CRM confirmed no such field" in told


def test_a_field_that_the_mapping_ignores_is_not_made(
    env: dict[str, str], bare: Callable[..., None], tmp_path: Path
) -> None:
    """Nor one of somebody else's mapping: what it should be like is not known."""
    bare("ct_provider")
    (tmp_path / "trueup.toml").write_text(
        '[mapping.crm_product]\nct_provider = { policy = "ignore" }\nVendor_Code = "provider"\n'
    )
    result = run_cli("check", "--fix", "--yes", "--json", env=env, cwd=tmp_path)
    assert result.document["fixes"] == []
    assert "no Vendor_Code" in said(result, "CRM fields", "warn")
    assert created(env) == 0


def test_the_optional_scopes_are_among_those_to_ask_for() -> None:
    """With what each is for; a token without them does for everything else."""
    shown = run_cli("auth", "url")
    assert ",".join([*SCOPES, *OPTIONAL_SCOPES]) in shown.stdout
    for scope, purpose in OPTIONAL_SCOPES.items():
        assert f"{scope}: {purpose}" in shown.stdout
    assert run_cli("auth", "url", "--json").document["optional_scopes"] == OPTIONAL_SCOPES


def test_yes_without_fix_is_wrong_usage(env: dict[str, str]) -> None:
    assert run_cli("check", "--yes", env=env).code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are not to be had there")
@pytest.mark.parametrize(("typed", "made"), [("y\n", 3), ("\n", 0), ("no\n", 0)])
def test_a_person_at_a_terminal_is_asked(
    env: dict[str, str], bare: Callable[..., None], tmp_path: Path, typed: str, made: int
) -> None:
    bare()
    shown = on_a_terminal(typed, "check", "--fix", env=env, folder=tmp_path)
    assert "Make 11 fields in CRM: ct_product_id (text, 255)" in shown
    assert "[y/N]" in shown
    assert created(env) == made


def on_a_terminal(typed: str, *arguments: str, env: dict[str, str], folder: Path) -> str:
    """What a person sees who calls the program and answers its question."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment({**env, "COLUMNS": "2000"}, folder),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError), process:  # the terminal's end is an error to the reader
        while piece := os.read(ours, 4096):
            shown += piece
            if b"[y/N]" in shown and typed:
                os.write(ours, typed.encode())
                typed = ""
    os.close(ours)
    return shown.decode()
