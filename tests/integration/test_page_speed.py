"""What keeps pages fast: few round trips, indexes that lists are read along, rooms kept open.

Times are measured by bench/pages.py, with 100,000 products; here the same addresses, with few.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Any

import psycopg
import pytest
from bench import pages
from bench.large import fill
from fastapi.testclient import TestClient
from psycopg import sql

from support import postgres
from support.served import deployed, settings_of
from trueup.deployment import Deployment
from trueup.domain.errors import DatabaseUnavailableError
from trueup.domain.records import TargetName
from trueup.domain.states import Standing
from trueup.postgres import product_lists
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.product_lists import After, Order, Search, Why
from trueup.settings import Settings
from trueup.web.app import make_app
from trueup.web.ui.rooms import Rooms

PRODUCTS = 500
MOST = 30  # statements of a page, those that check a connection of the pool left out
ID = "00000000-0000-4000-8000-000000000000"


@dataclass
class Large:
    """A served catalogue that has everything a large one has, and what was asked of Postgres."""

    url: str
    deployment: Deployment
    client: TestClient
    token: str
    statements: list[str]

    def ask(self, path: str) -> tuple[int, int]:
        """The status of an answer, and the statements that it took."""
        self.statements.clear()
        headers = {"Authorization": f"Bearer {self.token}"} if path.startswith("/api") else {}
        answer = self.client.get(path, headers=headers, follow_redirects=False)
        return answer.status_code, len(self.statements)


@pytest.fixture(scope="module")
def large(postgres_server: str, template: str) -> Iterator[Large]:
    with postgres.fresh_database(postgres_server, template) as url:
        fill(url, PRODUCTS, 1)
        pages.vary(url, PRODUCTS)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "vacuum analyze service_packages, trueup.product_state, trueup.absence"
            )
        token, statements = pages.sign_in(url), list[str]()
        with (
            pytest.MonkeyPatch.context() as patch,
            deployed(settings_of({"DATABASE_URL": url})) as deployment,
            TestClient(make_app(deployment), cookies=pages.COOKIES) as client,
        ):
            _listen(patch, statements)
            yield Large(url, deployment, client, token, statements)


def _listen(patch: pytest.MonkeyPatch, statements: list[str]) -> None:
    execute = psycopg.Cursor.execute

    def heard(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if query:  # the pool looks with an empty one whether a connection is alive
            statements.append(str(query))
        return execute(self, query, *arguments, **options)

    patch.setattr(psycopg.Cursor, "execute", heard)


def test_every_page_takes_few_round_trips_however_much_it_shows(large: Large) -> None:
    at = pages.places(large.url)
    many: dict[str, int] = {}
    one_of_each = [page for page in pages.pages(at) if not page.name.startswith("…")]
    for page in (*one_of_each, *pages.endpoints(at)):
        status, taken = large.ask(page.path)
        assert status == page.status, page.path
        if taken > MOST:
            many[page.path] = taken
    assert many == {}


def test_what_is_counted_over_all_products_is_counted_once(large: Large) -> None:
    """The overview counts; who comes some seconds later, or asks the API, gets that."""
    large.ask("/w/default")
    large.ask("/w/default")
    assert not [one for one in large.statements if "full join" in one]
    large.ask("/api/v1/workspaces/default/status")
    assert not [one for one in large.statements if "full join" in one]
    large.ask("/w/default/trends?days=7")
    assert [one for one in large.statements if "change_history" in one]
    large.ask("/w/default/trends?days=7")
    assert not [one for one in large.statements if "change_history" in one]


SEARCHES: dict[str, tuple[Search, str]] = {
    "by SKU": (Search(), "service_packages_by_sku_and_id"),
    "turned": (Search(descending=True), "service_packages_by_sku_and_id"),
    "behind": (Search(after=After("FIB-0000400", ID)), "service_packages_by_sku_and_id"),
    "by name": (Search(order=Order.NAME), "service_packages_by_name_and_id"),
    "by price": (Search(order=Order.PRICE), "service_packages_by_price_and_id"),
    "a text": (Search(text="nothing"), "Index Only Scan using service_packages_by_"),
    "a text by name": (
        Search(text="nothing", order=Order.NAME),
        "Index Only Scan using service_packages_by_",
    ),
    "a family": (Search(family="None"), "Index Only Scan using service_packages_by_sku_and_id"),
    "failed": (Search(at={TargetName.CRM: Standing.FAILED}), "product_state_trouble"),
    "ok and failed": (
        Search(at={TargetName.CRM: Standing.OK, TargetName.BILLING: Standing.FAILED}),
        "product_state_trouble",
    ),
    "pending": (Search(standing=Standing.PENDING), "product_state_trouble"),
    "quarantined": (Search(why=Why.QUARANTINED), "product_state_trouble"),
    "error": (Search(error="tax"), "product_state_trouble"),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_list_is_read_along_its_index(name: str, large: Large) -> None:
    search, index = SEARCHES[name]
    with psycopg.connect(large.url, autocommit=True) as connection:
        connection.execute("set enable_seqscan = off")
        connection.execute("set enable_bitmapscan = off")
        plan = _Explaining(connection)
        product_lists.page(plan, CatalogueSource(), search, 51, ())  # type: ignore[arg-type]
    assert index in plan.told, plan.told
    assert "Seq Scan on service_packages" not in plan.told


class _Explaining:
    """Stands in for a connection: keeps the plan of what it is asked, and finds nothing."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.told = ""

    def transaction(self) -> AbstractContextManager[Any]:
        return self._connection.transaction()

    def execute(self, query: str | sql.Composed, given: Any = None) -> _Explaining:
        if isinstance(query, str):  # how to plan, not what
            self._connection.execute(query.encode())
            return self
        explained = sql.SQL("explain {}").format(query)
        found = self._connection.execute(explained, given)
        self.told += "\n".join(line for (line,) in found)
        return self

    def fetchall(self) -> list[Any]:
        return []


# --- rooms ---------------------------------------------------------------------------------


class Slow(Deployment):
    """A workspace of it, `slow`, opens when it is told to; `broken` does not open at first."""

    opened: list[str]
    opening: Event
    go_on: Event
    mended: bool = False

    def open(self, settings: Settings, **parts: Any) -> Any:
        self.opened.append(settings.workspace)
        if settings.workspace == "slow":
            self.opening.set()
            assert self.go_on.wait(10)
        if settings.workspace == "broken" and not self.mended:
            raise DatabaseUnavailableError("it is down")
        return super().open(settings, **parts)


@pytest.fixture
def slow(large: Large) -> Iterator[tuple[Slow, Rooms]]:
    home = large.deployment.home
    known = {
        name: settings_of({"DATABASE_URL": large.url}, workspace=name)
        for name in ("quick", "slow", "broken")
    }
    found = Slow(home, known)
    found.opened, found.opening, found.go_on = [], Event(), Event()
    rooms = Rooms(found)
    yield found, rooms
    found.go_on.set()
    rooms.close()


def test_a_room_is_opened_once_whoever_comes(slow: tuple[Slow, Rooms]) -> None:
    deployment, rooms = slow

    def look() -> int:
        with rooms.desk("quick") as desk:
            return int(desk.connection.execute("select 1").fetchone()[0])  # type: ignore[index]

    with ThreadPoolExecutor(8) as visitors:
        assert [one.result(20) for one in [visitors.submit(look) for _ in range(24)]] == [1] * 24
    assert deployment.opened == ["quick"]


def test_a_workspace_that_opens_slowly_keeps_nobody_out_of_the_others(
    slow: tuple[Slow, Rooms],
) -> None:
    deployment, rooms = slow
    with ThreadPoolExecutor(1) as visitors:
        waiting = visitors.submit(lambda: rooms.desk("slow").__enter__())
        assert deployment.opening.wait(10)
        with rooms.desk("quick") as desk:
            assert desk.connection.execute("select 1").fetchone() == (1,)
        assert not waiting.done()
        deployment.go_on.set()
        assert waiting.result(10).app.settings.workspace == "slow"


def test_a_workspace_that_could_not_be_opened_is_tried_again(slow: tuple[Slow, Rooms]) -> None:
    deployment, rooms = slow
    with pytest.raises(DatabaseUnavailableError, match="down"), rooms.desk("broken"):
        pass
    deployment.mended = True
    with rooms.desk("broken") as desk:
        assert desk.connection.execute("select 1").fetchone() == (1,)


def test_closing_waits_for_whoever_looks_and_lets_nobody_in(slow: tuple[Slow, Rooms]) -> None:
    _, rooms = slow
    with rooms.desk("quick") as desk:
        rooms.close()
        assert desk.connection.execute("select 1").fetchone() == (1,)
        with pytest.raises(DatabaseUnavailableError, match="stopped"), rooms.desk("quick"):
            pass
    assert desk.app.pool.closed
