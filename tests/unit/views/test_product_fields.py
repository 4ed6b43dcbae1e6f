"""Three sides of a field: what is wanted, what was written, and what was read there last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trueup.domain.changes import FieldDelta
from trueup.domain.records import Binding, DesiredRecord, Kind, RecordKey, Slot
from trueup.domain.threeway import Moved
from trueup.planner.mapping import Policy
from trueup.postgres.product_sheet import Looked, Remembered, Tried
from trueup.views.product_fields import How, RecordSheet, lay_out, readings
from trueup.views.products import harmless

KEY = RecordKey(Kind.CRM_PRODUCT, "FIB-1")
WRITTEN_AT = datetime(2026, 3, 2, tzinfo=UTC)
LATER, BEFORE = WRITTEN_AT + timedelta(hours=1), WRITTEN_AT - timedelta(hours=1)
PRICE: dict[str, Any] = {"Unit_Price": Decimal("100.00")}
POLICIES = {kind: {"Unit_Price": Policy.ENFORCE, "Description": Policy.FILL} for kind in Kind}


def wanted(kind: Kind = Kind.CRM_PRODUCT, **fields: Any) -> DesiredRecord:
    return DesiredRecord(RecordKey(kind, "FIB-1"), Slot.PRODUCT, fields, "1", ("1",), "FIB-1")


def bound(kind: Kind = Kind.CRM_PRODUCT, **fields: Any) -> Remembered:
    key = RecordKey(kind, "FIB-1")
    return Remembered(Binding(key, Slot.PRODUCT, "46", "1", "FIB-1", fields), WRITTEN_AT, "r1")


def tried(read_at: datetime, before: Decimal, word: str = "held") -> Tried:
    return Tried(KEY, {"Unit_Price": FieldDelta(before, Decimal(90))}, read_at, word, "", "r2")


def laid_out(
    record: DesiredRecord | None,
    one: Remembered | None,
    *before: Tried,
    looked: Looked | None = None,
) -> RecordSheet:
    [sheet] = lay_out(
        [record] if record else [],
        [one] if one else [],
        readings(before, looked),
        looked.at if looked else None,
        POLICIES,
    )
    return sheet


def a_look(at: datetime, *changes: Any) -> Looked:
    return Looked(1, at, {"changes": list(changes)})


def a_planned(action: str = "update", **deltas: Any) -> dict[str, Any]:
    return {"kind": "crm_product", "code": "FIB-1", "action": action, "deltas": deltas}


def test_without_a_reading_what_was_written_is_there() -> None:
    """Then only the catalogue can have moved."""
    agreeing = laid_out(wanted(**PRICE), bound(**PRICE))
    assert (agreeing.how, agreeing.differing, agreeing.remote_id) == (How.WRITTEN, 0, "46")
    edited = laid_out(wanted(Unit_Price=Decimal("110.00")), bound(**PRICE))
    [line] = edited.lines
    assert (line.wanted, line.there, line.moved) == ("110.00", "100.00", Moved.OURS)


def test_a_held_change_knows_what_the_run_read() -> None:
    """Theirs where only Zoho moved, both where the catalogue did too."""
    there = tried(LATER, Decimal("1.00"))
    theirs = laid_out(wanted(**PRICE), bound(**PRICE), there)
    assert (theirs.how, theirs.read_at, theirs.lines[0].moved) == (How.HELD, LATER, Moved.THEIRS)
    both = laid_out(wanted(Unit_Price=Decimal("110.00")), bound(**PRICE), there)
    assert both.lines[0].moved is Moved.BOTH


def test_what_was_read_before_the_last_write_counts_no_more() -> None:
    found = laid_out(wanted(**PRICE), bound(**PRICE), tried(BEFORE, Decimal("1.00"), "rejected"))
    assert (found.how, found.differing) == (How.WRITTEN, 0)


def test_the_newest_reading_wins() -> None:
    """A look that finds nothing to change says that what was held has been put right."""
    held = tried(LATER, Decimal("1.00"))
    agreed = laid_out(wanted(**PRICE), bound(**PRICE), held, looked=a_look(LATER + timedelta(1)))
    assert (agreed.how, agreed.differing) == (How.LOOKED, 0)
    still = a_look(LATER + timedelta(1), a_planned(Unit_Price=["2.00", "100.00"]))
    differs = laid_out(wanted(**PRICE), bound(**PRICE), held, looked=still)
    assert (differs.lines[0].there, differs.lines[0].moved) == ("2.00", Moved.THEIRS)


def test_a_record_that_a_look_did_not_find_has_no_id() -> None:
    look = a_look(LATER, a_planned("create", Unit_Price=[None, "100.00"]))
    found = laid_out(wanted(**PRICE), bound(**PRICE), looked=look)
    assert (found.remote_id, found.lines[0].there, found.differing) == ("", None, 1)


def test_what_nobody_has_read_is_not_known() -> None:
    """It is no difference: nobody can tell."""
    found = laid_out(wanted(**PRICE), None)
    [line] = found.lines
    assert (found.how, line.known, line.differs, found.written_at) == (
        How.NOTHING, False, False, None
    )  # fmt: skip


def test_a_field_to_be_filled_is_left_alone_once_it_is() -> None:
    filled = laid_out(wanted(Description="ours"), bound(Description="theirs"))
    assert (filled.differing, filled.lines[0].ignored) == (0, True)
    empty = laid_out(wanted(Description="ours"), bound(Description=""))
    assert (empty.differing, empty.lines[0].ignored) == (1, False)


def test_a_name_beside_its_code_is_as_it_should_be() -> None:
    """Billing wants unique names; somebody else had this one."""
    kind = Kind.BILLING_PRODUCT
    found = laid_out(wanted(kind, name="Line"), bound(kind, name="Line [FIB-1]"))
    assert found.differing == 0
    assert laid_out(wanted(kind, name="Line"), bound(kind, name="Other")).differing == 1


def test_a_former_version_that_was_never_made_is_not_shown() -> None:
    retiring = replace(wanted(Product_Active=False), retiring=True)
    assert lay_out([retiring], [], [], None, POLICIES) == []
    assert laid_out(retiring, bound(Product_Active=True)).retiring


def test_cells_that_a_spreadsheet_would_run_are_quoted() -> None:
    """Numbers stay numbers."""
    told = ["=1+1", "+1", "-1", "-1.50", "@a", "\tb", "Fibre", "'x", "-2-3"]
    expected = ["'=1+1", "'+1", "-1", "-1.50", "'@a", "'\tb", "Fibre", "''x", "'-2-3"]
    assert expected == [harmless(cell) for cell in told]
