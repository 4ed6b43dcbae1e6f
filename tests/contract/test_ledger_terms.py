"""What every ledger keeps of versions: terms, editors, and the id that old screens look for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from support.ledgers import (
    NOW,
    Bench,
    MemoryBench,
    PostgresBench,
    a_change,
    a_desired,
    a_record,
    a_result,
    an_outcome,
    key,
    offering,
)
from trueup.domain.changes import Action
from trueup.domain.records import Fields, Kind, Slot, TargetName
from trueup.domain.runs import ProductStatus
from trueup.ports import Fence
from trueup.postgres.pool import open_pool

PLAN = Kind.BILLING_PLAN
P1 = offering(1)
TERMS: Fields = {
    "recurring_price": Decimal("899.00"),
    "term_months": None,
    "vat_inclusive": True,
}


@pytest.fixture(params=["memory", "postgres"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    with open_pool(request.getfixturevalue("database_url"), 4) as pool:
        yield PostgresBench(pool)


@pytest.fixture
def fence(bench: Bench) -> Fence:
    bench.add_products(P1)
    return bench.take_over()


def applied(bench: Bench, fence: Fence, code: str, action: Action, **more: object) -> None:
    """A change of a plan of the first product was carried out; its id is its code."""
    change = a_change(key(code, PLAN), action, owner=P1, slot=Slot.PLAN, **more)
    bench.ledger.record([an_outcome(change, remote_id=code)], "r1", fence)


def terms(bench: Bench, code: str) -> Fields:
    """What the next version of a plan is measured by."""
    [found] = [b for b in bench.ledger.bindings([P1], []) if b.key.code == code]
    return found.terms


@pytest.mark.parametrize("action", [Action.CREATE, Action.ADOPT])
def test_a_record_remembers_with_what_it_began(bench: Bench, fence: Fence, action: Action) -> None:
    """Typed as it was, an unknown term included."""
    applied(bench, fence, "A", action, terms=TERMS)
    assert terms(bench, "A") == TERMS


@pytest.mark.parametrize("action", [Action.UPDATE, Action.RETIRE])
def test_a_later_change_leaves_the_terms_alone(bench: Bench, fence: Fence, action: Action) -> None:
    """Many small steps are measured from the beginning."""
    applied(bench, fence, "A", Action.CREATE, terms=TERMS)
    applied(bench, fence, "A", action, remote_id="A")
    assert terms(bench, "A") == TERMS


def test_a_change_may_state_another_basis(bench: Bench, fence: Fence) -> None:
    """What it states itself is kept; the rest stays."""
    applied(bench, fence, "A", Action.CREATE, terms=TERMS)
    stated: Fields = {"vat_inclusive": False}
    applied(bench, fence, "A", Action.UPDATE, remote_id="A", terms=stated)
    assert terms(bench, "A") == {**TERMS, **stated}


def test_adopting_anew_begins_anew(bench: Bench, fence: Fence) -> None:
    """A record that took the place of another has terms of its own."""
    applied(bench, fence, "A", Action.CREATE, terms=TERMS)
    stated: Fields = {"recurring_price": Decimal("100.00")}
    applied(bench, fence, "A", Action.ADOPT, remote_id="A", terms=stated)
    assert terms(bench, "A") == stated


def test_who_changed_a_record_is_told(bench: Bench) -> None:
    """By its code as well as by its binding."""
    bench.ledger.observe("a look", Kind.CRM_PRODUCT, [a_record("7", "A", editor="Thandi")])
    bench.ledger.observe("a look", Kind.CRM_PRODUCT, [a_record("8", "B")])
    wanted = [a_desired(key("A"), P1), a_desired(key("B"), P1)]
    found = bench.ledger.candidates("a look", wanted, [])
    assert [(r.remote_id, r.editor) for r in found] == [("7", "Thandi"), ("8", "")]


class TestOldScreens:
    """The predecessor's column shows the plan that is sold, whichever was written last."""

    @pytest.fixture
    def bench(self, database_url: str) -> Iterator[PostgresBench]:
        with open_pool(database_url, 4) as pool:
            yield PostgresBench(pool)

    def shown(self, bench: PostgresBench) -> list[str]:
        rows = bench.sql("select zoho_billing_plan_id from product_integrations")
        return [row[0] for row in rows]

    def test_the_version_that_took_over_is_shown(self, bench: PostgresBench, fence: Fence) -> None:
        """Retiring the one before does not point back at it."""
        applied(bench, fence, "A", Action.CREATE)
        applied(bench, fence, "A-V2", Action.CREATE)
        applied(bench, fence, "A", Action.RETIRE, remote_id="A")
        assert self.shown(bench) == ["A-V2"]

    def test_the_only_plan_is_shown_when_it_goes(self, bench: PostgresBench, fence: Fence) -> None:
        """A withdrawn product keeps the id of its plan."""
        applied(bench, fence, "A", Action.RETIRE, remote_id="A")
        assert self.shown(bench) == ["A"]

    def test_a_version_that_comes_back_is_shown(self, bench: PostgresBench, fence: Fence) -> None:
        """A run that is taken back puts the version before on sale again."""
        applied(bench, fence, "A", Action.CREATE)
        applied(bench, fence, "A-V2", Action.CREATE)
        applied(bench, fence, "A", Action.UPDATE, remote_id="A")
        applied(bench, fence, "A-V2", Action.RETIRE, remote_id="A-V2")
        assert self.shown(bench) == ["A"]

    def test_history_says_against_whom(self, bench: PostgresBench, fence: Fence) -> None:
        """Who had changed the record before we did."""
        applied(bench, fence, "A", Action.UPDATE, remote_id="A", editor="Thandi")
        assert bench.sql("select editor from trueup.change_history") == [("Thandi",)]


def test_a_product_is_found_by_any_version_of_its_plan(bench: Bench, fence: Fence) -> None:
    """Also when nobody remembers it and the first version is no more."""
    applied(bench, fence, "A-V2", Action.CREATE)
    plans = [a_record("A-V2", "A-V2", PLAN, parent_id="7"), a_record("B", "B", PLAN, parent_id="8")]
    bench.ledger.observe("a look", PLAN, plans)
    products = [a_record("7", kind=Kind.BILLING_PRODUCT), a_record("8", kind=Kind.BILLING_PRODUCT)]
    bench.ledger.observe("a look", Kind.BILLING_PRODUCT, products)
    found = bench.ledger.candidates("a look", [a_desired(key("A", Kind.BILLING_PRODUCT), P1)], [])
    assert "7" in [r.remote_id for r in found]
    assert "8" not in [r.remote_id for r in found]


@pytest.mark.parametrize("action", Action)
def test_a_product_is_due_until_what_is_sent_is_decided(
    bench: Bench, fence: Fence, action: Action
) -> None:
    """A run that is killed on the way is continued, also when the row is what it was before."""
    bench.ledger.settle([a_result(P1, ProductStatus.OK)], "r1", fence, NOW)
    change = a_change(key("A-V2", PLAN), action, owner=P1, slot=Slot.PLAN)
    bench.ledger.intend([change], "r2", fence)
    revisions = {target: state.revision for target, state in bench.ledger.states([P1])[P1].items()}
    assert revisions == {TargetName.CRM: "r1", TargetName.BILLING: ""}
    bench.ledger.intend([replace(change, owner="")], "r2", fence)  # a shared device has no owner
