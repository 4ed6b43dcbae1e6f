"""Which plan of Billing a product has: in place, or the next version; how one takes over."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from support.builders import (
    MAPPING,
    RULES,
    a_binding,
    a_census,
    a_mapping,
    a_row,
    an_id,
    an_offering,
    money,
)
from trueup.domain.records import Binding, Fields, Intent, Kind, RecordKey, Slot
from trueup.planner.mapping import FieldMap, FieldRule, Policy
from trueup.planner.restate import Restater
from trueup.planner.versions import (
    PlanChoice,
    PlanVersions,
    PriceChanges,
    Strategy,
    code_of,
    version_number,
)

PLAN = Kind.BILLING_PLAN
SKU = "FIB-100"


def versions(
    strategy: Strategy = Strategy.VERSION, mapping: FieldMap = MAPPING, **parts: Any
) -> PlanVersions:
    """The chooser over an empty world."""
    return PlanVersions(
        PriceChanges(strategy),
        mapping,
        Restater(mapping, RULES),
        parts.pop("census", a_census()),
        **parts,
    )


def a_plan(
    code: str = SKU,
    price: str | None = "100.00",
    *,
    active: bool = True,
    term: int | None = 24,
    began: str | None = None,
) -> Binding:
    """A version of the first product's plan, created with `began` and priced `price` now."""
    start = price if began is None else began
    terms: Fields = {
        "recurring_price": None if start is None else Decimal(start),
        "term_months": term,
        "vat_inclusive": None,
    }
    applied: Fields = {
        "plan_code": code,
        "recurring_price": None if price is None else Decimal(price),
        "active": active,
    }
    key = RecordKey(PLAN, code)
    return a_binding(applied, key=key, slot=Slot.PLAN, remote_id=code, terms=terms)


def choice_of(
    price: str, *plans: Binding, chooser: PlanVersions | None = None, **offering: Any
) -> PlanChoice:
    """The plan that the first product has at a price."""
    wanted = an_offering(recurring=money(price), **offering)
    [found] = (chooser or versions()).choose([(wanted, plans)]).values()
    return found


def code(price: str, *plans: Binding, **more: Any) -> str:
    """Its code."""
    return choice_of(price, *plans, **more).code


# --- in place, or a version ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("10000.00", "10999.00", SKU),  # 9.99 %
        ("10000.00", "10999.99", SKU),
        ("10000.00", "11000.00", f"{SKU}-V2"),  # 10.00 %
        ("10000.00", "11001.00", f"{SKU}-V2"),  # 10.01 %
        ("10000.00", "9001.00", SKU),
        ("10000.00", "9000.00", f"{SKU}-V2"),
        ("2299.00", "2520.87", SKU),
        ("1499.00", "1651.30", f"{SKU}-V2"),
        ("899.00", "899.00", SKU),
        ("899.00", "449.50", f"{SKU}-V2"),
        ("0.00", "899.00", f"{SKU}-V2"),
        (None, "899.00", f"{SKU}-V2"),
    ],
)
def test_ten_per_cent_make_a_version(old: str | None, new: str, expected: str) -> None:
    """From the threshold on, up and down, on exact decimals; also from nothing."""
    assert code(new, a_plan(price=old)) == expected


def test_a_product_without_a_plan_gets_its_first() -> None:
    """It is called by the SKU, and takes over from nothing."""
    assert choice_of("100.00") == PlanChoice(SKU)


def test_many_small_steps_make_a_version() -> None:
    """The price is measured from the one with which the version began."""
    steps = ["104.00", "108.16", "112.49"]
    written, codes = "100.00", []
    for step in steps:
        codes.append(code(step, a_plan(price=written, began="100.00")))
        written = step
    assert codes == [SKU, SKU, f"{SKU}-V2"]


def test_the_way_back_is_measured_as_well() -> None:
    """Close to where the version began, far from what was written last."""
    assert code("100.00", a_plan(price="109.00", began="100.00")) == SKU
    assert code("90.00", a_plan(price="109.00", began="100.00")) == f"{SKU}-V2"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (24, 12, f"{SKU}-V2"),
        (0, 12, f"{SKU}-V2"),
        (24, 24, SKU),
        (None, 12, SKU),
        (24, None, SKU),
    ],
)
def test_another_term_makes_a_version(before: int | None, after: int | None, expected: str) -> None:
    """Where it is known before and now."""
    assert code("100.00", a_plan(term=before), term_months=after) == expected


def test_what_the_catalogue_still_says_is_no_new_price() -> None:
    """A price far from the version's start that was written all the same, by another strategy."""
    assert code("150.00", a_plan(price="150.00", began="100.00")) == SKU


def test_terms_that_nobody_kept_are_what_was_written() -> None:
    """A plan bound before versions were known is measured from its last price."""
    bound = replace(a_plan(price="100.00"), terms={})
    assert code("109.99", bound) == SKU
    assert code("110.00", bound) == f"{SKU}-V2"


@pytest.mark.parametrize("policy", [Policy.FILL, Policy.IGNORE])
def test_a_price_that_is_not_ours_makes_no_version(policy: Policy) -> None:
    """Who owns the field decides what becomes of it."""
    mapping = a_mapping(PLAN, FieldRule("recurring_price", "recurring", policy=policy))
    assert code("200.00", a_plan(), chooser=versions(mapping=mapping)) == SKU


def test_the_strategy_update_never_makes_a_version() -> None:
    """Neither for a price nor for a term."""
    chooser = versions(Strategy.UPDATE)
    assert code("200.00", a_plan(), chooser=chooser, term_months=12) == SKU


# --- which code --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sku", "name", "number"),
    [
        ("A", "A", 1),
        ("A", "A-V2", 2),
        ("A", "A-V10", 10),
        ("A", "A-V1", 0),
        ("A", "A-V0", 0),
        ("A", "A-V02", 0),
        ("A", "A-V2-V2", 0),
        ("A", "A-V2B", 0),
        ("A", "B", 0),
        ("A", "AB-V2", 0),
        ("A-V2", "A-V2", 1),
        ("A-V2", "A-V2-V2", 2),
        ("A-V2", "A-V3", 0),
    ],
)
def test_a_code_names_a_version(sku: str, name: str, number: int) -> None:
    """Of this SKU and no other."""
    assert version_number(sku, name) == number
    assert not number or code_of(sku, number) == name


def test_the_next_number_is_not_the_number_of_versions() -> None:
    """What is bound, there, begun by somebody or another product's SKU is not free."""
    bound = [a_plan(active=False), a_plan(f"{SKU}-V2", "200.00")]
    foreign = RecordKey(PLAN, f"{SKU}-V4")
    chooser = versions(
        census=a_census([a_row(2, sku=f"{SKU.lower()}-v3")]),
        intents={foreign: Intent(foreign, "Fibre", owner=an_id(9))},
        occupied=lambda plans: (
            {p.key.code.casefold() for p in plans} & {"fib-100-v2", "fib-100-v5"}
        ),
    )
    assert code("100.00", *bound, chooser=chooser) == f"{SKU}-V6"


def test_it_is_looked_for_until_one_is_free() -> None:
    """However many there are."""
    taken = {f"fib-100-v{n}" for n in range(2, 40)}
    chooser = versions(occupied=lambda _: taken)
    assert code("200.00", a_plan(), chooser=chooser) == f"{SKU}-V40"


def test_a_sku_that_looks_like_a_version_has_versions_of_its_own() -> None:
    """`X-V2` is a product here, and ownership decides."""
    plan = a_plan(f"{SKU}-V2")
    assert code("200.00", plan, sku=f"{SKU}-V2") == f"{SKU}-V2-V2"


def test_a_former_price_comes_back_as_a_version_of_its_own() -> None:
    """A code is never used twice."""
    chooser = versions(occupied=lambda _: {"fib-100-v2"})
    plans = [a_plan(active=False), a_plan(f"{SKU}-V2", "200.00")]
    found = choice_of("100.00", *plans, chooser=chooser)
    assert (found.code, found.former) == (f"{SKU}-V3", plans[1])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(True, True, f"{SKU}-V2"), (True, False, SKU), (False, False, f"{SKU}-V2")],
)
def test_the_highest_version_on_sale_counts(first: bool, second: bool, expected: str) -> None:
    """Between two steps there are two, after a run was taken back it is the first."""
    plans = [a_plan(active=first), a_plan(f"{SKU}-V2", active=second)]
    assert code("100.00", *plans) == expected


def test_what_was_begun_is_finished() -> None:
    """A version whose creation was never answered is wanted until it is known to exist."""
    begun = RecordKey(PLAN, f"{SKU}-V2")
    chooser = versions(intents={begun: Intent(begun, "Fibre", owner=an_id(1))})
    plan = a_plan()
    assert choice_of("100.00", plan, chooser=chooser) == PlanChoice(f"{SKU}-V2", plan)
    done = [replace(plan, applied={**plan.applied, "active": False}), a_plan(f"{SKU}-V2")]
    assert choice_of("100.00", *done, chooser=chooser) == PlanChoice(f"{SKU}-V2")


def test_a_renamed_product_takes_over_from_its_plan() -> None:
    """The highest of those on sale under the SKU that it had."""
    old = [a_plan("OLD", active=False), a_plan("OLD-V2"), a_plan("OLD-V10")]
    assert choice_of("100.00", *old) == PlanChoice(SKU, old[2])
