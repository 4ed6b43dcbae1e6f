"""What is flagged is divided: fields that wait, fields that go on, and what needs what waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.builders import a_binding, a_change, a_create, a_key, a_mapping, a_remote, an_id
from support.judging import NAME, PRICE, TEXT, amount, approving, fallen, judge, rules
from trueup.domain.changes import Action, Change, Reason
from trueup.domain.guards import Evidence, Held, Rule
from trueup.domain.plan import mark_of
from trueup.domain.records import DesiredRecord, Fields, Kind, RecordKey, Ref, Slot
from trueup.planner.diff import compare_record
from trueup.planner.identity import Identity
from trueup.planner.mapping import FieldRule, Policy

PLAN, PRODUCT = Kind.BILLING_PLAN, Kind.BILLING_PRODUCT
ACTIVE = "Product_Active"
MAPPING = a_mapping(Kind.CRM_PRODUCT, FieldRule(TEXT, "description", policy=Policy.REPORT))
BEFORE: Fields = {PRICE: amount("899.00"), TEXT: "old", NAME: "Fibre", ACTIVE: True}


def compared(wanted: Fields, live: Fields, applied: Fields) -> Change | None:
    """The change of one record, as a run finds it."""
    record = DesiredRecord(a_key(), Slot.PRODUCT, wanted, an_id(1), (an_id(1),), "FIB-100")
    identity = Identity([a_remote(live)], [a_binding(applied)], {})
    policies = {kind: MAPPING.policies(kind) for kind in Kind}
    return compare_record(record, identity, policies).change


def night(
    wanted: Fields, live: Fields, applied: Fields, evidence: Evidence | None = None
) -> tuple[Change | None, list[Held], Fields, Fields]:
    """What passes and what waits; then what is there, and what is remembered."""
    change = compared(wanted, live, applied)
    if change is None:
        return None, [], live, applied
    judged = judge([change], evidence, MAPPING)
    [free], [held] = judged.free, judged.held
    if not free:
        return None, held, live, applied
    [written] = free
    return written, held, {**live, **written.after}, written.fields


# --- one record, night after night ---------------------------------------------------------


def test_a_held_price_does_not_stop_the_name() -> None:
    wanted = {**BEFORE, PRICE: amount("1.00"), NAME: "Faser"}
    free, [held], live, applied = night(wanted, BEFORE, BEFORE)
    assert free is not None
    assert (free.after, held.change.after) == ({NAME: "Faser"}, {PRICE: amount("1.00")})
    assert applied == {**BEFORE, NAME: "Faser"}  # the price is remembered as it was written
    again, [still], live, applied = night(wanted, live, applied)
    assert again is None
    assert mark_of(still.change) == mark_of(held.change)


EDITS: dict[str, tuple[Fields, Fields, Fields]] = {
    # wanted, live, applied: what waits and what goes on have moved for different reasons
    "held price, our name": (
        {**BEFORE, PRICE: amount("1.00"), NAME: "Faser"},
        BEFORE,
        BEFORE,
    ),
    "held price, their name": (
        {**BEFORE, PRICE: amount("1.00")},
        {**BEFORE, NAME: "Other"},
        BEFORE,
    ),
    "their text, our name": ({**BEFORE, NAME: "Faser"}, {**BEFORE, TEXT: "by hand"}, BEFORE),
    "their text, their name": (BEFORE, {**BEFORE, TEXT: "by hand", NAME: "Other"}, BEFORE),
    "both moved the text, our name": (
        {**BEFORE, NAME: "Faser", TEXT: "new"},
        {**BEFORE, TEXT: "by hand"},
        BEFORE,
    ),
    "a text that we never wrote, our name": (
        {**BEFORE, NAME: "Faser", TEXT: "new"},
        BEFORE,
        {name: value for name, value in BEFORE.items() if name != TEXT},
    ),
    "returned with another name and a held text": (
        {**BEFORE, NAME: "Faser"},
        {**BEFORE, ACTIVE: False, TEXT: "by hand"},
        {**BEFORE, ACTIVE: False},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_waits_is_the_same_change_the_next_night(edit: str) -> None:
    """An approval names what a person saw: its fingerprint must outlive the rest of the record."""
    wanted, there, remembered = EDITS[edit]
    free, [held], live, applied = night(wanted, there, remembered)
    assert free is not None
    assert held.change.deltas
    left = compared(wanted, live, applied)
    assert left is not None
    assert left.deltas == held.change.deltas
    free, [still], live, applied = night(wanted, live, applied)
    assert free is None
    assert mark_of(still.change) == mark_of(held.change)
    approved = Evidence(approved=frozenset({mark_of(held.change)}))
    free, waiting, live, applied = night(wanted, live, applied, approved)
    assert free is not None
    assert (free.deltas, waiting) == (held.change.deltas, [])
    assert compared(wanted, live, applied) is None


def test_each_part_has_its_own_reason() -> None:
    """A repair beside a held price counts as a repair, or a second writer would never be seen."""
    wanted = {**BEFORE, PRICE: amount("1.00")}
    change = compared(wanted, {**BEFORE, NAME: "Other"}, BEFORE)
    assert change is not None
    assert change.reason is Reason.EDITED
    free, [held], _, _ = night(wanted, {**BEFORE, NAME: "Other"}, BEFORE)
    assert free is not None
    assert (free.reason, held.change.reason) == (Reason.DRIFTED, Reason.EDITED)


def test_a_product_returns_beside_a_text_that_waits() -> None:
    gone = {**BEFORE, ACTIVE: False}
    free, _, _, _ = night(BEFORE, {**gone, TEXT: "by hand"}, gone)
    assert free is not None
    assert (free.reason, set(free.after)) == (Reason.RETURNED, {ACTIVE})


def test_a_person_takes_a_run_back_for_one_reason() -> None:
    """The parts of what a revert writes are reverted, whoever moved them."""
    back = a_change(
        {PRICE: (amount("899.00"), amount("1.00")), NAME: ("Faser", "Fibre")},
        reason=Reason.REVERTED,
        applied={PRICE: amount("899.00"), NAME: "Faser"},
    )
    judged = judge([back])
    parts = [*judged.free[0], *(held.change for held in judged.held[0])]
    assert [part.reason for part in parts] == [Reason.REVERTED] * 2


def test_a_product_does_not_return_at_the_price_of_long_ago() -> None:
    """It would be sold at a price that nobody wants any more while the new one waits."""
    gone = {**BEFORE, ACTIVE: False}
    wanted = {**BEFORE, PRICE: amount("1899.00"), NAME: "Faser"}
    free, [held], _, _ = night(wanted, gone, gone)
    assert free is not None
    assert set(free.after) == {NAME}
    assert set(held.change.after) == {PRICE, ACTIVE}
    assert held.rules == (Rule.PRICE_RISE,)
    near = {**BEFORE, PRICE: amount("949.00")}
    free, held_again, _, _ = night(near, gone, gone)
    assert free is not None
    assert (set(free.after), held_again) == ({PRICE, ACTIVE}, [])


# --- approvals -----------------------------------------------------------------------------


def test_what_was_approved_passes_and_nothing_else() -> None:
    """Whole again, in one request; a cent of difference is another change."""
    [[held]] = judge([fallen()]).held
    judged = judge([fallen()], approving(held))
    assert (judged.free, judged.held, judged.violations) == ([[fallen()]], [[]], ())
    assert rules(judge([fallen("1.01")], approving(held))) == [(Rule.PRICE_FALL,)]
    another = replace(fallen(), key=a_key("FIB-101"))
    assert rules(judge([another], approving(held))) == [(Rule.PRICE_FALL,)]


def test_an_approval_stands_when_another_field_comes_to_wait() -> None:
    """The approved price is written; a person is asked about the text."""
    [[price]] = judge([fallen()], mapping=MAPPING).held
    both = fallen()
    both = replace(
        both,
        deltas=both.deltas | a_change({TEXT: ("by hand", "new")}).deltas,
        applied={**both.applied, TEXT: "old"},
    )
    judged = judge([both], approving(price), MAPPING)
    assert set(judged.free[0][0].after) == {PRICE, NAME}
    [text] = judged.held[0]
    assert (set(text.change.after), text.rules) == ({TEXT}, (Rule.HAND_EDIT,))


# --- what needs what waits -----------------------------------------------------------------


def new_plan(**more: Any) -> Change:
    plan = a_create(
        PLAN, "FIB-100", recurring_price=amount("899.00"), product_id=Ref(RecordKey(PRODUCT, "F"))
    )
    return replace(plan, **more)


def taken_over() -> Change:
    """A product of Billing that somebody else made, with another name than ours."""
    return a_change(
        {"name": ("Fibre", "Faser")},
        key=RecordKey(PRODUCT, "F"),
        action=Action.ADOPT,
        reason=Reason.UNBOUND,
        remote_id="p-1",
    )


def test_what_refers_to_a_record_that_waits_waits_with_it() -> None:
    """In any order, and until it is approved."""
    for changes in ([taken_over(), new_plan()], [new_plan(), taken_over()]):
        judged = judge(changes)
        assert rules(judged) == [(Rule.TAKEOVER,)] * 2
        whys = {str(held.change.key): held.why for [held] in judged.held}
        assert whys["billing_plan/FIB-100"] == "waits for billing_product/F"
        [violation] = judged.violations
        assert (violation.changes, violation.measure) == (2, "waits for billing_product/F")
        [[product]] = judge([taken_over()]).held
        assert judge(changes, approving(product)).held == [[], []]


def test_an_approved_change_still_waits_for_what_it_needs() -> None:
    """It would fail: the record that it refers to is not there."""
    judged = judge([taken_over(), new_plan()])
    [plan] = judged.held[1]
    again = judge([taken_over(), new_plan()], approving(plan))
    assert rules(again) == [(Rule.TAKEOVER,)] * 2


def test_waiting_goes_on_from_record_to_record() -> None:
    """The version before is not retired before the new one stands, and that needs its product."""
    version = new_plan(key=RecordKey(PLAN, "FIB-100-V2"))
    old = a_change(
        {"active": (True, False)},
        key=RecordKey(PLAN, "FIB-100"),
        action=Action.RETIRE,
        reason=Reason.REPRICED,
        needs=(Ref(version.key),),
    )
    evidence = Evidence(written=frozenset({(PLAN, "r-1")}))
    judged = judge([old, version, taken_over()], evidence)
    assert rules(judged) == [(Rule.TAKEOVER,)] * 3
    assert judged.held[0][0].why == "waits for billing_plan/FIB-100-V2"


def test_what_passed_of_an_update_waits_as_well_when_it_needs_what_waits() -> None:
    """One part is too dear, the other refers to a record that is not there: both wait, together."""
    moved = a_change(
        {
            "recurring_price": (amount("899.00"), amount("1.00")),
            "product_id": ("", Ref(RecordKey(PRODUCT, "F"))),
        },
        key=RecordKey(PLAN, "FIB-100"),
        applied={"recurring_price": amount("899.00")},
    )
    judged = judge([taken_over(), moved])
    assert judged.free == [[], []]
    [held] = judged.held[1]
    assert held.change.deltas == moved.deltas
    assert held.rules == (Rule.PRICE_FALL, Rule.TAKEOVER)
    assert held.why.endswith("; waits for billing_product/F")
    both = [one for found in judged.held for one in found]
    assert judge([taken_over(), moved], approving(*both)).held == [[], []]
