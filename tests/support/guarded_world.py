"""The convergence machine's world with guards in it, and a person who may approve what they hold.

After each run all that was sent is looked at as a finance reader would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from support.builders import MAPPING, NOW, RULES
from support.memory_world import MemoryWorld
from support.worlds import DEVICE_COST, SETUP
from trueup.domain.changes import Action, Change
from trueup.domain.guards import GuardLimits
from trueup.domain.runs import Trigger
from trueup.planner.due import Look
from trueup.ports import Decision
from trueup.reconcile.applying import Brake
from trueup.reconcile.orders import Approval, Order
from trueup.reconcile.running import Report, run
from trueup.reconcile.scope import Scope
from trueup.reconcile.survey import survey

# A handful of products: two of them are a mass.
LIMITS = GuardLimits(mass_count=1)
_FEES = {SETUP, DEVICE_COST, Decimal(0)}


class GuardedWorld(MemoryWorld):
    """A memory world whose runs are guarded; `approving` is a person who says yes to everything."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = replace(self.shop, guards=LIMITS)
        self.approving = False

    def run(self, look: Look = Look.DUE, *, trust_smaller: bool = False) -> Report:
        approval = self._yes(look) if self.approving else None
        scope = Scope(look=look)
        order = Order(
            scope, Trigger.CLI, bounded=False, trust_smaller=trust_smaller, approval=approval
        )
        before = [len(target.sent) for target in self._both]
        try:
            return run(self.shop, order, Brake())
        finally:
            self.clock.sleep(90_000)
            sent = zip(self._both, before, strict=True)
            self._expect_good_money([c for target, count in sent for c in target.sent[count:]])

    def expect_convergence(self) -> None:
        """What was held is approved; then it agrees, and another run finds nothing to do."""
        self.approving = True
        super().expect_convergence()
        if self.catalogue.rows:
            before = [target.requests for target in self._both]
            self.run(Look.EVERYTHING, trust_smaller=True)
            assert [target.requests for target in self._both] == before
        self.approving = False

    def _yes(self, look: Look) -> Approval:
        seen = survey(self.shop, Scope(look=look), "a look", trust_smaller=True)
        plan = seen.plan(batch_size=20, rate=1.5)
        return Approval(plan.fingerprint, Decision("Ada Accountant"))

    def _expect_good_money(self, sent: Sequence[Change]) -> None:
        rows, today = self.catalogue.rows.values(), RULES.today(NOW).day
        monthly = {(row.pricing or {}).get("monthly") for row in rows}
        dated = [price for row in rows for price in row.dated_prices or ()]
        monthly |= {price.new_price for price in dated if price.effective_date < today}
        for change in sent:
            for name, is_price in MAPPING.money(change.key.kind).items():
                if name in change.deltas:
                    amount = change.deltas[name].after
                    assert isinstance(amount, Decimal)
                    assert amount in (monthly if is_price else monthly | _FEES), change
                    assert amount > 0 or not is_price, change
                    assert self.approving or not _jumps(change, name, amount), change
                elif is_price and change.action is Action.CREATE:
                    raise AssertionError(f"{change.key} was made without {name}")


def _jumps(change: Change, name: str, amount: Decimal) -> bool:
    """Whether an amount moved further than the limits from what we wrote last."""
    before = change.applied.get(name)
    if not isinstance(before, Decimal) or before <= 0:
        return False
    return not (1 - LIMITS.price_fall) <= amount / before <= (1 + LIMITS.price_rise)
