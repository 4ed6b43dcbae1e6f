"""Runs beside people: values they refused, fields they edit, programs that write as well."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from support.builders import an_id
from support.guarded import (
    ADA,
    ask_before_overwriting,
    edit_in_crm,
    in_crm,
    reprice,
    rules_of,
    synced,
    waiting,
    whole,
)
from support.workshop import assert_settled, statuses
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import ProductStatus, RunState
from trueup.planner.due import Look
from trueup.ports import Fence

PLAN = Kind.BILLING_PLAN
OK, HELD, SKIPPED = ProductStatus.OK, ProductStatus.HELD, ProductStatus.SKIPPED


def test_a_rejected_value_is_skipped_until_the_catalogue_wants_another() -> None:
    """A person has decided: the run succeeds, and says who said no."""
    floor = synced()
    reprice(floor, 1, "99.00")
    floor.run()
    fence = Fence("nobody's", 1)
    values = {
        (one.held.change.key, name): delta.after
        for one in floor.guardbook.waiting
        for name, delta in one.held.change.deltas.items()
    }
    floor.guardbook.refuse(values, "", fence, replace(ADA, note="a typing error"))
    floor.guardbook.decide("rejected", ADA)
    report = floor.run(look=Look.EVERYTHING)
    assert (report.run.state, statuses(report)["FIB-100"]["crm"]) == (RunState.SUCCEEDED, SKIPPED)
    [result] = report.results
    said = result.verdicts[TargetName.CRM].error
    assert said == "Ada Accountant said no to Unit_Price 99.00: a typing error"
    assert waiting(floor) == []
    reprice(floor, 1, "949.00")
    assert floor.run().run.state is RunState.SUCCEEDED
    assert in_crm(floor)["Unit_Price"] == Decimal("949.00")
    assert_settled(floor)


# --- fields that are only reported -------------------------------------------------------------


def test_a_hand_edit_of_a_reported_field_asks() -> None:
    """Its other fields go on; a no leaves the edit where it is, a yes writes ours."""
    floor = synced()
    ask_before_overwriting(floor, "Unit_Price")
    edit_in_crm(floor, Unit_Price=Decimal("850.00"), Description="by hand")
    floor.catalogue.edit(an_id(1), name="Fibre 100 new")
    report = floor.run()
    assert (report.run.state, rules_of(report)) == (RunState.HELD, [("hand_edit", "crm")])
    there = in_crm(floor)
    assert there["Unit_Price"] == Decimal("850.00")
    assert (there["Product_Name"], there["Description"]) == ("Fibre 100 new", "A fast line")
    [violation] = report.plan.violations
    assert violation.measure == "Unit_Price was set at Zoho to 850.00"
    assert violation.setting == "mapping (policy report)"
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()))
    assert in_crm(floor)["Unit_Price"] == Decimal("899.00")
    assert_settled(floor)


def test_both_sides_moved_a_reported_field() -> None:
    """Ours is not written over theirs."""
    floor = synced()
    ask_before_overwriting(floor, "Unit_Price")
    edit_in_crm(floor, Unit_Price=Decimal("850.00"))
    reprice(floor, 1, "920.00")
    report = floor.run()
    assert rules_of(report) == [("hand_edit", "crm")]
    assert statuses(report)["FIB-100"] == {"crm": HELD, "billing": OK}
    assert in_crm(floor)["Unit_Price"] == Decimal("850.00")


def test_our_own_change_of_a_reported_field_is_written() -> None:
    floor = synced()
    ask_before_overwriting(floor, "Unit_Price")
    reprice(floor, 1, "920.00")
    assert floor.run().run.state is RunState.SUCCEEDED
    assert in_crm(floor)["Unit_Price"] == Decimal("920.00")
    assert_settled(floor)


def test_an_edit_that_the_catalogue_follows_needs_nobody() -> None:
    """Somebody set the new price at Zoho first; now both say the same."""
    floor = synced()
    ask_before_overwriting(floor, "Unit_Price")
    edit_in_crm(floor, Unit_Price=Decimal("920.00"))
    assert floor.run().run.state is RunState.HELD
    reprice(floor, 1, "920.00")
    assert floor.run().run.state is RunState.SUCCEEDED
    assert waiting(floor) == []
    assert_settled(floor)


# --- a second writer ---------------------------------------------------------------------------


def test_three_times_is_put_back_and_the_fourth_time_asks() -> None:
    """Another program writes its name every day; the other fields go on."""
    floor = synced()
    for _ in range(3):
        edit_in_crm(floor, Product_Name="Otto's name")
        assert floor.run(look=Look.EVERYTHING).run.state is RunState.SUCCEEDED
    edit_in_crm(floor, Product_Name="Otto's name", Description="by hand")
    report = floor.run(look=Look.EVERYTHING)
    assert (report.run.state, rules_of(report)) == (RunState.HELD, [("second_writer", "crm")])
    assert in_crm(floor)["Product_Name"] == "Otto's name"
    assert in_crm(floor)["Description"] == "A fast line"
    floor.run(look=Look.EVERYTHING, approval=whole(floor.plan()))
    assert in_crm(floor)["Product_Name"] == "Fibre 100"
    assert_settled(floor)
    edit_in_crm(floor, Product_Name="Otto's name")
    assert floor.run(look=Look.EVERYTHING).run.state is RunState.HELD


def test_a_second_writer_is_not_written_over_before_a_person_decides() -> None:
    """Weeks go by in which nothing could be put back: the pause does not end by itself."""
    floor = synced()
    for _ in range(3):
        edit_in_crm(floor, Product_Name="Otto's name")
        assert floor.run(look=Look.EVERYTHING).run.state is RunState.SUCCEEDED
    for number in range(12):
        edit_in_crm(floor, Product_Name=f"Otto's name of day {number}")
        assert floor.run(look=Look.EVERYTHING).run.state is RunState.HELD
        assert in_crm(floor)["Product_Name"] == f"Otto's name of day {number}"
    edit_in_crm(floor, Product_Name="Fibre 100")  # Otto gives in: nothing is asked any more
    assert floor.run(look=Look.EVERYTHING).run.state is RunState.SUCCEEDED
    assert waiting(floor) == []
    edit_in_crm(floor, Product_Name="a slip")
    assert floor.run(look=Look.EVERYTHING).run.state is RunState.SUCCEEDED
    assert_settled(floor)


def test_repairs_beside_a_price_that_waits_are_counted() -> None:
    """A held price must not hide a second writer behind it."""
    floor = synced()
    reprice(floor, 1, "99.00")
    for _ in range(3):
        edit_in_crm(floor, Product_Name="Otto's name")
        floor.run(look=Look.EVERYTHING)
        assert in_crm(floor)["Product_Name"] == "Fibre 100"
    edit_in_crm(floor, Product_Name="Otto's name")
    assert ("second_writer", "crm") in rules_of(floor.run(look=Look.EVERYTHING))
