"""Addresses of records in Zoho's pages: only where somebody has said how they look."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.domain.errors import UsageError
from trueup.domain.records import Kind
from trueup.settings import load
from trueup.views.links import page_of


def written(folder: Path, address: str) -> Path:
    file = folder / "trueup.toml"
    file.write_text(f"[links]\ncrm_product = '{address}'\n", encoding="utf-8")
    return file


def test_an_id_is_put_into_the_address_and_cannot_leave_its_place(tmp_path: Path) -> None:
    settings = load(file=written(tmp_path, "https://crm.example/a?record={id}"), environment={})
    assert page_of(settings, Kind.CRM_PRODUCT, "46 1/&x") == (
        "https://crm.example/a?record=46%201%2F%26x"
    )
    assert page_of(settings, Kind.BILLING_PLAN, "FIB-1") == ""


@pytest.mark.parametrize("address", ["https://crm.example/", "javascript:x({id})", "/a/{id}"])
def test_what_is_no_address_of_a_record_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError, match=r"line 2: expected an address with \{id\}"):
        load(file=written(tmp_path, address), environment={})
