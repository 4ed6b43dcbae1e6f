"""The triggers on the catalogue: what they note, what they never do to whoever writes there."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from support import postgres
from support.agreement import some_rows
from support.program import run_cli
from trueup.domain.errors import CatalogueSourceError, SchemaError
from trueup.postgres import watch
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.importing import import_rows
from trueup.postgres.touched import TouchedCatalogue

CATALOGUE, DATED = CatalogueSource(), DatedSource()
PATIENCE = 60.0  # seconds until what should happen counts as not happening
PRODUCT = "00000000-0000-4000-8000-{:012d}"
ONE, TWO = PRODUCT.format(1), PRODUCT.format(2)
TWO_PRICES = f"""
    insert into price_changes (service_package_id, old_price, new_price, effective_date)
    values ('{ONE}', 1, 2, '2026-03-01'), ('{ONE}', 2, 3, '2026-04-01')"""
MANY_ROWS = """
    insert into service_packages (name, service_type, speed_down, speed_up, price)
    select 'bulk', 'fibre', 1, 1, 1 from generate_series(1, {})"""

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def place(postgres_server: str, template: str) -> Iterator[str]:
    """One database for all of these: each test finds it as it should be."""
    with postgres.fresh_database(postgres_server, template) as url:
        yield url


@pytest.fixture
def shop(place: str) -> Iterator[Connection]:
    """A catalogue of three products, with the watch."""
    with psycopg.connect(place, autocommit=True) as connection:
        watch.remove(connection)
        connection.execute("truncate service_packages, price_changes, trueup.touched")
        import_rows(connection, some_rows(3))
        watch.install(connection, CATALOGUE, DATED)
        yield connection


def noted(connection: Connection) -> list[str]:
    """What is noted, and forgotten with that."""
    rows = connection.execute("delete from trueup.touched returning id").fetchall()
    return sorted(one for (one,) in rows)


@contextmanager
def listening(url: str, source: CatalogueSource = CATALOGUE) -> Iterator[TouchedCatalogue]:
    found = TouchedCatalogue.open(url, source, DATED)
    assert found is not None
    try:
        yield found
    finally:
        found.close()


def test_install_show_and_remove(shop: Connection, place: str) -> None:
    """Doing it twice is doing it once, in both directions; without it nothing is noted."""
    env = {"DATABASE_URL": place}
    watch.remove(shop)
    assert (
        "watch     not installed; `trueup db upgrade --watch`"
        in run_cli("db", "status", env=env).stdout
    )
    on = {
        "installed": True,
        "tables": ["service_packages", "price_changes"],
        "missing": [],
        "impossible": [],
    }
    for _ in range(2):
        assert run_cli("db", "upgrade", "--watch", "--json", env=env).document["watch"] == on
    assert run_cli("db", "status", "--json", env=env).document["watch"] == on
    assert run_cli("db", "upgrade", "--json", env=env).document["watch"] == on
    import_rows(shop, some_rows(1, first=4))
    assert noted(shop) == [PRODUCT.format(4)]
    for _ in range(2):
        off = run_cli("db", "upgrade", "--no-watch", "--json", env=env).document["watch"]
        assert (off["installed"], off["tables"]) == (False, [])
    shop.execute("update service_packages set price = price + 1")
    assert noted(shop) == []
    assert TouchedCatalogue.open(place, CATALOGUE, DATED) is None


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("update service_packages set price = 1 where sku = 'FIB-0001'", [ONE]),
        ("update service_packages set price = 1 where sku < 'FIB-0003'", [ONE, TWO]),
        ("update service_packages set price = price", []),
        ("update service_packages set updated_at = now() + interval '1 hour'", []),
        ("update service_packages set price = 1 where false", []),
        (f"update service_packages set id = '{PRODUCT.format(9)}' where id = '{ONE}'",
         [ONE, PRODUCT.format(9)]),
        ("delete from service_packages where sku = 'FIB-0002'", [TWO]),
        ("truncate service_packages", [""]),
        (TWO_PRICES, [ONE]),
        (MANY_ROWS.format(200), 200),
        (MANY_ROWS.format(201), [""]),
    ],
)  # fmt: skip
def test_what_is_noted(shop: Connection, statement: str, expected: list[str] | int) -> None:
    shop.execute(statement.encode())
    found = noted(shop)
    assert (len(found) if isinstance(expected, int) else found) == expected


def test_a_change_is_noted_when_its_writer_commits(shop: Connection, place: str) -> None:
    """Neither before nor when it is rolled back; the one who listens is told with the commit."""
    with psycopg.connect(place) as writer, listening(place) as listener:
        writer.execute("update service_packages set price = 1 where sku = 'FIB-0001'")
        with listener.take() as touched:
            assert (listener.heard(), touched) == (False, None)
        writer.rollback()
        writer.execute("update service_packages set price = 2 where sku = 'FIB-0002'")
        writer.commit()
        assert select.select([listener], [], [], PATIENCE)[0]
        assert listener.heard()
        with listener.take() as touched:
            assert touched is not None
            assert touched.skus == ("FIB-0002",)
        with listener.take() as touched:
            assert touched is None


def test_what_was_taken_is_noted_again(shop: Connection, place: str) -> None:
    """A change that is not committed when an earlier one is taken has its own turn."""
    change = "update service_packages set price = price + 1 where sku = 'FIB-0001'"
    shop.execute(change)
    with psycopg.connect(place) as writer, listening(place) as listener:
        writer.execute(change.encode())
        with listener.take() as touched:
            assert touched is None  # it waits for the writer, who will say so
        writer.commit()
        with listener.take() as touched:
            assert touched is not None
            writer.execute(change.encode())
            writer.commit()  # while the first is being taken
        with listener.take() as touched:
            assert touched is not None
            assert touched.skus == ("FIB-0001",)


def test_what_could_not_be_written_down_is_not_forgotten(shop: Connection, place: str) -> None:
    shop.execute("update service_packages set price = 1 where sku = 'FIB-0001'")
    with listening(place) as listener:
        with pytest.raises(ZeroDivisionError), listener.take():
            raise ZeroDivisionError
        with listener.take() as touched:
            assert touched is not None


@pytest.mark.parametrize(
    "statement",
    [
        "delete from service_packages where sku < 'FIB-0003'",  # there is no SKU to name any more
        "update service_packages set sku = ' ' where sku = 'FIB-0001'",
        "truncate service_packages",
    ],
)
def test_what_has_no_name_is_looked_for(shop: Connection, place: str, statement: str) -> None:
    shop.execute(statement.encode())
    with listening(place) as listener, listener.take() as touched:
        assert touched is not None
        assert touched.skus == ()


def test_writers_do_not_wait_for_each_other(shop: Connection, place: str) -> None:
    """Two that note the same product by different tables, in opposite order."""
    price = (
        "insert into price_changes (service_package_id, old_price, new_price, effective_date)"
        f" values ('{ONE}', 1, 2, '2026-03-01')"
    )
    change = "update service_packages set price = price + 1 where sku = 'FIB-0001'"
    with psycopg.connect(place) as first, psycopg.connect(place) as second:
        for writer in (first, second):
            writer.execute("set statement_timeout = '20s'")
        first.execute(change.encode())
        second.execute(price.encode())
        first.execute(price.encode())
        second.commit()
        first.commit()
    assert set(noted(shop)) == {ONE}


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_strict_transactions_do_not_fail_for_us(shop: Connection, place: str, level: str) -> None:
    """One that still sees what was taken meanwhile, and may not look at it any more."""
    change = "update service_packages set price = price + 1 where sku = 'FIB-0001'"
    shop.execute(change)
    with psycopg.connect(place) as writer:
        writer.execute(f"set transaction isolation level {level}".encode())
        assert writer.execute("select count(*) from trueup.touched").fetchone() == (1,)
        assert noted(shop) == [ONE]
        writer.execute(change.encode())
        writer.commit()
    assert noted(shop) == [ONE]


def test_a_broken_watch_keeps_nobody_from_writing(shop: Connection) -> None:
    heard: list[str] = []
    shop.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    shop.execute("alter table trueup.touched rename to mislaid")
    shop.execute("update service_packages set price = 123 where sku = 'FIB-0001'")
    shop.execute("delete from service_packages where sku = 'FIB-0002'")
    rows = shop.execute("select price from service_packages order by sku").fetchall()
    assert [float(price) for (price,) in rows] == [123.0, 503.0]
    assert len(heard) == 2
    assert "trueup did not note a change of public.service_packages" in heard[0]


def test_another_table_with_an_id_that_is_computed(database_url: str) -> None:
    """And what Postgres alone cannot compute is refused before it is installed."""
    source = CatalogueSource(
        "shop.lines", {"id": "md5(lines.number::text)::uuid", "sku": "'LINE-' || number"}
    )
    odd = CatalogueSource("shop.lines", {"id": "own_id(number)"})
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create schema shop")
        connection.execute("create table shop.lines (number integer primary key)")
        connection.execute(
            "create function own_id(integer) returns uuid language sql"
            " as 'select md5($1::text)::uuid'"
        )
        with pytest.raises(CatalogueSourceError, match="own_id") as refused:
            watch.install(connection, odd, DATED)
        assert "with their schema" in refused.value.remedy
        assert watch.standing(connection, source, DATED).tables == ()

        watch.install(connection, source, DATED)
        connection.execute("insert into shop.lines values (7)")
        with listening(database_url, source) as listener, listener.take() as touched:
            assert touched is not None
            assert touched.skus == ("LINE-7",)
        elsewhere = watch.standing(connection, CATALOGUE, DATED)
        assert (elsewhere.installed, elsewhere.missing) == (False, ("service_packages",))


@pytest.mark.parametrize("kind", ["view", "materialized view"])
def test_a_view_is_politely_refused(database_url: str, kind: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create {kind} offers as select * from service_packages".encode())
        with pytest.raises(CatalogueSourceError, match="offers is not a table") as refused:
            watch.install(connection, CatalogueSource("offers"), DATED)
        assert "POST /api/resync" in refused.value.remedy
        with pytest.raises(CatalogueSourceError, match="does not exist"):
            watch.install(connection, CatalogueSource("nowhere"), DATED)


def test_a_role_that_owns_only_its_tables(database_url: str) -> None:
    """Who upgrades need not be a superuser, nor own the catalogue: the right to triggers will do.

    The company's own role writes the catalogue and may touch nothing of ours.
    """
    with psycopg.connect(database_url, autocommit=True) as admin:
        names = [f"{word}_{admin.info.dbname}" for word in ("keeper", "writer")]
        keeper, writer = (sql.Identifier(name) for name in names)
        admin.execute(sql.SQL("create role {}").format(keeper))
        admin.execute(sql.SQL("create role {}").format(writer))
        try:
            admin.execute(sql.SQL("create schema shop authorization {}").format(writer))
            admin.execute("create table shop.offers as select * from service_packages")
            admin.execute(sql.SQL("alter table shop.offers owner to {}").format(writer))
            admin.execute(sql.SQL("grant usage on schema shop to {}").format(keeper))
            admin.execute(sql.SQL("grant select on shop.offers to {}").format(keeper))
            _give(admin, keeper)
            _check_roles(database_url, admin, names)
        finally:
            for role in (keeper, writer):
                admin.execute(sql.SQL("reassign owned by {} to current_user").format(role))
                admin.execute(sql.SQL("drop owned by {}").format(role))
                admin.execute(sql.SQL("drop role {}").format(role))


def _give(admin: Connection, keeper: sql.Identifier) -> None:
    """Trueup's schema as if this role had made it."""
    admin.execute(sql.SQL("alter schema trueup owner to {}").format(keeper))
    rows = admin.execute("select tablename from pg_tables where schemaname = 'trueup'").fetchall()
    for (table,) in rows:
        change = sql.SQL("alter table {} owner to {}")
        admin.execute(change.format(sql.Identifier("trueup", table), keeper))
    admin.execute(sql.SQL("alter function trueup.touch owner to {}").format(keeper))


def _check_roles(database_url: str, admin: Connection, names: list[str]) -> None:
    keeper, writer = names
    source, none = CatalogueSource("shop.offers"), DatedSource("")
    with _as(database_url, keeper) as upgrading, _as(database_url, writer) as company:
        with pytest.raises(SchemaError, match=f"may not put a trigger on .*{writer}") as refused:
            watch.install(upgrading, source, none)
        assert f"grant trigger on shop.offers to {keeper}" in refused.value.remedy
        admin.execute(sql.SQL("grant trigger on shop.offers to {}").format(sql.Identifier(keeper)))
        assert watch.install(upgrading, source, none).installed
        company.execute("insert into shop.offers (id, sku, name) values (%s, 'A-1', 'One')", [ONE])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            company.execute("select * from trueup.touched")
        assert noted(upgrading) == [ONE]
        assert watch.remove(upgrading)


@contextmanager
def _as(database_url: str, role: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        change = sql.SQL("set session authorization {}").format(sql.Identifier(role))
        connection.execute(change)
        yield connection
