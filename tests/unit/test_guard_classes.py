"""Guards over classes of changes, and over what was never ours, at their edges."""

from __future__ import annotations

from typing import Any

import pytest

from support.builders import a_change, a_create, a_key
from support.judging import (
    PRICE,
    amount,
    created,
    judge,
    numbered,
    of,
    one,
    retired,
    rule_of,
    rules,
    waiting,
)
from trueup.domain.changes import Action, Change, Reason
from trueup.domain.guards import Evidence, Rule, Violation
from trueup.domain.records import Kind, RecordKey, Ref, TargetName
from trueup.planner.guard import Judgement

CRM, BILLING = TargetName.CRM, TargetName.BILLING
PLAN, ITEM = Kind.BILLING_PLAN, Kind.BILLING_ITEM


def held_by(judged: Judgement) -> set[Rule]:
    return {rule for found in rules(judged) for rule in found}


MAKERS = {
    Rule.MASS_CREATE: created,
    Rule.MASS_REPRICE: numbered,
    Rule.MASS_RETIRE: retired,
}


@pytest.mark.parametrize("rule", list(MAKERS))
@pytest.mark.parametrize(
    ("count", "all_of", "held"),
    [
        (10, 33, False),  # 30.3 %, but not more than ten
        (11, 33, True),
        (10, 36, False),
        (11, 36, True),
        (11, 37, False),  # 29.7 %
        (12, 40, False),  # 30 % exactly
        (13, 40, True),
        (1, 1, False),
        (300, 1000, False),
        (301, 1000, True),
    ],
)
def test_a_class_at_its_edges(rule: Rule, count: int, all_of: int, *, held: bool) -> None:
    """More than thirty per cent and more than ten."""
    judged = judge(MAKERS[rule](count), of(all_of))
    assert held_by(judged) == ({rule} if held else set())
    assert [bool(free) for free in judged.free] == [not held] * count


@pytest.mark.parametrize(
    ("rule", "products", "established", "held"),
    [
        (Rule.MASS_CREATE, 33, False, False),  # a first sync in several nights
        (Rule.MASS_CREATE, 0, True, False),  # nothing of ours was ever there
        (Rule.MASS_RETIRE, 33, False, True),
        (Rule.MASS_REPRICE, 33, False, True),
        (Rule.MASS_RETIRE, 0, False, True),  # a takeover with its own guard switched off
        (Rule.MASS_REPRICE, 0, False, True),
    ],
)
def test_only_creating_waits_for_a_target_to_be_established(
    rule: Rule, products: int, *, established: bool, held: bool
) -> None:
    judged = judge(MAKERS[rule](20), of(products, established=established))
    assert held_by(judged) == ({rule} if held else set())


def test_each_target_counts_for_itself() -> None:
    """Eleven of thirty-three in CRM are held; the plans of the same products are not so many."""
    plans = [
        one(
            n,
            key=RecordKey(PLAN, f"FIB-{n:03}"),
            deltas={"recurring_price": (amount("1000.00"), amount("1010.00"))},
            applied={"recurring_price": amount("1000.00")},
        )
        for n in range(1, 12)
    ]
    evidence = Evidence({CRM: 33, BILLING: 100}, frozenset(TargetName))
    judged = judge([*numbered(11), *plans], evidence)
    assert [(v.rule, v.target) for v in judged.violations] == [(Rule.MASS_REPRICE, CRM)]
    assert judged.free[11:] == [[plan] for plan in plans]


def test_products_are_counted_not_records() -> None:
    """One product has four records in Billing."""
    kinds = [(Kind.BILLING_PRODUCT, n) for n in range(1, 11)]
    kinds += [(PLAN, n) for n in range(1, 11)] + [(ITEM, n) for n in range(1, 11)]
    gone = [
        one(n, key=RecordKey(kind, f"{kind.value}-{n}"), deltas={"active": (True, False)},
            action=Action.RETIRE, reason=Reason.WITHDRAWN)
        for kind, n in kinds
    ]  # fmt: skip
    evidence = Evidence({BILLING: 12}, written=frozenset((k, f"r-{n}") for k, n in kinds))
    assert held_by(judge(gone, evidence)) == set()


def test_a_class_is_held_whole_and_the_rest_goes_on() -> None:
    """The names of the products whose prices wait are written."""
    both = {
        PRICE: (amount("1000.00"), amount("1010.00")),
        "Product_Name": ("Fibre", "Faser"),
    }
    applied = {PRICE: amount("1000.00"), "Product_Name": "Fibre"}
    judged = judge(numbered(11, deltas=both, applied=applied), of(33))
    assert {frozenset(free.deltas) for [free] in judged.free} == {frozenset({"Product_Name"})}
    assert {frozenset(held.change.deltas) for [held] in judged.held} == {frozenset({PRICE})}
    [violation] = judged.violations
    assert (violation.measure, violation.limit) == ("33.33 %", "30 %")
    assert violation.setting == "guards.mass_share, guards.mass_count"
    assert (violation.products, violation.changes, len(violation.skus)) == (11, 11, 5)


def test_new_versions_of_plans_count_as_re_priced() -> None:
    """And the retirement of the version before is no retirement of a product."""
    price, before = {"recurring_price": (None, amount("1010.00"))}, amount("1000.00")
    versions = [
        one(n, key=RecordKey(PLAN, f"FIB-{n:03}-V2"), deltas=price, action=Action.CREATE,
            reason=Reason.REPRICED, remote_id="", applied={"recurring_price": before})
        for n in range(1, 12)
    ]  # fmt: skip
    old = [
        one(n, key=RecordKey(PLAN, f"FIB-{n:03}"), deltas={"active": (True, False)},
            action=Action.RETIRE, reason=Reason.REPRICED, needs=(Ref(versions[n - 1].key),))
        for n in range(1, 12)
    ]  # fmt: skip
    written = frozenset((PLAN, change.remote_id) for change in old)
    evidence = Evidence({BILLING: 33}, frozenset(TargetName), written)
    judged = judge([*versions, *old], evidence)
    assert set(rules(judged)) == {(Rule.MASS_REPRICE,)}
    assert judged.held[11][0].why == "waits for billing_plan/FIB-001-V2"
    assert held_by(judge([*versions[:10], *old[:10]], evidence)) == set()


def test_what_was_held_with_its_class_waits_when_it_is_looked_at_alone() -> None:
    """A second look at one product of a held class does not let it through."""
    [*_, last] = changes = numbered(11)
    everything = of(33)
    [*_, [held]] = judge(changes, everything).held
    assert held.rules == (Rule.MASS_REPRICE,)
    assert rules(judge([last], everything)) == [()]
    remembered = waiting([held], everything)
    assert rules(judge([last], remembered)) == [(Rule.MASS_REPRICE,)]
    other = one(11, deltas={PRICE: (amount("1000.00"), amount("1020.00"))})
    assert rules(judge([other], remembered)) == [()]  # it is another change by now


# --- takeover ------------------------------------------------------------------------------


def adopted(**more: Any) -> Change:
    return a_change(
        {PRICE: (amount("0.00"), amount("899.00"))} if "deltas" not in more else more.pop("deltas"),
        action=Action.ADOPT,
        reason=Reason.UNBOUND,
        **more,
    )


def test_a_record_that_we_never_wrote_is_not_changed() -> None:
    """Two rules at once: it is not ours, and its price rises from nothing."""
    assert rules(judge([adopted()])) == [(Rule.PRICE_RISE, Rule.TAKEOVER)]
    text = adopted(deltas={"Product_Name": ("Fibre 100", "Faser 100")})
    assert rule_of(text) is Rule.TAKEOVER
    judged = judge([text])
    [violation] = judged.violations
    assert (violation.setting, violation.limit) == ("guards.takeover", "none")
    assert violation.measure == "Trueup has never written this record"


def test_a_record_that_agrees_is_adopted() -> None:
    """Nothing is written, so nothing needs a person."""
    assert rule_of(adopted(deltas={})) is None


def test_a_record_that_we_wrote_is_no_takeover() -> None:
    """Also one that a killed run left behind."""
    text = adopted(deltas={"Product_Name": ("Fibre 100", "Faser 100")})
    assert rule_of(text, Evidence(written=frozenset({(Kind.CRM_PRODUCT, "r-1")}))) is None
    assert rule_of(text, Evidence(written=frozenset({(PLAN, "r-1")}))) is Rule.TAKEOVER
    assert rule_of(text, takeover=False) is None


def test_a_record_that_we_never_wrote_is_not_retired() -> None:
    [gone] = retired(1)
    assert rule_of(gone) is Rule.TAKEOVER
    assert rule_of(gone, of(100)) is None


def test_new_records_and_bound_ones_are_no_takeover() -> None:
    assert rule_of(a_create(PLAN, "FIB-1", recurring_price=amount("899.00"))) is None
    assert rule_of(a_change()) is None


# --- the order of changes ------------------------------------------------------------------


def test_violations_are_told_in_one_order() -> None:
    changes = [
        *retired(11),
        adopted(key=a_key("X-1")),
        a_change({PRICE: (amount("100.00"), amount("1.00"))}),
    ]
    there = judge(changes, of(33)).violations
    back = judge(reversed(changes), of(33)).violations
    assert there == back
    assert [v.rule for v in there] == sorted((v.rule for v in there), key=list(Rule).index)
    assert all(isinstance(v, Violation) for v in there)
