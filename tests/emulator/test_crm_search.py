"""Search: late and fuzzy on purpose; and the count beside it."""

from __future__ import annotations

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount, document
from zoho_emulator.wire import Response

DELAY = 30


def searched(account: CrmAccount, criteria: str, **query: str) -> Response:
    return account.get(f"{PRODUCTS}/search", criteria=criteria, **query)


def codes(answer: Response) -> set[str]:
    if answer.status == 204:
        return set()
    return {record["Product_Code"] for record in document(answer)["data"]}


def settled(*product_codes: str) -> CrmAccount:
    """An account whose products are all indexed."""
    account = CrmAccount()
    for position, code in enumerate(product_codes):
        account.created(Product_Code=code, Unit_Price=100 * position)
    account.advance(DELAY)
    return account


def test_a_fresh_record_is_not_found_until_the_index_has_it() -> None:
    account = CrmAccount()
    account.created(Product_Code="FIB-1")

    at_once = searched(account, "(Product_Code:equals:FIB-1)")
    account.advance(DELAY)
    later = searched(account, "(Product_Code:equals:FIB-1)")

    assert at_once.status == 204
    assert codes(later) == {"FIB-1"}


def test_an_edited_record_is_found_by_its_old_value_meanwhile() -> None:
    account = settled("FIB-1")
    record_id = next(iter(account.store.records))
    account.put([{"id": record_id, "Product_Code": "NEW-9"}])

    old, new = (searched(account, f"(Product_Code:equals:{code})") for code in ("FIB-1", "NEW-9"))

    assert codes(old) == {"NEW-9"}  # found by the old value, shown with the new one
    assert new.status == 204


def test_equals_on_text_acts_like_contains_on_words() -> None:
    account = settled("FIB-1", "FIB_1", "FIB-100", "the fib 1 team", "LTE-1")

    answer = searched(account, "(Product_Code:equals:fib-1)")

    assert codes(answer) == {"FIB-1", "FIB_1", "FIB-100", "the fib 1 team"}


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("(Unit_Price:greater_than:100)", {"C", "D"}),
        ("(Unit_Price:between:100,200)", {"B", "C"}),
        ("((Unit_Price:less_equal:100)and(Product_Code:equals:A))", {"A"}),
        ("((Product_Code:equals:A)or(Product_Code:starts_with:d))", {"A", "D"}),
        ("((Product_Code:in:A,B)and(Unit_Price:not_equal:0))", {"B"}),
        ("(((Product_Code:equals:A)or(Product_Code:equals:B))and(Unit_Price:equals:100))", {"B"}),
        ("(Product_Active:equals:true)", set()),
        ("(Created_Time:greater_than:2026-01-04T00:00:00+02:00)", {"A", "B", "C", "D"}),
    ],
)
def test_operators_by_type(criteria: str, expected: set[str]) -> None:
    assert codes(searched(settled("A", "B", "C", "D"), criteria)) == expected


def test_brackets_and_commas_are_escaped() -> None:
    account = settled("Fibre (50, home)")

    answer = searched(account, r"(Product_Code:equals:Fibre \(50\, home\))")

    assert codes(answer) == {"Fibre (50, home)"}


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ("(Nothing:equals:1)", "INVALID_QUERY"),
        ("(Product_Code:like:1)", "INVALID_QUERY"),
        ("(Unit_Price:equals:dear)", "INVALID_QUERY"),
        ("Product_Code:equals:1", "INVALID_QUERY"),
        ("((Product_Code:equals:1)", "INVALID_QUERY"),
        ("(Product_Code:in:" + ",".join("x" * 101) + ")", "INVALID_QUERY"),
        ("(" + "or".join(["(Unit_Price:equals:1)"] * 16) + ")", "CRITERIA_LIMIT_EXCEEDED"),
    ],
)
def test_bad_criteria_are_refused(criteria: str, code: str) -> None:
    answer = searched(CrmAccount(), criteria)

    assert (answer.status, document(answer)["code"]) == (400, code)


def test_a_search_without_a_parameter_names_the_four() -> None:
    answer = CrmAccount().get(f"{PRODUCTS}/search")

    assert document(answer)["code"] == "EXPECTED_PARAM_MISSING"
    assert document(answer)["details"]["param_names"] == ["criteria", "email", "phone", "word"]


def test_a_word_is_found_in_any_text() -> None:
    account = settled("FIB-1", "LTE-1")

    assert codes(account.get(f"{PRODUCTS}/search", word="lte")) == {"LTE-1"}
    assert account.get(f"{PRODUCTS}/search", word="l").status == 400
    assert account.get(f"{PRODUCTS}/search", email="someone@harbour.example").status == 204


def test_results_end_at_two_thousand() -> None:
    answer = searched(CrmAccount(), "(Unit_Price:equals:1)", page="11", per_page="200")

    assert document(answer)["code"] == "LIMIT_REACHED"


def test_the_count_is_immediate_without_criteria_and_late_with_them() -> None:
    account = CrmAccount()
    account.created(Product_Code="A")
    counted = f"{PRODUCTS}/actions/count"

    assert document(account.get(counted)) == {"count": 1}
    assert document(account.get(counted, criteria="(Product_Code:equals:A)")) == {"count": 0}


def test_search_needs_its_own_scope_beside_the_module() -> None:
    account = CrmAccount(scope="ZohoCRM.modules.products.READ")

    answer = searched(account, "(Product_Code:equals:A)")

    assert (answer.status, document(answer)["code"]) == (401, "OAUTH_SCOPE_MISMATCH")
    assert account.get(PRODUCTS, fields="id").status == 204
