"""What people read for the names that programs use, and a product at one look."""

from __future__ import annotations

import pytest

from trueup.domain.records import Kind, RecordKey, TargetName
from trueup.domain.states import Standing
from trueup.domain.threeway import Moved
from trueup.planner.mapping import DEFAULT_RULES, FieldMap
from trueup.views import words
from trueup.views.product_fields import FieldLine, How, RecordSheet
from trueup.views.product_sides import amounts, side_by_side
from trueup.views.products import Stand

MAPPING = FieldMap(DEFAULT_RULES)
CRM, BILLING = TargetName.CRM, TargetName.BILLING


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Unit_Price", "Unit price"),
        ("ct_download_speed_mbps", "Download speed (Mbps)"),
        ("ct_product_id", "Product ID"),
        ("sku", "SKU"),
        ("", ""),
    ],
)
def test_fields_have_names_for_people(name: str, shown: str) -> None:
    assert words.field(name) == shown


def test_places_and_records_have_one_name_each() -> None:
    assert [words.place(target) for target in TargetName] == ["CRM", "Billing"]
    assert words.place("moon") == "moon"
    assert words.record("billing_plan") == "Billing plan"
    assert {words.record(kind) for kind in Kind} == set(words.RECORDS.values())


def test_every_standing_has_a_word() -> None:
    assert words.standing(Stand()) == "not compared"
    assert words.standing(Stand(Standing.FAILED, quarantined=True)) == "in quarantine"
    assert all(words.standing(Stand(standing)) for standing in Standing)


def test_who_moved_is_a_sentence_about_a_place() -> None:
    assert words.mover(Moved.THEIRS, CRM) == "somebody changed it in CRM"
    assert len({words.mover(moved, BILLING) for moved in Moved}) == len(Moved)


# --- the catalogue beside CRM and Billing --------------------------------------------------


def test_both_targets_stand_in_one_row_and_the_difference_is_marked() -> None:
    rows = side_by_side(
        [
            _record(Kind.CRM_PRODUCT, Unit_Price=("10.00", "9.00"), ct_provider=("a", "a")),
            _record(Kind.BILLING_PLAN, recurring_price=("10.00", "10.00"), interval=(1, 1)),
        ],
        MAPPING,
    )
    assert [row.name for row in rows] == ["Unit price"]
    [price] = rows
    assert (price.wanted, price.is_amount, price.differs) == ("10.00", True, True)
    assert {target: line.differs for target, line in price.at.items()} == {
        CRM: True,
        BILLING: False,
    }


def test_what_only_one_target_has_is_shown_where_it_differs() -> None:
    rows = side_by_side([_record(Kind.CRM_PRODUCT, ct_provider=("a", "b"))], MAPPING)
    assert [(row.name, list(row.at)) for row in rows] == [("Provider", [CRM])]


def test_a_version_that_is_not_there_yet_stands_beside_the_one_before() -> None:
    former = _record(Kind.BILLING_PLAN, "F-1", recurring_price=(None, "9.00"), retiring=True)
    coming = _record(Kind.BILLING_PLAN, "F-1-V2", recurring_price=("10.00", None), how=How.NOTHING)
    [price] = side_by_side([former, coming], MAPPING)
    line = price.at[BILLING]
    assert (line.wanted, line.there, line.differs, line.moved) == (
        "10.00",
        "9.00",
        True,
        Moved.OURS,
    )


def test_amounts_are_known_by_where_they_come_from() -> None:
    found = amounts(MAPPING)
    assert found[Kind.CRM_PRODUCT] == {"Unit_Price", "ct_installation_fee"}
    assert {"recurring_price", "setup_fee"} == found[Kind.BILLING_PLAN]


def _record(
    kind: Kind,
    code: str = "F-1",
    *,
    how: How = How.WRITTEN,
    retiring: bool = False,
    **fields: tuple[str | int | None, str | int | None],
) -> RecordSheet:
    there = how is not How.NOTHING
    lines = [
        FieldLine(name, wanted, now, now, there, differs=there and not retiring and wanted != now)
        for name, (wanted, now) in fields.items()
    ]
    remote_id = code if there else ""
    return RecordSheet(
        RecordKey(kind, code), remote_id, lines, how, None, None, "", wanted=True, retiring=retiring
    )
