"""Every error that is known of Zoho can be had from the emulator, with its status and its body.

`contract/errors.json` lists them. Each is provoked by a request of its own, or, where only a person
inside Zoho could, asked for by a fault script.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount
from support.emulator import Caller
from zoho_emulator.app import Emulator
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.clock import ManualClock
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options
from zoho_emulator.wire import Request

FILE = Path(__file__).parent / "contract" / "errors.json"
CATALOGUE: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["errors"]
PLANS = "/billing/v1/plans"
ITEMS = "/billing/v1/items"
LATE = {"if-unmodified-since": "2001-01-01T00:00:00+00:00"}
Answer = tuple[Any, Any]  # status and document


def of_crm(
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
    /,
    account: CrmAccount | None = None,
    **query: str,
) -> Answer:
    """What a request to CRM is answered."""
    answer = (account or CrmAccount()).send(method, path, query, body, headers)
    return answer.status, json.loads(answer.body) if answer.body else None


def written(*records: dict[str, Any], **crm: Any) -> Answer:
    return of_crm("POST", PRODUCTS, {"data": records}, account=CrmAccount(**crm))


def scripted(service: str, code: str | int, path: str, **rule: Any) -> Answer:
    account = CrmAccount()
    account.emulator.add_faults(
        [{"match": {"service": service}, "do": "refuse", "code": code, **rule}]
    )
    return of_crm("GET", path, account=account, fields="id")


def broken(status: int) -> Answer:
    account = CrmAccount()
    account.emulator.add_faults([{"do": "server_error", "status": status}])
    return of_crm("GET", PRODUCTS, account=account, fields="id")


def throttled(path: str, **limits: Any) -> Answer:
    account = CrmAccount(limits=LimitOptions(**limits))
    return of_crm("GET", path, account=account, fields="id")


def pages(**query: str) -> Answer:
    """The second page of three records, under limits of two, a day and a bit later if asked."""
    account = CrmAccount(token_limit=2, page_token_life=60.0)
    for _ in range(3):
        account.created()
    told = json.loads(account.get(PRODUCTS, fields="id", per_page="1").body)
    if query.pop("late", ""):
        account.advance(61)
    if query.pop("far", ""):
        told = json.loads(
            account.get(
                PRODUCTS, fields="id", per_page="1", page_token=told["info"]["next_page_token"]
            ).body
        )
    token = told["info"]["next_page_token"]
    asked = {"fields": "id", "per_page": "1", "page_token": token, **query}
    return of_crm("GET", PRODUCTS, account=account, **asked)


def billing(**options: Any) -> Caller:
    limits = options.pop("limits", LimitOptions.unlimited())
    chosen = Options(limits=limits, billing=BillingOptions(**options))
    return Caller(Emulator(chosen, ManualClock()))


def with_plan() -> Caller:
    call = billing()
    _, made = call("POST", "/billing/v1/products", {"name": "Fibre"})
    plan = {"plan_code": "F", "name": "Fibre", "recurring_price": 1, "interval": 1}
    call("POST", PLANS, plan | {"product_id": made["product"]["product_id"]})
    return call


def plan(call: Caller, **changes: Any) -> Answer:
    body = {"plan_code": "F", "name": "Fibre", "recurring_price": 1, "interval": 1}
    _, listed = call("GET", "/billing/v1/products")
    products = listed["products"]
    body |= {"product_id": products[0]["product_id"]} if products else {}
    return call("POST", PLANS, body | changes)


def item(
    act: Callable[[Caller, str, dict[str, Any]], Answer],
) -> Answer:
    call = billing()
    body = {"name": "Router", "rate": 1, "product_type": "goods"}
    _, made = call("POST", ITEMS, body)
    return act(call, str(made["item"]["item_id"]), body)


def sold(call: Caller, item_id: str, _body: object) -> Answer:
    call.emulator.world.billing.transactions.add(item_id)
    return call("DELETE", f"{ITEMS}/{item_id}")


def subscribed() -> Answer:
    call = with_plan()
    call.emulator.attach_subscriptions("F", 1)
    return call("DELETE", f"{PLANS}/F")


def many(times: int, **limits: Any) -> Answer:
    """The last answer of several, none of which has been delivered when the next one arrives."""
    call = billing(limits=LimitOptions(**limits))
    tickets = [call.emulator.begin(call.request("GET", PLANS)) for _ in range(times)]
    response = tickets[-1].reply.response
    return response.status, json.loads(response.body)


def token(**changes: str) -> Answer:
    return 200, billing().refresh(**changes)


def eleven_refreshes() -> Answer:
    emulator = Emulator(Options(), ManualClock())
    call = Caller(emulator)
    for _ in range(9):
        call.refresh()
    answer = call.refresh()
    return emulator.journal()[-1]["status"], answer


def eleven_codes() -> Answer:
    emulator = Emulator(Options(), ManualClock())
    for _ in range(10):
        emulator.grant_code()
    response = emulator.handle(Request("POST", "/_emulator/grant-code")).response
    return response.status, json.loads(response.body)


def a_redirect() -> Answer:
    call = billing()
    rule = {"match": {"service": "oauth"}, "do": "refuse", "code": "invalid_redirect_uri"}
    call.emulator.add_faults([rule])
    return 200, call.refresh()


SEARCH = f"{PRODUCTS}/search"
UNIQUE = {"Product_Code": {"unique": True}}


def twice() -> Answer:
    account = CrmAccount(field_overrides=UNIQUE)
    account.created(Product_Code="FIB-1")
    record = {"Product_Name": "Fibre", "Product_Code": "FIB-1"}
    return of_crm("POST", PRODUCTS, {"data": [record]}, account=account)


def too_late() -> Answer:
    account = CrmAccount()
    body = {"data": [{"id": account.created(), "Product_Name": "Other"}]}
    return of_crm("PUT", PRODUCTS, body, LATE, account=account)


def coql(text: str) -> Answer:
    return of_crm("POST", "/crm/v8/coql", {"select_query": text})


PROVOKED: dict[str, Callable[[], Answer]] = {
    "oauth invalid_code": lambda: token(refresh_token="1000.no"),
    "oauth invalid_client": lambda: token(client_id="no"),
    "oauth invalid_client_secret": lambda: token(client_secret="no"),
    "oauth invalid_redirect_uri": a_redirect,
    "oauth Access Denied": eleven_refreshes,
    "oauth access_denied": eleven_codes,
    "crm INVALID_TOKEN": lambda: of_crm(
        "GET", PRODUCTS, None, {"authorization": "Zoho-oauthtoken 1000.no"}
    ),
    "crm AUTHENTICATION_FAILURE": lambda: of_crm("GET", PRODUCTS, None, {"authorization": ""}),
    "crm OAUTH_SCOPE_MISMATCH": lambda: of_crm(
        "GET", PRODUCTS, account=CrmAccount(scope="ZohoCRM.org.READ")
    ),
    "crm OAUTH_SCOPE_MISMATCH 403": lambda: scripted(
        "crm", "OAUTH_SCOPE_MISMATCH", PRODUCTS, status=403
    ),
    "crm NO_PERMISSION": lambda: scripted("crm", "NO_PERMISSION", PRODUCTS),
    "crm INVALID_URL_PATTERN": lambda: of_crm("GET", "/crm/v8/a/b/c"),
    "crm INVALID_MODULE": lambda: of_crm("GET", "/crm/v8/Products2"),
    "crm INVALID_REQUEST_METHOD": lambda: of_crm("PATCH", PRODUCTS),
    "crm TOO_MANY_REQUESTS": lambda: throttled(PRODUCTS, crm_credits_per_day=0),
    "crm RATE_LIMIT_EXCEEDED": lambda: throttled(SEARCH, crm_credits_per_day=0),
    "crm INTERNAL_ERROR": lambda: broken(500),
    "crm SERVICE_UNAVAILABLE": lambda: broken(503),
    "crm MANDATORY_NOT_FOUND": lambda: written({"Product_Code": "FIB-1"}),
    "crm INVALID_DATA type": lambda: written({"Product_Name": "Fibre", "Unit_Price": "1"}),
    "crm INVALID_DATA length": lambda: written({"Product_Name": "x" * 51}),
    "crm INVALID_DATA picklist": lambda: written(
        {"Product_Name": "Fibre", "Product_Category": "Nope"}, unlisted_picklist="strict"
    ),
    "crm INVALID_DATA field": lambda: written({"Product_Name": "Fibre", "Nope": 1}),
    "crm INVALID_DATA id": lambda: of_crm("PUT", PRODUCTS, {"data": [{"id": "0"}]}),
    "crm DUPLICATE_DATA": twice,
    "crm LIMIT_EXCEEDED records": lambda: written(*[{"Product_Name": "Fibre"}] * 101),
    "crm MULTIPLE_OR_MULTI_ERRORS": lambda: written({"Nope": 1, "Unit_Price": "1"}),
    "crm ALREADY_MODIFIED": too_late,
    "crm REQUIRED_PARAM_MISSING": lambda: of_crm("GET", PRODUCTS),
    "crm LIMIT_EXCEEDED fields": lambda: of_crm("GET", PRODUCTS, fields=",".join(["id"] * 51)),
    "crm DISCRETE_PAGINATION_LIMIT_EXCEEDED": lambda: of_crm(
        "GET", PRODUCTS, fields="id", page="11"
    ),
    "crm PAGINATION_LIMIT_EXCEEDED": lambda: pages(far="yes"),
    "crm EXPIRED_VALUE": lambda: pages(late="yes"),
    "crm TOKEN_BOUND_DATA_MISMATCH": lambda: pages(per_page="2"),
    "crm nothing": lambda: of_crm("GET", f"{PRODUCTS}/5"),
    "crm not modified": lambda: of_crm(
        "GET", PRODUCTS, None, {"if-modified-since": "2030-01-01T00:00:00+00:00"}, fields="id"
    ),
    "crm INVALID_DATA delete": lambda: of_crm("DELETE", PRODUCTS, ids="0"),
    "crm EXPECTED_PARAM_MISSING": lambda: of_crm("GET", SEARCH),
    "crm INVALID_QUERY search": lambda: of_crm(
        "GET", SEARCH, criteria="(Unit_Price:starts_with:1)"
    ),
    "crm LIMIT_REACHED": lambda: of_crm("GET", SEARCH, word="fibre", page="11"),
    "crm CRITERIA_LIMIT_EXCEEDED": lambda: of_crm(
        "GET", SEARCH, criteria=f"({'and'.join(['(Product_Code:equals:F)'] * 16)})"
    ),
    "crm SYNTAX_ERROR": lambda: coql("select id from Products"),
    "crm INVALID_QUERY coql": lambda: coql("select Nope from Products where id is not null"),
    "crm RESOURCE_NOT_FOUND": lambda: of_crm("GET", "/crm/bulk/v8/read/5"),
    "billing 57": lambda: billing()("GET", PLANS, None, {"authorization": "Zoho-oauthtoken no"}),
    "billing 14": lambda: scripted("billing", 14, PLANS),
    "billing 6041": lambda: billing()(
        "GET", PLANS, None, {"x-com-zoho-subscriptions-organizationid": "10234695"}
    ),
    "billing 9": lambda: billing()("GET", PLANS, None, {"host": "billing.zoho.com"}),
    "billing 44": lambda: many(2, billing_per_minute=1),
    "billing 45": lambda: many(2, billing_per_day=1),
    "billing 1070": lambda: many(2, concurrency=1),
    "billing 1002": lambda: billing()("GET", f"{PLANS}/F"),
    "billing 4": lambda: plan(billing(), product_id="5"),
    "billing 2": lambda: plan(with_plan(), plan_code="G", recurring_price="1"),
    "billing 5": lambda: billing()("GET", "/billing/v1/planets"),
    "billing 15": lambda: plan(with_plan(), plan_code="G", name="x" * 100),
    "billing 37": lambda: billing()("PATCH", PLANS),
    "billing 1000": lambda: item(lambda call, _id, body: call("POST", ITEMS, body)),
    "billing 2006": lambda: billing()("GET", f"{ITEMS}/5"),
    "billing 2049": lambda: item(sold),
    "billing 2076": lambda: item(
        lambda call, key, body: call("PUT", f"{ITEMS}/{key}", body | {"product_type": "service"})
    ),
    "billing 120129": lambda: plan(with_plan(), plan_code="G", custom_fields=[{"label": "x"}]),
    "billing duplicate plan code": lambda: plan(with_plan()),
    "billing duplicate product name": lambda: with_plan()(
        "POST", "/billing/v1/products", {"name": "FIBRE "}
    ),
    "billing plan with subscriptions": subscribed,
}


def fits(wanted: Any, told: Any) -> bool:
    """Whether an answer has the shape: the same keys and values, `*` for any value."""
    if isinstance(wanted, dict) and isinstance(told, dict):
        return wanted.keys() == told.keys() and all(fits(wanted[k], told[k]) for k in wanted)
    if isinstance(wanted, list) and isinstance(told, list):
        return len(wanted) == len(told) and all(map(fits, wanted, told))
    return (
        bool(wanted in {"*", "…"} or wanted == told) if isinstance(wanted, str) else wanted == told
    )


def test_each_known_error_is_provoked() -> None:
    assert PROVOKED.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("name", CATALOGUE)
def test_it_has_the_status_and_body_that_zoho_gives(name: str) -> None:
    status, told = PROVOKED[name]()
    assert (status, fits(CATALOGUE[name]["body"], told)) == (CATALOGUE[name]["status"], True), told


def test_the_throttle_of_tokens_may_come_with_200() -> None:
    """One of Zoho's texts says so (zoho-facts §1.5)."""
    emulator = Emulator(Options(oauth=OAuthOptions(throttle_status=200)), ManualClock())
    call = Caller(emulator)
    answers = [call.refresh() for _ in range(10)]
    assert emulator.journal()[-1]["status"] == 200
    assert answers[-1]["error"] == "Access Denied"
