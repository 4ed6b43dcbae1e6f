"""What a choice of held changes means, and what it leads to."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trueup.domain.changes import Action, FieldDelta, Reason
from trueup.domain.guards import Rule
from trueup.domain.records import Kind, RecordKey, TargetName
from trueup.domain.waiting import HeldState, Waiting
from trueup.views.approvals import (
    Consequence,
    Step,
    consequences,
    line_of,
    subscriptions_of,
    token_of,
    waiting_for,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PRICE = {"recurring_price": FieldDelta(Decimal(500), Decimal(100))}
OFF = {"active": FieldDelta(before=True, after=False)}


def a_held(number: int, kind: Kind = Kind.BILLING_PLAN, **changes: Any) -> Waiting:
    chosen: dict[str, Any] = {
        "key": RecordKey(kind, f"P-{number}"),
        "sku": f"P-{number}",
        "owner": "o",
        "action": Action.UPDATE,
        "reason": Reason.EDITED,
        "deltas": PRICE,
        "fingerprint": f"f{number}",
        "rules": (Rule.PRICE_FALL,),
        "why": "it falls",
        "state": HeldState.OPEN,
        "first_run": "r",
        "last_run": "r",
        "held_at": NOON,
    }
    return Waiting(number, **(chosen | changes))


def test_what_waits_only_for_a_chosen_one_goes_along() -> None:
    """Also what waits for that; not what waits for another."""
    first = a_held(1)
    second = a_held(2, why=f"waits for {first.key}")
    third = a_held(3, why=f"waits for {second.key}")
    stranger = a_held(4, why="waits for billing_plan/OTHER")
    assert waiting_for([first], [third, stranger, second]) == [second, third]
    assert waiting_for([first, second], [second, third]) == [third]
    assert waiting_for([], [second]) == []


def test_a_token_tells_how_it_was_seen() -> None:
    """The same change after another decision has another one."""
    one = a_held(7)
    decided = a_held(7, state=HeldState.REJECTED, decided_at=NOON)
    assert token_of(one) == "7-open-0"
    assert token_of(decided) == f"7-rejected-{int(NOON.timestamp())}000000"


def test_what_it_comes_to_at_each_target() -> None:
    """CRM writes in batches, Billing one by one with a look before each update."""
    crm = [a_held(n, Kind.CRM_PRODUCT) for n in range(3)]
    new = a_held(8, action=Action.CREATE)
    gone = a_held(9, action=Action.RETIRE, deltas=OFF)
    assert consequences([*crm, new, gone, a_held(10)], 2) == (
        Consequence(TargetName.CRM, changes=3, prices=3, created=0, retired=0, requests=2),
        Consequence(TargetName.BILLING, changes=3, prices=2, created=1, retired=1, requests=4),
    )
    assert consequences([], 2) == ()


def test_subscriptions_of_a_plan_count_once() -> None:
    once = a_held(1, subscriptions=4)
    assert subscriptions_of([once, a_held(1, subscriptions=4), a_held(2)]) == 4


def test_a_change_in_words() -> None:
    assert line_of(a_held(1, applied={"recurring_price": Decimal(500)})).steps == (
        Step("recurring_price", "500.00", "100.00", "-80 %", "the catalogue changed"),
    )
    assert line_of(a_held(1, deltas=OFF, applied={"active": True})).steps == (
        Step("active", "yes", "no", "", "the catalogue changed"),
    )
    [made] = line_of(
        a_held(1, action=Action.CREATE, deltas={"name": FieldDelta(None, "Fibre")})
    ).steps
    assert (made.before, made.after) == ("", "Fibre")
