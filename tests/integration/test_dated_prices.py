"""Dated prices from Postgres: read exactly, due on their date, applied once, night by night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from support.agreement import a_catalogue_row, prices_in, writes
from support.nights import Nights, some_nights
from trueup.domain.errors import CatalogueSourceError, UsageError
from trueup.domain.package import DatedPrice, PackageRow, UnreadableRow
from trueup.domain.runs import RunState
from trueup.postgres.catalogue import PostgresCatalogue
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.migrate import upgrade
from trueup.postgres.pool import open_pool
from trueup.settings import load

Pool = ConnectionPool[psycopg.Connection]
ROW = a_catalogue_row(1, monthly=500)
BEGIN = date(2026, 1, 5)  # the first night of the emulator's clock


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    with open_pool(database_url, 4) as pool:
        yield pool


def plan_price(database: str, on: str, old: object, new: object, **columns: Any) -> UUID:
    """A row of `price_changes`, published unless it says otherwise."""
    row = {
        "id": uuid4(),
        "service_package_id": ROW["id"],
        "old_price": old,
        "new_price": new,
        "effective_date": on,
        "status": "published",
    } | columns
    with psycopg.connect(database, autocommit=True) as connection:
        query = (
            f"insert into price_changes ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})"
        )
        connection.execute(query, list(row.values()))
    return UUID(str(row["id"]))


def insert_package(pool: Pool, **columns: Any) -> None:
    row = {"id": ROW["id"], "name": "Fibre", "service_type": "fibre", "price": 500, "sku": "A"}
    row |= {"speed_down": 1, "speed_up": 1} | columns
    with pool.connection() as connection:
        connection.execute(
            f"insert into service_packages ({', '.join(row)})"
            f" values ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )


def run_sql(pool: Pool, *statements: str) -> None:
    with pool.connection() as connection:
        for statement in statements:
            connection.execute(statement.encode())


def dated_of(catalogue: PostgresCatalogue) -> list[DatedPrice] | None:
    [entry] = catalogue.entries()
    assert isinstance(entry.row, PackageRow)
    return entry.row.dated_prices


# --- reading -------------------------------------------------------------------------------


def test_agreed_prices_come_with_their_product_exactly(pool: Pool, database_url: str) -> None:
    """In order of their dates; no draft, nothing that was cancelled, no other product's."""
    insert_package(pool)
    assert dated_of(PostgresCatalogue(pool)) is None
    plan_price(database_url, "2026-03-01", "500.00", "519.99", published_at="2026-01-01 02:00+02")
    plan_price(database_url, "2026-02-01", "450.10", "500", status="effective")
    plan_price(database_url, "2026-02-02", "500", "1", status="draft")
    plan_price(database_url, "2026-02-03", "500", "2", status="cancelled")
    plan_price(database_url, "2026-02-04", "500", "3", service_package_id=uuid4())
    found = dated_of(PostgresCatalogue(pool))
    assert found is not None
    assert [(d.effective_date, d.old_price, d.new_price) for d in found] == [
        (date(2026, 2, 1), Decimal("450.10"), Decimal(500)),
        (date(2026, 3, 1), Decimal(500), Decimal("519.99")),
    ]
    assert str(found[1].published_at) == "2026-01-01 00:00:00+00:00"


def test_a_revision_follows_what_is_agreed(pool: Pool, database_url: str) -> None:
    """Publishing and cancelling are changes; that the old job calls it effective is none."""
    insert_package(pool)
    catalogue = PostgresCatalogue(pool)

    def revision() -> str:
        [entry] = catalogue.entries()
        return entry.revision

    before = revision()
    one = plan_price(database_url, "2026-03-01", "500", "520", status="draft")
    assert revision() == before
    run_sql(pool, f"update price_changes set status = 'published' where id = '{one}'")
    published = revision()
    assert published != before
    run_sql(pool, "update price_changes set status = 'effective', updated_at = now()")
    assert revision() == published
    run_sql(pool, "update price_changes set status = 'cancelled'")
    assert revision() == before


def test_some_and_all_products_read_the_same(pool: Pool, database_url: str) -> None:
    """Whichever way the rows are joined."""
    insert_package(pool)
    insert_package(pool, id=uuid4(), sku="B", name="Other")
    plan_price(database_url, "2026-03-01", "500", "520")
    catalogue = PostgresCatalogue(pool)
    whole = {e.row.id: (e.row, e.revision) for e in catalogue.entries()}
    [some] = catalogue.entries(["a"])
    assert whole[some.row.id] == (some.row, some.revision)
    assert isinstance(some.row, PackageRow)
    assert some.row.dated_prices is not None


@pytest.mark.parametrize("amount", ["'NaN'", "null"])
def test_a_price_that_is_none_is_told(pool: Pool, database_url: str, amount: str) -> None:
    """The row is unreadable; the others go on."""
    insert_package(pool)
    run_sql(pool, "alter table price_changes alter new_price drop not null")
    plan_price(database_url, "2026-03-01", "500", "520")
    run_sql(pool, f"update price_changes set new_price = {amount}")
    [entry] = PostgresCatalogue(pool).entries()
    assert isinstance(entry.row, UnreadableRow)
    assert entry.row.column == "dated_prices"


def test_another_table_and_other_columns(pool: Pool, database_url: str) -> None:
    """A matter of configuration, as for the catalogue."""
    insert_package(pool)
    plan_price(database_url, "2026-03-01", "500", "520")
    run_sql(
        pool,
        "create schema shop",
        "create table shop.later (product uuid, starts date, cents int)",
        f"insert into shop.later values ('{ROW['id']}', '2026-05-01', 55500)",
    )
    columns = {
        "service_package_id": "product",
        "effective_date": "starts",
        "new_price": "cents / 100.0",
        "old_price": "null",
        "published_at": "null",
        "status": "'published'",
    }
    found = dated_of(PostgresCatalogue(pool, dated=DatedSource("shop.later", columns)))
    assert found is not None
    assert [(str(d.effective_date), d.new_price) for d in found] == [("2026-05-01", Decimal(555))]
    assert dated_of(PostgresCatalogue(pool, dated=DatedSource(""))) is None


def test_without_the_usual_table_there_are_none(pool: Pool) -> None:
    """One that was named must be there."""
    insert_package(pool)
    run_sql(pool, "drop table price_changes cascade")
    assert dated_of(PostgresCatalogue(pool)) is None
    with pytest.raises(CatalogueSourceError, match=r"shop\.later does not exist"):
        PostgresCatalogue(pool, dated=DatedSource("shop.later")).check()


def test_a_table_of_something_else_is_refused_not_ignored(pool: Pool) -> None:
    """It might hold prices that somebody counts on."""
    insert_package(pool)
    run_sql(pool, "alter table price_changes rename new_price to amount")
    with pytest.raises(CatalogueSourceError, match="new_price") as caught:
        list(PostgresCatalogue(pool).entries())
    assert "dated_prices" in caught.value.remedy
    with pytest.raises(CatalogueSourceError, match="no column 'amount'"):
        DatedSource(columns={"amount": "x"})


def test_a_predecessors_table_is_left_as_it_is(empty_database_url: str) -> None:
    """Its columns, its rows, its one active change per product; the upgrade reads it only."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            "create table price_changes (id uuid primary key default gen_random_uuid(),"
            " service_package_id uuid not null, old_price numeric(10, 2) not null,"
            " new_price numeric(10, 2) not null, percentage_change numeric(5, 2),"
            " published_at timestamptz, effective_date date not null, status text not null,"
            " notice_sent_at timestamptz)"
        )
        connection.execute(
            "create unique index one on price_changes (service_package_id)"
            " where status in ('published', 'effective')"
        )
        described = "select attname, atttypid, attnotnull from pg_attribute where attrelid ="
        described += " 'price_changes'::regclass and attnum > 0 order by attnum"
        before = connection.execute(described.encode()).fetchall()
        upgrade(connection)
        assert connection.execute(described.encode()).fetchall() == before
        assert connection.execute("select * from trueup.dated_price").fetchall() == []
        assert upgrade(connection) == []


def test_an_upgrade_survives_a_table_of_something_else(empty_database_url: str) -> None:
    """Somebody's own list of that name is none of ours."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create table price_changes (service_package_id text, status text)")
        upgrade(connection)
        assert connection.execute("select * from get_sync_candidates()").fetchall() == []


# --- night by night ------------------------------------------------------------------------


def prices(nights: Nights) -> tuple[set[str], set[str]]:
    """What CRM and the active plans in Billing say."""
    crm = {f"{one['Unit_Price']:.2f}" for one in nights.emulator.records("crm", "products")}
    plans = nights.emulator.records("billing", "plans")
    return crm, {f"{p['recurring_price']:.2f}" for p in plans if p["status"] == "active"}


def everywhere(price: str) -> tuple[set[str], set[str]]:
    return {price}, {price}


def sent(nights: Nights) -> set[Decimal]:
    return {Decimal(str(price)) for price in prices_in(nights.emulator.journal())}


def test_a_dated_price_is_applied_the_night_after_a_missed_one_and_once(
    database_url: str, tmp_path: Path
) -> None:
    """The clock stands at two o'clock of Johannesburg; the date is the 8th, the 8th is missed."""
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        plan_price(database_url, "2026-01-08", 500, 520)
        for _ in range(3):  # the 5th, 6th and 7th
            assert nights.run().run.state is RunState.SUCCEEDED
            assert prices(nights) == everywhere("500.00")
            nights.fall()
        assert Decimal(520) not in sent(nights)
        nights.fall()  # nobody runs on the 8th
        report = nights.run()
        assert {c.sku for c in report.plan.changes} == {ROW["sku"]}
        assert prices(nights) == everywhere("520.00")
        nights.assert_nothing_left()
        nights.fall()
        assert nights.run().plan.changes == ()


def test_an_evening_run_does_not_hide_what_comes_due_at_midnight(
    database_url: str, tmp_path: Path
) -> None:
    """Everything was verified three hours ago; the dated price is due all the same."""
    with some_nights(database_url, tmp_path, [ROW, a_catalogue_row(2)]) as nights:
        plan_price(database_url, "2026-01-06", 500, 520)
        nights.run()
        nights.fall(21)  # 23:00 on the 5th
        nights.run()
        assert prices(nights)[0] == {"500.00", "502.00"}
        nights.fall(3)  # 02:00 on the 6th
        report = nights.run()
        assert {change.sku for change in report.plan.changes} == {ROW["sku"]}
        assert prices(nights)[0] == {"520.00", "502.00"}
        nights.assert_nothing_left()


def test_the_date_is_that_of_the_business(database_url: str, tmp_path: Path) -> None:
    """At midnight in UTC it is still yesterday in New York, and the price waits."""
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        plan_price(database_url, str(BEGIN), 500, 520)
        nights.settings = replace(nights.settings, timezone="America/New_York")
        nights.run()
        assert prices(nights) == everywhere("500.00")
        nights.fall(5)  # midnight in New York
        nights.run()
        assert prices(nights) == everywhere("520.00")
        nights.assert_nothing_left()


def test_old_and_new_customers_can_have_different_prices(database_url: str, tmp_path: Path) -> None:
    """A large dated change is a new version on its date: the plan of old customers keeps its price.

    Nothing of it is sent before its date, and no subscription is touched.
    """
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        nights.settings = replace(nights.settings, price_changes="version")
        plan_price(database_url, "2026-01-06", 500, 600)
        nights.run()
        assert Decimal(600) not in sent(nights)
        nights.fall()
        nights.run()
        plans = nights.emulator.records("billing", "plans")
        told = {(p["plan_code"], f"{p['recurring_price']:.2f}", p["status"]) for p in plans}
        sku = ROW["sku"]
        assert told == {(sku, "500.00", "inactive"), (f"{sku}-V2", "600.00", "active")}
        paths = {entry["path"] for entry in writes(nights.emulator.journal())}
        assert not any("subscriptions" in path for path in paths)
        nights.assert_nothing_left()


def test_a_catalogue_whose_trigger_takes_the_price_back_does_not_undo_it(
    database_url: str, tmp_path: Path
) -> None:
    """The predecessor's job calls the change effective; its trigger restores the old price."""
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        one = plan_price(database_url, "2026-01-06", 500, 520)
        nights.run()
        nights.fall()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("update price_changes set status = 'effective' where id = %s", [one])
            connection.execute("update service_packages set price = 500, updated_at = now()")
        nights.run()
        assert prices(nights) == everywhere("520.00")
        nights.assert_nothing_left()


def test_a_price_and_a_name_of_one_day_are_one_plan(database_url: str, tmp_path: Path) -> None:
    """Dated prices are no job of their own that comes too early or too late."""
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        plan_price(database_url, "2026-01-06", 500, 520)
        nights.run()
        nights.fall()
        nights.change(ROW, name="Fibre 1 renamed")
        report = nights.run()
        [crm] = [c for c in report.plan.changes if c.target.value == "crm"]
        assert set(crm.deltas) == {"Product_Name", "Unit_Price"}
        assert prices(nights) == everywhere("520.00")
        nights.assert_nothing_left()


def test_what_is_cancelled_in_time_never_happens(database_url: str, tmp_path: Path) -> None:
    """And what is cancelled too late goes back to what the catalogue says."""
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        plan_price(database_url, "2026-01-06", 500, 520)
        nights.run()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("update price_changes set status = 'cancelled'")
        nights.fall()
        assert nights.run().plan.changes == ()
        assert Decimal(520) not in sent(nights)
        nights.assert_nothing_left()


def test_somebody_elses_edit_holds_the_product_until_a_person_decides(
    database_url: str, tmp_path: Path
) -> None:
    """The run says so; cancelling the dated price lets the catalogue's pass."""
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        plan_price(database_url, "2026-01-05", 500, 520)
        nights.run()
        nights.fall()
        nights.change(ROW, price=510, base_price_zar=510, pricing={"monthly": 510, "setup": 900})
        report = nights.run()
        assert report.run.state is RunState.HELD
        assert prices(nights) == everywhere("520.00")
        assert [f.code for f in report.plan.findings] == ["dated_price_contradiction"]
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("update price_changes set status = 'cancelled'")
        nights.fall()
        nights.run()
        assert prices(nights) == everywhere("510.00")
        nights.assert_nothing_left()


@pytest.mark.parametrize("promotion", [0, 400, 700])
def test_a_promotion_is_in_no_request(database_url: str, tmp_path: Path, promotion: int) -> None:
    """While the product's window is open, on its last day, and when it is over."""
    row = ROW | {"promotion_price": promotion, "valid_to": "2026-01-06T00:00:00+02:00"}
    with some_nights(database_url, tmp_path, [row]) as nights:
        active = []
        for _ in range(4):
            nights.run()
            nights.fall()
            [record] = nights.emulator.records("crm", "products")
            active.append(record["Product_Active"])
        assert active == [True, True, False, False]
        assert sent(nights) == {Decimal(500)}
        nights.assert_nothing_left()


# --- settings ------------------------------------------------------------------------------


def test_where_dated_prices_are_is_a_setting(database_url: str, tmp_path: Path) -> None:
    """From the file to the request, through a table of another shape."""
    file = tmp_path / "trueup.toml"
    file.write_text(
        '[catalogue]\ndated_prices = "later"\n\n[catalogue.dated_columns]\n'
        'service_package_id = "product"\nold_price = "null"\nnew_price = "cents / 100.0"\n'
        'published_at = "null"\neffective_date = "starts"\nstatus = "\'published\'"\n'
    )
    chosen = load(file=file, environment={})
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table later (product uuid, starts date, cents int)")
        connection.execute("insert into later values (%s, '2026-01-01', 50000)", [ROW["id"]])
        connection.execute("insert into later values (%s, '2026-01-05', 51100)", [ROW["id"]])
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        where = {n: getattr(chosen, n) for n in ("dated_prices", "dated_columns")}
        nights.settings = replace(nights.settings, **where)
        nights.run()
        assert prices(nights) == everywhere("511.00")
        nights.assert_nothing_left()


def test_an_unknown_column_is_refused_by_its_line(tmp_path: Path) -> None:
    """With a guess at what was meant."""
    file = tmp_path / "trueup.toml"
    file.write_text('[catalogue.dated_columns]\neffective_day = "starts"\n')
    with pytest.raises(UsageError, match=r"line 2: dated prices have no column .*effective_date"):
        load(file=file, environment={})


def test_the_database_knows_the_zone_of_the_settings(database_url: str, tmp_path: Path) -> None:
    """So that what SQL calls today is what a run calls today."""
    with some_nights(database_url, tmp_path, [ROW]) as nights:
        nights.settings = replace(nights.settings, timezone="Asia/Tokyo")
        nights.run()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select zone from trueup.business").fetchall() == [
            ("Asia/Tokyo",)
        ]
