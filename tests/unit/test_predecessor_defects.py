"""Each known defect of the predecessor has a proof that it is absent."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec
import pytest

from support.builders import NOW, RULES, a_row, an_id
from support.defects import DEFECTS, Defect
from support.workshop import a_floor, assert_settled
from support.zoho import emulated
from trueup.domain.package import PackageRow
from trueup.domain.records import Kind
from trueup.planner.reading import read_row
from trueup.reconcile.running import Report
from trueup.zoho import probe
from trueup.zoho.subscriptions import live_subscriptions

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src" / "trueup"


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_the_table_is_complete() -> None:
    """Seventy-one, in order, each once."""
    assert [defect.number for defect in DEFECTS] == list(range(1, 72))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.number}")
def test_each_defect_is_proved_absent(defect: Defect) -> None:
    """It names tests, and they exist."""
    assert defect.words
    assert defect.proofs
    missing = []
    for proof in defect.proofs:
        file, _, name = proof.partition("::")
        if not (TESTS / file).is_file() or name not in functions_of(file):
            missing.append(proof)
    assert missing == []


# --- defects that a few lines prove absent -------------------------------------------------


def test_half_a_row_cannot_be_built() -> None:
    """1, 68: no column has a default, so a query that forgets one fails instead of sending R0."""
    whole = msgspec.to_builtins(a_row())
    for column in PackageRow.__struct_fields__:
        half = {name: value for name, value in whole.items() if name != column}
        with pytest.raises(msgspec.ValidationError, match=column):
            msgspec.convert(half, PackageRow)


def test_a_stale_setup_fee_is_cleared() -> None:
    """17: a fee that was charged twice is set to nought, not left out."""
    floor = a_floor([a_row(1)])
    floor.run()
    floor.billing.edit("FIB-100", setup_fee=Decimal("900.00"))
    floor.run()
    assert floor.billing.stored["FIB-100"].fields["setup_fee"] == Decimal("0.00")
    assert_settled(floor)


def test_nothing_touches_subscriptions() -> None:
    """20: the subscriptions of customers are counted, and nothing but GET goes there.

    One module knows their address; who takes it from there is run, and asks by GET alone.
    """
    sources = {path.stem: path.read_text("utf-8") for path in (SOURCE / "zoho").rglob("*.py")}
    knowing = {
        name for name, text in sources.items() if re.search(r"""/subscriptions?[/"']""", text)
    }
    assert knowing == {"subscriptions"}
    taking = r"trueup\.zoho\.subscriptions import [^\n]*PATH"
    assert {name for name, text in sources.items() if re.search(taking, text)} == {"probe"}
    assert not re.search("POST|PUT|PATCH|DELETE|Safety", sources["subscriptions"])

    site, emulator = emulated()
    live_subscriptions(site.door, emulator.options.org_id)
    probe.permissions(site.door, emulator.options.org_id)
    probe.optional_permissions(site.door, emulator.options.org_id)
    methods = {e["method"] for e in emulator.journal() if "/subscriptions" in e["path"]}
    assert methods == {"GET"}


def test_every_address_in_the_tests_is_invented() -> None:
    """60: addresses in tests and sources end in a reserved name."""
    address = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[a-z]{2,})\b", re.IGNORECASE)
    found = {
        f"{path.name}: {match[0]}"
        for folder in (TESTS, SOURCE.parent)
        for path in folder.rglob("*.py")
        for match in address.finditer(path.read_text(encoding="utf-8"))
        if not re.search(r"(^|\.)(example(\.\w+)?|test|invalid|localhost)$", match[1])
    }
    assert found == set()


@pytest.mark.parametrize("sku", [None, "", "  "])
def test_a_missing_sku_is_never_made_up(sku: str | None) -> None:
    """63, 67: a row without a SKU is refused; no slug or number takes its place."""
    floor = a_floor([a_row(1, sku=sku), a_row(2)])
    report: Report = floor.run()
    assert [finding.code for finding in report.plan.findings] == ["sku_missing"]
    assert {change.sku for change in report.plan.changes} == {"FIB-002"}


def test_a_speed_of_nought_is_sent_as_it_stands() -> None:
    """65: nought is a value; nobody turns it into nothing, or nothing into nought."""
    floor = a_floor([a_row(1, speed_down=0, speed_up=None)])
    floor.run()
    [record] = floor.crm.stored.values()
    assert record.fields["ct_download_speed_mbps"] == 0
    assert record.fields.get("ct_upload_speed_mbps") is None
    assert_settled(floor)


def test_no_percentage_is_stored() -> None:
    """66: changes keep before and after; a rise beyond 999.99 % is just two amounts."""
    floor = a_floor([a_row(1, monthly=Decimal("0.01"))])
    floor.run()
    floor.catalogue.put(a_row(1, monthly=Decimal("49999.00")))
    report = floor.run()
    changed = {c.key.kind: c for c in report.plan.changes}
    assert changed[Kind.BILLING_PLAN].deltas["recurring_price"] == (
        Decimal("0.01"),
        Decimal("49999.00"),
    )
    assert_settled(floor)


def test_a_row_of_another_shape_is_still_whole() -> None:
    """1: a row with everything empty is refused for what it lacks, not read as a free product."""
    blank = dict.fromkeys(PackageRow.__struct_fields__)
    row = PackageRow(**{**blank, "id": an_id(1), "status": "active"})  # type: ignore[arg-type]
    reading, findings = read_row(row, RULES, NOW)
    assert reading is None
    assert {"price_missing", "sku_missing"} <= {finding.code for finding in findings}
