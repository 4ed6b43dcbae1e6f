"""Three states are compared: what we wrote, what is there, what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from support.builders import (
    CRM_FIELDS,
    a_binding,
    a_desired,
    a_key,
    a_remote,
)
from trueup.domain.changes import Action, Change, FieldDelta, FindingKind, Reason
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Fields,
    FieldValue,
    Kind,
    RecordKey,
    RemoteRecord,
    Slot,
    TargetName,
)
from trueup.planner.diff import Comparison, Policies, compare_record, field_deltas, same
from trueup.planner.identity import Identity
from trueup.planner.mapping import Policy

ENFORCE: Policies = {kind: {} for kind in Kind}
OLD, NEW = Decimal("799.00"), Decimal("899.00")


def priced(amount: Decimal, **more: FieldValue) -> dict[str, FieldValue]:
    return {**CRM_FIELDS, "Unit_Price": amount, **more}


def compared(
    record: DesiredRecord, *remotes: RemoteRecord, binding: Binding | None = None
) -> Comparison:
    bindings = [] if binding is None else [binding]
    return compare_record(record, Identity(remotes, bindings, {}), ENFORCE)


def change_of(comparison: Comparison) -> Change:
    assert comparison.change is not None
    return comparison.change


def test_what_is_missing_is_created() -> None:
    """With every field that has a value, and what has none left out."""
    record = a_desired({**CRM_FIELDS, "Description": "", "ct_valid_to": None})
    change = change_of(compared(record))
    assert (change.action, change.reason, change.remote_id) == (Action.CREATE, Reason.MISSING, "")
    assert change.after == dict(CRM_FIELDS)
    assert all(delta.before is None for delta in change.deltas.values())
    assert change.fields == record.fields


def test_what_was_deleted_by_hand_is_created_again() -> None:
    """The binding points to nothing: the record is missing."""
    change = change_of(compared(a_desired(), binding=a_binding()))
    assert (change.action, change.reason) == (Action.CREATE, Reason.MISSING)


def test_a_record_that_is_equal_and_unbound_is_adopted_without_a_request() -> None:
    """It only needs to be remembered."""
    change = change_of(compared(a_desired(), a_remote()))
    assert (change.action, change.reason, change.writes) == (Action.ADOPT, Reason.UNBOUND, False)
    assert change.remote_id == "r-1"


def test_a_record_that_differs_and_is_unbound_is_adopted_with_its_differences() -> None:
    """The reason says that we have never written it."""
    change = change_of(compared(a_desired(), a_remote(priced(OLD))))
    assert (change.action, change.reason) == (Action.ADOPT, Reason.UNBOUND)
    assert change.deltas == {"Unit_Price": FieldDelta(OLD, NEW)}


def test_a_record_found_under_another_id_than_the_bound_one_is_adopted() -> None:
    """Somebody deleted ours and made another with the same code."""
    change = change_of(compared(a_desired(), a_remote(remote_id="r-2"), binding=a_binding()))
    assert (change.action, change.reason, change.remote_id) == (Action.ADOPT, Reason.UNBOUND, "r-2")


@pytest.mark.parametrize(
    ("applied", "there", "wanted", "reason"),
    [
        (OLD, OLD, NEW, Reason.EDITED),  # the catalogue changed
        (NEW, OLD, NEW, Reason.DRIFTED),  # the target changed
        (OLD, Decimal(1), NEW, Reason.EDITED),  # both changed
        (OLD, NEW, NEW, None),  # somebody was faster
        (NEW, NEW, NEW, None),
    ],
)
def test_three_states_tell_an_edit_from_drift(
    applied: Decimal, there: Decimal, wanted: Decimal, reason: Reason | None
) -> None:
    """Without the memory of what we wrote, both look the same."""
    binding = a_binding(priced(applied))
    comparison = compared(a_desired(priced(wanted)), a_remote(priced(there)), binding=binding)
    assert (comparison.change and comparison.change.reason) == reason
    assert comparison.change is None or comparison.change.action is Action.UPDATE


def test_only_the_fields_that_differ_are_changed() -> None:
    """And each says what it was and what it becomes."""
    there = priced(OLD, Product_Name="Hand", Somebody="else's")
    change = change_of(compared(a_desired(), a_remote(there), binding=a_binding()))
    assert change.deltas == {
        "Product_Name": FieldDelta("Hand", "Fibre 100"),
        "Unit_Price": FieldDelta(OLD, NEW),
    }
    assert change.after == {"Product_Name": "Fibre 100", "Unit_Price": NEW}


def test_a_product_that_returns_says_so() -> None:
    """We switched it off ourselves, and it is sold again."""
    binding = a_binding(priced(NEW, Product_Active=False))
    there = a_remote(priced(NEW, Product_Active=False))
    change = change_of(compared(a_desired(), there, binding=binding))
    assert (change.action, change.reason, change.activates) == (
        Action.UPDATE,
        Reason.RETURNED,
        True,
    )


def test_a_product_that_somebody_else_switched_off_has_drifted() -> None:
    """We last wrote that it is on sale."""
    there = a_remote(priced(NEW, Product_Active=False))
    change = change_of(compared(a_desired(), there, binding=a_binding()))
    assert change.reason is Reason.DRIFTED


def test_a_renamed_product_is_bound_anew_even_without_a_difference() -> None:
    """The ledger remembers the record under its new key."""
    renamed = a_desired(key=a_key("FIB-NEW"), sku="FIB-NEW")
    change = change_of(compared(renamed, a_remote(), binding=a_binding()))
    assert (change.action, change.reason, change.writes) == (Action.UPDATE, Reason.EDITED, False)
    assert change.key == a_key("FIB-NEW")


# --- retiring ------------------------------------------------------------------------------

RETIRING = a_desired({"Product_Active": False}, retiring=True)


@pytest.mark.parametrize("bound", [True, False])
def test_what_is_withdrawn_and_on_sale_is_retired(*, bound: bool) -> None:
    """One field changes, and nothing is deleted."""
    comparison = compared(RETIRING, a_remote(), binding=a_binding() if bound else None)
    change = change_of(comparison)
    assert (change.action, change.reason) == (Action.RETIRE, Reason.WITHDRAWN)
    assert change.deltas == {"Product_Active": FieldDelta(before=True, after=False)}
    assert change.activates is False


@pytest.mark.parametrize("bound", [True, False])
def test_what_is_withdrawn_and_inactive_is_left_alone(*, bound: bool) -> None:
    """Also when it is found for the first time."""
    there = a_remote(priced(NEW, Product_Active=False))
    assert compared(RETIRING, there, binding=a_binding() if bound else None) == (None, None)


def test_what_is_withdrawn_and_missing_is_never_created() -> None:
    """Not even to be switched off at once."""
    assert compared(RETIRING) == (None, None)


def test_what_cannot_be_read_as_active_is_left_alone() -> None:
    """An unread field is not known to be on."""
    assert compared(RETIRING, a_remote({"Product_Name": "x"})).change is None


# --- what cannot be told apart -------------------------------------------------------------


def test_rivals_are_a_finding_for_one_target() -> None:
    """Their ids are listed, a person adopts one, the other target goes on."""
    rivals = [a_remote(remote_id=f"r-{n}") for n in range(1, 8)]
    change, finding = compared(a_desired(), *rivals)
    assert change is None
    assert finding is not None
    assert (finding.code, finding.kind) == ("ambiguous", FindingKind.IDENTITY)
    assert finding.blocks == frozenset({TargetName.CRM})
    assert "7 records" in finding.message
    assert "r-5: 899.00 active and 2 more; a person says which" in finding.message


# --- fields and their owners ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "there", "changes"),
    [
        (Policy.ENFORCE, "by hand", True),
        (Policy.ENFORCE, "", True),
        (Policy.FILL, "by hand", False),
        (Policy.FILL, "", True),
        (Policy.FILL, None, True),
        (Policy.IGNORE, "by hand", False),
        (Policy.IGNORE, "", False),
    ],
)
def test_policies_say_who_owns_a_field(policy: Policy, there: FieldValue, *, changes: bool) -> None:
    """Enforce corrects, fill fills what is empty, ignore does neither."""
    deltas = field_deltas({"f": "ours"}, {"f": there}, {"f": policy})
    assert bool(deltas) is changes


def test_a_field_that_was_not_read_is_not_compared() -> None:
    """Unknown is not absent."""
    assert field_deltas({"f": "ours", "g": "ours"}, {"g": "ours"}, {}) == {}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("", None, True),
        (None, None, True),
        ("a", "a", True),
        ("a", "A", False),
        ("a", None, False),
        (0, None, False),
        (0, "", False),
        (False, None, False),
        (True, 1, False),
        (False, 0, False),
        (True, True, True),
        (1, Decimal("1.00"), True),
        (Decimal("0.00"), None, False),
        (Decimal("899.00"), Decimal("899.0"), True),
        (Decimal("899.00"), Decimal("899.01"), False),
        ("899.00", Decimal("899.00"), False),
    ],
)
def test_equal_values(one: FieldValue, other: FieldValue, *, equal: bool) -> None:
    """An empty text and no value say the same; nought is a value; true is not one."""
    assert same(one, other) is equal
    assert same(other, one) is equal


def test_comparing_a_record_with_itself_gives_nothing() -> None:
    """The law, once by hand."""
    fields: Fields = CRM_FIELDS
    policies: Mapping[str, Policy] = {}
    assert field_deltas(fields, fields, policies) == {}


# --- names that somebody else has ----------------------------------------------------------

ITEM = a_desired(
    {"name": "Router X", "active": True},
    key=RecordKey(Kind.BILLING_ITEM, "B-HARDWARE"),
    slot=Slot.DEVICE,
)
OTHERS = a_remote({"name": "router x ", "active": False}, kind=Kind.BILLING_ITEM, code="A-HARDWARE")


def item(name: str) -> RemoteRecord:
    fields: Fields = {"name": name, "active": True}
    return a_remote(fields, kind=Kind.BILLING_ITEM, remote_id="r-2", code="B-HARDWARE")


def item_binding(name: str) -> Binding:
    applied: Fields = {"name": name, "active": True}
    return a_binding(applied, key=ITEM.key, slot=Slot.DEVICE, remote_id="r-2")


def test_a_new_record_whose_name_is_taken_carries_its_code() -> None:
    """Billing refuses a second item of the same name, also where the first one is inactive."""
    change = change_of(compared(ITEM, OTHERS))
    assert change.after["name"] == change.fields["name"] == "Router X [B-HARDWARE]"
    assert change.namesakes == frozenset()


def test_a_name_that_is_free_stays_plain() -> None:
    """The code is added only where it must be."""
    assert change_of(compared(ITEM)).after["name"] == "Router X"


def test_a_record_that_carries_its_code_keeps_it_while_the_name_is_taken() -> None:
    """The plan after it is empty."""
    name = "Router X [B-HARDWARE]"
    assert compared(ITEM, OTHERS, item(name), binding=item_binding(name)) == (None, None)


def test_the_plain_name_comes_back_when_it_is_free() -> None:
    """The other record is gone."""
    name = "Router X [B-HARDWARE]"
    change = change_of(compared(ITEM, item(name), binding=item_binding(name)))
    assert change.after == {"name": "Router X"}


def test_names_in_crm_may_repeat() -> None:
    """Only Billing wants them unique."""
    there = a_remote(remote_id="r-9", code="X-1")
    assert change_of(compared(a_desired(), there)).after["Product_Name"] == "Fibre 100"
