"""Loading the catalogue: exact money, every error by row and column, all or nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from trueup.domain.errors import UsageError
from trueup.postgres.importing import ImportFileError, ImportReport, import_rows, load_rows

SAMPLE = Path(str(files("trueup").joinpath("data", "sample_catalogue.json")))

ROW: dict[str, Any] = {
    "name": "Fibre 100",
    "service_type": "fibre",
    "speed_down": 100,
    "speed_up": 50,
    "price": "899.00",
}


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def errors_of(conn: psycopg.Connection, *rows: dict[str, Any]) -> list[tuple[int, str, str]]:
    with pytest.raises(ImportFileError) as caught:
        import_rows(conn, rows)
    assert conn.execute("select count(*) from service_packages").fetchone() == (0,)
    return [(error.row, error.column, error.expected) for error in caught.value.errors]


def test_the_sample_catalogue_loads_and_loads_again(conn: psycopg.Connection) -> None:
    """The second import finds every row unchanged."""
    rows = load_rows(SAMPLE)
    assert import_rows(conn, rows) == ImportReport(100, 0, 0, 100)
    assert import_rows(conn, rows) == ImportReport(0, 0, 100, 100)


def test_the_sample_keeps_its_awkward_rows() -> None:
    """A null SKU, duplicate SKUs and names, rows without pricing, every status."""
    rows = load_rows(SAMPLE).rows
    skus = [row["sku"] for row in rows]
    names = [row["name"] for row in rows]
    assert skus.count(None) == 1
    assert len(skus) - len(set(skus)) == 2
    assert len(names) - len(set(names)) == 5
    assert sum(row["pricing"] is None for row in rows) == 3
    assert {row["status"] for row in rows} == {"active", "inactive", "archived", "draft"}
    assert max(len(name) for name in names) == 97


def test_csv_and_json_give_the_same_rows(conn: psycopg.Connection, tmp_path: Path) -> None:
    """What was loaded from JSON is unchanged when it comes from CSV."""
    rows = json.loads(SAMPLE.read_text())["rows"]
    columns = [name for name in rows[0] if not name.startswith("_")]
    target = tmp_path / "catalogue.csv"
    with target.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for row in rows:
            cells = [row[name] for name in columns]
            writer.writerow(
                json.dumps(cell) if isinstance(cell, list | dict) else cell for cell in cells
            )
    import_rows(conn, load_rows(SAMPLE))
    assert import_rows(conn, load_rows(target)).unchanged == 100


def test_money_stays_as_written(conn: psycopg.Connection, tmp_path: Path) -> None:
    """No number passes through a binary fraction, in columns or inside documents."""
    target = tmp_path / "rows.json"
    target.write_text(
        '[{"name": "A", "service_type": "fibre", "speed_down": 1, "speed_up": 1,'
        ' "price": 99999999.99, "pricing": {"monthly": 0.1000000000000000055, "setup": 1.10}}]'
    )
    import_rows(conn, load_rows(target))
    assert conn.execute("select price, pricing::text from service_packages").fetchone() == (
        Decimal("99999999.99"),
        '{"setup": 1.10, "monthly": 0.1000000000000000055}',
    )


def test_an_update_leaves_unnamed_columns_alone(conn: psycopg.Connection) -> None:
    """A file with few columns does not empty the others."""
    known = str(uuid4())
    import_rows(conn, [ROW | {"id": known, "sku": "A", "status": "draft"}])
    assert import_rows(conn, [ROW | {"id": known, "price": "949"}]).updated == 1
    found = conn.execute("select sku, status, price from service_packages").fetchone()
    assert found == ("A", "draft", Decimal("949.00"))


def test_a_missing_id_is_generated_and_reported(conn: psycopg.Connection) -> None:
    """The report says how many rows got a new id."""
    fixed = UUID(int=7)
    report = import_rows(conn, [ROW], new_id=lambda: fixed)
    assert report == ImportReport(1, 0, 0, 1, generated_ids=1)
    assert conn.execute("select id from service_packages").fetchone() == (fixed,)


def test_every_error_is_named_by_row_and_column(conn: psycopg.Connection) -> None:
    """Good rows are not loaded beside bad ones."""
    known = str(uuid4())
    bad = {
        "price": "12.345",
        "speed_down": "fast",
        "status": "on sale",
        "valid_from": "2026-01-01T00:00:00",
        "name": "x" * 101,
        "description": "a\0b",
        "pricing": {"monthly": 1},
        "features": "one, two",
        "promotion_price": 10**9,
        "sort_order": True,
        "prise": 1,
    }
    found = errors_of(conn, ROW | {"id": known}, ROW | bad, {"name": "half"}, ROW | {"id": known})
    assert {column for row, column, _ in found if row == 2} == set(bad)
    assert {column for row, column, _ in found if row == 3} == {
        *("service_type", "speed_down", "speed_up", "price")
    }
    assert (4, "id", "a id of its own, not that of row 1") in found
    assert (2, "prise", "a column of the catalogue; did you mean price?") in found


@pytest.mark.parametrize("price", [None, "", "NaN", "1_000", "R 99", True, "1e5", [], 1.5])
def test_a_price_that_is_none_is_refused(conn: psycopg.Connection, price: object) -> None:
    """Nothing fills in for a missing or a strange price."""
    assert [column for _, column, _ in errors_of(conn, ROW | {"price": price})] == ["price"]


def test_a_refusal_of_the_database_names_the_row(conn: psycopg.Connection) -> None:
    """A rule that only the database knows is reported as an error of the file."""
    import_rows(conn, [ROW | {"slug": "taken"}])
    with pytest.raises(ImportFileError, match="row 2") as caught:
        import_rows(conn, [ROW, ROW | {"slug": "taken"}])
    assert "taken" in str(caught.value)
    assert conn.execute("select count(*) from service_packages").fetchone() == (1,)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '[{"name": "A",\n "price": 1', "line 2"),
        ("a.json", '[{"price": NaN}]', "NaN"),
        ("a.json", '[{"price": 1, "price": 2}]', "'price' is given twice"),
        ("a.json", '{"lines": []}', "holds no rows"),
        ("a.json", "[1]", "row 1"),
        ("a.csv", "", "empty"),
        ("a.csv", 'name,price\n"open,1\n', "line"),
        ("a.csv", "name,price\nA,1\nB\n", "row 3: expected 2 cells"),
        ("a.csv", "name,name\nA,B\n", "name"),
        ("a.csv", "name,metadata\nA,{oops\n", "row 2, metadata: expected JSON"),
    ],
)
def test_a_broken_file_says_where(tmp_path: Path, name: str, content: str, said: str) -> None:
    """The message names the line, the row or the column."""
    target = tmp_path / name
    target.write_text(content)
    with pytest.raises(UsageError, match=said):
        load_rows(target)


def test_a_missing_or_foreign_file_is_a_usage_error(tmp_path: Path) -> None:
    """No traceback for a wrong name or another encoding."""
    with pytest.raises(UsageError, match="cannot be read"):
        load_rows(tmp_path / "none.json")
    (tmp_path / "latin.csv").write_bytes("name\nCaf\xe9\n".encode("latin-1"))
    with pytest.raises(UsageError, match="UTF-8"):
        load_rows(tmp_path / "latin.csv")


def test_ten_thousand_rows(conn: psycopg.Connection) -> None:
    """A large catalogue is one copy, not ten thousand statements."""
    rows = [ROW | {"id": str(UUID(int=n + 1)), "sku": f"F-{n}"} for n in range(10_000)]
    assert import_rows(conn, rows).inserted == 10_000
    assert import_rows(conn, [*rows[:-1], rows[-1] | {"price": "1"}]) == ImportReport(
        0, 1, 9_999, 10_000
    )
