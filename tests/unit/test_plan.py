"""A plan is data: its fingerprint ignores order, its JSON has the names that scripts read."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import Decimal

import pytest

from support.builders import a_change, a_create, a_key
from trueup.domain.changes import Action, Finding, FindingKind
from trueup.domain.plan import (
    Estimate,
    Plan,
    change_as_json,
    count_actions,
    fingerprint,
    fingerprint_of_json,
    value_as_json,
)
from trueup.domain.records import FieldValue, Kind, RecordKey, Ref, TargetName

PLAN_KEY = RecordKey(Kind.BILLING_PRODUCT, "FIB-100")
CHANGES = (
    a_change(),
    a_create(Kind.BILLING_PRODUCT, "FIB-100"),
    a_create(Kind.BILLING_PLAN, "FIB-100", product_id=Ref(PLAN_KEY), recurring_price=Decimal(899)),
)
FINDING = Finding("sku_missing", FindingKind.SKU, "(none)", "no SKU")


def test_the_fingerprint_ignores_the_order_of_changes() -> None:
    """What a person approved is the same plan, however it was found."""
    shuffled = list(CHANGES)
    random.Random(3).shuffle(shuffled)
    assert fingerprint(CHANGES) == fingerprint(shuffled) == Plan(tuple(shuffled)).fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        (),
        CHANGES[:2],
        (*CHANGES, CHANGES[0]),
        (a_change({"Unit_Price": (Decimal("799.00"), Decimal("898.99"))}), *CHANGES[1:]),
        (a_change({"Unit_Price": (Decimal("798.99"), Decimal("899.00"))}), *CHANGES[1:]),
        (replace(CHANGES[0], key=a_key("FIB-101")), *CHANGES[1:]),
        (replace(CHANGES[0], action=Action.ADOPT), *CHANGES[1:]),
    ],
)
def test_another_plan_has_another_fingerprint(changes: tuple[object, ...]) -> None:
    """One cent, before or after, is another plan."""
    assert fingerprint(changes) != fingerprint(CHANGES)  # type: ignore[arg-type]  # mixed on purpose


def test_the_fingerprint_survives_a_file() -> None:
    """A saved plan is recognised by what it says."""
    saved = json.loads(json.dumps(Plan(CHANGES).as_json()))
    assert fingerprint_of_json(saved["changes"]) == saved["fingerprint"] == fingerprint(CHANGES)


def test_the_document_has_the_names_of_the_specification() -> None:
    """`trueup plan --json` is read by other people's scripts."""
    plan = Plan(CHANGES[:1], (FINDING,), estimate=Estimate(2, 1.3333))
    assert plan.as_json() == {
        "fingerprint": plan.fingerprint,
        "changes": [
            {
                "target": "crm",
                "kind": "crm_product",
                "code": "FIB-100",
                "action": "update",
                "reason": "edited",
                "sku": "FIB-100",
                "deltas": {"Unit_Price": ["799.00", "899.00"]},
                "moved": {"Unit_Price": "unknown"},
                "held": [],
                "subscriptions": None,
            }
        ],
        "findings": [
            {
                "code": "sku_missing",
                "kind": "sku",
                "sku": "(none)",
                "message": "no SKU",
                "targets": ["billing", "crm"],
            }
        ],
        "violations": [],
        "estimate": {"requests": 2, "seconds": 1.3},
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("899.00"), "899.00"),
        (Ref(PLAN_KEY), "id of billing_product/FIB-100"),
        ("text", "text"),
        (24, 24),
        (True, True),
        (None, None),
    ],
)
def test_values_are_written_exactly(value: FieldValue, written: object) -> None:
    """Money as exact text, a reference as what it stands for."""
    result = value_as_json(value)
    assert result == written
    assert type(result) is type(written)


def test_a_plan_without_changes_is_empty() -> None:
    """Findings alone change nothing."""
    assert Plan(findings=(FINDING,)).empty
    assert not Plan(CHANGES).empty


def test_actions_are_counted_by_target() -> None:
    """Guards and summaries look at shares."""
    counts = count_actions(CHANGES)
    assert counts[TargetName.CRM][Action.UPDATE] == 1
    assert counts[TargetName.BILLING][Action.CREATE] == 2
    assert counts[TargetName.BILLING][Action.RETIRE] == 0


def test_a_change_names_its_references() -> None:
    """They must exist before it is sent."""
    assert CHANGES[2].refs == [Ref(PLAN_KEY)]
    assert CHANGES[0].refs == []
    assert change_as_json(CHANGES[2])["deltas"]["product_id"] == [
        None,
        "id of billing_product/FIB-100",
    ]


@pytest.mark.parametrize(
    ("kind", "blocks", "held"),
    [
        (FindingKind.MONEY, frozenset(TargetName), True),
        (FindingKind.MONEY, frozenset[TargetName](), False),
        (FindingKind.SKU, frozenset(TargetName), False),
    ],
)
def test_findings_about_money_count_as_held(
    kind: FindingKind, blocks: frozenset[TargetName], *, held: bool
) -> None:
    """The others are reported and fail nothing."""
    assert Finding("x", kind, "S", "m", blocks=blocks).held is held
