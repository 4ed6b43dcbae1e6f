"""The emulator's answers against the interface facts of Zoho's own description of CRM v8."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount, document
from emulator.test_crm_bulk import READ, WRITE, asked_to_read, asked_to_write, uploaded, zipped
from zoho_emulator.crm.routes import routes
from zoho_emulator.wire import Response

OPERATIONS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "contract" / "crm.json").read_text()
)["operations"]

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
# Of the export of attachments, which the description merges with that of records.
_NOT_OURS = {"getBulkReadJobDetails": {"data[].Attachment_Source__s", "data[].File_Id__s"}}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every place of a document, as the contract spells it."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")


def check(operation: str, answer: Response) -> None:
    """Status, types, enumerations, and presence of what the contract requires at the top."""
    contract = OPERATIONS[operation]
    assert answer.status == contract["status"], answer.body
    known = contract["fields"]
    present: set[str] = set()
    filled: set[str] = set()
    for path, value in leaves(document(answer)):
        present.add(path)
        filled.update({path} if value is not None else ())
        if path not in known:
            continue
        fact = known[path]
        wanted = [fact["type"]] if isinstance(fact["type"], str) else fact["type"]
        if value is not None:
            kinds = tuple(kind for name in wanted for kind in _JSON_TYPES[name])
            assert isinstance(value, kinds), (path, value, wanted)
        if "enum" in fact and value is not None:
            assert value in fact["enum"], (path, value)
    required = {
        path
        for path, fact in known.items()
        if fact.get("required") and (parent(path) in filled or "." not in path)
    }
    assert required - present - _NOT_OURS.get(operation, set()) == set()


def parent(path: str) -> str:
    return path.rpartition(".")[0]


@pytest.fixture
def account() -> CrmAccount:
    account = CrmAccount(field_overrides={"Product_Code": {"unique": True}})
    account.created(Product_Code="FIB-1", Product_Category="Hardware")
    account.advance(60)
    return account


def test_writes(account: CrmAccount) -> None:
    record_id = next(iter(account.store.records))

    check("createRecords", account.post([{"Product_Name": "B"}]))
    check("updateRecords", account.put([{"id": record_id, "Unit_Price": 1}]))
    check("upsertRecords", account.upsert([{"Product_Name": "B"}, {"Product_Name": "C"}]))
    check("deleteRecords", account.send("DELETE", PRODUCTS, {"ids": record_id}))
    check("getDeletedRecords", account.get(f"{PRODUCTS}/deleted"))


def test_reads(account: CrmAccount) -> None:
    account.created()
    listed = account.get(PRODUCTS, fields="Product_Name,Owner,Created_By", per_page="1")

    check("getRecords", listed)
    check("searchRecords", account.get(f"{PRODUCTS}/search", criteria="(Product_Code:equals:FIB)"))
    check("getCount", account.get(f"{PRODUCTS}/actions/count"))
    check("executeCOQLQuery", account.coql("select id from Products where id is not null"))


def test_metadata(account: CrmAccount) -> None:
    fields = account.get("/crm/v8/settings/fields", module="Products")
    category = account.store.field_ids["Product_Category"]
    values = account.get(f"/crm/v8/settings/fields/{category}/pick_list_values", module="Products")

    check("getFields", fields)
    check("getModules", account.get("/crm/v8/settings/modules"))
    check("getPickListValues", values)
    check("getOrganization", account.get("/crm/v8/org"))


def test_bulk(account: CrmAccount) -> None:
    read = asked_to_read(account, fields=["id"])
    write = asked_to_write(account, "insert", [["Product_Name"], ["Fibre"]])
    check("createBulkReadJob", read)
    check("createBulkWriteJob", write)
    check("uploadFile", uploaded(account, zipped([["Product_Name"]])))
    account.advance(60)

    check(
        "getBulkReadJobDetails", account.get(f"{READ}/{document(read)['data'][0]['details']['id']}")
    )
    check("getJobDetails", account.get(f"{WRITE}/{document(write)['details']['id']}"))


@pytest.mark.parametrize(
    ("operation", "method", "path", "query", "body"),
    [
        ("getRecords", "GET", PRODUCTS, {}, None),
        ("getRecords", "GET", PRODUCTS, {"fields": "id", "page": "11"}, None),
        ("getRecords", "GET", PRODUCTS, {"fields": "id", "page": "1", "page_token": "x"}, None),
        ("searchRecords", "GET", f"{PRODUCTS}/search", {}, None),
        ("searchRecords", "GET", f"{PRODUCTS}/search", {"criteria": "(A:b:c)"}, None),
        ("executeCOQLQuery", "POST", "/crm/v8/coql", {}, {"select_query": "select id from P"}),
        ("executeCOQLQuery", "POST", "/crm/v8/coql", {}, {}),
        ("createRecords", "POST", PRODUCTS, {}, {"data": [{}]}),
        ("createRecords", "POST", PRODUCTS, {}, {"data": [{}] * 101}),
        ("deleteRecords", "DELETE", PRODUCTS, {}, None),
        ("createBulkReadJob", "POST", READ, {}, {"query": {"module": {"api_name": "X"}}}),
        ("createBulkWriteJob", "POST", WRITE, {}, {"operation": "insert"}),
    ],
)
def test_errors_use_codes_that_zoho_knows(
    operation: str, method: str, path: str, query: dict[str, str], body: Any
) -> None:
    answer = CrmAccount().send(method, path, query, body)
    told = document(answer)
    error = told["data"][0] if "data" in told else told

    assert answer.status == 400
    assert error["code"] in OPERATIONS[operation]["error_codes"]
    assert set(error) == {"code", "details", "message", "status"}


def test_every_operation_is_routed_with_its_scopes() -> None:
    served = {
        (route.method, template(route.template)): route.scopes
        for route in reversed(routes(CrmAccount().emulator.world))  # the first match counts
    }

    for name, contract in OPERATIONS.items():
        scopes = served[contract["method"], template(contract["path"])]
        wanted = {part.lower() for part in contract["scopes"][0].split(" + ")}
        asked = {part.lower() for part in scopes[0].split(",")}
        # `modules.ALL` in the contract is the module's own READ here: the wider holds the narrower.
        assert asked - wanted <= {"zohocrm.modules.products.read"}, name
        assert wanted - asked <= {"zohocrm.modules.all"}, name


def template(path: str) -> str:
    """A path with the module filled in, its base taken off and its names made alike."""
    path = path.removeprefix("/crm/bulk/v8").removeprefix("/crm/v8")
    path = path.replace("{module}", "Products").replace("{moduleApiName}", "Products")
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
