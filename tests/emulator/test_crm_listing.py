"""Reading products: pages by number and token, 204, 304, the recycle bin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crm_support import PRODUCTS, CrmAccount, document, first
from zoho_emulator.wire import Response

DAY = 24 * 3600


def listed(account: CrmAccount, **query: str) -> Response:
    return account.get(PRODUCTS, fields="Product_Name,Unit_Price", **query)


def info(answer: Response) -> dict[str, Any]:
    return dict(document(answer)["info"])


def codes_by_token(account: CrmAccount, **query: str) -> list[str]:
    """Every Product_Code in the order of a listing that follows page tokens."""
    answer = account.get(PRODUCTS, fields="Product_Code", **query)
    seen = [record["Product_Code"] for record in document(answer)["data"]]
    while info(answer)["more_records"]:
        token = info(answer)["next_page_token"]
        answer = account.get(PRODUCTS, fields="Product_Code", page_token=token, **query)
        seen += [record["Product_Code"] for record in document(answer)["data"]]
    return seen


def test_fields_are_mandatory_and_at_most_fifty() -> None:
    account = CrmAccount()

    missing = account.get(PRODUCTS)
    many = account.get(PRODUCTS, fields=",".join(f"f{i}" for i in range(51)))

    assert (missing.status, document(missing)["code"]) == (400, "REQUIRED_PARAM_MISSING")
    assert document(missing)["details"] == {"param_name": "fields"}
    assert document(many)["code"] == "LIMIT_EXCEEDED"


def test_only_the_fields_asked_for_come_and_always_the_id() -> None:
    account = CrmAccount()
    record_id = account.created(Product_Name="A", Unit_Price=5)

    answer = account.get(PRODUCTS, fields="Unit_Price,No_Such_Field")

    assert document(answer)["data"] == [{"Unit_Price": 5.0, "id": record_id}]


def test_nothing_is_204_without_a_body() -> None:
    account = CrmAccount()

    for answer in (listed(account), account.get(f"{PRODUCTS}/123")):
        assert (answer.status, answer.body) == (204, b"")


def test_the_default_order_is_by_id_descending() -> None:
    account = CrmAccount()
    ids = {account.created() for _ in range(5)}

    data = document(listed(account))["data"]

    assert [record["id"] for record in data] == sorted(ids, reverse=True)
    assert (info(listed(account))["sort_by"], info(listed(account))["sort_order"]) == ("id", "desc")


def test_it_sorts_by_modification() -> None:
    account = CrmAccount()
    ids = []
    for _ in range(3):
        ids.append(account.created())
        account.clock.advance(10)
    account.put([{"id": ids[0], "Unit_Price": 1}])

    data = document(listed(account, sort_by="Modified_Time", sort_order="asc"))["data"]

    assert [record["id"] for record in data] == [ids[1], ids[2], ids[0]]


@pytest.mark.parametrize(
    "query",
    [
        {"per_page": "201"},
        {"per_page": "0"},
        {"page": "x"},
        {"sort_by": "Unit_Price"},
        {"sort_order": "up"},
        {"page_token": "unknown"},
    ],
)
def test_a_parameter_that_cannot_be_is_invalid_data(query: dict[str, str]) -> None:
    answer = listed(CrmAccount(), **query)

    assert (answer.status, document(answer)["code"]) == (400, "INVALID_DATA")


def test_page_numbers_end_at_the_discrete_limit() -> None:
    account = CrmAccount(page_limit=4)
    for _ in range(6):
        account.created()

    inside = listed(account, per_page="2", page="2")
    beyond = listed(account, per_page="2", page="3")

    assert info(inside)["more_records"] is True
    assert document(beyond)["code"] == "DISCRETE_PAGINATION_LIMIT_EXCEEDED"
    assert document(beyond)["details"] == {"limit": 4}


def test_page_tokens_go_on_from_there_up_to_their_own_limit() -> None:
    account = CrmAccount(page_limit=2, token_limit=4)
    for _ in range(6):
        account.created()

    second = listed(account, per_page="2")
    third = listed(account, per_page="2", page_token=info(second)["next_page_token"])
    beyond = listed(account, per_page="2", page_token=info(third)["next_page_token"])

    assert (third.status, info(third)["page"]) == (200, 2)
    assert document(beyond)["code"] == "PAGINATION_LIMIT_EXCEEDED"


def test_a_page_token_is_bound_expires_and_excludes_the_page() -> None:
    account = CrmAccount()
    for _ in range(3):
        account.created()
    token = info(listed(account, per_page="1"))["next_page_token"]

    other = listed(account, per_page="2", page_token=token)
    both = listed(account, per_page="1", page="2", page_token=token)
    account.advance(DAY)
    late = listed(account, per_page="1", page_token=token)

    assert document(other)["code"] == "TOKEN_BOUND_DATA_MISMATCH"
    assert document(both)["code"] == "AMBIGUITY_DURING_PROCESSING"
    assert document(late)["code"] == "EXPIRED_VALUE"


@settings(max_examples=25, deadline=None)
@given(
    total=st.integers(0, 23),
    per_page=st.integers(1, 7),
    sort_by=st.sampled_from(["id", "Created_Time", "Modified_Time"]),
    sort_order=st.sampled_from(["asc", "desc"]),
    pauses=st.lists(st.integers(0, 2), min_size=23, max_size=23),
)
def test_pages_hold_every_record_once(
    total: int, per_page: int, sort_by: str, sort_order: str, pauses: list[int]
) -> None:
    account = CrmAccount()
    for number in range(total):
        account.clock.advance(pauses[number])  # equal moments are the interesting ones
        account.created(Product_Code=str(number))
    if not total:
        return

    query = {"per_page": str(per_page), "sort_by": sort_by, "sort_order": sort_order}
    seen = codes_by_token(account, **query)

    assert sorted(seen) == sorted(str(number) for number in range(total))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 11)), max_size=8))
def test_records_that_stay_are_listed_once_whatever_comes_and_goes(
    changes: list[tuple[bool, int]],
) -> None:
    """Between two pages records are inserted and deleted; the others neither vanish nor repeat."""
    account = CrmAccount()
    ids = {str(number): account.created(Product_Code=str(number)) for number in range(12)}
    gone: set[str] = set()
    answer = account.get(PRODUCTS, fields="Product_Code", per_page="3")
    seen = [record["Product_Code"] for record in document(answer)["data"]]
    while info(answer)["more_records"]:
        if changes:
            inserts, number = changes.pop()
            if inserts:
                account.created(Product_Code="new")
            elif str(number) not in gone:
                gone.add(str(number))
                account.store.delete(ids[str(number)])
        query = {"per_page": "3", "page_token": info(answer)["next_page_token"]}
        answer = account.get(PRODUCTS, fields="Product_Code", **query)
        if answer.status == 204:
            break
        seen += [record["Product_Code"] for record in document(answer)["data"]]

    stayed = [code for code in seen if code in ids and code not in gone]
    assert sorted(stayed) == sorted(set(ids) - gone)


def test_ids_narrow_a_listing() -> None:
    account = CrmAccount()
    ids = [account.created() for _ in range(3)]

    answer = listed(account, ids=f"{ids[0]},{ids[2]},1")

    assert {record["id"] for record in document(answer)["data"]} == {ids[0], ids[2]}


def test_if_modified_since_answers_the_changed_ones_or_304() -> None:
    account = CrmAccount()
    old, new = account.created(), account.created()
    account.advance(60)
    account.put([{"id": new, "Unit_Price": 1}])

    changed = account.get(PRODUCTS, {"if-modified-since": "2026-01-05T02:00:30+02:00"}, fields="id")
    none = account.get(PRODUCTS, {"if-modified-since": "2026-01-05T00:05:00+00:00"}, fields="id")
    wrong = account.get(PRODUCTS, {"if-modified-since": "yesterday"}, fields="id")

    assert document(changed)["data"] == [{"id": new}]
    assert old != new
    assert (none.status, wrong.status) == (304, 400)


def test_one_record_comes_whole_or_by_fields() -> None:
    account = CrmAccount()
    record_id = account.created(Tag=[{"name": "fibre"}])

    whole = account.read(record_id)
    part = first(account.get(f"{PRODUCTS}/{record_id}", fields="Product_Name"))

    assert whole["$approval_state"] == "approved"
    assert whole["Tag"][0]["name"] == "fibre"
    assert whole["Owner"]["name"] == whole["Created_By"]["name"]
    assert part == {"Product_Name": "Fibre", "id": record_id}
    assert account.get(f"{PRODUCTS}/abc").status == 400


def test_deleted_records_lie_in_the_bin_for_sixty_days() -> None:
    account = CrmAccount()
    account.send("DELETE", f"{PRODUCTS}/{account.created(Product_Name='Old')}")

    binned = first(account.get(f"{PRODUCTS}/deleted", type="recycle"))
    account.advance(60 * DAY)
    gone = first(account.get(f"{PRODUCTS}/deleted"))

    assert (binned["type"], binned["display_name"]) == ("recycle", "Old")
    assert (gone["type"], gone["display_name"], gone["deleted_by"]) == ("permanent", None, None)
    assert account.get(f"{PRODUCTS}/deleted", type="recycle").status == 204
    assert account.get(f"{PRODUCTS}/deleted", type="both").status == 400


def test_deleted_records_since() -> None:
    account = CrmAccount()
    account.send("DELETE", f"{PRODUCTS}/{account.created()}")
    account.advance(60)
    second = account.created()
    account.send("DELETE", f"{PRODUCTS}/{second}")

    since = {"if-modified-since": "2026-01-05T02:00:30+02:00"}
    answer = account.get(f"{PRODUCTS}/deleted", since)

    assert [record["id"] for record in document(answer)["data"]] == [second]
