"""The catalogue as it is read from Postgres."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from support.ledgers import NOW, PostgresBench, a_result, offering
from trueup.domain.errors import CatalogueError
from trueup.domain.package import PackageRow, UnreadableRow
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus
from trueup.domain.states import ProductState, Standing
from trueup.postgres.catalogue import PostgresCatalogue
from trueup.postgres.ledger import PostgresLedger
from trueup.postgres.pool import open_pool

P1, P2, P3 = offering(1), offering(2), offering(3)
Pool = ConnectionPool[psycopg.Connection]


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    with open_pool(database_url, 4) as pool:
        yield pool


def test_a_row_is_read_whole_and_exactly(pool: Pool) -> None:
    """Money as Decimals, also inside the JSON columns; times in UTC."""
    _insert(
        pool,
        id=P1,
        sku="A",
        price="694.78",
        pricing=json.dumps({"monthly": 694.78, "setup": 900}),
        features=["Uncapped", 'say "hi"\n\tnow'],
        valid_from="2026-03-01 02:00:00+02",
    )
    [entry] = PostgresCatalogue(pool).entries()
    row = entry.row
    assert isinstance(row, PackageRow)
    assert (P1, "A", Decimal("694.78")) == (row.id, row.sku, row.price)
    assert {"monthly": Decimal("694.78"), "setup": 900} == row.pricing
    assert row.features == ["Uncapped", 'say "hi"\n\tnow']
    assert datetime(2026, 3, 1, tzinfo=UTC) == row.valid_from
    assert (row.base_price_zar, entry.states) == (None, {})


def test_rows_come_in_order_of_id_with_their_states(pool: Pool) -> None:
    """Each with what the ledger remembers of it."""
    for offering_id in (P3, P1, P2):
        _insert(pool, id=offering_id, sku=f"S-{offering_id[-1]}")
    bench = PostgresBench(pool)
    failed = a_result(P2, ProductStatus.FAILED, error='no "x"', targets=[TargetName.CRM])
    bench.ledger.settle([a_result(P1, ProductStatus.OK), failed], "r1", bench.take_over(), NOW)

    found = list(PostgresCatalogue(pool).entries())
    assert [entry.row.id for entry in found] == [P1, P2, P3]
    fine = ProductState(Standing.OK, "r1", NOW, NOW, NOW)
    assert dict.fromkeys(TargetName, fine) == found[0].states
    assert bench.ledger.states([P2])[P2] == found[1].states
    assert found[2].states == {}
    assert [row.id for row in PostgresCatalogue(pool).outline()] == [P1, P2, P3]


def test_the_revision_follows_the_row_and_the_mapping(pool: Pool) -> None:
    """Not the states, not what is not read, not the session's time zone."""
    _insert(pool, id=P1, sku="A", valid_from="2026-03-01 00:00:00+00")
    catalogue = PostgresCatalogue(pool)
    before = _revision(catalogue)
    bench = PostgresBench(pool)
    bench.ledger.settle([a_result(P1, ProductStatus.OK)], "r1", bench.take_over(), NOW)
    bench.sql("update service_packages set sort_order = 7, cost_price_zar = 1")
    bench.sql(f"alter database {_name(pool)} set timezone to 'Asia/Tokyo'")
    assert before == _revision(catalogue)
    assert before != _revision(PostgresCatalogue(pool, digest_salt="other mapping"))
    bench.sql("update service_packages set price = price + 0.01")
    assert before != _revision(catalogue)


def test_some_skus_are_found_trimmed_and_case_folded(pool: Pool) -> None:
    """All rows that carry one, however it is spelled; none for an unknown SKU."""
    _insert(pool, id=P1, sku=" fib-100 ")
    _insert(pool, id=P2, sku="FIB-100")
    _insert(pool, id=P3, sku=None)
    catalogue = PostgresCatalogue(pool)
    assert [entry.row.id for entry in catalogue.entries(["Fib-100"])] == [P1, P2]
    assert list(catalogue.entries(["FIB"])) == []
    assert catalogue.offering_ids(["FIB-100", "?"]) == {"FIB-100": [P1, P2], "?": []}
    assert catalogue.count() == 3


def test_reading_can_stop_early(pool: Pool) -> None:
    """The connection goes back to the pool in order."""
    for number in range(1, 50):
        _insert(pool, id=offering(number), sku=f"S-{number}")
    catalogue = PostgresCatalogue(pool)
    for _ in range(10):
        entries = catalogue.entries()
        assert next(entries).row.id == P1
        entries.close()  # type: ignore[attr-defined]
    assert catalogue.count() == 49


def test_another_table_and_other_columns(pool: Pool) -> None:
    """A catalogue of another shape is a matter of configuration."""
    bench = PostgresBench(pool)
    bench.sql("create schema shop")
    bench.sql(
        "create table shop.tariff (number int, article text, title text, cents int, open bool)"
    )
    bench.sql("insert into shop.tariff values (7, 'T-7', 'Line', 89900, true)")
    empty = ["description", "service_type", "product_category", "market_segment", "provider"]
    empty += ["source_admin_product_id", "speed_down", "speed_up", "base_price_zar", "features"]
    empty += ["promotion_price", "pricing", "metadata", "provider_specific_config", "valid_from"]
    columns = {
        "id": "md5(number::text)::uuid",
        "sku": "article",
        "name": "title",
        "price": "cents / 100.0",
        "status": "case when open then 'active' else 'inactive' end",
        "valid_to": "null",
        **dict.fromkeys(empty, "null"),
    }
    catalogue = PostgresCatalogue(pool, table="shop.tariff", columns=columns)
    [entry] = catalogue.entries()
    assert isinstance(entry.row, PackageRow)
    found = (entry.row.sku, entry.row.name, entry.row.price, entry.row.status)
    assert ("T-7", "Line", Decimal(899), "active") == found

    ledger = PostgresLedger(pool, ladder=[1.0], catalogue_ids=catalogue.ids)
    assert list(ledger.missing_owners()) == []


@pytest.mark.parametrize(
    ("table", "columns", "message"),
    [
        ("nowhere", {}, "table nowhere does not exist"),
        ("service_packages", {"price": "cost"}, 'column price of service_packages.*"cost"'),
        ("service_packages", {"price": "price +"}, "column price of service_packages"),
        ("service_packages", {"id": "sku"}, "column id of service_packages is not a uuid"),
    ],
)
def test_what_is_missing_is_named(
    pool: Pool, table: str, columns: dict[str, str], message: str
) -> None:
    """With a remedy, before a row is read."""
    catalogue = PostgresCatalogue(pool, table=table, columns=columns)
    with pytest.raises(CatalogueError, match=message) as caught:
        list(catalogue.entries())
    assert caught.value.remedy
    with pytest.raises(CatalogueError, match=message):
        catalogue.check()


def test_a_column_that_we_do_not_know_is_refused(pool: Pool) -> None:
    """Rather than ignored."""
    with pytest.raises(CatalogueError, match="no column 'prise'"):
        PostgresCatalogue(pool, columns={"prise": "price"})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("metadata", '["not", "an", "object"]'),
        ("price", "NaN"),
        ("features", ["a", None]),
        ("valid_to", "infinity"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(pool: Pool, column: str, value: Any) -> None:
    """Its id, SKU and the column; the others are read, and the census counts all of them."""
    _insert(pool, id=P1, sku="A")
    _insert(pool, id=P2, sku="B", **{column: value})
    catalogue = PostgresCatalogue(pool)
    sound, odd = (entry.row for entry in catalogue.entries())
    assert isinstance(sound, PackageRow)
    assert isinstance(odd, UnreadableRow)
    assert (odd.id, odd.sku, odd.column) == (P2, "B", column)
    assert odd.problem
    assert [row.sku for row in catalogue.outline()] == ["A", "B"]


def _insert(pool: Pool, **columns: Any) -> None:
    row = {
        "name": "Line",
        "service_type": "fibre",
        "speed_down": 100,
        "speed_up": 50,
        "price": "899.00",
        "status": "active",
        **columns,
    }
    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    PostgresBench(pool).sql(
        f"insert into service_packages ({names}) values ({marks})", *row.values()
    )


def _revision(catalogue: PostgresCatalogue) -> str:
    [entry] = catalogue.entries()
    return entry.revision


def _name(pool: Pool) -> str:
    [(name,)] = PostgresBench(pool).sql("select quote_ident(current_database())")
    return str(name)
