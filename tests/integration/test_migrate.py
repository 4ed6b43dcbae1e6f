"""Upgrades: from nothing, at once, twice, after an edit, on the oldest server we support."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from support.postgres import DEBIAN_15, QUICK
from trueup.domain.errors import SchemaError
from trueup.postgres import migrate
from trueup.postgres.embedded import EmbeddedPostgres

RACER = """
import sys, psycopg
from trueup.postgres.migrate import upgrade
with psycopg.connect(sys.argv[1], autocommit=True) as conn:
    sys.stdin.readline()
    print(len(upgrade(conn)))
"""


def test_an_empty_database_gets_everything_once(empty_database_url: str) -> None:
    """The first upgrade applies every file, the second one none."""
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        assert migrate.state(conn).current == 0
        with pytest.raises(SchemaError) as caught:
            migrate.require_current(conn)
        assert "trueup db upgrade" in caught.value.remedy

        assert len(migrate.upgrade(conn)) == len(migrate.migrations())
        assert migrate.upgrade(conn) == []
        assert migrate.state(conn).ready
        migrate.require_current(conn)


def test_six_upgrades_at_once_apply_each_file_once(empty_database_url: str) -> None:
    """One process does the work, the others find it done."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, empty_database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    counts = [int(racer.communicate()[0]) for racer in racers]
    assert sorted(counts) == [0] * 5 + [len(migrate.migrations())]


def test_a_file_edited_after_it_was_applied_is_refused(database_url: str) -> None:
    """Both the upgrade and the check name the file."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("update trueup.migration set checksum = 'other' where version = 1")
        assert migrate.state(conn).drifted == ("0001_catalogue_and_legacy_tables",)
        for call in (migrate.upgrade, migrate.require_current):
            with pytest.raises(SchemaError, match="0001_catalogue_and_legacy_tables"):
                call(conn)


def test_a_database_of_a_newer_trueup_is_refused(database_url: str) -> None:
    """An old program does not write into a schema that it does not know."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("insert into trueup.migration values (9999, '9999_later', 'x')")
        with pytest.raises(SchemaError, match="9999_later"):
            migrate.require_current(conn)


def test_a_failing_file_leaves_nothing_behind(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files are one transaction."""
    good = migrate.Migration(1, "0001_good", "create table trueup.good ()", "a")
    bad = migrate.Migration(2, "0002_bad", "create table trueup.bad (;", "b")
    monkeypatch.setattr(migrate, "migrations", lambda: [good, bad])
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        with pytest.raises(SchemaError, match="0002_bad"):
            migrate.upgrade(conn)
        assert conn.execute("select to_regclass('trueup.good')").fetchone() == (None,)


def test_nothing_of_ours_is_open_to_strangers(empty_database_url: str) -> None:
    """Row security is on everywhere, and an anonymous role reads and calls nothing."""
    with psycopg.connect(empty_database_url, autocommit=True) as conn, conn.transaction():
        conn.execute("create role anon")
        try:
            conn.execute("alter default privileges grant all on tables to anon")
            conn.execute("alter default privileges grant all on functions to anon")
            migrate.upgrade(conn)
            open_tables = conn.execute(
                "select relname from pg_class where relkind in ('r', 'p') and not relrowsecurity "
                "and relnamespace in ('public'::regnamespace, 'trueup'::regnamespace)"
            ).fetchall()
            assert open_tables == []
            readable = conn.execute(
                "select relname from pg_class where relkind = 'r' "
                "and relnamespace in ('public'::regnamespace, 'trueup'::regnamespace) "
                "and has_table_privilege('anon', oid, 'select')"
            ).fetchall()
            assert readable == []
            assert conn.execute(
                "select has_schema_privilege('anon', 'trueup', 'usage'), "
                "has_function_privilege('anon', 'get_sync_candidates(integer)', 'execute')"
            ).fetchone() == (False, False)
        finally:
            raise psycopg.Rollback  # roles belong to the whole server


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="no Postgres 15 on this machine")
def test_every_statement_runs_on_postgres_15(tmp_path: Path) -> None:
    """The oldest supported server takes the whole schema."""
    with (
        EmbeddedPostgres(tmp_path, binaries=DEBIAN_15, settings=QUICK) as server,
        psycopg.connect(server.url, autocommit=True) as conn,
    ):
        assert conn.info.server_version // 10000 == 15
        assert len(migrate.upgrade(conn)) == len(migrate.migrations())
        conn.execute("select * from get_sync_candidates(5)")
