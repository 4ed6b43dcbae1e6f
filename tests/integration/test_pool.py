"""Connections: settings that every session has, and plain words when there is none."""

from __future__ import annotations

import pytest

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.pool import connect, open_pool


def test_a_connection_is_as_we_need_it(database_url: str) -> None:
    """Autocommit, UTC, a name, no prepared statements."""
    with connect(database_url) as conn:
        assert conn.autocommit
        assert conn.prepare_threshold is None
        assert conn.execute("select current_setting('TimeZone')").fetchone() == ("UTC",)
        assert conn.execute("select current_setting('application_name')").fetchone() == ("trueup",)


def test_a_pool_gives_the_same(database_url: str) -> None:
    """And survives a session that the server has ended."""
    pool = open_pool(database_url, 2)
    try:
        with pool.connection() as conn:
            pid = conn.info.backend_pid
        with connect(database_url) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [pid])
        with pool.connection() as conn:
            assert conn.info.backend_pid != pid
            assert conn.execute("select current_setting('TimeZone')").fetchone() == ("UTC",)
    finally:
        pool.close()


@pytest.mark.parametrize("opens", [connect, lambda url: open_pool(url, 1)])
def test_a_server_that_is_down_is_said(opens: object) -> None:
    """The error says what to do and repeats no password."""
    assert callable(opens)
    with pytest.raises(DatabaseUnavailableError) as caught:
        opens("postgresql://me:hush@127.0.0.1:1/none")
    assert "DATABASE_URL" in caught.value.remedy
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql://me:hush@host/db?pgbouncer=true", "postgresql://me:hu%sh@host/db", "hush="]
)
def test_an_unreadable_url_is_not_repeated(url: str) -> None:
    """What cannot be parsed may hold a password."""
    with pytest.raises(DatabaseUnavailableError) as caught:
        connect(url)
    assert "hu" not in str(caught.value)


def test_a_missing_database_names_itself(postgres_server: str) -> None:
    """The advice fits the refusal."""
    with pytest.raises(DatabaseUnavailableError, match="nowhere") as caught:
        connect(postgres_server.replace("/trueup?", "/nowhere?"))
    assert "Create the database" in caught.value.remedy
