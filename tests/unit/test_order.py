"""In which order work is done, how much of it, and what it costs."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from support.builders import NOW, a_change, a_create, an_id
from trueup.domain.changes import Action, Change
from trueup.domain.records import Kind, RecordKey
from trueup.planner.estimate import count_requests
from trueup.planner.order import Class, Work, choose, order_changes


def new(number: int, *, failed: bool = False, days_ago: int | None = None) -> Work:
    return work(a_create(Kind.CRM_PRODUCT, f"S-{number:03}"), number, failed, days_ago)


def work(change: Change, number: int, failed: bool = False, days_ago: int | None = None) -> Work:
    attempt = None if days_ago is None else NOW - timedelta(days=days_ago)
    return Work(an_id(number), f"S-{number:03}", (change,), failed, attempt)


BIND = a_change({}, action=Action.ADOPT)
TEXT = a_change({"Description": ("a", "b")})
RETIRE = a_change({"Product_Active": (True, False)}, action=Action.RETIRE)


@pytest.mark.parametrize(
    ("change", "failed", "rank"),
    [
        (a_change(), False, Class.PRICE_OR_RETIREMENT),
        (a_change({"recurring_price": (Decimal(1), Decimal(2))}), False, Class.PRICE_OR_RETIREMENT),
        (RETIRE, False, Class.PRICE_OR_RETIREMENT),
        (a_change(), True, Class.FAILED),
        (a_create(Kind.CRM_PRODUCT, "S", Unit_Price=Decimal(1)), False, Class.NEW),
        (TEXT, False, Class.CHANGED),
        (BIND, False, Class.VERIFY),
    ],
)
def test_the_classes_of_work(change: Change, rank: Class, *, failed: bool) -> None:
    """Prices and retirements first, then what failed, then new, changed, and the rest."""
    assert work(change, 1, failed).rank is rank


def test_within_a_class_the_oldest_attempt_is_first() -> None:
    """What was never tried has waited longest."""
    queue = [new(1, days_ago=1), new(2, days_ago=3), new(3), new(4, days_ago=2)]
    now, later = choose(queue, None)
    assert ([w.sku for w in now], later) == (["S-003", "S-002", "S-004", "S-001"], [])


def test_classes_come_in_their_order() -> None:
    """Whatever the order in which they were found."""
    queue = [work(BIND, 1), work(TEXT, 2), new(3), work(a_change(), 4)]
    random.Random(1).shuffle(queue)
    now, _ = choose(queue, None)
    assert [w.sku for w in now] == ["S-004", "S-003", "S-002", "S-001"]


def test_without_a_bound_everything_is_done() -> None:
    """A backfill defers nothing."""
    now, later = choose([new(n) for n in range(500)], None)
    assert (len(now), later) == (500, [])


def test_the_bound_counts_products_that_are_written() -> None:
    """Products that are only bound cost nothing."""
    queue = [work(BIND, n) for n in range(50)] + [new(n) for n in range(50, 60)]
    now, later = choose(queue, 5)
    assert (len(now), len(later)) == (55, 5)


@pytest.mark.parametrize(
    ("failing", "others", "most", "failing_now"),
    [
        (100, 100, 100, 25),
        (100, 80, 100, 25),
        (100, 60, 100, 40),
        (100, 0, 100, 100),
        (10, 200, 100, 10),
        (200, 200, 3, 0),
        (8, 8, 8, 2),
    ],
)
def test_failed_work_takes_a_quarter_while_others_wait(
    failing: int, others: int, most: int, failing_now: int
) -> None:
    """And what the others leave over."""
    queue = [new(n, failed=True) for n in range(failing)]
    queue += [new(n) for n in range(1000, 1000 + others)]
    now, later = choose(queue, most)
    assert sum(w.failed_before for w in now) == failing_now
    assert len(now) == min(most, failing + others)
    assert len(now) + len(later) == failing + others


def test_failed_work_is_spread_among_the_rest() -> None:
    """A run that ends early has not spent its time on what fails."""
    queue = [new(n, failed=True) for n in range(10)] + [new(n) for n in range(100, 130)]
    now, _ = choose(queue, None)
    for end in range(1, len(now) + 1):
        assert sum(w.failed_before for w in now[:end]) <= end / 4


def nights(failing: Collection[int], total: int, most: int, count: int) -> list[set[int]]:
    """Which products are synced by the end of each night, with some that always fail."""
    failed: dict[int, int] = {}
    synced: set[int] = set()
    seen: list[set[int]] = []
    for night in range(count):
        due = [
            new(n, failed=n in failed, days_ago=night - failed[n] if n in failed else None)
            for n in range(total)
            if n not in synced
        ]
        for each in choose(due, most)[0]:
            number = int(each.sku[2:])
            if number in failing:
                failed[number] = night
            else:
                synced.add(number)
        seen.append(set(synced))
    return seen


def test_nine_that_always_fail_do_not_stop_the_other_seventeen() -> None:
    """Nine of 26: the first night leaves 17 in order."""
    assert len(nights(range(9), 26, 26, 1)[0]) == 17


def test_ninety_nine_that_always_fail_do_not_stop_the_other_201() -> None:
    """99 of 300: on one day with room for 300, each of the others has its turn."""
    assert len(nights(range(99), 300, 300, 1)[0]) == 201


def test_with_little_room_the_failing_still_starve_nobody() -> None:
    """99 of 300 with 100 a night: the first failures cost one night, then a quarter each."""
    after = [len(synced) for synced in nights(range(99), 300, 100, 5)]
    assert after[-1] == 201
    assert after[1] - after[0] >= 75


# --- the changes of one product ------------------------------------------------------------


def test_referenced_records_come_before_those_that_refer_to_them() -> None:
    """A plan needs its product's id."""
    kinds = [Kind.BILLING_ITEM, Kind.BILLING_PLAN, Kind.BILLING_PRODUCT, Kind.CRM_PRODUCT]
    ordered = order_changes(a_create(kind, "S") for kind in kinds)
    assert [c.key.kind for c in ordered] == list(Kind)


def test_retirements_come_last_and_backwards() -> None:
    """What refers is switched off before what it refers to, after everything else."""

    def gone(kind: Kind) -> Change:
        return replace(RETIRE, key=RecordKey(kind, "S"))

    changes = [
        gone(Kind.BILLING_PRODUCT),
        gone(Kind.BILLING_PLAN),
        a_create(Kind.BILLING_ITEM, "S"),
    ]
    assert [(c.action, c.key.kind) for c in order_changes(changes)] == [
        (Action.CREATE, Kind.BILLING_ITEM),
        (Action.RETIRE, Kind.BILLING_PLAN),
        (Action.RETIRE, Kind.BILLING_PRODUCT),
    ]


# --- the estimate --------------------------------------------------------------------------


def billing(change: Change) -> Change:
    return replace(change, key=RecordKey(Kind.BILLING_PLAN, "S"))


@pytest.mark.parametrize(
    ("changes", "requests"),
    [
        ([], 0),
        ([BIND], 0),
        ([a_create(Kind.CRM_PRODUCT, f"S-{n}") for n in range(20)], 1),
        ([a_create(Kind.CRM_PRODUCT, f"S-{n}") for n in range(21)], 2),
        ([a_create(Kind.CRM_PRODUCT, "S"), TEXT], 2),
        ([a_create(Kind.BILLING_PLAN, "S"), a_create(Kind.BILLING_ITEM, "S")], 2),
        ([billing(a_change({"recurring_price": (Decimal(1), Decimal(2))}))], 2),
        ([billing(a_change({"active": (True, False)}, action=Action.RETIRE))], 1),
        ([billing(a_change({"active": (False, True), "name": ("a", "b")}))], 3),
    ],
)
def test_the_requests_of_a_plan_are_known_before(changes: list[Change], requests: int) -> None:
    """CRM travels in batches of twenty here, Billing one by one, the sale status separately."""
    assert count_requests(changes, 20) == requests
