"""Which remote record is ours: by memory, by our id, by exact code, never by name alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.builders import (
    CRM_FIELDS,
    a_binding,
    a_desired,
    a_key,
    a_remote,
    an_id,
    an_intent,
)
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    Slot,
)
from trueup.domain.stored import StoredId
from trueup.planner.identity import Claimed, Identity, Match

OURS = a_desired()
BY_CODE = a_remote(remote_id="by-code")
BY_OWN = a_remote(remote_id="by-own", code="OTHER", own_id=an_id(1))
BOUND = a_remote(remote_id="r-1", code="RENAMED-BY-HAND")
STRANGER = a_remote(remote_id="stranger", code="X-1", fields=CRM_FIELDS)


def find(
    *remotes: RemoteRecord,
    bindings: tuple[Binding, ...] = (),
    intents: tuple[Intent, ...] = (),
    record: Any = OURS,
) -> Match:
    return Identity(remotes, bindings, {i.key: i for i in intents}).match(record)


def ids(match: Match) -> tuple[str | None, list[str]]:
    remote = None if match.remote is None else match.remote.remote_id
    return remote, sorted(r.remote_id for r in match.rivals)


@pytest.mark.parametrize(
    ("remotes", "bound", "found", "rivals"),
    [
        ([], False, None, []),
        ([BY_CODE], False, "by-code", []),
        ([BY_OWN], False, "by-own", []),
        ([BY_OWN, BY_CODE], False, "by-own", []),
        ([BOUND, BY_OWN, BY_CODE], True, "r-1", []),
        ([BY_OWN, BY_CODE], True, "by-own", []),
        ([BY_CODE], True, "by-code", []),
        ([], True, None, []),
        ([BY_CODE, replace(BY_CODE, remote_id="2")], False, None, ["2", "by-code"]),
        ([BY_OWN, replace(BY_OWN, remote_id="2")], False, None, ["2", "by-own"]),
        ([BOUND, BY_CODE, replace(BY_CODE, remote_id="2")], True, "r-1", []),
        ([STRANGER], False, None, []),
        ([STRANGER], True, None, []),
    ],
)
def test_the_decision_table(
    remotes: list[RemoteRecord], *, bound: bool, found: str | None, rivals: list[str]
) -> None:
    """Memory before our own id, our own id before the code; several are for a person."""
    match = find(*remotes, bindings=(a_binding(),) if bound else ())
    assert ids(match) == (found, rivals)


@pytest.mark.parametrize("code", ["fib-100", "FIB-100 ", "FIB-1000", ""])
def test_codes_are_matched_exactly(code: str) -> None:
    """A code that only looks alike is somebody else's."""
    assert ids(find(a_remote(code=code))) == (None, [])


def test_a_record_of_another_kind_is_never_ours() -> None:
    """The same code means something else elsewhere."""
    assert ids(find(a_remote(kind=Kind.BILLING_PLAN))) == (None, [])


def test_a_record_bound_to_another_key_is_nobody_elses_match() -> None:
    """A hand-made copy of a code does not steal a bound record."""
    other = a_binding(key=a_key("FIB-200"), owner=an_id(2), remote_id="by-code")
    assert ids(find(BY_CODE, bindings=(other,))) == (None, [])
    assert ids(find(BY_CODE, a_remote(remote_id="2"), bindings=(other,))) == ("2", [])


def test_a_reinserted_row_finds_the_record_of_its_predecessor() -> None:
    """A new id with the same SKU: the record is found by code and not taken for bound."""
    match = find(a_remote(), bindings=(a_binding(owner=an_id(7)),))
    assert ids(match) == ("r-1", [])
    assert match.binding is None


def test_a_renamed_product_keeps_its_record() -> None:
    """Products and installations are remembered by owner and part, whatever their code was."""
    renamed = a_desired(key=a_key("FIB-NEW"), sku="FIB-NEW")
    match = find(a_remote(), bindings=(a_binding(),), record=renamed)
    assert ids(match) == ("r-1", [])
    assert match.binding is not None
    assert match.binding.key == a_key()


def test_a_renamed_plan_is_another_plan() -> None:
    """A plan code is permanent."""
    key = RecordKey(Kind.BILLING_PLAN, "FIB-100")
    old = a_remote(kind=Kind.BILLING_PLAN, remote_id="p-1")
    binding = a_binding(key=key, slot=Slot.PLAN, remote_id="p-1")
    renamed = a_desired(key=RecordKey(Kind.BILLING_PLAN, "FIB-NEW"), slot=Slot.PLAN)
    assert ids(find(old, bindings=(binding,), record=renamed)) == (None, [])


def test_a_shared_device_is_remembered_by_its_code() -> None:
    """It belongs to nobody, so every product that includes it finds it."""
    key = RecordKey(Kind.BILLING_ITEM, "RTX-1")
    remote = a_remote(kind=Kind.BILLING_ITEM, remote_id="i-1", code="renamed")
    binding = a_binding(key=key, slot=Slot.DEVICE, remote_id="i-1", owner="")
    device = a_desired(key=key, slot=Slot.DEVICE, owner="")
    assert ids(find(remote, bindings=(binding,), record=device)) == ("i-1", [])


# --- a product of Billing carries no code --------------------------------------------------

PRODUCT = a_desired(
    key=RecordKey(Kind.BILLING_PRODUCT, "FIB-100"), fields={"name": "Fibre 100", "active": True}
)
PLAN = a_remote(kind=Kind.BILLING_PLAN, remote_id="p-1", parent_id="b-1")


def product(remote_id: str = "b-1", name: str = "Fibre 100") -> RemoteRecord:
    return a_remote({"name": name}, kind=Kind.BILLING_PRODUCT, remote_id=remote_id, code="")


def test_a_product_is_the_parent_of_the_plan_with_its_code() -> None:
    """Whatever it is called."""
    assert ids(find(PLAN, product(name="old name"), record=PRODUCT)) == ("b-1", [])


def test_a_product_is_never_found_by_its_name() -> None:
    """Two tariffs may share a name."""
    assert ids(find(product(), record=PRODUCT)) == (None, [])


def test_a_parent_that_was_not_read_is_not_there() -> None:
    """A plan may point to a product that somebody deleted."""
    assert ids(find(PLAN, product("b-2"), record=PRODUCT)) == (None, [])


# --- creates whose answer was lost ---------------------------------------------------------


def test_a_lost_create_is_found_by_the_name_it_was_sent_with() -> None:
    """Where the code is not enough: the record of that name that was not there before."""
    intent = an_intent(key=PRODUCT.key, name="Fibre 100")
    assert ids(find(product(), intents=(intent,), record=PRODUCT)) == ("b-1", [])


def test_a_namesake_from_before_is_not_the_lost_create() -> None:
    """A foreign record of the same name stays foreign."""
    intent = an_intent(key=PRODUCT.key, name="Fibre 100", namesakes=frozenset({"foreign"}))
    foreign = product("foreign")
    assert ids(find(foreign, intents=(intent,), record=PRODUCT)) == (None, [])
    assert ids(find(foreign, product(), intents=(intent,), record=PRODUCT)) == ("b-1", [])


def test_two_new_namesakes_are_for_a_person() -> None:
    """One of them may have been made by hand in the meantime."""
    intent = an_intent(key=PRODUCT.key, name=" fibre 100 ")
    match = find(product("b-1"), product("b-2"), intents=(intent,), record=PRODUCT)
    assert ids(match) == (None, ["b-1", "b-2"])


def test_the_records_of_the_same_name_are_remembered_for_a_create() -> None:
    """They are written down with the intent before anything is sent."""
    match = find(product("b-1"), product("b-2", "FIBRE 100 "), product("b-3", "x"), record=PRODUCT)
    assert match.namesakes == {"b-1", "b-2"}


def test_a_record_that_only_retires_has_no_namesakes() -> None:
    """It is never created."""
    retiring = replace(PRODUCT, retiring=True, fields={"active": False})
    assert find(product(), record=retiring).namesakes == frozenset()


def test_a_record_that_two_readings_show_is_one_record() -> None:
    """The listing and the look-up of a lost create may both return it."""
    assert ids(find(BY_CODE, BY_CODE)) == ("by-code", [])


# --- what the predecessor stored -----------------------------------------------------------

RIVALS = (BY_CODE, replace(BY_CODE, remote_id="2"))


def stored(remote_id: str, products: int = 1) -> StoredId:
    return StoredId(OURS.key.kind, OURS.slot, OURS.owner, remote_id, products)


def settled(hint: StoredId, *remotes: RemoteRecord) -> tuple[str | None, list[str]]:
    return ids(Identity(remotes, (), {}, lambda: (hint,)).match(OURS))


def test_the_stored_id_decides_between_rivals() -> None:
    """The one that the predecessor stored for this product, and for no other."""
    assert settled(stored("2"), *RIVALS) == ("2", [])


@pytest.mark.parametrize(
    "hint",
    [stored("2", products=2), stored("gone"), replace(stored("2"), owner=an_id(9))],
    ids=["several products claim it", "no rival has it", "another product's"],
)
def test_a_stored_id_that_is_not_sure_decides_nothing(hint: StoredId) -> None:
    """Several packages with one id are the trace of a filter that was ignored."""
    assert settled(hint, *RIVALS) == (None, ["2", "by-code"])


def test_a_stored_id_alone_is_no_match() -> None:
    """A record that carries neither our id nor the code stays a stranger, whatever was stored."""
    assert settled(stored("stranger"), STRANGER) == (None, [])


def test_a_stored_id_does_not_decide_by_name() -> None:
    """Records that only have the name of a lost create prove nothing."""
    hint = StoredId(PRODUCT.key.kind, PRODUCT.slot, PRODUCT.owner, "b-2")
    intent = an_intent(key=PRODUCT.key, name="Fibre 100")
    identity = Identity((product("b-1"), product("b-2")), (), {intent.key: intent}, lambda: (hint,))
    assert ids(identity.match(PRODUCT)) == (None, ["b-1", "b-2"])


# --- no two products share a record --------------------------------------------------------

OTHER = replace(PRODUCT, key=RecordKey(Kind.BILLING_PRODUCT, "FIB-200"), owner=an_id(2))
OTHER_PLAN = replace(PLAN, remote_id="p-2", code="FIB-200")


def shared(*records: DesiredRecord) -> list[str | None]:
    """Who gets the product that both plans lie in, each product in a part of its own."""
    claimed, found = Claimed(), []
    for record in records:
        identity = Identity((PLAN, OTHER_PLAN, product()), (), {}, claimed=claimed)
        assert identity.match(record) == identity.match(record)
        found.append(ids(identity.match(record))[0])
    return found


def test_the_first_product_keeps_what_several_were_put_into() -> None:
    """The other one gets its own, and knows that the name is taken."""
    assert shared(PRODUCT, OTHER) == ["b-1", None]
    assert shared(OTHER, PRODUCT) == ["b-1", None]
    claimed = Claimed()
    Identity((PLAN, product()), (), {}, claimed=claimed).match(PRODUCT)
    later = Identity((OTHER_PLAN, product()), (), {}, claimed=claimed)
    assert later.match(OTHER).namesakes == {"b-1"}


def test_a_withdrawn_product_gives_way_to_one_on_sale() -> None:
    """Whichever is met first; of two withdrawn ones, one switches it off."""
    gone = replace(PRODUCT, retiring=True, fields={"active": False})
    also_gone = replace(OTHER, retiring=True, fields={"active": False})
    assert shared(gone, OTHER) == ["b-1", "b-1"]
    assert shared(OTHER, gone) == ["b-1", None]
    assert shared(gone, also_gone) == ["b-1", None]


@pytest.mark.parametrize(
    ("bound_to", "keeper"), [("FIB-100", None), ("FIB-200", "FIB-200"), (None, None)]
)
def test_whose_the_product_is_that_a_plan_lies_in(bound_to: str | None, keeper: str | None) -> None:
    """A plan cannot be moved, so somebody is told when it lies in another's."""
    plan = a_desired(key=RecordKey(Kind.BILLING_PLAN, "FIB-100"), slot=Slot.PLAN)
    key = RecordKey(Kind.BILLING_PRODUCT, bound_to or "")
    owner = an_id(1) if bound_to == "FIB-100" else an_id(2)
    bound = (a_binding(key=key, remote_id="b-1", owner=owner),) if bound_to else ()
    assert Identity((PLAN, product()), bound, {}).keeper_of("b-1", plan) == keeper


def test_a_plan_outside_its_own_product_is_elsewhere() -> None:
    """Also where nobody here knows whose that other product is."""
    plan = a_desired(key=RecordKey(Kind.BILLING_PLAN, "FIB-100"), slot=Slot.PLAN)
    own = a_binding(key=PRODUCT.key, remote_id="b-9")
    assert Identity((PLAN,), (own,), {}).keeper_of("b-1", plan) == ""


def test_what_is_bound_is_not_kept_in_mind() -> None:
    """A million products in order must not fill the memory: the ledger knows their records."""
    claimed = Claimed()
    Identity((a_remote(),), (a_binding(),), {}, claimed=claimed).match(OURS)
    assert claimed == Claimed()
    Identity((BY_CODE,), (), {}, claimed=claimed).match(OURS)
    assert claimed.kept == {(OURS.key.kind, "by-code"): OURS.key}
