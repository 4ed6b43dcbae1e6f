"""Zoho's own SDK takes the emulator for Zoho: code that nobody here wrote agrees with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.emulator import emulator_process

DRIVER = Path(__file__).with_name("official_sdk_run.py")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the SDK saw of an organisation whose Product_Code is unique."""
    folder = tmp_path_factory.mktemp("sdk")
    options = {"crm": {"field_overrides": {"Product_Code": {"unique": True}}}}
    with emulator_process(options=options, folder=folder) as variables:
        ran = subprocess.run(
            [sys.executable, str(DRIVER), json.dumps(variables), str(folder)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr + (folder / "sdk.log").read_text()
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def test_it_creates(seen: dict[str, Any]) -> None:
    assert seen["created"]["status"] == 201
    assert {one["kind"] for one in seen["created"]["results"]} == {"SuccessResponse"}
    assert {one["message"] for one in seen["created"]["results"]} == {"record added"}


def test_it_reads_every_type_of_field(seen: dict[str, Any]) -> None:
    read = seen["read"]

    assert read["id"] == seen["created"]["results"][0]["id"]
    assert (read["name"], read["code"], read["price"]) == ("Fibre 100", "FIB-100", 499.0)
    assert (read["active"], read["category"], read["speed"]) == (True, "Hardware", 100)
    assert read["valid_from"] == "2026-01-31"
    assert read["owner"] == read["author"] == "Catalogue Integration"


def test_it_updates_one_and_many(seen: dict[str, Any]) -> None:
    assert seen["updated"]["status"] == seen["batch"]["status"] == 200
    assert seen["updated"]["results"][0]["message"] == "record updated"


def test_it_upserts_by_a_unique_code(seen: dict[str, Any]) -> None:
    actions = [one["action"] for one in seen["upserted"]["results"]]

    assert actions == ["update", "insert"]
    assert seen["upserted"]["results"][0]["id"] == seen["created"]["results"][0]["id"]


def test_it_understands_a_mixed_batch(seen: dict[str, Any]) -> None:
    kinds = [(one["kind"], one["code"]) for one in seen["faulty"]["results"]]

    assert seen["faulty"]["status"] == 207
    assert kinds == [("SuccessResponse", "SUCCESS"), ("APIException", "DUPLICATE_DATA")]


def test_it_pages_by_token_over_every_record_once(seen: dict[str, Any]) -> None:
    codes = [code for page in seen["pages"] for code in page]

    assert [len(page) for page in seen["pages"]] == [2, 2]
    assert sorted(codes) == ["FIB-100", "FIB-200", "FIB-300", "FIB-400"]


def test_it_queries_what_it_has_just_written(seen: dict[str, Any]) -> None:
    assert seen["coql"] == [["Fibre 100 Pro", 559.0]]


def test_it_finds_nothing_under_an_unknown_id_and_deletes(seen: dict[str, Any]) -> None:
    assert seen["unknown"] == 204
    assert seen["deleted"]["results"][0]["message"] == "record deleted"
