"""`trueup db`: upgrade, status, import; and what it says about bad files and bad databases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from support import predecessor
from support.program import Result, run_cli, run_program
from trueup.postgres.migrate import migrations

SAMPLE = Path(__file__).parents[2] / "src" / "trueup" / "data" / "sample_catalogue.json"
LATEST = migrations()[-1].version
ROW = {
    "id": "00000000-0000-4000-8000-000000000001",
    "name": "Fibre 100",
    "service_type": "fibre",
    "speed_down": 100,
    "speed_up": 50,
    "price": 899,
    "sku": "FIB-100",
}


def write_rows(folder: Path, *rows: Mapping[str, object]) -> str:
    file = folder / "rows.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    return str(file)


def test_upgrade_says_what_it_found_and_what_it_did(empty_database_url: str) -> None:
    """Once it works, a second time there is nothing left to do."""
    env = {"DATABASE_URL": empty_database_url}
    first = run_cli("db", "upgrade", env=env)
    assert first.code == 0, first
    assert "found: a database without Trueup's tables" in first.stdout
    for migration in migrations():
        assert f"applied {migration.name}" in first.stdout
    assert f"the schema is now at version {LATEST}" in first.stdout
    second = run_cli("db", "upgrade", env=env)
    assert f"the schema is already at version {LATEST}" in second.stdout
    told = run_cli("db", "upgrade", "--json", env=env).document
    assert told == {
        "found": f"Trueup's schema, version {LATEST}",
        "applied": [],
        "version": LATEST,
        "watch": {"installed": False, "tables": [], "missing": [], "impossible": []},
    }


def test_the_predecessors_tables_are_recognised(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        predecessor.build(conn)
    env = {"DATABASE_URL": empty_database_url}
    before = run_cli("db", "status", env=env)
    assert before.code == 1
    done = run_cli("db", "upgrade", env=env)
    assert done.code == 0, done
    assert "found: the predecessor's tables (service_packages, " in done.stdout
    assert "they are kept" in done.stdout


def test_two_upgrades_at_once_are_safe(empty_database_url: str) -> None:
    """Each is a process; one applies everything, the other finds nothing to do."""
    env = {"DATABASE_URL": empty_database_url}
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(run_program, "db", "upgrade", "--json", env=env) for _ in range(2)]
        results = [call.result() for call in calls]
    assert [result.code for result in results] == [0, 0], results
    assert sorted(len(r.document["applied"]) for r in results) == [0, len(migrations())]


def test_status_shows_the_database_and_never_the_password(
    database_url: str, empty_database_url: str
) -> None:
    """Ends with 1 until the schema is current."""
    with_password = psycopg.conninfo.make_conninfo(database_url, password="hunter2-invented")
    ready = run_cli("db", "status", env={"DATABASE_URL": with_password})
    assert ready.code == 0, ready
    assert "hunter2" not in ready.stdout + ready.stderr
    assert f"version {LATEST} of {LATEST}" in ready.stdout
    told = run_cli("db", "status", "--json", env={"DATABASE_URL": database_url}).document
    assert told["embedded"] is False
    assert told["rows"] == {"catalogue": 0, "bindings": 0}
    assert told["schema"]["ready"] is True
    assert told["size_bytes"] > 0
    empty = run_cli("db", "status", "--json", env={"DATABASE_URL": empty_database_url})
    assert empty.code == 1
    assert empty.document["rows"] == {"catalogue": None, "bindings": None}
    assert len(empty.document["schema"]["pending"]) == len(migrations())
    told_plainly = run_cli("db", "status", env={"DATABASE_URL": empty_database_url})
    assert "`trueup db upgrade` applies them" in told_plainly.stdout


def test_status_names_an_edited_migration(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("update trueup.migration set checksum = 'other' where version = 1")
    result = run_cli("db", "status", env={"DATABASE_URL": database_url})
    assert result.code == 1
    assert f"edited after it was applied: {migrations()[0].name}" in result.stdout


def test_the_embedded_database_needs_no_settings() -> None:
    """One real process, as a person starts it, with nothing configured."""
    result = run_program("db", "upgrade")
    assert result.code == 0, result
    assert f"the schema is now at version {LATEST}" in result.stdout


def test_import_reports_what_it_did(database_url: str) -> None:
    env = {"DATABASE_URL": database_url}
    first = run_cli("db", "import", str(SAMPLE), "--json", env=env)
    assert first.document == {
        "rows": 100,
        "inserted": 100,
        "updated": 0,
        "unchanged": 0,
        "generated_ids": 0,
    }
    again = run_cli("db", "import", str(SAMPLE), env=env)
    assert again.code == 0
    assert "unchanged      100" in again.stdout
    counted = run_cli("db", "status", "--json", env=env).document
    assert counted["rows"]["catalogue"] == 100


def test_import_reads_standard_input(database_url: str) -> None:
    env = {"DATABASE_URL": database_url}
    result = run_cli("db", "import", "-", "--json", env=env, stdin=json.dumps([ROW]))
    assert result.code == 0, result
    assert result.document["inserted"] == 1
    broken = run_cli("db", "import", "-", env=env, stdin="[{")
    assert broken.code == 2
    assert "standard input is not whole JSON" in broken.stderr


def test_wrong_rows_are_named_by_row_and_column_and_nothing_is_loaded(
    database_url: str, tmp_path: Path
) -> None:
    env = {"DATABASE_URL": database_url}
    file = write_rows(tmp_path, ROW, {**ROW, "id": "x", "price": "much", "skuu": "A"})
    shown = run_cli("db", "import", file, env=env)
    assert shown.code == 2
    header, *rows = shown.stdout.splitlines()
    assert header.split() == ["row", "column", "value", "expected"]
    assert {tuple(row.split()[:2]) for row in rows} == {("2", "id"), ("2", "price"), ("2", "skuu")}
    assert "did you mean sku?" in shown.stdout
    assert "3 errors, nothing was loaded" in shown.stderr
    told = run_cli("db", "import", file, "--json", env=env)
    assert told.code == 2
    assert {error["column"] for error in told.document["errors"]} == {"id", "price", "skuu"}
    counted = run_cli("db", "status", "--json", env=env).document
    assert counted["rows"]["catalogue"] == 0


def test_many_wrong_rows_are_shown_in_part(database_url: str, tmp_path: Path) -> None:
    """A person corrects the first ones first; JSON has them all."""
    env = {"DATABASE_URL": database_url}
    file = write_rows(tmp_path, *({"name": f"Fibre {n}"} for n in range(60)))
    assert "more (all of them with --json)" in run_cli("db", "import", file, env=env).stdout
    told = run_cli("db", "import", file, "--json", env=env).document
    assert {error["row"] for error in told["errors"]} == set(range(1, 61))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.json", '[{"name": "Fibre 1', "rows.json is not whole JSON"),
        ("rows.json", '{"products": []}', "rows.json holds no rows"),
        ("rows.csv", 'name,sku\n"Fibre,F-1\n', "rows.csv is not whole CSV"),
        ("rows.csv", "", "rows.csv is empty"),
    ],
)
def test_a_broken_file_is_refused(
    database_url: str, tmp_path: Path, name: str, content: str, said: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    result = run_cli("db", "import", str(file), env={"DATABASE_URL": database_url})
    assert result.code == 2
    assert said in result.stderr


def test_a_missing_file_is_refused(database_url: str) -> None:
    result = run_cli("db", "import", "nowhere.json", env={"DATABASE_URL": database_url})
    assert result.code == 2
    assert "nowhere.json cannot be read" in result.stderr


def test_import_into_a_database_without_our_tables(empty_database_url: str) -> None:
    result = run_cli("db", "import", str(SAMPLE), env={"DATABASE_URL": empty_database_url})
    assert result.code == 2
    assert "trueup db upgrade" in result.stderr


def test_import_is_refused_where_the_catalogue_is_another_table(
    database_url: str, tmp_path: Path
) -> None:
    """It would go where nobody looks."""
    (tmp_path / "trueup.toml").write_text('[catalogue]\ntable = "shop.products"\n')
    env = {"DATABASE_URL": database_url}
    result = run_cli("db", "import", str(SAMPLE), env=env, cwd=tmp_path)
    assert result.code == 2
    assert "the catalogue is read from shop.products" in result.stderr


def away(*arguments: str) -> Result:
    return run_cli(*arguments, env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})


@pytest.mark.parametrize("command", [("upgrade",), ("status",), ("import", str(SAMPLE))])
def test_a_database_that_is_down(command: tuple[str, ...]) -> None:
    result = away("db", *command)
    assert result.code == 2
    assert "The database cannot be reached" in result.stderr
    assert "DATABASE_URL" in result.stderr
    told = away("db", *command, "--json")
    assert told.code == 2
    assert "cannot be reached" in told.document["error"]


def test_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """A file stands where the folder should be: that stops root as well."""
    (tmp_path / "taken").write_text("")
    env = {"TRUEUP_DATA_DIR": str(tmp_path / "taken" / "data")}
    result = run_cli("db", "status", env=env)
    assert result.code == 2
    assert "TRUEUP_DATA_DIR" in result.stderr


@pytest.mark.parametrize("command", ["upgrade", "status", "import"])
def test_help_has_an_example(command: str) -> None:
    result = run_cli("db", command, "--help")
    assert result.code == 0
    assert f"trueup db {command}" in result.stdout.partition("For example:")[2]
