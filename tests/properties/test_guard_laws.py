"""Laws of the guards, for plans and worlds that nobody thought of."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from support.builders import MAPPING, a_mapping, an_id
from support.profiles import effort
from trueup.domain.changes import Action, Change, FieldDelta, Reason
from trueup.domain.guards import Evidence, FieldKey, Flips, GuardLimits, Refusal
from trueup.domain.plan import fingerprint, mark_of
from trueup.domain.records import ACTIVE, FieldValue, Kind, RecordKey, Ref, Slot, TargetName
from trueup.planner.guard import Guard, Judgement
from trueup.planner.mapping import FieldRule, Policy

ASKING = a_mapping(
    Kind.CRM_PRODUCT,
    FieldRule("Unit_Price", "recurring", policy=Policy.REPORT),
    FieldRule("Description", "description", policy=Policy.REPORT),
)
FIELDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.CRM_PRODUCT: ("Unit_Price", "ct_installation_fee", "Description", "Product_Active"),
    Kind.BILLING_PRODUCT: ("name", "active"),
    Kind.BILLING_PLAN: ("recurring_price", "setup_fee", "name", "active", "product_id"),
    Kind.BILLING_ITEM: ("rate", "name", "active"),
}
MONEY = {"Unit_Price", "ct_installation_fee", "recurring_price", "setup_fee", "rate"}
AMOUNTS = [
    None,
    *map(Decimal, ("-1.00", "0.00", "0.01", "100.00", "130.00", "150.01", "70.00", "69.99")),
]
SHARES = [Decimal(share) for share in ("0", "0.1", "0.3", "0.5", "1", "9")]
CODES = ("F-1", "F-2", "F-3", "F-4")
REASONS = (Reason.EDITED, Reason.DRIFTED, Reason.RETURNED, Reason.REVERTED)
MOST_SEEDS = 2**32


@dataclass(frozen=True)
class Case:
    """A plan, what is known besides, and limits; drawn evenly, which shrinking would spoil."""

    plan: list[Change]
    evidence: Evidence
    limits: GuardLimits
    stricter: GuardLimits
    chance: random.Random


def a_value(name: str, chance: random.Random) -> FieldValue:
    if name in MONEY:
        return chance.choice(AMOUNTS)
    return chance.choice([True, False] if name.lower().endswith("active") else ["", "a", "b"])


def a_delta(name: str, key: RecordKey, action: Action, chance: random.Random) -> FieldDelta:
    before = None if action is Action.CREATE else a_value(name, chance)
    if action is Action.RETIRE:
        return FieldDelta(True, False)
    if name == "product_id":
        code = chance.choice([key.code, *CODES])
        return FieldDelta("", Ref(RecordKey(Kind.BILLING_PRODUCT, code)))
    return FieldDelta(before, a_value(name, chance))


def some(names: Sequence[str], chance: random.Random) -> list[str]:
    return [name for name in names if chance.random() < 0.5]


def a_change(key: RecordKey, chance: random.Random) -> Change:
    """A change of one record, in any state that it may be found in."""
    action = chance.choice([*Action, Action.UPDATE])
    names = some(FIELDS[key.kind], chance) or [FIELDS[key.kind][0]]
    if action is Action.RETIRE:
        names = [ACTIVE[key.kind]]
    deltas = {name: a_delta(name, key, action, chance) for name in names}
    applied = {name: a_value(name, chance) for name in some(FIELDS[key.kind], chance)}
    if action is Action.CREATE and chance.random() < 0.5:
        applied = {}
    needed = [Ref(RecordKey(Kind.BILLING_PLAN, code)) for code in some(CODES, chance)]
    number = CODES.index(key.code) + 1
    return Change(
        key,
        action,
        chance.choice(REASONS),
        deltas,
        Slot.PRODUCT,
        an_id(number),
        (an_id(number),),
        key.code,
        remote_id="" if action is Action.CREATE else f"r-{number}",
        fields={**applied, **{name: delta.after for name, delta in deltas.items()}},
        applied=applied,
        needs=tuple(needed) if action is Action.RETIRE else (),
    )


def an_evidence(plan: Sequence[Change], chance: random.Random) -> Evidence:
    """What could be known about these changes."""
    fields = {(c.key, name): delta for c in plan for name, delta in c.deltas.items()}

    def places(share: float) -> list[FieldKey]:
        return [place for place in fields if chance.random() < share]

    return Evidence(
        products={target: chance.randint(0, 5) for target in TargetName},
        established=frozenset(chance.sample(list(TargetName), chance.randint(0, 2))),
        written=frozenset(
            (c.key.kind, c.remote_id) for c in plan if c.remote_id and chance.random() < 0.5
        ),
        refused={place: Refusal(fields[place].after, "Ada", "") for place in places(0.1)},
        flips={place: Flips(chance.randint(1, 5)) for place in places(0.2)},
        paused=frozenset(places(0.1)),
    )


def some_limits(chance: random.Random) -> GuardLimits:
    return GuardLimits(
        price_fall=chance.choice(SHARES),
        price_rise=chance.choice(SHARES),
        mass_share=chance.choice(SHARES),
        mass_count=chance.randint(0, 3),
        takeover=chance.random() < 0.5,
        flips=chance.randint(1, 5),
    )


def a_case(seed: int) -> Case:
    """The case of a number."""
    chance = random.Random(seed)
    keys = [RecordKey(kind, code) for kind in Kind for code in CODES if chance.random() < 0.5]
    plan = [a_change(key, chance) for key in keys]
    evidence = an_evidence(plan, chance)
    return Case(plan, evidence, some_limits(chance), some_limits(chance), chance)


cases = st.integers(0, MOST_SEEDS).map(a_case)


def judge(plan: Sequence[Change], evidence: Evidence, limit: GuardLimits) -> Judgement:
    return Guard(limit, ASKING).judge(plan, evidence)


def held_fields(judged: Judgement) -> set[tuple[RecordKey, str]]:
    held = [one.change for found in judged.held for one in found]
    return {(change.key, name) for change in held for name in change.deltas}


@effort(500)
@given(case=cases)
def test_what_passes_and_what_waits_is_what_was_planned(
    case: Case,
) -> None:
    """Field by field: nothing is lost, doubled or made up, also when some of it was approved."""
    plan, evidence, limit = case.plan, case.evidence, case.limits
    first = judge(plan, evidence, limit)
    marks = [mark_of(one.change) for found in first.held for one in found]
    half = frozenset(mark for mark in marks if case.chance.random() < 0.5)
    for judged in (first, judge(plan, replace(evidence, approved=half), limit)):
        for change, free, held in zip(plan, judged.free, judged.held, strict=True):
            parts = [*free, *(one.change for one in held)]
            names = [name for part in parts for name in part.deltas]
            assert sorted(names) == sorted(change.deltas)
            assert {n: d for part in parts for n, d in part.deltas.items()} == dict(change.deltas)
            for part in parts:
                same = replace(
                    part, deltas=change.deltas, fields=change.fields, reason=change.reason
                )
                assert same == change
            if change.action is not Action.UPDATE:
                assert parts == [change]
            assert all(one.rules and one.why for one in held)


@effort(500)
@given(case=cases)
def test_the_order_of_changes_does_not_matter(
    case: Case,
) -> None:
    plan, evidence, limit = case.plan, case.evidence, case.limits
    shuffled = case.chance.sample(plan, len(plan))
    one, other = judge(plan, evidence, limit), judge(shuffled, evidence, limit)

    def told(judged: Judgement, of: Sequence[Change]) -> dict[RecordKey, object]:
        rows = zip(of, judged.free, judged.held, strict=True)
        return {change.key: (free, held) for change, free, held in rows}

    assert told(one, plan) == told(other, shuffled)
    assert one.violations == other.violations


@effort(500)
@given(case=cases)
def test_stricter_limits_hold_more(
    case: Case,
) -> None:
    """Never less: what waits under the wide limits waits under the narrow ones."""
    plan, evidence, limit = case.plan, case.evidence, case.limits
    narrow = GuardLimits(
        price_fall=min(limit.price_fall, case.stricter.price_fall),
        price_rise=min(limit.price_rise, case.stricter.price_rise),
        mass_share=min(limit.mass_share, case.stricter.mass_share),
        mass_count=min(limit.mass_count, case.stricter.mass_count),
        takeover=limit.takeover or case.stricter.takeover,
        flips=min(limit.flips, case.stricter.flips),
    )
    wide = held_fields(judge(plan, evidence, limit))
    assert wide <= held_fields(judge(plan, evidence, narrow))


@effort(500)
@given(case=cases)
def test_who_approves_everything_lets_everything_pass(
    case: Case,
) -> None:
    """The refusals are lifted with it; what passes is exactly the plan."""
    plan, evidence, limit = case.plan, case.evidence, case.limits
    held = [one.change for found in judge(plan, evidence, limit).held for one in found]
    approved = replace(evidence, approved=frozenset(map(mark_of, held)))
    judged = judge(plan, approved, limit)
    assert judged.free == [[change] for change in plan]
    assert (judged.held, judged.violations) == ([[] for _ in plan], ())


@effort(500)
@given(case=cases)
def test_no_price_of_nothing_passes_by_itself(
    case: Case,
) -> None:
    """Zero, negative or missing: held under any limits."""
    plan, evidence, limit = case.plan, case.evidence, case.limits
    free = [change for found in judge(plan, evidence, limit).free for change in found]
    for change in free:
        for name, is_price in MAPPING.money(change.key.kind).items():
            if name in change.deltas:
                amount = change.deltas[name].after
                assert isinstance(amount, Decimal)
                assert amount > 0 or (amount == 0 and not is_price)


@effort(500)
@given(case=cases)
def test_a_violation_names_what_it_holds(
    case: Case,
) -> None:
    """Each rule that holds something is told once for each target, with all that it holds."""
    plan, evidence, limit = case.plan, case.evidence, case.limits
    judged = judge(plan, evidence, limit)
    held = [one for found in judged.held for one in found]
    told = {(v.rule, v.target): v for v in judged.violations}
    assert len(told) == len(judged.violations)
    assert set(told) == {(rule, one.change.target) for one in held for rule in one.rules}
    for (rule, target), violation in told.items():
        mine = [o.change for o in held if rule in o.rules and o.change.target is target]
        assert (violation.changes, violation.fingerprint) == (len(mine), fingerprint(mine))
        assert violation.measure
        assert violation.limit
