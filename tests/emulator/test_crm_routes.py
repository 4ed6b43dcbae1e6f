"""What operations cost, which of them are heavy, and which scopes they want."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount, document
from zoho_emulator.crm.routes import routes
from zoho_emulator.options import LimitOptions
from zoho_emulator.routing import Found, find
from zoho_emulator.wire import Request, Route

COQL = "/crm/v8/coql"


def routed(request: Request) -> Route:
    found = find(routes(CrmAccount().emulator.world), request.method, request.path)
    assert isinstance(found, Found)
    return found.route


def asked(method: str, path: str, query: dict[str, str], body: Any) -> Request:
    return Request(method, path, query, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "cost", "heavy"),
    [
        ("GET", PRODUCTS, {"fields": "id"}, None, 1, False),
        ("GET", PRODUCTS, {"fields": "id", "sort_by": "id"}, None, 1, True),
        ("GET", PRODUCTS, {"fields": "id", "cvid": "1"}, None, 3, True),
        ("GET", f"{PRODUCTS}/1", {}, None, 1, False),
        ("POST", PRODUCTS, {}, {"data": [{}] * 10}, 1, False),
        ("POST", PRODUCTS, {}, {"data": [{}] * 11}, 2, True),
        ("PUT", PRODUCTS, {}, {"data": [{}] * 100}, 10, True),
        ("POST", f"{PRODUCTS}/upsert", {}, {"data": [{}] * 95}, 10, True),
        ("POST", PRODUCTS, {}, {"data": "nothing"}, 1, False),
        ("POST", COQL, {}, {"select_query": "… limit 1000"}, 2, True),
        ("POST", "/crm/bulk/v8/read", {}, {}, 50, False),
        ("POST", "/crm/bulk/v8/write", {}, {}, 500, False),
    ],
)
def test_costs(
    method: str, path: str, query: dict[str, str], body: Any, cost: int, heavy: bool
) -> None:
    request = asked(method, path, query, body)
    route = routed(request)

    assert (route.credits(request), route.sub_concurrency(request)) == (cost, heavy)


def test_a_write_uses_up_a_credit_per_ten_records() -> None:
    limits = LimitOptions(total_per_minute=None, crm_credits_per_day=4, concurrency=None)
    account = CrmAccount(limits=limits)
    records = [{"Product_Name": f"P{i}"} for i in range(31)]

    assert account.post(records).status == 201
    refused = account.get(PRODUCTS, fields="id")

    assert (refused.status, document(refused)["code"]) == (429, "TOO_MANY_REQUESTS")
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("ZohoCRM.modules.products.READ", "GET", PRODUCTS, 400),
        ("ZohoCRM.modules.products.READ", "POST", PRODUCTS, 401),
        ("ZohoCRM.modules.products.CREATE", "GET", PRODUCTS, 401),
        ("ZohoCRM.modules.products.UPDATE", "DELETE", PRODUCTS, 401),
        ("ZohoCRM.modules.products.CREATE", "POST", f"{PRODUCTS}/upsert", 400),
        ("ZohoCRM.coql.READ", "POST", COQL, 401),
        ("ZohoCRM.coql.READ,ZohoCRM.modules.ALL", "POST", COQL, 400),
        ("ZohoCRM.modules.ALL", "GET", "/crm/v8/settings/fields", 401),
        ("ZohoCRM.settings.fields.READ", "GET", "/crm/v8/settings/fields", 400),
        ("ZohoCRM.modules.ALL", "GET", "/crm/v8/org", 401),
    ],
)
def test_scopes(scope: str, method: str, path: str, status: int) -> None:
    """401 is a scope mismatch; 400 says that the operation itself looked at the request."""
    answer = CrmAccount(scope=scope).send(method, path)

    assert answer.status == status
    if status == 401:
        assert document(answer)["code"] == "OAUTH_SCOPE_MISMATCH"
