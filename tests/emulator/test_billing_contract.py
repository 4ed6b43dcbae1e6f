"""Billing's operations against facts extracted from Zoho's own specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.billing.routes import routes
from zoho_emulator.clock import ManualClock
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options

CONTRACT = json.loads((Path(__file__).parent / "contract" / "billing.json").read_text())
OPERATIONS: list[dict[str, Any]] = CONTRACT["operations"]
WRITES = [operation for operation in OPERATIONS if "fields" in operation]
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "any": (object,),
}
# Seen in live answers although the specification does not list them (zoho-facts §3.3-3.5).
OBSERVED = {
    "products": {"created_at", "plans_count", "addons_count", "coupons_count"},
    "plans": {"plan_id", "pricing_scheme", "price_brackets", "tags", "custom_fields", "addons"},
    "addons": {"addon_id", "plans"},
    "items": set(),
    "settings": set(),
}
PLAN = {"plan_code": "FIB-1", "name": "Fibre", "recurring_price": 899.0, "interval": 1}
ADDON = {
    "addon_code": "IP-1",
    "name": "Address",
    "unit_name": "address",
    "price_brackets": [{"price": 49.0}],
    "plans": [{"plan_code": "FIB-1"}],
}
ITEM = {"name": "Router", "rate": 10.0, "sku": "R-1"}


def name_of(operation: dict[str, Any]) -> str:
    return f"{operation['method']} {operation['path']}"


def resource_of(operation: dict[str, Any]) -> str:
    return str(operation["path"].split("/")[1])


class Account(Caller):
    """One record of every kind; `ids` fill the path parameters."""

    def __init__(self, **oauth: str) -> None:
        options = Options(
            oauth=OAuthOptions(**oauth),
            billing=BillingOptions(item_ids_as_numbers=False),
            limits=LimitOptions.unlimited(),
        )
        super().__init__(Emulator(options, ManualClock()))
        emulator = self.emulator
        product_id = emulator.add("billing", "products", {"name": "Fibre"})["id"]
        emulator.add("billing", "plans", PLAN | {"product_id": product_id})
        emulator.add("billing", "addons", ADDON | {"product_id": product_id})
        item_id = emulator.add("billing", "items", ITEM)["id"]
        self.ids = {
            "product_id": product_id,
            "plan_code": "FIB-1",
            "addon_code": "IP-1",
            "item_id": item_id,
        }

    def perform(self, operation: dict[str, Any], body: object = None) -> tuple[int, Any]:
        path = CONTRACT["base"] + operation["path"].format(**self.ids)
        return self(operation["method"], path, body)

    def body(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """The smallest body that the contract allows; a creation has its own name and code."""
        if "fields" not in operation:
            return None
        resource, is_new = resource_of(operation), operation["method"] == "POST"
        full = {"products": {"name": "Fibre"}, "plans": PLAN, "addons": ADDON, "items": ITEM}
        values = full[resource] | {"product_id": self.ids["product_id"]}
        if is_new:
            values |= {"name": "New", "plan_code": "NEW-1", "addon_code": "NEW-1"}
        return {name: values[name] for name in operation["required"]}


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_status_message_and_answer_are_as_specified(operation: dict[str, Any]) -> None:
    """Every member of an answer is specified or was observed, and has the specified type."""
    account = Account()
    if operation["method"] == "DELETE" and resource_of(operation) == "products":
        for resource, code in (("addons", "IP-1"), ("plans", "FIB-1")):
            account.emulator.delete("billing", resource, code)
    status, answer = account.perform(operation, account.body(operation))
    assert (status, answer["code"], answer["message"]) == (
        operation["status"],
        0,
        operation["message"],
    )
    content = [v for k, v in answer.items() if k not in {"code", "message", "page_context"}]
    if "answer" not in operation:
        assert content == []
        return
    rows = content[0] if isinstance(content[0], list) else [content[0]]
    for row in rows:
        surplus = set(row) - set(operation["answer"]) - OBSERVED[resource_of(operation)]
        assert surplus == set()
        for field, kind in operation["answer"].items():
            assert field not in row or isinstance(row[field], TYPES[kind])


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_the_specified_scope_is_enough_and_no_other_will_do(operation: dict[str, Any]) -> None:
    allowed = Account(scope=operation["scope"])
    status, _ = allowed.perform(operation, allowed.body(operation))
    assert status != 401
    refused = Account(scope="ZohoSubscriptions.invoices.ALL,ZohoCRM.modules.ALL")
    assert refused.perform(operation, refused.body(operation))[0] == 401


@pytest.mark.parametrize(
    ("operation", "field"),
    [(o, f) for o in WRITES for f in o["required"] if f != "plans"],
    ids=lambda value: value if isinstance(value, str) else name_of(value),
)
def test_each_required_field_is_required(operation: dict[str, Any], field: str) -> None:
    """`plans` of an addon is the exception: it is not needed when the addon fits all plans."""
    account = Account()
    body = account.body(operation) or {}
    del body[field]
    status, answer = account.perform(operation, body)
    assert (status, answer) == (400, {"code": 4, "message": f"Invalid value passed for {field}"})


@pytest.mark.parametrize(
    ("operation", "field", "kind"),
    [(o, f, k) for o in WRITES for f, k in o["fields"].items() if k != "any"],
    ids=lambda value: value if isinstance(value, str) else name_of(value),
)
def test_each_specified_field_is_known_and_typed(
    operation: dict[str, Any], field: str, kind: str
) -> None:
    account = Account()
    body = account.body(operation) or {}
    for wrong in (None, {"odd": 1}, 5 if kind in {"string", "array", "boolean"} else "5"):
        status, answer = account.perform(operation, body | {field: wrong})
        assert (status, answer["message"]) == (400, f"Invalid value passed for {field}")


@pytest.mark.parametrize("operation", WRITES, ids=name_of)
def test_nothing_beyond_the_specified_fields_is_taken(operation: dict[str, Any]) -> None:
    account = Account()
    body = account.body(operation) or {}
    assert account.perform(operation, body | {"surprise": 1})[0] == 400


def test_the_emulator_has_exactly_the_specified_operations() -> None:
    """Organisations and the list of subscriptions come on top, from pages of their own."""
    specified = {(o["method"], _shape(o["path"])) for o in OPERATIONS}
    base = len(CONTRACT["base"])
    offered = {(route.method, _shape(route.template[base:])) for route in routes(Emulator().world)}
    assert offered - specified == {
        ("GET", "/organizations"),
        ("GET", "/organizations/{}"),
        ("GET", "/subscriptions"),
    }
    assert specified <= offered


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
