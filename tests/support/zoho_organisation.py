"""Both targets over one emulated organisation, with hands and weather."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from support.zoho import MANAGED, Zoho, a_create, an_update, emulated
from trueup.domain.changes import Change
from trueup.domain.records import Fields, Kind
from trueup.zoho.billing import BillingTarget
from trueup.zoho.crm import CrmTarget
from zoho_emulator.app import Emulator
from zoho_emulator.options import LimitOptions, Options

FREE = Options(limits=LimitOptions.unlimited())
CRM, PLAN, ITEM = Kind.CRM_PRODUCT, Kind.BILLING_PLAN, Kind.BILLING_ITEM
PRICES = (Decimal("899.00"), Decimal("949.00"))


class World:
    """Both targets, a door and the emulator behind it."""

    def __init__(self, options: Options = FREE, batch_size: int = 20) -> None:
        self.zoho: Zoho
        self.emulator: Emulator
        self.zoho, self.emulator = emulated(options)
        door, clock = self.zoho.door, self.zoho.clock
        self.crm = CrmTarget(door, managed=MANAGED, clock=clock, batch_size=batch_size)
        self.billing = BillingTarget(door, org_id=options.org_id, clock=clock)

    def product(self, code: str, **fields: Any) -> str:
        """A CRM record made by hand."""
        made = {"Product_Name": f"Fibre {code}", "Product_Code": code, "Unit_Price": 899.0}
        return str(self.emulator.add("crm", "products", made | fields)["id"])

    def plan(self, code: str, **fields: Any) -> str:
        """A plan with its product, made by hand; returns the code."""
        product = self.emulator.add("billing", "products", {"name": f"Product {code}"})["id"]
        made = {"plan_code": code, "name": f"Plan {code}", "recurring_price": 899.0, "interval": 1}
        made |= {"interval_unit": "months", "billing_cycles": -1, "product_id": product}
        self.emulator.add("billing", "plans", made | fields)
        return code

    def fault(self, do: str, service: str, method: str, **more: Any) -> None:
        """Weather for matching requests."""
        times = more.pop("times", 1)
        match = {"service": service, "method": method, "times": times}
        self.emulator.add_faults([{"match": match, "do": do, **more}])

    def raw(self, service: str, resource: str, key: str) -> dict[str, Any]:
        """A record as stored, without what every write changes, and empty or absent alike."""
        volatile = {"updated_time", "changed_by", "Modified_Time", "Modified_By"}
        for record in self.emulator.records(service, resource):
            if key in (record["id"], record.get("plan_code"), record.get("Product_Code")):
                return {n: v for n, v in record.items() if n not in volatile and v not in ("", [])}
        raise LookupError(key)


def crm_create(code: str) -> Change:
    fields: Fields = {
        "Product_Name": f"Fibre {code}",
        "Product_Code": code,
        "Unit_Price": PRICES[0],
    }
    return a_create(CRM, code, fields)


def crm_price(code: str, remote_id: str, version: str = "") -> Change:
    return an_update(CRM, code, remote_id, {"Unit_Price": PRICES}, version)


def plan_price(code: str) -> Change:
    return an_update(PLAN, code, code, {"recurring_price": PRICES})
