"""Whatever prices do and whatever breaks on the way: one plan on sale, and it is the right one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.builders import a_row
from support.memory_catalogue import MemoryCatalogue
from support.memory_guardbook import MemoryGuardbook
from support.profiles import effort
from support.weather import KilledError, MortalLedger, Trouble, WeatheredTarget
from support.workshop import (
    Floor,
    HandClock,
    MemoryLock,
    Notes,
    a_floor,
    a_shop,
    assert_settled,
    fields_of,
)
from trueup.domain.changes import Action, Status
from trueup.domain.records import Binding, Kind, RecordKey, TargetName
from trueup.planner.due import Look
from trueup.planner.versions import PriceChanges, code_of

PLAN = Kind.BILLING_PLAN
SKU = "FIB-100"
# Close enough for steps below, at and above ten per cent, in both directions.
PRICES = st.sampled_from(["90.00", "95.00", "100.00", "104.99", "109.99", "110.00", "121.00"])
TERMS = st.sampled_from([None, 12, 24])
TROUBLES = st.sampled_from(["fine", "refuse", "throttle", "lost_before", "lost_after", "down"])


@dataclass(frozen=True)
class Step:
    """What the catalogue says one day."""

    price: str
    term: int | None

    def row(self, **columns: Any) -> Any:
        """The row of that day."""
        metadata = {} if self.term is None else {"contract_months": self.term}
        return a_row(monthly=Decimal(self.price), metadata=metadata, **columns)


STEPS = st.builds(Step, PRICES, TERMS)


@dataclass(frozen=True)
class Day:
    """A step, and what the run of that day meets before the weather clears."""

    step: Step
    weather: tuple[Trouble, ...]
    dies_in: int | None


DAYS = st.builds(
    Day, STEPS, st.lists(TROUBLES, max_size=3).map(tuple), st.none() | st.integers(0, 3)
)


def plans(floor: Floor) -> Mapping[str, Mapping[str, Any]]:
    """The fields of each plan, by code."""
    return fields_of(floor.billing, PLAN)


def on_sale(floor: Floor) -> list[str]:
    """The codes of the plans on sale."""
    return [code for code, fields in plans(floor).items() if fields["active"]]


def binding(floor: Floor, code: str) -> Binding:
    """What we remember of a plan."""
    return floor.ledger.bound[RecordKey(PLAN, code)]


def expected(steps: Sequence[Step]) -> tuple[str, Decimal]:
    """The code on sale after these days in good weather, and the price with which it began."""
    number, began, term, written = 1, Decimal(steps[0].price), steps[0].term, steps[0].price
    for step in steps[1:]:
        moved = abs(Decimal(step.price) - began) * 10 >= began and step.price != written
        if moved or (None not in (term, step.term) and term != step.term):
            number, began, term = number + 1, Decimal(step.price), step.term
        elif step.price != written and term is None:
            term = step.term
        written = step.price
    return code_of(SKU, number), began


@given(steps=st.lists(STEPS, min_size=1, max_size=8))
@effort(80)
def test_versions_follow_the_rule(steps: list[Step]) -> None:
    """In good weather, the versions are those that a walk on paper gives."""
    floor = a_floor([steps[0].row()]).versioned()
    for step in steps:
        floor.catalogue.put(step.row())
        floor.run()
    assert_settled(floor)
    code, began = expected(steps)
    assert on_sale(floor) == [code]
    assert plans(floor)[code]["recurring_price"] == Decimal(steps[-1].price)
    assert binding(floor, code).terms["recurring_price"] == began
    assert len(plans(floor)) == len({code_of(SKU, n + 1) for n in range(len(plans(floor)))})


@given(days=st.lists(DAYS, min_size=1, max_size=6))
@effort(120)
def test_one_plan_is_on_sale_after_any_weather(days: list[Day]) -> None:
    """Killed or refused between any two steps: the next runs finish what was begun."""
    floor, ledger, billing = a_mortal_floor(days[0].step)
    retired: set[str] = set()
    for day in days:
        floor.catalogue.put(day.step.row())
        billing.script, ledger.dies_in = list(day.weather), day.dies_in
        with suppress(KilledError):
            floor.run()
        assert on_sale(floor), "a product on sale is never without a plan"

        floor.lock.taken = False
        ledger.revive()
        billing.clear_up()
        floor.clock.sleep(86_400)
        floor.run(look=Look.EVERYTHING)
        [code] = on_sale(floor)
        assert plans(floor)[code]["recurring_price"] == Decimal(day.step.price)
        assert_terms(floor, code, day.step)
        assert code not in retired, "a code is never used again"
        retired |= plans(floor).keys() - {code}
    assert_settled(floor)
    assert_made_once(floor)


def a_mortal_floor(first: Step) -> tuple[Floor, MortalLedger, WeatheredTarget]:
    """One product that was synced in good weather, in a world where everything may break."""
    lock, clock, notes = MemoryLock(), HandClock(), Notes()
    ledger = MortalLedger(epochs=lock.epochs)
    catalogue = MemoryCatalogue([first.row()], ledger)
    crm, billing = WeatheredTarget(TargetName.CRM), WeatheredTarget(TargetName.BILLING)
    book = MemoryGuardbook(ledger)
    shop = a_shop(catalogue, ledger, book, (crm, billing), clock, lock, notes)
    shop = replace(shop, price_changes=PriceChanges())
    floor = Floor(shop, catalogue, ledger, crm, billing, clock, lock, notes, book)
    floor.run()
    return floor, ledger, billing


def assert_terms(floor: Floor, code: str, step: Step) -> None:
    """The price is near the one with which its version began, and the term is the same."""
    terms = binding(floor, code).terms
    began = terms["recurring_price"]
    assert isinstance(began, Decimal)
    assert abs(Decimal(step.price) - began) * 10 < began
    assert None in (terms["term_months"], step.term) or terms["term_months"] == step.term


def assert_made_once(floor: Floor) -> None:
    """No plan was created twice, and every one that is there is remembered as it is."""
    made = Counter(
        outcome.change.key.code
        for _, outcome in floor.ledger.history
        if outcome.kind is PLAN
        and outcome.change.action is Action.CREATE
        and outcome.status is Status.APPLIED
    )
    assert all(count == 1 for count in made.values())
    for code, fields in plans(floor).items():
        assert binding(floor, code).applied["active"] is fields["active"]


@dataclass(frozen=True)
class Life:
    """A day on which a product may also be renamed, withdrawn, and its plans edited by hand."""

    day: Day
    sku: str
    status: str
    by_hand: tuple[int, str]


LIVES = st.builds(
    Life,
    DAYS,
    st.sampled_from([SKU, SKU, "FIB-NEW", f"{SKU}-V2"]),
    st.sampled_from(["active", "active", "active", "inactive"]),
    st.tuples(st.integers(0, 5), st.sampled_from(["nothing", "price", "on", "off", "delete"])),
)


@given(lives=st.lists(LIVES, min_size=1, max_size=6))
@effort(150)
def test_one_plan_at_most_whatever_becomes_of_the_product(lives: list[Life]) -> None:
    """Renamed, withdrawn, returned, edited by hand, killed: one plan on sale, or none."""
    floor, ledger, billing = a_mortal_floor(lives[0].day.step)
    for life in lives:
        day = life.day
        floor.catalogue.put(day.step.row(sku=life.sku, status=life.status))
        meddle(floor, *life.by_hand)
        billing.script, ledger.dies_in = list(day.weather), day.dies_in
        with suppress(KilledError):
            floor.run()

        floor.lock.taken = False
        ledger.revive()
        billing.clear_up()
        floor.clock.sleep(86_400)
        floor.run(look=Look.EVERYTHING)
        there = on_sale(floor)
        assert len(there) == (life.status == "active")
        for code in there:
            assert plans(floor)[code]["recurring_price"] == Decimal(day.step.price)
            assert plans(floor)[code]["plan_code"] == code
        assert_settled(floor)


def meddle(floor: Floor, which: int, what: str) -> None:
    """Somebody does something to a plan at Billing."""
    codes = sorted(plans(floor))
    if what == "nothing" or not codes:
        return
    code = codes[which % len(codes)]
    match what:
        case "price":
            floor.billing.edit(code, recurring_price=Decimal("1.00"))
        case "on" | "off":
            floor.billing.edit(code, active=what == "on")
        case _:
            floor.billing.delete(code)
