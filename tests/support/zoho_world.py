"""The convergence machine's world over the real adapters and the emulator, in one process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from support.builders import MAPPING
from support.weather import Trouble
from support.worlds import Known, World
from support.zoho import emulated
from trueup.domain.records import KINDS_OF, Kind, TargetName
from trueup.ports import Target
from trueup.zoho.billing import BillingTarget
from trueup.zoho.crm import CrmTarget

_RESOURCE = {
    Kind.CRM_PRODUCT: ("crm", "products", "id"),
    Kind.BILLING_PRODUCT: ("billing", "products", "product_id"),
    Kind.BILLING_PLAN: ("billing", "plans", "plan_id"),
    Kind.BILLING_ITEM: ("billing", "items", "item_id"),
}
_EDITS: dict[Kind, list[dict[str, Any]]] = {
    Kind.CRM_PRODUCT: [
        {"Unit_Price": 13.37},
        {"Description": "by hand"},
        {"Product_Active": False},
        {"Product_Active": True},
    ],
    Kind.BILLING_PRODUCT: [{"description": "by hand"}, {"status": "inactive"}],
    Kind.BILLING_PLAN: [{"recurring_price": 13.37}, {"description": ""}, {"status": "inactive"}],
    Kind.BILLING_ITEM: [{"rate": 13.37}, {"description": "by hand"}, {"status": "inactive"}],
}
# Fields that we do not manage: whatever happens, what a person wrote there stays.
_UNMANAGED: dict[Kind, tuple[str, Any]] = {
    Kind.CRM_PRODUCT: ("Qty_in_Stock", 7.0),
    Kind.BILLING_PRODUCT: ("redirect_url", "https://shop.example/thanks"),
    Kind.BILLING_PLAN: ("unit", "line"),
}
_FAULTS: dict[str, dict[str, Any]] = {
    "refuse": {"do": "refuse"},
    "throttle": {"do": "throttle", "retry_after": 9999},
    "lost_before": {"do": "reset_before"},
    "lost_after": {"do": "reset_after"},
    "partial": {"do": "partial"},
    "down": {"do": "error_html"},
}
_AMOUNTS = {"Unit_Price", "ct_installation_fee", "recurring_price", "setup_fee", "rate"}


class ZohoWorld(World):
    """Both adapters behind one door to an emulator that shares its clock."""

    def __init__(self) -> None:
        self.zoho, self.emulator = emulated()
        managed = MAPPING.managed(Kind.CRM_PRODUCT)
        org_id = self.emulator.options.org_id
        self._by_name: dict[TargetName, Target] = {
            TargetName.CRM: CrmTarget(self.zoho.door, managed=managed, clock=self.zoho.clock),
            TargetName.BILLING: BillingTarget(self.zoho.door, org_id=org_id, clock=self.zoho.clock),
        }
        self._told = 0
        self.unmanaged: dict[Known, Any] = {}
        super().__init__(list(self._by_name.values()), self.zoho.clock)

    def known(self) -> list[Known]:
        return [
            Known(kind, record.remote_id)
            for name, target in self._by_name.items()
            for kind in KINDS_OF[name]
            for record in target.records(kind)
        ]

    def content(self, known: Known) -> Any:
        service, resource, key = _RESOURCE[known.kind]
        [raw] = [
            r for r in self.emulator.records(service, resource) if r.get(key) == known.remote_id
        ]
        return raw

    def hand_add(self, code: str, name: str) -> Known:
        self.zoho.clock.advance(5)
        fields = {"Product_Name": name, "Product_Code": code}
        return Known(Kind.CRM_PRODUCT, self.emulator.add("crm", "products", fields)["id"])

    def hand_edit(self, known: Known, field: int) -> None:
        self.zoho.clock.advance(5)  # CRM's Modified_Time counts whole seconds
        service, resource, _ = _RESOURCE[known.kind]
        edits = _EDITS[known.kind]
        edit = edits[field % len(edits)]
        if field == 0 and known.kind in _UNMANAGED:
            name, value = _UNMANAGED[known.kind]
            self.unmanaged[known] = value
            edit = {name: value}
        self.emulator.edit(service, resource, known.remote_id, edit)

    def hand_delete(self, known: Known) -> None:
        if known.kind is Kind.BILLING_PRODUCT:
            return  # Zoho refuses to delete a product that has plans (zoho-facts §3.3)
        service, resource, _ = _RESOURCE[known.kind]
        self.emulator.delete(service, resource, known.remote_id)
        self.by_hand.discard(known)
        self.unmanaged.pop(known, None)

    def set_weather(self, crm: Sequence[Trouble], billing: Sequence[Trouble], blind: str) -> None:
        rules: list[dict[str, Any]] = []
        for service, script in (("crm", crm), ("billing", billing)):
            for place, trouble in enumerate(script, start=1):
                kind = "refuse" if (trouble, service) == ("partial", "billing") else trouble
                for method in ("POST", "PUT") if kind != "fine" else ():
                    match = {"service": service, "method": method, "nth": place}
                    rules.append({"match": match, **_FAULTS[kind]})
        if blind:
            rules.append({"match": {"service": blind, "method": "GET"}, "do": "server_error"})
        self.emulator.add_faults(rules)

    def clear_up(self) -> None:
        self.emulator.clear_faults()
        self.zoho.budget.closed.clear()
        self.zoho.tokens.cooling_until = 0.0
        self.zoho.clock.advance(20_000)

    def sent_prices(self) -> set[Decimal]:
        entries = self.emulator.journal(self._told)
        self._told = max((entry["number"] for entry in entries), default=self._told)
        bodies = [
            json.loads(entry["body"], parse_float=Decimal)
            for entry in entries
            if entry["method"] in ("POST", "PUT") and entry["body"].startswith(("{", "["))
        ]
        return {amount for body in bodies for amount in _amounts(body)}

    def expect_strangers_untouched(self) -> None:
        super().expect_strangers_untouched()
        for known, value in self.unmanaged.items():
            assert self.content(known)[_UNMANAGED[known.kind][0]] == value


def _amounts(body: object) -> Iterator[Decimal]:
    """The prices in a request, wherever they stand."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name in _AMOUNTS and value is not None:
                yield Decimal(value)
            yield from _amounts(value)
    elif isinstance(body, list):
        for each in body:
            yield from _amounts(each)
