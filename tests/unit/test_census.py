"""What the whole catalogue must be asked: who else has this SKU, this name, this device?"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.builders import NOW, RULES, a_census, a_device, a_row, an_id, outline_of
from trueup.domain.package import OutlineRow
from trueup.planner.census import device_codes, take_census

DUPLICATES = [("SKY-FBR-003", "SKY-FBR-003"), ("sky-fbr-003", "SKY-FBR-003"), ("A", " a\t")]


def shared(number: int, sku: str = "RTX-1", cost: str | None = "1200", **columns: Any) -> Any:
    hardware: dict[str, Any] = {"model": "Router X", "sku": sku, "included": True}
    if cost is not None:
        hardware["cost"] = Decimal(cost)
    return a_row(number, metadata={"hardware": hardware}, **columns)


@pytest.mark.parametrize(("one", "other"), DUPLICATES)
def test_skus_are_compared_trimmed_and_case_folded(one: str, other: str) -> None:
    """Each row of a duplicate set sees the others."""
    census = a_census([a_row(1, sku=one), a_row(2, sku=other), a_row(3)])
    assert [r.offering_id for r in census.rivals(an_id(1), one)] == [an_id(2)]
    assert [r.offering_id for r in census.rivals(an_id(2), other)] == [an_id(1)]
    assert census.rivals(an_id(3), "FIB-003") == []
    assert census.size == 3


def test_rows_without_a_sku_are_not_duplicates_of_each_other() -> None:
    """They are refused for another reason."""
    census = a_census([a_row(1, sku=None), a_row(2, sku=" "), a_row(3, sku=None)])
    assert census.twins == {}


def test_an_archived_twin_does_not_count() -> None:
    """The active version keeps the SKU and the archived one has left it."""
    census = a_census([a_row(1, sku="DFA-1", status="archived"), a_row(2, sku="DFA-1")])
    assert census.rivals(an_id(2), "DFA-1") == []
    assert census.superseded(an_id(1), "DFA-1")
    assert not census.superseded(an_id(2), "DFA-1")


def test_of_several_archived_twins_one_answers_for_the_sku() -> None:
    """Without a successor among the living, the first one retires the records."""
    rows = [a_row(n, sku="DFA-1", status="archived") for n in (1, 2, 3)]
    census = a_census(rows)
    assert [census.superseded(row.id, "DFA-1") for row in rows] == [False, True, True]


def test_a_single_archived_row_is_not_superseded() -> None:
    """It is simply withdrawn."""
    census = a_census([a_row(1, status="archived")])
    assert not census.superseded(an_id(1), "FIB-100")


@pytest.mark.parametrize("status", ["active", "inactive", "draft"])
def test_twins_that_are_not_archived_are_rivals(status: str) -> None:
    """An inactive or a draft row with the same SKU is a duplicate."""
    census = a_census([a_row(1, sku="X", status=status), a_row(2, sku="X")])
    assert len(census.rivals(an_id(2), "X")) == 1


def test_repeated_names_are_seen_trimmed_and_case_folded() -> None:
    """Two tariffs that re-used a name are told apart by SKU."""
    census = a_census([a_row(1, name="Fibre 100"), a_row(2, name=" FIBRE 100"), a_row(3)])
    assert census.name_repeats("fibre 100")
    assert not census.name_repeats("Fibre 3")


def test_versions_of_one_sku_do_not_repeat_a_name() -> None:
    """An archived version with the same SKU and name is the same product."""
    rows = [a_row(1, sku="DFA-1", name="DFA", status="archived"), a_row(2, sku="dfa-1", name="DFA")]
    assert not a_census(rows).name_repeats("DFA")


def test_a_device_with_its_own_sku_is_shared() -> None:
    """All its users are known, and its one cost."""
    census = a_census([shared(1), shared(2), a_row(3)])
    device = census.devices["RTX-1"]
    assert (device.users, device.cost) == ([an_id(1), an_id(2)], Decimal(1200))


def test_costs_that_disagree_are_kept_apart() -> None:
    """Nobody chooses one."""
    census = a_census([shared(1), shared(2, cost="999"), shared(3, cost=None)])
    assert census.devices["RTX-1"].costs == {Decimal(1200), Decimal(999)}


def test_a_row_with_a_senseless_cost_does_not_count() -> None:
    """It is refused by itself; the census goes on."""
    census = a_census([shared(1), a_row(2, metadata={"hardware": {"included": True, "cost": "x"}})])
    assert census.devices["RTX-1"].users == [an_id(1)]


def test_a_device_whose_cost_nobody_states_is_included_for_nothing() -> None:
    """Included hardware costs the customer nothing."""
    assert a_census([shared(1, cost=None)]).devices["RTX-1"].cost == Decimal(0)


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "inactive"},
        {"status": "archived"},
        {"status": "draft"},
        {"status": "what"},
        {"valid_to": NOW - timedelta(1)},
        {"valid_from": NOW + timedelta(1)},
    ],
)
def test_only_products_on_sale_use_a_device(columns: dict[str, Any]) -> None:
    """A device that only withdrawn products include is not wanted."""
    assert a_census([shared(1, **columns)]).devices == {}


def test_one_model_under_several_codes_repeats() -> None:
    """Billing wants unique item names, so the records carry their codes in the name."""
    flag = {"router_included": True, "router_model": "Router X"}
    census = a_census([shared(1), a_row(2, metadata=flag), a_row(3, metadata={"router": "Y"})])
    assert census.model_repeats(" router x")
    assert not census.model_repeats("Y")
    assert not census.model_repeats("Z")


def test_devices_without_a_sku_are_numbered() -> None:
    """The first is -HARDWARE, later ones carry a number; one with a SKU keeps it."""
    devices = [a_device("A"), a_device("B", sku="B-1"), a_device("C"), a_device("D")]
    codes = [code for code, _ in device_codes(devices, "FIB-100")]
    assert codes == ["FIB-100-HARDWARE", "B-1", "FIB-100-HARDWARE-2", "FIB-100-HARDWARE-3"]


def test_the_outline_is_read_twice_only_when_a_sku_repeats() -> None:
    """A million rows are read once where nothing is wrong."""
    reads: list[int] = []

    def reader(*rows: OutlineRow) -> Any:
        def outline() -> Any:
            reads.append(1)
            return iter(rows)

        return outline

    take_census(reader(outline_of(a_row(1)), outline_of(a_row(2))), RULES.today(NOW))
    assert len(reads) == 1
    take_census(reader(outline_of(a_row(1)), outline_of(a_row(2, sku="FIB-100"))), RULES.today(NOW))
    assert len(reads) == 3


def test_a_successor_carries_exactly_the_same_sku() -> None:
    """A code that differs in case names other records, so the old ones are not left to it."""
    census = a_census([a_row(1, sku="DFA-1", status="archived"), a_row(2, sku="dfa-1")])
    assert not census.superseded(an_id(1), "DFA-1")
