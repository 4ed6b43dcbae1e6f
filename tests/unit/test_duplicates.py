"""Records that may be one thing twice: how they are found, and what is said about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import a_binding, a_remote, an_id
from support.profiles import effort
from trueup.domain.records import Binding, Kind, RecordKey, RemoteRecord, Slot
from trueup.planner.duplicate_advice import Advice, advise
from trueup.planner.duplicates import Certainty, Found, Group, Why, find_duplicates, remember
from trueup.planner.near_names import near_groups, same_words

CRM, PRODUCT, PLAN, ITEM = Kind
YEAR = "2026-03-01T02:00:00+02:00"
LATER = "2026-03-02T02:00:00+02:00"


def crm(remote_id: str, code: str = "", name: str = "", **more: Any) -> RemoteRecord:
    """A CRM record; without a name it gets one that is near to no other."""
    fields = {
        "Product_Name": name or f"Number {remote_id}",
        "Product_Code": code,
        "Unit_Price": more.pop("price", Decimal("899.00")),
        "Product_Active": more.pop("active", True),
    }
    return a_remote(fields, remote_id=remote_id, code=code, **more)


def billing(kind: Kind, remote_id: str, code: str = "", name: str = "Router") -> RemoteRecord:
    return RemoteRecord(kind, remote_id, code, {"name": name, "active": True})


def bound(remote_id: str, code: str = "FIB-100", kind: Kind = CRM, **more: Any) -> Binding:
    return a_binding(key=RecordKey(kind, code), remote_id=remote_id, **{"sku": code} | more)


def stored(sku: str, number: int, remote_id: str, slot: Slot = Slot.INSTALLATION) -> Binding:
    return Binding(RecordKey(ITEM, sku), slot, remote_id, an_id(number), sku, {})


def find(
    *records: RemoteRecord,
    bindings: Iterable[Binding] = (),
    uses: Iterable[Binding] = (),
    skus: Mapping[str, str] | None = None,
    near: bool = True,
) -> Found:
    kind = records[0].kind if records else CRM
    memory = remember(bindings, uses, skus or {})
    return find_duplicates(kind, records, memory, near=near)


def one(*records: RemoteRecord, **known: Any) -> Group:
    [group] = find(*records, **known).groups
    return group


def ids(group: Group) -> list[str]:
    return [member.record.remote_id for member in group.members]


class TestExact:
    def test_one_own_id_is_certain(self) -> None:
        """And a code that the same records share is not told as well."""
        found = one(crm("1", "A", own_id=an_id(1)), crm("2", "A", own_id=an_id(1)))
        assert (found.why, found.certainty, found.shared) == (
            Why.OWN_ID,
            Certainty.CERTAIN,
            an_id(1),
        )

    @pytest.mark.parametrize(
        ("other", "certainty"),
        [
            ("FIB-100", Certainty.CERTAIN),
            (" FIB-100 ", Certainty.CERTAIN),
            ("fib-100", Certainty.LIKELY),
        ],
    )
    def test_one_code_whatever_its_case_and_space(self, other: str, certainty: Certainty) -> None:
        found = one(crm("1", "FIB-100"), crm("2", other))
        assert (found.why, found.certainty, ids(found)) == (Why.CODE, certainty, ["1", "2"])

    def test_no_code_is_no_likeness(self) -> None:
        assert find(crm("1"), crm("2", "  "), crm("3", "FIB-3")).groups == ()

    def test_a_record_that_was_listed_twice_is_one(self) -> None:
        """Pages shift while they are read."""
        found = find(crm("1", "FIB-100"), crm("1", "FIB-100"))
        assert (found.groups, found.read) == ((), 1)

    def test_what_differs_is_named_with_each_value(self) -> None:
        found = one(crm("1", "A", "Line", price=Decimal("0.00")), crm("2", "A", "Line"))
        assert found.differs == {"Unit_Price": (Decimal("0.00"), Decimal("899.00"))}

    def test_the_first_is_the_one_that_most_speaks_for(self) -> None:
        """Bound, carrying our id, active, modified last."""
        records = [
            crm("1", "A", active=False),
            crm("2", "A", version=YEAR),
            crm("3", "A", version=LATER),
            crm("4", "A", own_id=an_id(1), active=False),
            crm("5", "A", active=False),
            crm("6", "A", active=False, version=LATER),
        ]
        found = one(*records, bindings=[bound("5", "A")])
        assert ids(found) == ["5", "4", "3", "2", "6", "1"]


class TestSettled:
    def test_copies_that_are_inactive_are_counted_only(self) -> None:
        """Nothing is ever deleted, so nothing is left to do; also not for their names."""
        found = find(
            crm("1", "A", "Line"), crm("2", "A", "Line", active=False), bindings=[bound("1", "A")]
        )
        assert (found.groups, found.settled) == ((), 1)

    def test_a_copy_still_on_sale_is_not_settled(self) -> None:
        """Least of all while the bound one is inactive."""
        found = one(crm("1", "A", active=False), crm("2", "A"), bindings=[bound("1", "A")])
        assert advise(found).text.startswith("keep 1 (bound, inactive); make 2 inactive at Zoho")

    def test_a_code_without_a_binding_is_in_the_way_of_every_run(self) -> None:
        found = one(crm("1", "A"), crm("2", "A", active=False))
        assert found.why is Why.CODE

    def test_two_bound_ones_on_sale_are_not_settled(self) -> None:
        two = [bound("1", "A"), bound("2", "a")]
        said = advise(one(crm("1", "A"), crm("2", "a"), crm("3", "a"), bindings=two))
        assert said == Advice(
            "look at these: 2 are bound, as crm_product/A, crm_product/a; make 3 inactive at Zoho"
        )

    def test_two_bound_ones_alone_are_not_settled_either(self) -> None:
        two = [bound("1", "A"), bound("2", "a")]
        assert "2 are bound" in advise(one(crm("1", "A"), crm("2", "a"), bindings=two)).text

    def test_a_bound_version_that_was_retired_is_settled(self) -> None:
        two = [bound("1", "A"), bound("2", "moved:2")]
        found = find(crm("1", "A"), crm("2", "A", active=False), bindings=two)
        assert (found.groups, found.settled) == ((), 1)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("Fibre Max 100", "FIBRE  max-100"),
            ("Fibre Max 100", "FibreMax100"),
            ("Fibre Max 100", "100 Fibre Max"),
            ("Fibre Max 100", "Fibre Max 100 [FIB-100]"),
            ("Fibre Max 100", "Copy of Fibre Max 100"),
            ("Fibre Max 100", "Fibre Max 100 - Copy (2)"),
            ("Fibre Max 100", "Fibre Max 100 (1)"),
            ("Fibre Max 100", "Fibre Max 100 copy 2"),
            ("Fibre Max 100", "Ｆｉｂｒｅ Max １００"),  # noqa: RUF001 (full width, which NFKC folds)
            ("Fibre Max 1.5", "Fibre Max 1,5"),
            ("Fibre Max 100", "Fibre Max 100 \uff081\uff09"),
            ("Fibre Max 100", "100 Max Fibre"),
        ],
    )
    def test_spelling_does_not_count(self, name: str, other: str) -> None:
        found = one(crm("1", "A", name), crm("2", "B", other))
        assert (found.why, ids(found)) == (Why.NAME, ["1", "2"])

    @pytest.mark.parametrize(
        "other", ["Fiber Max 100", "Fbre Max 100", "Fibree Max 100", "Fibrx Max 100"]
    )
    def test_one_slip_in_a_word_is_possible(self, other: str) -> None:
        found = one(crm("1", "A", "Fibre Max 100"), crm("2", "B", other))
        assert (found.why, found.certainty) == (Why.NAME, Certainty.POSSIBLE)

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("Fibre 100", "Fibre 200"),  # numbers never are near
            ("Fibre 10/20", "Fibre 1020"),
            ("Fibre 1.5", "Fibre 15"),
            ("Fibre 1.5", "Fibre 5.1"),
            ("Fibre 1.5", "Fibre 1 5"),
            ("Fibre 100/50", "Fibre 50/100"),
            ("Line A", "Line B"),  # nor short words
            ("Max 100", "Mix 100"),
            ("Light 100", "Night 100"),  # nor what begins otherwise
            ("Symmetric 100", "Asymmetric 100"),
            ("Fibre Max 100", "Fiber Mex 100"),  # two words at once
            ("Silver 100", "Silvano 100"),
            ("Capped 100", "Uncapped 100"),
            ("Fibre Copy 100", "Fibre 100"),  # a copy mark stands at an end
            ("---", "***"),
        ],
    )
    def test_other_words_are_other_products(self, name: str, other: str) -> None:
        assert find(crm("1", "A", name), crm("2", "B", other)).groups == ()

    def test_a_name_proposes_nothing(self) -> None:
        """Not even where one of them is bound."""
        found = one(crm("1", "A", "Line"), crm("2", "", "line"), bindings=[bound("1", "A")])
        assert found.certainty is Certainty.LIKELY
        assert advise(found) == Advice("look at these: a name alone proves nothing")

    def test_names_can_be_left_out(self) -> None:
        assert find(crm("1", "A", "Line"), crm("2", "B", "Line"), near=False).groups == ()

    def test_what_the_catalogue_tells_apart_is_no_group(self) -> None:
        """Real tariffs share a name; bound, or carrying ids of ours, they are known."""
        records = [crm("1", "A", "Line"), crm("2", "B", "Line", own_id=an_id(2))]
        found = find(*records, bindings=[bound("1", "A")])
        assert (found.groups, found.settled) == ((), 0)

    def test_one_alone_on_sale_is_settled(self) -> None:
        """Of names that none of us knows, and where all on sale are known."""
        unknown = find(crm("1", "A", "Line"), crm("2", "B", "Line", active=False))
        known = find(
            crm("1", "A", "Line"),
            crm("2", "B", "Line"),
            crm("3", "C", "Line", active=False),
            bindings=[bound("1", "A"), bound("2", "B")],
        )
        assert (unknown.groups, unknown.settled) == ((), 1)
        assert (known.groups, known.settled) == ((), 1)

    def test_a_crowd_of_serial_words_is_no_family(self) -> None:
        """A remainder that more than fifty words share would join them all."""
        names = {n: f"Series {chr(0x4E00 + n)}" for n in range(60)}
        serial = {n: f"Line-{name.replace(' ', '')}" for n, name in names.items()}
        assert near_groups(serial) == []


class TestStoredIds:
    def test_several_products_with_one_id(self) -> None:
        """The record that it names is shown, and what its code says."""
        uses = [stored("FIB-1", 1, "77"), stored("FIB-2", 2, "77")]
        found = one(billing(ITEM, "77", "FIB-9-INSTALL"), uses=uses)
        assert (found.why, found.certainty, found.shared) == (
            Why.STORED_ID,
            Certainty.CERTAIN,
            "77",
        )
        assert [use.sku for use in found.users] == ["FIB-1", "FIB-2"]
        said = advise(found)
        assert "2 products remember one id (FIB-1, FIB-2)" in said.text
        assert "'Router' with the code FIB-9-INSTALL" in said.text
        assert (said.keep, said.commands) == (None, ())

    def test_an_id_that_no_record_has(self) -> None:
        uses = [stored("FIB-1", 1, "77"), stored("FIB-2", 2, "77")]
        found = one(billing(ITEM, "78"), uses=uses)
        assert found.members == ()
        assert "no record read has it" in advise(found).text

    def test_another_kind_is_none_of_this_one(self) -> None:
        uses = [stored("FIB-1", 1, "77"), stored("FIB-2", 2, "77")]
        assert find(crm("77", "A"), uses=uses).groups == ()

    def test_versions_of_one_product_may_share_it(self) -> None:
        """An archived row and the one on sale have one SKU."""
        uses = [stored("FIB-1", 1, "77"), stored("fib-1 ", 2, "77")]
        assert find(billing(ITEM, "77"), uses=uses).groups == ()

    def test_a_device_may_be_shared_rightly(self) -> None:
        """One that is bound as shared is; of another it is only possible that it is not."""
        uses = [stored(f"FIB-{n}", n, "77", Slot.DEVICE) for n in (1, 2)]
        found = one(billing(ITEM, "77"), uses=uses)
        assert found.certainty is Certainty.POSSIBLE
        shared = bound("77", "RT-1", ITEM, slot=Slot.DEVICE, owner="")
        assert find(billing(ITEM, "77"), uses=uses, bindings=[shared]).groups == ()


class TestAdvice:
    def test_a_bound_one_is_kept(self) -> None:
        """With the command for the case that another is the right one."""
        said = advise(
            one(
                crm("1", "FIB-100", version=LATER),
                crm("2", "FIB-100", version=YEAR),
                bindings=[bound("1")],
            )
        )
        assert said == Advice(
            "keep 1 (bound, newest); make 2 inactive at Zoho, or if another is the right one:"
            " `trueup adopt FIB-100 crm 2`",
            keep="1",
        )

    def test_an_unbound_one_is_adopted_first(self) -> None:
        """Under the SKU of the catalogue that has this code."""
        said = advise(one(crm("1", "fib 1"), crm("2", "FIB 1"), skus={an_id(1): "FIB 1"}))
        assert said.keep == "1"
        assert said.commands == ("trueup adopt 'FIB 1' crm 1",)
        assert said.text.endswith("then make 2 inactive at Zoho")

    def test_an_installation_item_belongs_to_its_product(self) -> None:
        records = [billing(ITEM, n, "FIB-1-install", f"Item {n}") for n in "12"]
        said = advise(one(*records, skus={an_id(1): "FIB-1"}))
        assert said.commands == ("trueup adopt FIB-1 billing 1",)

    def test_a_code_of_nobody_is_left_alone(self) -> None:
        """Foreign records are never touched: no command, nothing to keep."""
        said = advise(one(crm("1", "MISC"), crm("2", "MISC"), skus={an_id(1): "FIB-1"}))
        assert said == Advice("look at these: none of them is a product of the catalogue")

    def test_a_long_list_is_cut(self) -> None:
        records = [crm(str(n), "A") for n in range(1, 10)]
        said = advise(one(*records, bindings=[bound("1", "A")]))
        assert "make 2, 3, 4, 5, 6, 7 and 2 more inactive" in said.text


# --- laws ----------------------------------------------------------------------------------

_CODES = st.sampled_from(["", " ", "FIB-1", "fib-1 ", " Fib-1", "FIB-2", "GRÖSSE", "größe"])
_WORDS = st.sampled_from(["Fibre", "Fiber", "fibre", "Max", "100", "200", "(1)", "copy", "[X]"])
_NAMES = st.lists(_WORDS, max_size=4).map(" ".join) | st.text(max_size=12)
_OWN_IDS = st.sampled_from(["", "", an_id(1), an_id(2)])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[RemoteRecord], list[Binding]]:
    """Records of one kind, some of them bound."""
    drawn = draw(
        st.lists(st.tuples(_CODES, _NAMES, _OWN_IDS, st.booleans(), st.booleans()), max_size=9)
    )
    records = [
        crm(str(n), code, name, own_id=own, active=active)
        for n, (code, name, own, active, _) in enumerate(drawn)
    ]
    return records, [bound(str(n), f"B-{n}") for n, (*_, is_bound) in enumerate(drawn) if is_bound]


@effort(300)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    world: tuple[list[RemoteRecord], list[Binding]], random: Any
) -> None:
    records, bindings = world
    shuffled = random.sample(records, len(records))
    assert find(*records, bindings=bindings) == find(*shuffled, bindings=bindings)


@effort(300)
@given(worlds())
def test_nobody_is_in_two_groups_of_one_reason(
    world: tuple[list[RemoteRecord], list[Binding]],
) -> None:
    """And every group has two members or more, and says something."""
    records, bindings = world
    found = find(*records, bindings=bindings).groups
    for why in Why:
        there = [i for group in found if group.why is why for i in ids(group)]
        assert len(there) == len(set(there))
    assert all(len(group.members) > 1 and advise(group).text for group in found)


@effort(300)
@given(worlds())
def test_every_shared_code_is_told_or_settled(
    world: tuple[list[RemoteRecord], list[Binding]],
) -> None:
    """Whatever its case and the space around it: with nothing bound, nothing is settled."""
    records, _ = world
    together = [frozenset(ids(group)) for group in find(*records, near=False).groups]
    for record in records:
        key = record.code.strip().casefold()
        alike = {r.remote_id for r in records if r.code.strip().casefold() == key}
        if key and len(alike) > 1:
            assert any(alike <= group for group in together)


@effort(300)
@given(worlds())
def test_who_shares_nothing_is_never_listed(
    world: tuple[list[RemoteRecord], list[Binding]],
) -> None:
    """A foreign record among any others."""
    records, bindings = world
    foreign = crm("foreign", "ZZZ-9", "Quite another thing 7777")
    found = find(*records, foreign, bindings=bindings).groups
    assert [group for group in found if "foreign" in ids(group)] == []


@effort(300)
@given(
    st.text(max_size=30) | st.sampled_from(["(1)", "[X]", "copy", "copy of", "Copy of X"]),
    st.sampled_from([" (1)", " - Copy", " copy 3", " [FIB-1]", "  "]),
)
def test_a_copy_mark_never_hides_a_copy(name: str, mark: str) -> None:
    """Whatever the name is, with the mark it is near to itself."""
    if any(character.isalnum() for character in name):
        assert near_groups({1: name, 2: name + mark}) == [{1, 2}]
        assert same_words([name, name + mark])
