"""Taking a run back: which fields go back, what is left, and what is refused from then on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from support.builders import (
    CRM_FIELDS,
    MAPPING,
    a_binding,
    a_change,
    a_key,
    a_remote,
    an_id,
)
from trueup.domain.changes import Action, Change, FieldDelta, Reason
from trueup.domain.past import LastWrite, PastWrite, Place
from trueup.domain.records import (
    Binding,
    FieldValue,
    Kind,
    Ref,
    RemoteRecord,
)
from trueup.planner.revert import Present, Restoration, take_back

RUN = "cli-1"
PLACE: Place = (Kind.CRM_PRODUCT, "r-1")
OLD, NEW, OTHER = Decimal("899.00"), Decimal("949.00"), Decimal("999.00")


def a_write(*deltas: tuple[str, FieldValue, FieldValue], **more: Any) -> PastWrite:
    """A write of the run on the CRM record of the first offering."""
    write = PastWrite(
        key=a_key(),
        action=Action.UPDATE,
        reason=Reason.EDITED,
        deltas={name: FieldDelta(before, after) for name, before, after in deltas},
        remote_id="r-1",
        owner=an_id(1),
        sku="FIB-100",
    )
    return replace(write, **more)


PRICED = a_write(("Unit_Price", OLD, NEW))


def priced(price: FieldValue, **more: Any) -> RemoteRecord:
    """The record with a price."""
    return a_remote({**CRM_FIELDS, "Unit_Price": price}, **more)


def bound_at(price: FieldValue) -> Binding:
    """What we remember of it."""
    return a_binding({**CRM_FIELDS, "Unit_Price": price})


def restoring(
    writes: Iterable[PastWrite],
    remotes: Iterable[RemoteRecord],
    bindings: Iterable[Binding],
    **present: Any,
) -> Restoration:
    """What taking the run back comes to, from these."""
    records = {(remote.kind, remote.remote_id): remote for remote in remotes}
    given = {"last": {}, "refused": {}} | present
    return take_back(RUN, writes, Present(records, list(bindings), **given))


def only(changes: Iterable[Change]) -> Change:
    """The one change there is."""
    [change] = changes
    return change


# --- fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "goes_back", "left"),
    [(NEW, True, False), (OLD, False, False), (OTHER, False, True), (None, False, True)],
)
def test_a_field_goes_back_while_it_is_as_the_run_left_it(
    now: FieldValue, *, goes_back: bool, left: bool
) -> None:
    found = restoring([PRICED], [priced(now)], [bound_at(now)])
    deltas = [dict(change.deltas) for change in found.changes]
    assert ([{"Unit_Price": FieldDelta(NEW, OLD)}] if goes_back else []) == deltas
    assert (["Unit_Price"] if left else []) == [one.name for one in found.left]


def test_the_change_says_what_it_is_and_remembers_the_whole_record() -> None:
    [change] = restoring(
        [PRICED], [priced(NEW, version="7", editor="Sipho")], [bound_at(NEW)]
    ).changes
    assert (change.action, change.reason) == (Action.UPDATE, Reason.REVERTED)
    assert change.fields == {**CRM_FIELDS, "Unit_Price": OLD}
    assert change.applied == {**CRM_FIELDS, "Unit_Price": NEW}
    assert ("r-1", "7", "Sipho", an_id(1)) == (
        change.remote_id,
        change.version,
        change.editor,
        change.owner,
    )


def test_of_several_changes_the_first_value_before_comes_back() -> None:
    """A run may write a record twice: what counts is before the first and after the last."""
    twice = [PRICED, a_write(("Unit_Price", NEW, OTHER), ("Description", "a", "b"))]
    remote = a_remote({**CRM_FIELDS, "Unit_Price": OTHER, "Description": "b"})
    change = only(restoring(twice, [remote], [bound_at(OTHER)]).changes)
    assert {"Unit_Price": FieldDelta(OTHER, OLD), "Description": FieldDelta("b", "a")} == dict(
        change.deltas
    )


def test_a_field_that_the_run_put_back_itself_is_none_of_its_changes() -> None:
    there_and_back = [PRICED, a_write(("Unit_Price", NEW, OLD))]
    assert restoring(there_and_back, [priced(OLD)], [bound_at(OLD)]).empty


@pytest.mark.parametrize("empty", [None, ""])
def test_what_was_empty_becomes_empty(empty: FieldValue) -> None:
    write = a_write(("ct_provider", empty, "NorthNet"))
    remote = a_remote({**CRM_FIELDS, "ct_provider": "NorthNet"})
    change = only(restoring([write], [remote], [a_binding()]).changes)
    assert {"ct_provider": FieldDelta("NorthNet", empty)} == dict(change.deltas)


def test_what_is_restored_already_is_only_remembered() -> None:
    """A revert was killed between the write and the ledger, or somebody put the value back."""
    found = restoring([PRICED], [priced(OLD)], [bound_at(NEW)])
    change = only(found.changes)
    assert (change.writes, change.fields["Unit_Price"]) == (False, OLD)
    assert {(a_key(), "Unit_Price"): NEW} == found.refuse


def test_a_lost_answer_counts_where_the_value_arrived() -> None:
    lost = replace(PRICED, certain=False)
    assert restoring([lost], [priced(NEW)], [bound_at(NEW)]).changes
    assert not any(c.writes for c in restoring([lost], [priced(OLD)], [bound_at(OLD)]).changes)


# --- records ------------------------------------------------------------------------------------


def test_what_was_created_becomes_inactive_whatever_became_of_its_fields() -> None:
    made = a_write(*((n, None, v) for n, v in CRM_FIELDS.items()), action=Action.CREATE)
    found = restoring([made], [priced(OTHER)], [bound_at(OTHER)])
    change = only(found.changes)
    assert Action.RETIRE is change.action
    assert {"Product_Active": FieldDelta(before=True, after=False)} == dict(change.deltas)
    assert [a_key()] == found.created
    assert {(a_key(), "Product_Active"): True} == found.refuse
    assert found.left == []


def test_what_was_retired_becomes_active() -> None:
    retired = a_write(("Product_Active", True, False), action=Action.RETIRE)
    remote = a_remote({**CRM_FIELDS, "Product_Active": False})
    found = restoring([retired], [remote], [a_binding()])
    assert (only(found.changes).action, only(found.changes).activates) == (Action.UPDATE, True)
    assert {(a_key(), "Product_Active"): False} == found.refuse


def test_what_was_adopted_gets_its_own_values_back_and_stays_bound() -> None:
    taken = a_write(("Unit_Price", Decimal("0.00"), NEW), action=Action.ADOPT)
    change = only(restoring([taken], [priced(NEW)], [bound_at(NEW)]).changes)
    assert (change.action, change.remote_id) == (Action.UPDATE, "r-1")
    assert {"Unit_Price": FieldDelta(NEW, Decimal("0.00"))} == dict(change.deltas)


def test_an_adoption_without_a_write_leaves_nothing_to_take_back() -> None:
    assert restoring([a_write(action=Action.ADOPT)], [priced(OLD)], [bound_at(OLD)]).empty


@pytest.mark.parametrize(
    ("remotes", "bindings", "why"),
    [
        ([], [a_binding()], "it is gone"),
        ([a_remote()], [], "it is not ours any more"),
        ([a_remote()], [a_binding(remote_id="r-2")], "it is not ours any more"),
    ],
)
def test_a_record_that_is_gone_or_somebody_elses_is_left(
    remotes: list[RemoteRecord], bindings: list[Binding], why: str
) -> None:
    found = restoring([PRICED], remotes, bindings)
    assert ([], [("", why)]) == (found.changes, [(one.name, one.why) for one in found.left])


def test_a_create_without_an_answer_is_found_by_its_binding_or_left() -> None:
    lost = a_write(action=Action.CREATE, remote_id="", certain=False)
    assert [a_key()] == restoring([lost], [a_remote()], [a_binding()]).created
    [left] = restoring([lost], [a_remote()], []).left
    assert "`trueup run` finds out" in left.why


def test_a_record_that_was_renamed_since_is_found_by_its_id() -> None:
    """The catalogue may ask for it under either code, so the value is refused under both."""
    renamed = replace(bound_at(NEW), key=a_key("FIB-100B"))
    found = restoring([PRICED], [priced(NEW)], [renamed])
    assert a_key("FIB-100B") == only(found.changes).key
    both = {(a_key(code), "Unit_Price"): NEW for code in ("FIB-100", "FIB-100B")}
    assert both == found.refuse
    assert found.without([a_key("FIB-100B")]).empty


# --- what is left, and who changed it -----------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "editor", "why"),
    [
        (LastWrite("cli-9", Reason.EDITED, OTHER), "", "changed since, by run cli-9"),
        (LastWrite("cli-9", Reason.EDITED, NEW), "Sipho", "changed since, by Sipho"),
        (LastWrite(RUN, Reason.EDITED, NEW), "", "changed since, by somebody at Zoho"),
        (None, "Sipho", "changed since, by Sipho"),
    ],
)
def test_it_says_who_changed_a_field_since(last: LastWrite | None, editor: str, why: str) -> None:
    known = {} if last is None else {(PLACE, "Unit_Price"): last}
    found = restoring([PRICED], [priced(OTHER, editor=editor)], [bound_at(NEW)], last=known)
    [left] = found.left
    assert (NEW, OTHER, why) == (left.wrote, left.now, left.why)
    assert found.refuse == {}


def test_a_field_that_is_not_managed_any_more_is_left() -> None:
    [left] = restoring([a_write(("ct_old", "a", "b"))], [priced(NEW)], [bound_at(NEW)]).left
    assert (left.name, left.why) == ("ct_old", "the field is not managed any more")


def test_a_plan_cannot_be_moved_back_to_another_product() -> None:
    moved = a_write(("product_id", "", Ref(a_key("P", Kind.BILLING_PRODUCT))))
    [left] = restoring([moved], [priced(NEW)], [bound_at(NEW)]).left
    assert "cannot move" in left.why


# --- what is refused from now on ----------------------------------------------------------------

TAKEN_BACK = a_write(("Unit_Price", NEW, OLD), reason=Reason.REVERTED)
BY_REVERT = {(PLACE, "Unit_Price"): LastWrite("revert-2", Reason.REVERTED, OLD)}
BY_ITSELF = {(PLACE, "Unit_Price"): LastWrite(RUN, Reason.REVERTED, OLD)}
FIELD = (a_key(), "Unit_Price")


@pytest.mark.parametrize(
    ("write", "now", "refused", "last", "refuses", "lifts"),
    [
        # an ordinary run: what it wrote is refused, once
        (PRICED, NEW, {}, {}, {FIELD: NEW}, False),
        (PRICED, NEW, {FIELD: NEW}, {}, {}, False),
        (PRICED, NEW, {FIELD: OTHER}, {}, {FIELD: NEW}, False),
        # the catalogue wants what another revert refused: that stays
        (PRICED, NEW, {FIELD: OTHER}, BY_REVERT, {}, False),
        # restored already, by a revert or by the catalogue itself
        (PRICED, OLD, {FIELD: NEW}, BY_REVERT, {}, False),
        (
            PRICED,
            OLD,
            {},
            {(PLACE, "Unit_Price"): LastWrite("cli-9", Reason.EDITED, OLD)},
            {},
            False,
        ),
        # a revert is taken back: its refusal ends, at once or in the second attempt
        (TAKEN_BACK, OLD, {FIELD: NEW}, BY_REVERT, {}, True),
        (TAKEN_BACK, NEW, {FIELD: NEW}, BY_REVERT, {}, True),
        (TAKEN_BACK, NEW, {}, BY_REVERT, {}, False),
        # what somebody refused besides is none of its business; nor is what was put back by hand
        (TAKEN_BACK, OLD, {FIELD: OTHER}, BY_REVERT, {}, False),
        (TAKEN_BACK, NEW, {}, BY_ITSELF, {}, False),
        # the revert of a revert is taken back: it refused nothing
        (TAKEN_BACK, OLD, {}, BY_REVERT, {FIELD: OLD}, False),
    ],
)
def test_what_goes_is_refused_and_a_reverts_own_refusals_end(
    write: PastWrite,
    now: FieldValue,
    refused: dict[Any, FieldValue],
    last: dict[Any, LastWrite],
    refuses: dict[Any, FieldValue],
    *,
    lifts: bool,
) -> None:
    found = restoring([write], [priced(now)], [bound_at(now)], refused=refused, last=last)
    assert (refuses, {FIELD} if lifts else set()) == (found.refuse, found.lift)


def test_a_record_can_be_left_out_of_it() -> None:
    found = restoring([PRICED], [priced(NEW)], [bound_at(NEW)])
    assert found.without([a_key()]).empty
    assert found.without([a_key("FIB-200")]) == found


def test_the_mapping_knows_the_fields_of_these_tests() -> None:
    """Else they could pass for a field that is not managed."""
    assert {"Unit_Price", "Product_Active", "ct_provider"} <= set(MAPPING.managed(Kind.CRM_PRODUCT))
    assert a_change().deltas.keys() == PRICED.deltas.keys()
