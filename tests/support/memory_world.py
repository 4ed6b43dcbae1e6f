"""The convergence machine's world in memory."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from support.weather import Trouble, WeatheredTarget, prices_in
from support.worlds import Known, World
from trueup.domain.records import ACTIVE, FieldValue, Kind, TargetName

_PRICE = {
    Kind.CRM_PRODUCT: "Unit_Price",
    Kind.BILLING_PLAN: "recurring_price",
    Kind.BILLING_ITEM: "rate",
}
_TEXT = {kind: "Description" if kind is Kind.CRM_PRODUCT else "description" for kind in Kind}


class MemoryWorld(World):
    """Two memory targets."""

    def __init__(self) -> None:
        self.crm = WeatheredTarget(TargetName.CRM)
        self.billing = WeatheredTarget(TargetName.BILLING)
        self._both = (self.crm, self.billing)
        super().__init__(self._both)

    def known(self) -> list[Known]:
        return [Known(s.kind, i) for target in self._both for i, s in target.stored.items()]

    def content(self, known: Known) -> Any:
        stored = self._of(known).stored[known.remote_id]
        return copy.deepcopy((stored.fields, stored.foreign, stored.version))

    def hand_add(self, code: str, name: str) -> Known:
        fields: dict[str, FieldValue] = {"Product_Name": name, "Product_Code": code}
        remote_id = self.crm.add(Kind.CRM_PRODUCT, fields, Owner="somebody")
        return Known(Kind.CRM_PRODUCT, remote_id)

    def hand_edit(self, known: Known, field: int) -> None:
        kind = known.kind
        edits: list[dict[str, FieldValue]] = [
            {_PRICE.get(kind, _TEXT[kind]): Decimal("13.37") if kind in _PRICE else "x"},
            {_TEXT[kind]: "by hand"},
            {_TEXT[kind]: ""},
            {ACTIVE[kind]: False},
            {ACTIVE[kind]: True},
        ]
        self._of(known).edit(known.remote_id, **edits[field % len(edits)])

    def hand_delete(self, known: Known) -> None:
        plans = [s for s in self.billing.stored.values() if s.kind is Kind.BILLING_PLAN]
        if any(plan.fields["product_id"] == known.remote_id for plan in plans):
            return  # Zoho refuses to delete a product that has plans (zoho-facts §3.3)
        self._of(known).delete(known.remote_id)
        self.by_hand.discard(known)

    def set_weather(self, crm: Sequence[Trouble], billing: Sequence[Trouble], blind: str) -> None:
        self.crm.script, self.billing.script = list(crm), list(billing)
        for target in self._both:
            target.unreadable = target.name == blind

    def clear_up(self) -> None:
        for target in self._both:
            target.clear_up()

    def sent_prices(self) -> set[Decimal]:
        sent = [change for target in self._both for change in target.sent]
        for target in self._both:
            target.sent = []
        return prices_in(sent)

    def _of(self, known: Known) -> WeatheredTarget:
        return self.crm if known.kind.target is TargetName.CRM else self.billing
