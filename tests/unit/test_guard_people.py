"""What people have said no to, and what somebody else changes back again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.builders import a_change, a_create, a_key, a_mapping, an_id
from support.judging import (
    NAME,
    PRICE,
    TEXT,
    amount,
    approving,
    fallen,
    judge,
    of,
    retired,
    rules,
)
from trueup.domain.changes import Action, Change
from trueup.domain.guards import Evidence, Flips, Refusal, Rule
from trueup.domain.records import Kind
from trueup.planner.mapping import FieldRule, Policy

MAPPING = a_mapping(Kind.CRM_PRODUCT, FieldRule(TEXT, "description", policy=Policy.REPORT))

# --- what a person has refused -------------------------------------------------------------


def refusing(value: str, name: str = PRICE) -> Evidence:
    refusal = Refusal(amount(value) if name == PRICE else value, "Ada Accountant", "too cheap")
    return Evidence(refused={(a_key(), name): refusal})


def test_a_refused_value_is_not_asked_about_again() -> None:
    """Whatever else it breaks; the other fields go on."""
    judged = judge([fallen()], refusing("1.00"))
    [held] = judged.held[0]
    assert (held.rejected, set(held.change.after)) == (True, {PRICE})
    assert held.why == "Ada Accountant said no to Unit_Price 1.00: too cheap"
    assert set(judged.free[0][0].after) == {NAME}


def test_another_value_than_the_refused_one_is_asked_about() -> None:
    assert rules(judge([fallen("2.00")], refusing("1.00"))) == [(Rule.PRICE_FALL,)]
    assert rules(judge([fallen("898.00")], refusing("1.00"))) == [()]


def test_who_approves_the_rest_does_not_approve_what_was_refused() -> None:
    """The refused price and the edited text wait apart from each other."""
    change = fallen()
    change = replace(
        change,
        deltas=change.deltas | a_change({TEXT: ("by hand", "new")}).deltas,
        applied={**change.applied, TEXT: "old"},
    )
    evidence = refusing("1.00")
    judged = judge([change], evidence, MAPPING)
    refused, asked = judged.held[0]
    assert (set(refused.change.after), refused.rejected) == ({PRICE}, True)
    assert (set(asked.change.after), asked.rules) == ({TEXT}, (Rule.HAND_EDIT,))
    after = judge([change], replace(evidence, approved=approving(asked).approved), MAPPING)
    assert set(after.free[0][0].after) == {TEXT, NAME}
    assert [held.rejected for held in after.held[0]] == [True]


def test_a_whole_change_with_a_refused_value_waits_whole() -> None:
    new = a_create(Kind.CRM_PRODUCT, "FIB-100", Unit_Price=amount("1.00"), Product_Name="Fibre")
    judged = judge([new], refusing("1.00"))
    assert rules(judged) == [(Rule.REJECTED,)]
    assert judged.held[0][0].change == new


def test_a_whole_change_that_was_refused_breaks_no_other_rule() -> None:
    """Nobody is asked again, whatever it is that was refused: a takeover, one of a mass."""
    theirs = replace(fallen(), action=Action.ADOPT)
    assert rules(judge([theirs])) == [(Rule.PRICE_FALL, Rule.TAKEOVER)]
    assert rules(judge([theirs], refusing("1.00"))) == [(Rule.REJECTED,)]
    gone, known = retired(12), of(33)
    no = {(change.key, "Product_Active"): Refusal(False, "Ada Accountant", "") for change in gone}
    judged = judge(gone, replace(known, refused=no))
    assert rules(judged) == [(Rule.REJECTED,)] * 12
    two = dict([*no.items()][:2])
    assert rules(judge(gone, replace(known, refused=two)))[2:] == [()] * 10


def test_what_was_refused_makes_no_class_larger() -> None:
    """Eleven re-priced of thirty-three would be too many; one of them is refused."""
    changes = [
        replace(fallen("890.00"), key=a_key(f"F-{n}"), owner=an_id(n), sku=f"F-{n}")
        for n in range(1, 12)
    ]
    evidence = Evidence({changes[0].target: 33})
    assert {rule for found in rules(judge(changes, evidence)) for rule in found} == {
        Rule.MASS_REPRICE
    }
    refusal = Refusal(amount("890.00"), "Ada Accountant", "")
    judged = judge(changes, replace(evidence, refused={(a_key("F-1"), PRICE): refusal}))
    assert rules(judged) == [(Rule.REJECTED,), *[()] * 10]


# --- a second writer -----------------------------------------------------------------------


def flipped(count: int, *editors: str, paused: bool = False) -> Evidence:
    place = (a_key(), NAME)
    return Evidence(
        flips={place: Flips(count, editors)}, paused=frozenset({place} if paused else ())
    )


def put_back(**more: Any) -> Change:
    deltas = {NAME: ("Other", "Fibre"), TEXT: ("old", "new")}
    return a_change(deltas, **({"applied": {NAME: "Fibre", TEXT: "old"}} | more))


def test_the_fourth_time_in_a_week_waits() -> None:
    """Three times it is put back; the other fields always go on."""
    assert rules(judge([put_back()], flipped(2))) == [()]
    judged = judge([put_back(editor="Otto Other")], flipped(3, "Otto Other", "Ines Import"))
    [held] = judged.held[0]
    assert (held.rules, set(held.change.after)) == ((Rule.SECOND_WRITER,), {NAME})
    assert held.why == (
        "Product_Name was put back 3 times in 7 days, and Ines Import, Otto Other changed it"
    )
    assert set(judged.free[0][0].after) == {TEXT}
    [violation] = judged.violations
    assert (violation.measure, violation.limit) == ("3", "3")


@pytest.mark.parametrize(
    ("known", "now", "who"),
    [
        (("Otto Other", ""), "Our Program", "Otto Other"),
        ((), "Otto Other", "Otto Other"),
        (("",), "", "somebody"),
    ],
)
def test_who_is_named(known: tuple[str, ...], now: str, who: str) -> None:
    """Whom the history saw; the record may have been changed by us since, in another field."""
    [[held]] = judge([put_back(editor=now)], flipped(3, *known)).held
    assert held.why.endswith(f"and {who} changed it")


def test_it_waits_until_a_person_decides() -> None:
    """Also when a week of waiting has gone by, in which nothing could be put back."""
    judged = judge([put_back(editor="Otto Other")], flipped(0, paused=True))
    assert rules(judged) == [(Rule.SECOND_WRITER,)]
    assert judged.held[0][0].why == "Product_Name waits since Otto Other changed it again and again"


def test_our_own_change_of_such_a_field_passes() -> None:
    """Nobody else moved it this time."""
    ours = put_back(applied={NAME: "Other", TEXT: "old"})
    assert rules(judge([ours], flipped(9))) == [()]
