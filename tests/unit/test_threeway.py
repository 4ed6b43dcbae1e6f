"""Three states of a field, every cell: who moved, and what each policy makes of it."""

from __future__ import annotations

import pytest

from support.builders import CRM_FIELDS, a_binding, a_desired, a_mapping, a_remote
from trueup.domain.guards import Evidence, GuardLimits, Rule
from trueup.domain.records import Fields, FieldValue, Kind
from trueup.domain.threeway import Moved, same, who_moved
from trueup.planner.diff import compare_record
from trueup.planner.guard import Guard
from trueup.planner.identity import Identity
from trueup.planner.mapping import FieldRule, Policy

FIELD = "Description"

# catalogue, last applied, live: nothing, x or y. Then who moved, and what happens to the field
# under each policy: `.` it stays as it is, `w` it is written, `?` a person is asked.
CELLS = """
-  -  -   agree    . . . .
-  -  x   theirs   w . ? .
-  -  y   theirs   w . ? .
-  x  -   agree    . . . .
-  x  x   ours     w . w .
-  x  y   both     w . ? .
-  y  -   agree    . . . .
-  y  x   both     w . ? .
-  y  y   ours     w . w .
x  -  -   ours     w w w .
x  -  x   agree    . . . .
x  -  y   both     w . ? .
x  x  -   theirs   w w ? .
x  x  x   agree    . . . .
x  x  y   theirs   w . ? .
x  y  -   both     w w ? .
x  y  x   agree    . . . .
x  y  y   ours     w . w .
y  -  -   ours     w w w .
y  -  x   both     w . ? .
y  -  y   agree    . . . .
y  x  -   both     w w ? .
y  x  x   ours     w . w .
y  x  y   agree    . . . .
y  y  -   theirs   w w ? .
y  y  x   theirs   w . ? .
y  y  y   agree    . . . .
"""
# The same where we never wrote the field: catalogue, live.
UNKNOWN_CELLS = """
-  -   agree    . . . .
-  x   unknown  w . ? .
-  y   unknown  w . ? .
x  -   unknown  w w w .
x  x   agree    . . . .
x  y   unknown  w . ? .
y  -   unknown  w w w .
y  x   unknown  w . ? .
y  y   agree    . . . .
"""
POLICIES = (Policy.ENFORCE, Policy.FILL, Policy.REPORT, Policy.IGNORE)
NOTHINGS = pytest.mark.parametrize("nothing", ["", None], ids=["empty", "null"])


def lines(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def named(cell: str) -> Moved | None:
    return None if cell == "agree" else Moved(cell)


def outcome(wanted: FieldValue, applied: Fields, live: FieldValue, policy: Policy) -> str:
    """What becomes of the field: through the comparison and the guards, as in a run."""
    mapping = a_mapping(Kind.CRM_PRODUCT, FieldRule(FIELD, "description", policy=policy))
    policies = {kind: mapping.policies(kind) for kind in Kind}
    record = a_desired({**CRM_FIELDS, FIELD: wanted})
    remote = a_remote({**CRM_FIELDS, FIELD: live})
    binding = a_binding({**CRM_FIELDS, **applied})
    change, finding = compare_record(record, Identity([remote], [binding], {}), policies)
    assert finding is None
    if change is None:
        return "."
    assert set(change.deltas) == {FIELD}
    assert change.deltas[FIELD] == (live, wanted)
    judged = Guard(GuardLimits(), mapping).judge([change], Evidence())
    [free], [held] = judged.free, judged.held
    if held:
        assert (free, held[0].rules, held[0].change.deltas) == (
            [],
            (Rule.HAND_EDIT,),
            change.deltas,
        )
        return "?"
    assert free == [change]
    return "w"


def test_the_table_is_whole() -> None:
    cells = [tuple(line[:3]) for line in lines(CELLS)]
    assert len(set(cells)) == len(cells) == 27
    assert len({tuple(line[:2]) for line in lines(UNKNOWN_CELLS)}) == 9


@NOTHINGS
@pytest.mark.parametrize("cell", lines(CELLS), ids=" ".join)
def test_who_moved_and_what_each_policy_does(cell: list[str], nothing: str | None) -> None:
    wanted, applied, live = (nothing if value == "-" else value for value in cell[:3])
    assert who_moved(FIELD, live, wanted, {FIELD: applied}) is named(cell[3])
    happens = [outcome(wanted, {FIELD: applied}, live, policy) for policy in POLICIES]
    assert happens == cell[4:]


@NOTHINGS
@pytest.mark.parametrize("cell", lines(UNKNOWN_CELLS), ids=" ".join)
def test_a_field_that_we_never_wrote(cell: list[str], nothing: str | None) -> None:
    """Nobody knows who filled it: where a person is to be asked, that counts as an edit."""
    wanted, live = (nothing if value == "-" else value for value in cell[:2])
    assert who_moved(FIELD, live, wanted, {}) is named(cell[2])
    assert [outcome(wanted, {}, live, policy) for policy in POLICIES] == cell[3:]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [("", None, True), (None, None, True), (True, 1, False), (False, 0, False), (0, None, False)],
)
def test_what_is_equal(one: FieldValue, other: FieldValue, *, equal: bool) -> None:
    assert same(one, other) is equal
    assert same(other, one) is equal
