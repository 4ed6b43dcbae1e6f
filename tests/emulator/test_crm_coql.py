"""COQL: exact, immediate, with mandatory WHERE, caps and proper errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crm_support import CrmAccount, document
from zoho_emulator.crm import coql
from zoho_emulator.wire import Request, Response

SELECT = "select id, Product_Code from Products where"


def codes(answer: Response) -> list[str]:
    if answer.status == 204:
        return []
    return [row["Product_Code"] for row in document(answer)["data"]]


@pytest.fixture(scope="module")
def account() -> CrmAccount:
    """Four products, A to D, priced 0 to 300; B has no description, D no code in capitals."""
    account = CrmAccount()
    for position, code in enumerate(("A", "B", "C", "d")):
        account.created(
            Product_Name=f"Product {code}",
            Product_Code=code,
            Unit_Price=100 * position,
            Product_Active=position % 2 == 0,
            ct_valid_from=f"2026-0{position + 1}-01",
            ct_provider=None if code == "B" else "Harbour",
        )
    return account


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Product_Code = 'a'", ["A"]),
        ("Product_Code != 'A'", ["B", "C", "d"]),
        ("Product_Code in ('A', 'D', 'Z')", ["A", "d"]),
        ("Product_Code not in ('A', 'D')", ["B", "C"]),
        ("Product_Name like 'product%'", ["A", "B", "C", "d"]),
        ("Product_Name not like '%a'", ["B", "C", "d"]),
        ("Unit_Price > 100", ["C", "d"]),
        ("Unit_Price >= 100.00", ["B", "C", "d"]),
        ("Unit_Price between 100 and 200", ["B", "C"]),
        ("ct_provider is null", ["B"]),
        ("ct_provider is not null", ["A", "C", "d"]),
        ("ct_provider != 'Other'", ["A", "C", "d"]),
        ("Product_Active = true", ["A", "C"]),
        ("Product_Active = 'false'", ["B", "d"]),
        ("ct_valid_from < '2026-02-15'", ["A", "B"]),
        ("Created_Time >= '2026-01-05T02:00:00+02:00'", ["A", "B", "C", "d"]),
        ("(Product_Code = 'A' or Product_Code = 'B')", ["A", "B"]),
        ("((Product_Code = 'A' or Product_Code = 'B') and Unit_Price > 0)", ["B"]),
        ("Product_Code = 'A' AND Unit_Price = 0", ["A"]),
        ("id > '0'", ["A", "B", "C", "d"]),
        ("id = 1", []),
    ],
)
def test_criteria(account: CrmAccount, where: str, expected: list[str]) -> None:
    assert sorted(codes(account.coql(f"{SELECT} {where}"))) == expected


def test_ids_are_found_quoted_and_bare(account: CrmAccount) -> None:
    record_id = next(iter(account.store.records))

    for literal in (record_id, f"'{record_id}'"):
        rows = document(account.coql(f"{SELECT} id = {literal}"))["data"]
        assert [row["id"] for row in rows] == [record_id]


def test_a_write_is_visible_at_once() -> None:
    account = CrmAccount()
    record_id = account.created(Product_Code="FIB-1")
    assert codes(account.coql(f"{SELECT} Product_Code = 'FIB-1'")) == ["FIB-1"]

    account.put([{"id": record_id, "Product_Code": "FIB-2"}])

    assert account.coql(f"{SELECT} Product_Code = 'FIB-1'").status == 204
    assert codes(account.coql(f"{SELECT} Product_Code = 'FIB-2'")) == ["FIB-2"]


def test_order_and_limit(account: CrmAccount) -> None:
    ordered = f"{SELECT} id is not null order by Unit_Price desc"

    assert codes(account.coql(ordered)) == ["d", "C", "B", "A"]
    assert codes(account.coql(f"{ordered} limit 1, 2")) == ["C", "B"]
    assert codes(account.coql(f"{ordered} limit 2 offset 1")) == ["C", "B"]
    info = document(account.coql(f"{ordered} limit 3"))["info"]
    assert info == {"count": 3, "more_records": True}


def test_nulls_sort_first(account: CrmAccount) -> None:
    answer = account.coql(f"{SELECT} id is not null order by ct_provider asc, Product_Code desc")

    assert codes(answer) == ["B", "d", "C", "A"]


def test_lookups_come_as_ids_and_metadata_on_request(account: CrmAccount) -> None:
    body = {
        "select_query": "select Owner, Description from Products where Product_Code = 'A'",
        "include_meta": ["fields"],
    }
    answer = document(account.send("POST", "/crm/v8/coql", {}, body))

    assert set(answer["data"][0]["Owner"]) == {"id"}
    assert answer["fields"]["Description"]["data_type"] == "textarea"


@pytest.mark.parametrize(
    ("query", "code", "details"),
    [
        ("select id from Products", "SYNTAX_ERROR", {"clause": "where"}),
        ("id from Products", "SYNTAX_ERROR", {"clause": "select"}),
        (f"{SELECT} Product_Code = 'A", "SYNTAX_ERROR", {"near": "'A"}),
        (f"{SELECT} Product_Code", "SYNTAX_ERROR", {"near": ""}),
        (f"{SELECT} Product_Code = A", "SYNTAX_ERROR", {"near": "A"}),
        (f"{SELECT} Product_Code = 'A' limit x", "SYNTAX_ERROR", {"near": "x"}),
        (f"{SELECT} Product_Code = 'a''b'", "SYNTAX_ERROR", {"near": "'b'"}),
        (
            f"{SELECT} Unit_Price = 1 and Unit_Price = 2 and Unit_Price = 3",
            "SYNTAX_ERROR",
            {"near": "and Unit_Price = 3"},
        ),
        ("select Nope from Products where id = 1", "INVALID_QUERY", {"column_name": "Nope"}),
        (f"{SELECT} Nope = 1", "INVALID_QUERY", {"column_name": "Nope"}),
        (f"{SELECT} Description = 'x'", "INVALID_QUERY", {"column_name": "Description"}),
        (f"{SELECT} Unit_Price = 'x'", "INVALID_QUERY", {"column_name": "Unit_Price"}),
        (f"{SELECT} Product_Code > 'x'", "INVALID_QUERY", {"operator": ">"}),
        (f"{SELECT} Product_Code = 12", "INVALID_QUERY", {"column_name": "Product_Code"}),
        ("select id from Nothing where id = 1", "INVALID_MODULE", {"module": "Nothing"}),
        (f"{SELECT} id = 1 limit 2001", "LIMIT_EXCEEDED", {"limit": "2000"}),
        (f"{SELECT} id = 1 order by id, id", "DUPLICATE_DATA", {"column_name": "id"}),
    ],
)
def test_errors_carry_details(
    account: CrmAccount, query: str, code: str, details: dict[str, Any]
) -> None:
    answer = account.coql(query)

    assert (answer.status, document(answer)["code"]) == (400, code)
    assert document(answer)["details"].items() >= details.items()


def test_caps() -> None:
    account = CrmAccount(coql_bracket_pairs=False)
    values = ",".join(f"'{i}'" for i in range(51))

    for query in (
        f"{SELECT} Product_Code in ({values})",
        f"{SELECT} {' or '.join(['Unit_Price = 1'] * 26)}",
        f"select {','.join(['id'] * 51)} from Products where id = 1",
        f"{SELECT} id = 1 order by {','.join(['id'] * 11)}",
    ):
        assert document(account.coql(query))["code"] == "LIMIT_EXCEEDED"


def test_without_bracket_pairs_and_binds_tighter_than_or(account: CrmAccount) -> None:
    loose = CrmAccount(coql_bracket_pairs=False)
    for code, price in (("A", 1), ("B", 2), ("C", 3)):
        loose.created(Product_Code=code, Unit_Price=price)

    where = "Product_Code = 'A' or Product_Code = 'B' and Unit_Price = 3"

    assert codes(loose.coql(f"{SELECT} {where}")) == ["A"]


def test_a_body_without_a_query_is_refused(account: CrmAccount) -> None:
    answer = account.send("POST", "/crm/v8/coql", {}, {})

    assert document(answer)["code"] == "MANDATORY_NOT_FOUND"


@pytest.mark.parametrize(
    ("limit", "cost"), [("", 1), ("limit 200", 1), ("limit 0, 201", 2), ("LIMIT 5, 2000", 3)]
)
def test_credits_grow_with_the_limit(limit: str, cost: int) -> None:
    body = f'{{"select_query":"{SELECT} id = 1 {limit}"}}'.encode()

    assert coql.credits_of(Request("POST", "/crm/v8/coql", {}, {}, body)) == cost


def quoted(text: str) -> str:
    """A COQL string: what is special gets a backslash."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


codes_of_any_kind = st.text(
    st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40
).filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(code=codes_of_any_kind, other=codes_of_any_kind)
def test_any_text_can_be_quoted_and_found_exactly(code: str, other: str) -> None:
    account = CrmAccount()
    account.created(Product_Code=code)
    expected = code.casefold() == other.casefold()

    for where in (f"Product_Code = {quoted(other)}", f"Product_Code in ('', {quoted(other)})"):
        assert bool(codes(account.coql(f"{SELECT} {where}"))) is expected
        assert codes(account.coql(f"{SELECT} {where.replace(quoted(other), quoted(code))}"))
