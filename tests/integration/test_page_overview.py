"""The first page: the verdict, what needs somebody and where it is put right, ways to products."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from fastapi.testclient import TestClient

from support import postgres
from support.agreement import a_catalogue_row
from support.ledgers import NOW, PostgresBench, a_result
from support.served import deployed, settings_of
from trueup.domain.people import Role, Standing
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus
from trueup.postgres import attention
from trueup.postgres.importing import import_rows
from trueup.postgres.people import People
from trueup.web.app import make_app

BASE = "/w/default"
NO_PRICE = "pricing.monthly is not set (the column price says {}); no price is sent"
BOTH = (TargetName.CRM, TargetName.BILLING)


@pytest.fixture(scope="module")
def client(postgres_server: str, template: str) -> Iterator[TestClient]:
    """1 agrees, 2 to 4 are held for the same reason with other numbers, 5 fails at Billing."""
    with postgres.fresh_database(postgres_server, template) as database:
        with psycopg.connect(database, autocommit=True) as connection:
            import_rows(connection, [a_catalogue_row(number) for number in range(1, 6)])
        with deployed(settings_of({"DATABASE_URL": database})) as deployment:
            _fill(PostgresBench(deployment.home.pool))
            people = People(deployment.home.pool)
            person = people.add("ann", "Ann Example", Role.VIEWER)
            assert person is not None
            people.change(person.person_id, standing=Standing.ACTIVE)
            people.open(person.person_id, "session", "127.0.0.1")
            app = make_app(deployment)
            with TestClient(app, raise_server_exceptions=False) as found:
                found.cookies.set("trueup_session", "session")
                yield found


def _fill(bench: PostgresBench) -> None:
    fence = bench.take_over()
    results = [a_result(_id(1), ProductStatus.OK)]
    for number, price in ((2, "449.00"), (3, "649.00"), (4, "1,949.00")):
        why = NO_PRICE.format(price)
        results.append(a_result(_id(number), ProductStatus.HELD, error=why))
    results.append(a_result(_id(5), ProductStatus.OK, targets=[TargetName.CRM]))
    refused = [TargetName.BILLING]
    results.append(a_result(_id(5), ProductStatus.FAILED, error="no", targets=refused))
    for result in results:
        bench.ledger.settle([result], "r1", fence, NOW)


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def test_reasons_that_differ_in_their_numbers_alone_are_one(client: TestClient) -> None:
    house = client.app.state.house  # type: ignore[attr-defined]  # Starlette's own
    with house.rooms.desk("default") as desk:
        [reason] = attention.held_reasons(desk.connection)
    assert (reason.products, set(reason.targets)) == (3, set(BOTH))
    assert reason.why == NO_PRICE.format("…")


def test_what_needs_somebody_leads_to_where_it_is_put_right(client: TestClient) -> None:
    """The link of the three held products shows these three."""
    page = client.get(BASE).text
    assert "<h1>1 of 5 products agree</h1>" in page
    assert "3 products are held" in page
    [way] = re.findall(r'href="([^"]*error=[^"]*)"', page)
    found = client.get(way.replace("&amp;", "&")).text
    assert [f"FIB-000{number}" in found for number in range(1, 6)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_number_of_the_matrix_leads_to_its_products(client: TestClient) -> None:
    page = client.get(BASE).text
    assert f'href="{BASE}/products?crm=ok&amp;billing=failed"' in page
    assert "FIB-0005" in client.get(f"{BASE}/products?crm=ok&billing=failed").text


def test_the_page_that_is_shown_is_marked_in_the_menu(client: TestClient) -> None:
    """In the row and in the menu of small screens, and nothing else beside it."""
    for path, name in ((BASE, "Overview"), (f"{BASE}/products/id/{_id(1)}", "Products")):
        marked = re.findall(r'aria-current="page">([^<]*)<', client.get(path).text)
        assert marked == [name, name]


def test_a_page_without_its_database_is_a_page(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to do; a program is told the same as JSON. Then all is as before."""

    def away(*_: object) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr("trueup.web.ui.access.person_of", away)
        answer = client.get(f"{BASE}/products", headers={"Accept": "text/html"})
        assert answer.status_code == 503
        assert "<h1>This cannot be shown right now</h1>" in answer.text
        assert f'href="{BASE}/products">Try again' in answer.text
        told = client.get(f"{BASE}/products", headers={"Accept": "application/json"})
        assert told.json()["error"] == "the database cannot be reached"
    assert client.get(f"{BASE}/products").status_code == 200


def test_a_typed_address_with_a_slash_at_its_end_leads_there(client: TestClient) -> None:
    assert str(client.get(f"{BASE}/").url).endswith(BASE)


def test_from_a_workspace_that_is_none_there_is_a_way_back(client: TestClient) -> None:
    answer = client.get("/w/nowhere/products")
    assert answer.status_code == 404
    assert 'href="/">First page' in answer.text
