"""What must not reach a target is refused before a request is made, with the reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from support.builders import a_census, a_desired, a_row, an_id, projected, schemas
from trueup.domain.changes import Finding, FindingKind
from trueup.domain.records import TargetName
from trueup.planner.project import retiring
from trueup.planner.screen import device_finding, duplicate_finding, screen

BILLING = frozenset({TargetName.BILLING})


def screened(**columns: Any) -> list[Finding]:
    return screen(projected(a_row(**columns)).values(), schemas())


@pytest.mark.parametrize(
    "sku", ["FIB 100", "FIB/100", "FIB\\100", "FIB\u00a0100", "X" * 100, "X" * 140]
)
def test_a_sku_that_billing_cannot_take_goes_to_crm_alone(sku: str) -> None:
    """Spaces, slashes and 100 characters are refused for Billing, never rewritten."""
    refused = [f for f in screened(sku=sku) if f.code == "sku_not_a_code"]
    assert [(f.kind, f.blocks, f.held) for f in refused] == [(FindingKind.SKU, BILLING, False)]


@pytest.mark.parametrize(
    "sku", ["FIB-100", "FIB_100", "DFA-BFC-100", "X" * 91, "R&D-1", "A(1)", "A'1", "ŠPICA-1"]
)
def test_other_skus_are_codes(sku: str) -> None:
    """Only what the documentation refuses is refused."""
    assert screened(sku=sku) == []


def test_the_bound_of_a_code_is_below_100_characters() -> None:
    """99 characters pass as a plan code; the item's longer code is measured by itself."""
    codes = [f.code for f in screened(sku="X" * 99)]
    assert "sku_not_a_code" not in codes
    assert set(codes) == {"text_too_long"}


def test_a_long_name_is_refused_where_it_does_not_fit() -> None:
    """The finding names the field and by how much to shorten."""
    found = screened(name="n" * 90)
    assert [(f.code, f.blocks) for f in found] == [("text_too_long", BILLING)]
    assert "installation item's name" in found[0].message
    assert "by 5" in found[0].message


def test_a_long_description_is_refused_by_crm_alone() -> None:
    """Billing has no such limit."""
    found = screened(description="d" * 2001)
    assert [(f.code, f.blocks) for f in found] == [("text_too_long", frozenset({TargetName.CRM}))]
    assert screened(description="d" * 2000) == []


def test_a_record_that_is_only_retired_is_not_screened() -> None:
    """Its name and code are not sent."""
    record = a_desired()
    kept = retiring(record.key, record.slot, record.owner, "x" * 300)
    assert screen([kept], schemas()) == []


def test_every_row_of_a_duplicate_set_names_the_others() -> None:
    """A person sees which rows to tell apart."""
    rows = [a_row(1, sku="S", name="One"), a_row(2, sku=" s", name="Two"), a_row(3, sku="S")]
    census = a_census(rows)
    found = [duplicate_finding(row, census) for row in rows]
    assert [f is not None and f.code for f in found] == ["sku_duplicate"] * 3
    assert found[0] is not None
    assert "'Two'" in found[0].message
    assert an_id(3) in found[0].message
    assert found[0].blocks == frozenset(TargetName)


def test_a_long_list_of_duplicates_is_cut() -> None:
    """Five are named, the rest counted."""
    rows = [a_row(n, sku="S") for n in range(1, 10)]
    finding = duplicate_finding(rows[0], a_census(rows))
    assert finding is not None
    assert "and 3 more" in finding.message


def test_rows_that_are_alone_or_superseded_or_without_a_sku_are_no_duplicates() -> None:
    """An archived version keeps quiet, and a missing SKU is said elsewhere."""
    archived, successor = a_row(1, sku="S", status="archived"), a_row(2, sku="S")
    rows = [archived, successor, a_row(3), a_row(4, sku=None), a_row(5, sku=None)]
    census = a_census(rows)
    assert [duplicate_finding(row, census) for row in rows] == [None] * 5


def test_a_device_with_two_costs_is_said_and_blocks_nothing() -> None:
    """The product goes on without the device."""
    hardware = {"model": "Router X", "sku": "RTX-1", "included": True}
    rows = [
        a_row(1, metadata={"hardware": hardware | {"cost": Decimal(1200)}}),
        a_row(2, metadata={"hardware": hardware | {"cost": Decimal(999)}}),
    ]
    finding = device_finding("RTX-1", a_census(rows), "FIB-100")
    assert finding is not None
    assert (finding.kind, finding.blocks) == (FindingKind.DEVICE, frozenset())
    assert "999 and 1200" in finding.message
    assert device_finding("RTX-1", a_census(rows[:1]), "FIB-100") is None
    assert device_finding("OTHER", a_census(rows), "FIB-100") is None
