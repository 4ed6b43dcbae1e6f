"""What every past tells of earlier runs: one suite for memory and Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from support.builders import a_change, a_create, a_key
from support.ledgers import Bench, MemoryBench, PostgresBench, a_run, an_outcome, offering
from support.memory_guardbook import MemoryGuardbook
from support.memory_past import MemoryPast
from trueup.domain.changes import Action, Change, FieldDelta, Reason, Status
from trueup.domain.errors import LeaseLostError
from trueup.domain.guards import FieldKey
from trueup.domain.past import LastWrite, Place
from trueup.domain.records import FieldValue, Kind, Ref
from trueup.ports import Decision, Fence, Guardbook, Past
from trueup.postgres.guardbook import PostgresGuardbook
from trueup.postgres.past import PostgresPast
from trueup.postgres.pool import open_pool

OWNER = offering(1)
PLACE: Place = (Kind.CRM_PRODUCT, "r-1")
FIELD = (a_key(), "Unit_Price")
OLD, NEW, OTHER = Decimal("799.00"), Decimal("899.00"), Decimal("999.00")
PRICED = a_change({"Unit_Price": (OLD, NEW)}, owner=OWNER, users=(OWNER,))
CREATED = replace(a_create(Kind.BILLING_PLAN, "FIB-100", name="Fibre"), owner=OWNER)


@dataclass
class Desk:
    """One past beside its ledger and its guardbook."""

    bench: Bench
    past: Past
    book: Guardbook
    fence: Fence

    def run(self, run_id: str, *outcomes: tuple[Change, Status, str]) -> None:
        """A run in which these became of these changes."""
        self.bench.ledger.begin(a_run(run_id), self.fence)
        for change, status, remote_id in outcomes:
            self.bench.ledger.intend([change], run_id, self.fence)
            given = [an_outcome(change, status, remote_id)]
            self.bench.ledger.record(given, run_id, self.fence)


@pytest.fixture(params=["memory", "postgres"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    if request.param == "memory":
        memory = MemoryBench()
        book = MemoryGuardbook(memory.ledger)
        yield Desk(memory, MemoryPast(memory.ledger, book), book, memory.take_over())
        return
    with open_pool(request.getfixturevalue("database_url"), 4) as pool:
        bench = PostgresBench(pool)
        bench.add_products(OWNER)
        yield Desk(bench, PostgresPast(pool), PostgresGuardbook(pool), bench.take_over())


def test_writes_come_back_as_they_were_written(desk: Desk) -> None:
    """Typed, in order, with the ids that the targets gave; other runs and failures are left out."""
    values: dict[str, tuple[FieldValue, FieldValue]] = {
        "Unit_Price": (Decimal("0.00"), Decimal(899)),
        "term": (None, 24),
        "active": (False, True),
        "text": ("", "ü\n"),
        "product_id": (None, Ref(a_key("P", Kind.BILLING_PRODUCT))),
    }
    many = a_change(values, owner=OWNER, users=(OWNER,), reason=Reason.DRIFTED)
    failed = replace(PRICED, key=a_key("FIB-200"), remote_id="r-2")
    desk.run("cli-0", (PRICED, Status.APPLIED, ""))
    desk.run(
        "cli-1",
        (CREATED, Status.APPLIED, "p-9"),
        (many, Status.APPLIED, ""),
        (failed, Status.REJECTED, ""),
    )
    first, second = desk.past.writes("cli-1")
    assert (first.action, first.remote_id, first.owner) == (Action.CREATE, "p-9", OWNER)
    assert (second.key, second.reason, second.certain) == (a_key(), Reason.DRIFTED, True)
    assert {name: FieldDelta(*pair) for name, pair in values.items()} == dict(second.deltas)
    assert all(type(second.deltas[name].after) is type(pair[1]) for name, pair in values.items()), (
        second
    )


def test_what_was_never_answered_may_have_been_written(desk: Desk) -> None:
    desk.run("cli-1", (PRICED, Status.UNKNOWN, ""), (CREATED, Status.UNKNOWN, ""))
    found = [(w.key, w.remote_id, w.certain) for w in desk.past.writes("cli-1")]
    assert found == [(PRICED.key, "r-1", False), (CREATED.key, "", False)]


def test_a_create_over_which_the_run_died_is_one_of_its_writes(desk: Desk) -> None:
    desk.bench.ledger.begin(a_run("cli-1"), desk.fence)
    desk.bench.ledger.intend([CREATED], "cli-1", desk.fence)
    [write] = desk.past.writes("cli-1")
    assert (write.key, write.action, write.certain) == (CREATED.key, Action.CREATE, False)


def test_a_create_that_another_attempt_carried_out_is_that_attempts(desk: Desk) -> None:
    desk.run("cli-1", (CREATED, Status.UNKNOWN, ""))
    desk.run("cli-2", (CREATED, Status.APPLIED, "p-9"))
    assert (desk.past.writes("cli-1"), len(desk.past.writes("cli-2"))) == ([], 1)


def test_the_last_write_of_each_field_is_known_whatever_run_it_was_in(desk: Desk) -> None:
    again = replace(PRICED, deltas={"Unit_Price": FieldDelta(NEW, OTHER)}, reason=Reason.REVERTED)
    texts = replace(PRICED, deltas={"Description": FieldDelta("a", "b")})
    refused = replace(PRICED, deltas={"Unit_Price": FieldDelta(OTHER, OLD)})
    desk.run("cli-1", (PRICED, Status.APPLIED, ""), (texts, Status.APPLIED, ""))
    desk.run("cli-2", (again, Status.APPLIED, ""), (refused, Status.FAILED, ""))
    assert desk.past.last_writes([PLACE, (Kind.BILLING_PLAN, "p-9")]) == {
        (PLACE, "Unit_Price"): LastWrite("cli-2", Reason.REVERTED, OTHER),
        (PLACE, "Description"): LastWrite("cli-1", Reason.EDITED, "b"),
    }
    assert desk.past.last_writes([]) == {}


def test_refusals_are_read_and_lifted_one_by_one(desk: Desk) -> None:
    other = (a_key(), "Product_Active")
    values: dict[FieldKey, FieldValue] = {FIELD: NEW, other: False}
    desk.run("cli-1")
    desk.book.refuse(values, "cli-1", desk.fence, Decision("Ann"))
    assert desk.past.refused([a_key(), a_key("FIB-200")]) == values
    assert desk.past.refused([a_key("FIB-200")]) == {}
    desk.past.lift([FIELD], desk.fence)
    assert desk.past.refused([a_key()]) == {other: False}


def test_whoever_lost_the_lock_lifts_and_signs_nothing(desk: Desk) -> None:
    desk.run("cli-1")
    desk.book.refuse({FIELD: NEW}, "cli-1", desk.fence, Decision("Ann"))
    desk.bench.take_over()
    with pytest.raises(LeaseLostError):
        desk.past.lift([FIELD], desk.fence)
    with pytest.raises(LeaseLostError):
        desk.past.sign("cli-1", "Ann", desk.fence)
    assert desk.past.refused([a_key()]) == {FIELD: NEW}
