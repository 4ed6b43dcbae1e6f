"""When a no has been overtaken by what the catalogue wants now."""

from __future__ import annotations

from decimal import Decimal

from support.builders import a_change
from trueup.domain.changes import Action, Reason
from trueup.domain.guards import FieldKey, Refusal
from trueup.domain.records import FieldValue, Kind, RecordKey
from trueup.planner.refusals import outgrown

PLAN = RecordKey(Kind.BILLING_PLAN, "FIB-100")


def no_to(key: RecordKey, **values: FieldValue) -> dict[FieldKey, Refusal]:
    return {(key, name): Refusal(value, "Ada", "") for name, value in values.items()}


def test_the_same_value_is_still_refused() -> None:
    change = a_change()
    assert outgrown([change], no_to(change.key, Unit_Price=Decimal("899.00"))) == frozenset()


def test_another_value_is_another_question() -> None:
    change = a_change()
    refused = no_to(change.key, Unit_Price=Decimal("99.00"), Description="a text")
    assert outgrown([change], refused) == {(change.key, "Unit_Price")}


def test_what_is_made_whole_is_another_change_when_one_field_moves() -> None:
    values = {"recurring_price": (None, Decimal("949.00")), "name": (None, "Fibre")}
    change = a_change(values, key=PLAN, action=Action.CREATE, reason=Reason.MISSING)
    refused = no_to(PLAN, recurring_price=Decimal("899.00"), name="Fibre")
    assert outgrown([change], refused) == set(refused)
    same = a_change(
        values | {"recurring_price": (None, Decimal("899.00"))}, key=PLAN, action=Action.CREATE
    )
    assert outgrown([same], refused) == frozenset()
