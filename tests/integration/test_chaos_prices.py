"""No request carries a price that the catalogue did not hold (law 3), whatever rows say."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import psycopg

from support import generator
from support.agreement import a_catalogue_row, prices_in
from support.nights import Nights, some_nights
from trueup.domain.package import PackageRow
from trueup.domain.runs import RunState

SHAPE = generator.Shape(seed=7, size=120, adversarial=0.5)
BAD_PRICES: tuple[object, ...] = (
    0,
    -1,
    -0.01,
    None,
    "zero",
    "",
    100_000_000,
    True,
    [],
    {"amount": 5},
)


def put(nights: Nights, row: PackageRow) -> None:
    """A row past the import and its checks, as another program would write it."""
    columns = {
        name: msgspec.json.encode(value).decode()
        if name in ("pricing", "metadata", "provider_specific_config")
        else value
        for name in row.__struct_fields__
        if (value := getattr(row, name)) is not None
    }
    names = ", ".join(columns)
    marks = ", ".join(["%s"] * len(columns))
    with psycopg.connect(nights.database, autocommit=True) as connection:
        query = f"insert into service_packages ({names}) values ({marks})"
        connection.execute(query.encode(), list(columns.values()))


def test_generated_rows_send_no_price_that_is_not_theirs(database_url: str, tmp_path: Path) -> None:
    """Half of the rows are awkward on purpose."""
    with some_nights(database_url, tmp_path) as nights:
        rows = [row for row in generator.rows(SHAPE) if row.name is not None]
        for row in rows:
            put(nights, row)
        stated = {Decimal(str((row.pricing or {}).get("monthly", 0))) for row in rows}
        nights.run()
        sent = [Decimal(str(price)) for price in prices_in(nights.emulator.journal())]
        assert len(sent) > SHAPE.size / 2
        assert min(sent) > 0
        assert set(sent) <= stated
        nights.fall(25)
        nights.run()
        nights.assert_nothing_left(RunState.HELD)


def test_a_price_that_turns_bad_is_held_and_the_old_one_stays(
    database_url: str, tmp_path: Path
) -> None:
    """Zero, negative, missing or no number: nothing is sent, and the other products go on."""
    with some_nights(database_url, tmp_path, [a_catalogue_row(n) for n in range(1, 12)]) as nights:
        nights.run()
        before = nights.there()
        for number, price in enumerate(BAD_PRICES, start=1):
            spoil(nights, number, price)
        nights.change(a_catalogue_row(11), name="Fibre 11 renamed")
        sent_before = len(nights.emulator.journal())
        nights.fall(25)
        report = nights.run()
        assert report.run.state is RunState.HELD
        assert report.run.summary["held"] == len(BAD_PRICES)
        assert nights.there() - before
        assert all("Fibre 11" in key[1] + key[2] for key in nights.there() - before)
        later = prices_in(nights.emulator.journal()[sent_before:])
        assert {Decimal(str(price)) for price in later} <= {Decimal(511)}
        nights.assert_nothing_left(RunState.HELD)


def spoil(nights: Nights, number: int, price: object) -> None:
    """Write a bad monthly price past every check; the price columns follow where they can."""
    pricing = msgspec.json.encode({"monthly": price, "setup": 900}).decode()
    sku = f"FIB-{number:04d}"
    with psycopg.connect(nights.database, autocommit=True) as connection:
        connection.execute(
            "update service_packages set pricing = %s where sku = %s", [pricing, sku]
        )
