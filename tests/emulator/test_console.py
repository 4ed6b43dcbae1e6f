"""The control endpoints: what a test or a person may do behind the clients' backs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.options import Options
from zoho_emulator.wire import Request


@pytest.fixture
def caller() -> Caller:
    return Caller(Emulator(Options(), ManualClock()))


def console(caller: Caller, method: str, path: str, body: object = None, **query: str) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    request = Request(method, f"/_emulator/{path}", query, {}, content)
    return json.loads(caller.emulator.handle(request).response.body)


def a_product(caller: Caller, name: str = "Fibre") -> str:
    answer = caller("POST", "/billing/v1/products", {"name": name})[1]
    return str(answer["product"]["product_id"])


def test_console_calls_leave_no_trace(caller: Caller) -> None:
    before = console(caller, "GET", "state")
    for _ in range(200):
        console(caller, "GET", "journal")
    assert console(caller, "GET", "state") == before
    assert before["requests"]["total"] == 1


def test_state_counts_records_requests_and_tokens(caller: Caller) -> None:
    a_product(caller)
    state = console(caller, "GET", "state")
    assert state["records"]["billing"]["products"] == 1
    assert state["requests"]["by_service"] == {"oauth": 1, "billing": 1}
    assert state["largest_windows"]["total"] == 2
    assert state["tokens"] == {"minted": 1, "refused": 0, "live": 1, "refresh_tokens": 1}


def test_the_journal_tells_every_request_without_the_token(caller: Caller) -> None:
    a_product(caller)
    entries = console(caller, "GET", "journal", since="1")
    assert [entry["number"] for entry in entries] == [2]
    entry = entries[0]
    assert (entry["method"], entry["path"], entry["status"]) == (
        "POST",
        "/billing/v1/products",
        201,
    )
    assert json.loads(entry["body"]) == {"name": "Fibre"}
    assert entry["records"] == 1
    assert entry["token"]
    assert caller.token not in json.dumps(entries)


def test_reset_begins_again(caller: Caller) -> None:
    a_product(caller)
    console(caller, "POST", "reset")
    state = console(caller, "GET", "state")
    assert (state["requests"]["total"], state["records"]["billing"]["products"]) == (0, 0)
    console(caller, "POST", "reset", {"seed": 5, "limits": {"total_per_minute": 3}})
    assert caller.emulator.options.seed == 5


def test_faults_come_and_go(caller: Caller) -> None:
    console(caller, "POST", "faults", [{"match": {"service": "billing"}, "do": "server_error"}])
    assert caller("GET", "/billing/v1/plans")[0] == 500
    assert console(caller, "GET", "faults")[0]["fired"] == 1
    console(caller, "DELETE", "faults")
    assert caller("GET", "/billing/v1/plans")[0] == 200
    complaint = console(caller, "POST", "faults", [{"do": "nothing"}])
    assert "entry 0" in complaint["error"]


def test_time_can_be_moved(caller: Caller) -> None:
    console(caller, "POST", "clock", {"advance": 3600})
    assert caller("GET", "/billing/v1/plans")[0] == 401


def test_a_hand_edit_changes_a_record_and_its_time(caller: Caller) -> None:
    product = a_product(caller)
    caller.emulator.advance(60)
    call = {"service": "billing", "resource": "products", "id": product}
    console(caller, "POST", "edit", call | {"fields": {"name": "Edited", "status": "inactive"}})
    record = console(caller, "GET", "records/billing/products")[0]
    assert (record["name"], record["status"]) == ("Edited", "inactive")
    assert record["changed_by"] == "person"
    assert record["updated_time"] > record["created_time"]
    console(caller, "POST", "delete", call)
    assert console(caller, "GET", "records/billing/products") == []


def test_plans_and_crm_records_are_named_by_their_code(caller: Caller) -> None:
    fields = {"plan_code": "FIB-1", "name": "Fibre", "recurring_price": 1.0, "interval": 1}
    add = {"service": "billing", "resource": "plans", "fields": fields}
    assert console(caller, "POST", "add", add)["id"]
    edit = {"service": "billing", "resource": "plans", "code": "FIB-1"}
    console(caller, "POST", "edit", edit | {"fields": {"recurring_price": 2.0}})
    assert caller("GET", "/billing/v1/plans/FIB-1")[1]["plan"]["recurring_price"] == 2.0

    product = {"Product_Name": "Fibre", "Product_Code": "FIB-1"}
    add = {"service": "crm", "resource": "Products", "fields": product}
    record_id = console(caller, "POST", "add", add)["id"]
    edit = {"service": "crm", "resource": "Products", "code": "FIB-1"}
    console(caller, "POST", "edit", edit | {"fields": {"Unit_Price": 5.0}})
    assert caller("GET", f"/crm/v8/Products/{record_id}")[1]["data"][0]["Unit_Price"] == 5.0
    console(caller, "POST", "delete", edit)
    assert console(caller, "GET", "records/crm/products") == []


def test_a_hand_edit_in_crm_names_its_editor(caller: Caller) -> None:
    """Without a name it is the token's own user: nobody can tell it from a program's write."""
    record_id = caller.emulator.add("crm", "products", {"Product_Name": "Fibre"})["id"]
    path, edit = "/crm/v8/Products", {"service": "crm", "resource": "products", "id": record_id}

    def editor() -> dict[str, str]:
        listed = caller("GET", path, fields="Modified_By")[1]["data"][0]["Modified_By"]
        return {name: listed[name] for name in ("name", "id")}

    written = caller("PUT", path, {"data": [{"id": record_id, "Unit_Price": 1.0}]})[1]
    program = written["data"][0]["details"]["Modified_By"]
    console(caller, "POST", "edit", edit | {"fields": {"Unit_Price": 2.0}, "by": "Otto Other"})
    by_hand = editor()
    assert by_hand["name"] == "Otto Other"
    assert by_hand["id"] != program["id"]
    console(caller, "POST", "edit", edit | {"fields": {"Unit_Price": 3.0}})
    assert editor() == program
    console(caller, "POST", "edit", edit | {"fields": {"Unit_Price": 4.0}, "by": "Otto Other"})
    assert editor() == by_hand
    users = caller("GET", "/crm/v8/users")[1]["users"]
    assert by_hand["id"] in {user["id"] for user in users}


def test_a_layout_demands_a_field_and_no_longer(caller: Caller) -> None:
    product = {"data": [{"Product_Name": "Fibre"}]}
    console(caller, "POST", "layout", {"field": "Manufacturer"})
    assert caller("POST", "/crm/v8/Products", product)[0] == 400
    console(caller, "POST", "layout", {"field": "Manufacturer", "required": False})
    assert caller("POST", "/crm/v8/Products", product)[0] == 201
    for wrong in ({"field": "Nothing"}, {"layout": "Nowhere", "field": "Manufacturer"}):
        assert "error" in console(caller, "POST", "layout", wrong)


def test_a_plan_with_live_subscriptions_cannot_be_deleted(caller: Caller) -> None:
    fields = {"plan_code": "FIB-1", "name": "Fibre", "recurring_price": 1.0, "interval": 1}
    caller.emulator.add("billing", "plans", fields)
    console(caller, "POST", "subscriptions", {"plan_code": "FIB-1", "live": 3})
    assert caller("DELETE", "/billing/v1/plans/FIB-1")[0] == 400
    console(caller, "POST", "subscriptions", {"plan_code": "FIB-1", "live": 0})
    assert caller("DELETE", "/billing/v1/plans/FIB-1")[0] == 200


def test_tokens_expire_and_grant_codes_are_minted_on_demand(caller: Caller) -> None:
    assert console(caller, "POST", "expire-tokens") == {"expired": 1}
    assert caller("GET", "/billing/v1/plans")[0] == 401
    code = console(caller, "POST", "grant-code", {"scope": "ZohoSubscriptions.plans.READ"})["code"]
    answer = caller.refresh(grant_type="authorization_code", code=code)
    assert answer["scope"] == "ZohoSubscriptions.plans.READ"


@pytest.mark.parametrize(
    ("method", "path", "body", "complaint"),
    [
        ("GET", "nowhere", None, "has no GET"),
        ("POST", "nowhere", {}, "has no POST"),
        ("GET", "records/crm", None, "name a service"),
        ("GET", "records/desk/tickets", None, "no resource tickets"),
        ("POST", "clock", {}, "needs advance"),
        ("POST", "clock", {"advance": -1}, "forward only"),
        ("POST", "edit", {"service": "crm"}, "needs resource"),
        (
            "POST",
            "edit",
            {"service": "billing", "resource": "plans", "code": "X", "fields": {}},
            "no record X",
        ),
        ("POST", "reset", {"sed": 1}, "sed is not an option"),
    ],
)
def test_wrong_calls_say_what_is_wrong(
    caller: Caller, method: str, path: str, body: object, complaint: str
) -> None:
    assert complaint in console(caller, method, path, body)["error"]
