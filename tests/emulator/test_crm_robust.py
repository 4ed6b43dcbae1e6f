"""Whatever is sent, CRM answers in its own envelope: nothing breaks the emulator itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crm_support import PRODUCTS, CrmAccount, document
from zoho_emulator.crm.fields import CATALOGUE_FIELDS, STANDARD_FIELDS
from zoho_emulator.wire import Response

NAMES = [field.api_name for field in (*STANDARD_FIELDS, *CATALOGUE_FIELDS)]
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=60)
)
keys = st.sampled_from([*NAMES, "name", "value", "api_name", "module", "$x", "Layout", "zz"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
records = st.lists(st.dictionaries(keys, values, max_size=5) | values, max_size=4)
write_keys = st.sampled_from(["data", "trigger", "duplicate_check_fields", "lar_id"])
bodies = st.fixed_dictionaries({"data": records}, optional={"duplicate_check_fields": values}) | (
    st.dictionaries(write_keys, values, max_size=3)
)
bulk_keys = st.sampled_from(
    [
        "query",
        "module",
        "api_name",
        "fields",
        "criteria",
        "group",
        "group_operator",
        "field",
        "comparator",
        "value",
        "page",
        "page_token",
        "callback",
        "operation",
        "resource",
        "url",
        "field_mappings",
        "index",
        "file_id",
        "find_by",
        "file_names",
    ]
)
bulk_values = st.recursive(
    st.sampled_from(["Products", "insert", "and", "equal", "id", "Product_Name"]) | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(bulk_keys, inner, max_size=5),
    max_leaves=20,
)


def an_account() -> CrmAccount:
    """An organisation with one product."""
    account = CrmAccount(field_overrides={"Product_Code": {"unique": True}})
    account.created(Product_Code="FIB-1")
    return account


def is_an_answer(answer: Response) -> None:
    """An answer of a kind that CRM gives, never an internal error."""
    assert answer.status in {200, 201, 204, 207, 304, 400, 404, 412}, answer.body
    if answer.status == 400:
        told: Any = document(answer)
        for error in told.get("data", [told]):
            if error["status"] == "error":
                assert set(error) == {"code", "details", "message", "status"}


@settings(max_examples=150, deadline=None)
@given(
    call=st.sampled_from(
        [
            ("POST", PRODUCTS),
            ("PUT", PRODUCTS),
            ("PUT", f"{PRODUCTS}/5"),
            ("POST", f"{PRODUCTS}/upsert"),
            ("POST", "/crm/v8/coql"),
        ]
    ),
    body=bodies | values,
)
def test_any_write(call: tuple[str, str], body: Any) -> None:
    is_an_answer(an_account().send(*call, {}, body))


field_keys = st.sampled_from(
    [
        "field_label", "data_type", "length", "decimal_place", "textarea", "unique",
        "pick_list_values", "display_value", "actual_value", "api_name", "type",
    ]
)  # fmt: skip
field_values = st.recursive(
    st.sampled_from(["text", "textarea", "integer", "currency", "picklist", "large", "ct_x"])
    | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(field_keys, inner, max_size=3),
    max_leaves=6,
)
labels = st.text(max_size=26) | field_values
kinds = st.sampled_from(["text", "textarea", "integer", "currency", "picklist"]) | field_values


@settings(max_examples=150, deadline=None)
@given(
    fields=field_values
    | st.lists(
        st.fixed_dictionaries(
            {"field_label": labels, "data_type": kinds},
            optional={
                "length": field_values,
                "pick_list_values": field_values,
                "unique": field_values,
                "textarea": field_values,
                "decimal_place": field_values,
            },
        ),
        max_size=4,
    )
)
def test_any_field_that_is_to_be_made(fields: Any) -> None:
    """What was made is described, belongs to every record, and can be asked for."""
    account, path = an_account(), "/crm/v8/settings/fields"
    answer = account.send("POST", path, {"module": "Products"}, {"fields": fields})
    told = document(answer)
    assert answer.status in {201, 207, 400}
    for result in told.get("fields", [told]):
        assert set(result) == {"code", "details", "message", "status"}
    described = document(account.get(path, module="Products"))["fields"]
    made = [field["api_name"] for field in described if field["api_name"] not in NAMES]
    assert len(made) == sum(r["status"] == "success" for r in told.get("fields", []))
    assert len({field["api_name"].casefold() for field in described}) == len(described)
    for name in made:
        assert document(account.get(PRODUCTS, fields=name))["data"][0][name] in (None, False)


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(["/crm/bulk/v8/read", "/crm/bulk/v8/write"]),
    body=st.dictionaries(bulk_keys, bulk_values, max_size=4),
)
def test_any_bulk_job(path: str, body: Any) -> None:
    account = an_account()
    is_an_answer(account.send("POST", path, {}, body))
    account.clock.advance(20)
    is_an_answer(account.get(PRODUCTS, fields="id"))


@settings(max_examples=150, deadline=None)
@given(
    criteria=st.text(st.sampled_from("()andor:,\\ 1aProduct_Code:equals:in:between:"), max_size=40)
    | st.builds(
        "({}:{}:{})".format,
        st.sampled_from(NAMES),
        st.sampled_from(["equals", "in", "between", "less_than", "starts_with"]),
        st.text(max_size=12),
    )
)
def test_any_criteria(criteria: str) -> None:
    account = an_account()
    account.clock.advance(30)
    is_an_answer(account.get(f"{PRODUCTS}/search", criteria=criteria))


words = st.sampled_from(
    [
        "id",
        "Product_Code",
        "Unit_Price",
        "Created_Time",
        "Product_Active",
        "Owner",
        "Description",
        "=",
        "!=",
        "<",
        "in",
        "not",
        "like",
        "between",
        "and",
        "or",
        "is",
        "null",
        "(",
        ")",
        ",",
        "'x'",
        "'1'",
        "12",
        "true",
        "'2026-01-01'",
        "order",
        "by",
        "limit",
        "offset",
        "desc",
        "'",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=12))
def test_any_query(tail: list[str]) -> None:
    is_an_answer(an_account().coql("select id from Products where " + " ".join(tail)))


parameters = st.dictionaries(
    st.sampled_from(
        [
            "fields",
            "page",
            "per_page",
            "page_token",
            "sort_by",
            "sort_order",
            "ids",
            "type",
            "module",
            "word",
            "status",
            "cvid",
        ]
    ),
    st.sampled_from(
        ["id", "1", "0", "-1", "200", "x", "", ",", "desc", "Products", "Modified_Time"]
    )
    | st.text(max_size=8),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(
    path=st.sampled_from(
        [
            PRODUCTS,
            f"{PRODUCTS}/1",
            f"{PRODUCTS}/deleted",
            f"{PRODUCTS}/search",
            "/crm/v8/settings/fields",
            "/crm/v8/settings/modules",
            f"{PRODUCTS}/actions/count",
        ]
    ),
    query=parameters,
    header=st.sampled_from(["if-modified-since", "x-external"]),
    value=st.sampled_from(["", "x", "2026-01-01", "2026-01-05T02:00:00+02:00", "Products.id"]),
)
def test_any_read(path: str, query: dict[str, str], header: str, value: str) -> None:
    is_an_answer(an_account().send("GET", path, query, None, {header: value}))
