"""A person's desk in memory: products whose prices wait at CRM, and decisions about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from support.builders import a_row, an_id
from support.memory_guardbook import MemoryDecisions
from support.workshop import Floor, a_floor
from trueup.domain.records import TargetName
from trueup.domain.runs import RunState
from trueup.domain.waiting import Waiting
from trueup.planner.due import Look
from trueup.ports import Decision
from trueup.reconcile.deciding import Decided, approve, carry_out

CRM = (TargetName.CRM,)
ANN, BEN = Decision("Ann Example", "agreed"), Decision("Ben Example", "a typing error")


def a_fall(count: int = 1, **prices: str) -> Floor:
    """Products of which the first, or those named, fell in price by too much, held at CRM."""
    floor = a_floor([a_row(n) for n in range(1, count + 1)]).guarded()
    assert floor.run(targets=CRM).run.state is RunState.SUCCEEDED
    for name, price in (prices or {"p1": "99.00"}).items():
        reprice(floor, int(name[1:]), price)
    assert floor.run(targets=CRM).run.state is RunState.HELD
    return floor


def reprice(floor: Floor, number: int, price: str) -> None:
    amount = Decimal(price)
    pricing = {"monthly": amount, "setup": Decimal("900.00")}
    floor.catalogue.edit(an_id(number), price=amount, base_price_zar=amount, pricing=pricing)


def decisions_of(floor: Floor) -> MemoryDecisions:
    return MemoryDecisions(floor.guardbook, floor.clock.now())


def prices(floor: Floor) -> list[str]:
    return sorted(str(one.fields["Unit_Price"]) for one in floor.crm.stored.values())


def approved(floor: Floor, seen: Sequence[Waiting] | None = None) -> Decided:
    """Everything that waits, or this, approved and carried out."""
    decisions = decisions_of(floor)
    seen = decisions.waiting() if seen is None else seen
    return carry_out(
        floor.shop, decisions, approve(decisions, seen, ANN, floor.clock.now()), floor.brake
    )


def crm_alone(floor: Floor) -> Floor:
    """The floor as if Billing did not exist, for a last look at everything."""
    assert floor.plan(targets=CRM, look=Look.EVERYTHING).changes == ()
    before = floor.crm.requests
    report = floor.run(targets=CRM, look=Look.EVERYTHING)
    assert (report.run.state, floor.crm.requests) == (RunState.SUCCEEDED, before)
    return floor


# What may happen to the first product between a question and its answer.
MOVES: dict[str, Callable[[Floor], None]] = {
    "catalogue": lambda floor: reprice(floor, 1, "89.00"),
    "hand edit": lambda floor: floor.crm.edit(
        next(iter(floor.crm.stored)), Unit_Price=Decimal("5.00")
    ),
}
