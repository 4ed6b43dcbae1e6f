"""Rows of a verification and their digests, value by value."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from support.builders import MAPPING, NOW, a_change, a_remote, an_id
from trueup.domain.changes import Action
from trueup.domain.offering import Ended, Withdrawn
from trueup.domain.records import Slot, TargetName
from trueup.domain.verification import (
    Accord,
    Head,
    Link,
    Row,
    Side,
    Stand,
    Verification,
    digest_rows,
)
from trueup.planner.diff import Comparison
from trueup.planner.draft import ProductDraft
from trueup.planner.due import Due
from trueup.planner.identity import Match
from trueup.planner.project import retiring
from trueup.planner.verdicts import Found, Judge, row_of

CRM = TargetName.CRM


def test_a_retirement_that_another_product_stands_against_is_no_difference() -> None:
    withdrawn = Withdrawn(an_id(1), "FIB-100", "Fibre 100", Ended.ARCHIVED)
    draft = ProductDraft(an_id(1), "FIB-100", "Fibre 100", "r1", {CRM: Due.ASKED})
    draft.reading = withdrawn
    change = a_change({"Product_Active": (True, False)}, action=Action.RETIRE)
    record = retiring(change.key, Slot.PRODUCT, an_id(1), "FIB-100")
    verdict = Judge(MAPPING).of_record(record, Match(a_remote()), Comparison(change, None))

    def accord() -> Accord:
        return row_of(Found(draft, [verdict]), [CRM], {}, "ZAR").accord

    draft.planned = [change]
    assert accord() is Accord.DIFFERS
    draft.planned = []
    assert accord() is Accord.SAME


def test_the_digest_of_the_rows_is_that_of_their_lines() -> None:
    found = Verification(NOW, [a_verdict(name='Fibre "100" é 💶'), a_verdict(sku="FIB-2")], [CRM])
    lines = [
        json.dumps(r.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        for r in found.rows
    ]
    assert found.head().rows_hash == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_every_part_of_a_row_is_in_its_digest() -> None:
    other: dict[str, Any] = {
        "offering_id": "another",
        "sku": "FIB-2",
        "name": "Fibre 2",
        "stand": Stand.RETIRED,
        "accord": Accord.DIFFERS,
        "currency": "EUR",
        "price": None,
        "active": None,
        "sides": {CRM: Side(Accord.SAME, Decimal("1.00"), active=False)},
        "plan": "FIB-1-V2",
        "items": 3,
        "items_same": 0,
        "waiting": "held",
        "why": "because",
    }
    assert other.keys() == set(Row.__dataclass_fields__)
    digests = {digest_rows([a_verdict(**{name: value}).as_json()]) for name, value in other.items()}
    assert len(digests | {digest_rows([a_verdict().as_json()])}) == len(other) + 1


def test_the_worst_of_the_targets_counts() -> None:
    assert Accord.worst([]) is Accord.SAME
    assert Accord.worst([Accord.SAME, Accord.UNREAD]) is Accord.UNREAD
    assert Accord.worst([Accord.DIFFERS, Accord.UNREAD, Accord.SAME]) is Accord.DIFFERS


@pytest.mark.parametrize(
    "other",
    [
        {"products": 3},
        {"agreeing": 1},
        {"rows_hash": "0" * 64},
        {"totals": {"ZAR": {}}},
        {"at": NOW.replace(year=2027)},
    ],
)
def test_a_report_that_says_something_else_has_another_digest(other: dict[str, Any]) -> None:
    head = Head(NOW, 2, 2, {}, digest_rows([]))
    link = Link(head, "before", head.hash_after("before"))
    assert link.sound
    assert not replace(link, head=replace(head, **other)).sound
    assert not replace(link, previous="another").sound


def a_verdict(**parts: Any) -> Row:
    row = Row(
        offering_id=an_id(1),
        sku="FIB-1",
        name="Fibre 1",
        stand=Stand.ACTIVE,
        accord=Accord.SAME,
        currency="ZAR",
        price=Decimal("899.00"),
        active=True,
        sides={CRM: Side(Accord.SAME, Decimal("899.00"), active=True)},
        plan="FIB-1",
        items=1,
        items_same=1,
    )
    return replace(row, **parts)
