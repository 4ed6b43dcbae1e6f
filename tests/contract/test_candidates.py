"""Which observed records could be a wanted one: one suite for both ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.ledgers import (
    Bench,
    MemoryBench,
    PostgresBench,
    a_change,
    a_desired,
    a_record,
    an_outcome,
    key,
    offering,
)
from trueup.domain.changes import Status
from trueup.domain.records import Binding, DesiredRecord, Kind, RemoteRecord, Slot
from trueup.postgres.pool import open_pool

CRM, PRODUCT, PLAN = Kind.CRM_PRODUCT, Kind.BILLING_PRODUCT, Kind.BILLING_PLAN
P1, P2 = offering(1), offering(2)


@pytest.fixture(params=["memory", "postgres"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    with open_pool(request.getfixturevalue("database_url"), 4) as pool:
        yield PostgresBench(pool)


def test_records_are_found_by_each_path(bench: Bench) -> None:
    """Own id, code and name, and every record with the code; each record once."""
    records = [
        a_record("own", "OTHER", own_id=P1),
        a_record("code", "A", fields={"Product_Code": "A", "Product_Name": "Line "}),
        a_record("twin", "A"),
        a_record("name", fields={"Product_Name": " LINE"}),
        a_record("stranger", "a", own_id=P2, fields={"Product_Name": "Lines"}),
    ]
    assert bench.ledger.observe("r", CRM, iter(records)) == 5
    wanted = a_desired(key("A"), P1, fields={"Product_Name": "Line"})
    gone = Binding(key("OLD"), Slot.PRODUCT, "deleted", P1, "OLD", {})
    expected = sorted(records[:4], key=lambda r: r.remote_id)
    assert expected == bench.ledger.candidates("r", [wanted], [gone])


def test_a_bound_record_that_is_there_is_the_one(bench: Bench) -> None:
    """Nothing else is looked for, whatever code it carries now."""
    bound, other = a_record("bound", "ELSE"), a_record("other", "A", own_id=P1)
    bench.ledger.observe("r", CRM, [bound, other])
    binding = Binding(key("OLD"), Slot.PRODUCT, "bound", P1, "OLD", {})
    assert [bound] == bench.ledger.candidates("r", [a_desired(key("A"), P1)], [binding])
    foreign = replace(binding, owner=P2)
    assert [bound, other] == bench.ledger.candidates("r", [a_desired(key("A"), P1)], [foreign])


def test_a_retiring_record_needs_no_namesakes(bench: Bench) -> None:
    """It is never created, so nobody asks who else carries its name."""
    bench.ledger.observe("r", CRM, [a_record("1", fields={"Product_Name": "Line"})])
    wanted = a_desired(key("A"), P1, fields={"Product_Name": "Line"}, retiring=True)
    assert bench.ledger.candidates("r", [wanted], []) == []


def test_a_product_of_billing_is_the_parent_of_its_plan(bench: Bench) -> None:
    """It carries no code of its own (zoho-facts §3.3)."""
    product = a_record("p9", kind=PRODUCT, fields={"name": "Renamed by hand"})
    plan = a_record("l1", "A", kind=PLAN, parent_id="p9")
    bench.ledger.observe("r", PRODUCT, [product, a_record("p8", kind=PRODUCT)])
    bench.ledger.observe("r", PLAN, [plan, a_record("l2", "B", kind=PLAN, parent_id="p8")])
    wanted = [a_desired(key("A", PRODUCT), P1)]
    assert [plan, product] == bench.ledger.candidates("r", wanted, [])
    both = [*wanted, a_desired(key("A", PLAN), P1)]
    assert [plan, product] == bench.ledger.candidates("r", both, [])


def test_a_lost_create_is_found_by_its_name(bench: Bench) -> None:
    """Under the name with which it was sent, although another is wanted now."""
    fence = bench.take_over()
    lost = a_change(key("A", PRODUCT), owner=P1, fields={"name": "Old name"})
    bench.ledger.intend([lost], "r1", fence)
    bench.ledger.record([an_outcome(lost, Status.UNKNOWN)], "r1", fence)
    made = a_record("1", kind=PRODUCT, fields={"name": "old NAME "})
    bench.ledger.observe("r", PRODUCT, [made])
    wanted = a_desired(key("A", PRODUCT), P1, fields={"name": "New name"})
    assert [made] == bench.ledger.candidates("r", [wanted], [])


def test_what_is_bound_under_another_key_is_nobody_elses(bench: Bench) -> None:
    """A renamed product's record carries its old code until it is written; it stays its own.

    It is told as taken where it occupies the name: a new record would be refused.
    """
    fence = bench.take_over()
    bench.add_products(P1)
    renamed = a_change(key("NEW"), owner=P1)
    bench.ledger.record([an_outcome(renamed, remote_id="1")], "r1", fence)
    record = a_record("1", "OLD", own_id=P2, fields={"Product_Name": "Line"})
    bench.ledger.observe("r", CRM, [record])
    successor = a_desired(key("OLD"), P2, fields={"Product_Name": "Line"})
    assert [replace(record, taken=True)] == bench.ledger.candidates("r", [successor], [])
    elsewhere = a_desired(key("OLD"), P2, fields={"Product_Name": "Another"})
    assert bench.ledger.candidates("r", [elsewhere], []) == []
    own = bench.ledger.bindings([P1], [])
    assert [record] == bench.ledger.candidates("r", [a_desired(key("NEW"), P1)], own)


def test_a_later_look_supersedes_the_listing(bench: Bench) -> None:
    """What was looked up after listing is added to it, and newer."""
    listed = [a_record("1", "A", version="1"), a_record("2", "B")]
    bench.ledger.observe("r", CRM, listed)
    looked_up = a_record("1", "A", version="2")
    bench.ledger.observe("r", CRM, [looked_up])
    wanted = [a_desired(key("A")), a_desired(key("B"))]
    assert [looked_up, listed[1]] == bench.ledger.candidates("r", wanted, [])


def test_readings_are_apart_and_can_be_forgotten(bench: Bench) -> None:
    """One reading never shows in another."""
    bench.ledger.observe("r", CRM, [a_record("1", "A")])
    assert bench.ledger.candidates("other", [a_desired(key("A"))], []) == []
    bench.ledger.forget("r")
    bench.ledger.forget("never was")
    assert bench.ledger.candidates("r", [a_desired(key("A"))], []) == []


def test_half_a_listing_is_no_listing(bench: Bench) -> None:
    """When reading breaks off, nothing of it is kept."""

    def broken() -> Iterator[RemoteRecord]:
        for number in range(6_000):
            yield a_record(str(number), "A")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        bench.ledger.observe("r", CRM, broken())
    assert bench.ledger.candidates("r", [a_desired(key("A"))], []) == []


def test_awkward_text_survives(bench: Bench) -> None:
    """Quotes, tabs, line ends, backslashes and letters of other scripts."""
    text = "a\tb\nc\\N \"x\" 'y' {z} 日本 ß"
    record = a_record("1", text, fields={"Product_Name": text, "n": None}, version="\\.")
    bench.ledger.observe("r", CRM, [record])
    wanted: list[DesiredRecord] = [a_desired(key(text))]
    assert [record] == bench.ledger.candidates("r", wanted, [])


def test_a_record_that_is_named_apart_hears_who_has_the_name(bench: Bench) -> None:
    """It keeps its code in its name for as long as somebody else has the name."""
    apart = a_record("1", kind=PRODUCT, fields={"name": "Line [A]"})
    stranger = a_record("2", kind=PRODUCT, fields={"name": "Line"})
    wanted = a_desired(key("A", PRODUCT), P1, fields={"name": "Line"})
    binding = Binding(key("A", PRODUCT), Slot.PRODUCT, "1", P1, "A", {})
    bench.ledger.observe("r", PRODUCT, [apart, stranger])
    assert [apart, stranger] == bench.ledger.candidates("r", [wanted], [binding])
    renamed = replace(wanted, fields={"name": "Line 2"})
    assert [apart] == bench.ledger.candidates("r", [renamed], [binding])
