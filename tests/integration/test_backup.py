"""What docs/deploy/backup.md promises of a dump and of what is restored from it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from support.agreement import a_catalogue_row, some_rows, writes
from support.postgres import DEBIAN_15, fresh_database
from support.site import Site, open_site
from trueup.postgres.embedded_paths import find_binaries


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=3) as place:
        yield place


@pytest.fixture
def spare_database_url(postgres_server: str) -> Iterator[str]:
    """An empty database to restore into."""
    with fresh_database(postgres_server) as url:
        yield url


def programs(url: str) -> Path:
    """The folder of a `pg_dump` that is not older than the server."""
    with psycopg.connect(url) as connection:
        major = connection.info.server_version // 10_000
    folder = DEBIAN_15 / "bin" if major == 15 else find_binaries(None).folder
    if not (folder / "pg_dump").exists():
        pytest.skip(f"there is no pg_dump of Postgres {major} on this machine")
    return folder


def dump(url: str, file: Path) -> None:
    """As the page says it."""
    command = [programs(url) / "pg_dump", "--format=custom", f"--file={file}", url]
    subprocess.run(command, check=True)


def restore(url: str, file: Path) -> None:
    """As the page says it."""
    command = [programs(url) / "pg_restore", "--no-owner", "--exit-on-error"]
    subprocess.run([*command, "--single-transaction", f"--dbname={url}", file], check=True)


def test_a_restored_database_goes_on_where_the_dump_was_made(
    site: Site, spare_database_url: str, tmp_path: Path
) -> None:
    """The whole ledger, the token and its key, the watch and the old screens' tables."""
    assert site.call("db", "upgrade", "--watch").code == 0
    assert site.call("run").code == 0
    dump(site.database, tmp_path / "trueup.dump")
    restore(spare_database_url, tmp_path / "trueup.dump")
    tokens = tokens_given(site)
    assert tokens == 1
    _move(site, spare_database_url)
    status = site.call("db", "status", "--json")
    assert (status.code, status.document["schema"]["ready"]) == (0, True), str(status)
    site.assert_agreement()
    assert tokens_given(site) == tokens  # the stored one is still good
    assert site.sql("select count(*) from trueup.change_history") != [(0,)]


def test_an_older_backup_makes_nothing_twice(
    site: Site, spare_database_url: str, tmp_path: Path
) -> None:
    """What was made and re-priced since is found at Zoho, and adopted or seen to be right."""
    assert site.call("run").code == 0
    dump(site.database, tmp_path / "trueup.dump")
    site.fill([a_catalogue_row(1, monthly=510), *some_rows(1, first=4)])
    assert site.call("run").code == 0
    restore(spare_database_url, tmp_path / "trueup.dump")
    _move(site, spare_database_url)
    drift = site.call("drift", "--json")
    assert drift.code == 1, str(drift)
    deltas = [change["deltas"] for change in drift.document["changes"]]
    assert {"Unit_Price": ["510.00", "501.00"]} in deltas  # yesterday's catalogue, too
    before = len(writes(site.console.journal()))
    site.fill(site.rows)  # the catalogue is as old as the rest: it comes first
    again = site.call("run", "--json")
    assert again.code == 0, str(again)
    assert again.document["summary"]["billingSucceeded"] == 2  # the two that it does not know
    assert len(writes(site.console.journal())) == before
    site.assert_agreement()


def tokens_given(site: Site) -> int:
    return sum(entry["service"] == "oauth" for entry in site.console.journal())


def _move(site: Site, url: str) -> None:
    """The program goes on with another database."""
    site.database = url
    site.env["DATABASE_URL"] = url
