"""A field that somebody else writes too is told: in `check`, with who it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from support.site import Site, open_site
from trueup.domain.guards import GuardLimits
from trueup.postgres.second_writers import SecondWriter, second_writers

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
LIMITS = GuardLimits()


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def put_back(connection: psycopg.Connection[Any], sku: str, days_ago: float, **more: str) -> None:
    """One field that drifted and was corrected, so many days ago."""
    given = {"reason": "drifted", "status": "applied", "editor": "", "field": "Unit_Price"} | more
    connection.execute(
        "insert into trueup.change_history (run_id, at, target, kind, code, sku, sku_key, owner,"
        " action, reason, deltas, status, remote_id, editor) values ('r', %s, 'crm', 'crm_product',"
        " %s, %s, lower(%s), '', 'update', %s, jsonb_build_object(%s::text, '[1, 2]'::jsonb), %s,"
        " 'x', %s)",
        [
            NOW - timedelta(days=days_ago),
            *[sku] * 3,
            given["reason"],
            given["field"],
            given["status"],
            given["editor"],
        ],
    )


def test_a_field_that_flips_is_told_with_who_changed_it(
    connection: psycopg.Connection[Any],
) -> None:
    """Three times in seven days; by field over all records, the worst record first."""
    for day in (1, 2, 3):
        put_back(connection, "FIB-1", day, editor="Old Job")
        put_back(connection, "FIB-2", day)
    put_back(connection, "FIB-2", 4, editor="Ann Example")
    [found] = second_writers(connection, NOW, LIMITS)
    assert (found.kind.value, found.field, found.records, found.times) == (
        "crm_product",
        "Unit_Price",
        2,
        4,
    )
    assert (found.skus, found.editors) == (("FIB-2", "FIB-1"), ("Ann Example", "Old Job"))
    assert found.last_at == NOW - timedelta(days=1)


@pytest.mark.parametrize(
    "third", [{"reason": "edited"}, {"status": "rejected"}, {"field": "Description"}, None]
)
def test_what_is_no_second_writer(
    connection: psycopg.Connection[Any], third: dict[str, str] | None
) -> None:
    """Twice; a change of ours; another field; one that is too long ago."""
    put_back(connection, "FIB-1", 1)
    put_back(connection, "FIB-1", 2)
    put_back(connection, "FIB-1", 8 if third is None else 3, **(third or {}))
    assert list[SecondWriter]() == second_writers(connection, NOW, LIMITS)


def test_check_warns(database_url: str) -> None:
    """A person puts a price wrong again and again, and Trueup puts it right."""
    with open_site(database_url, products=1) as site:
        assert line(site)["verdict"] == "ok"
        for _ in range(3):
            assert site.call("drift", "--repair").code == 0
            [record] = site.console.records("crm")
            site.console.edit("crm", "products", record["id"], Description="by another job")
        assert site.call("drift", "--repair").code == 0
        told = line(site)
    assert told["verdict"] == "warn"
    assert told["detail"].startswith("crm_product Description of 1 record (FIB-0001) was put back")
    assert "switch the other writer off" in told["remedy"]


def line(site: Site) -> dict[str, Any]:
    document = site.call("check", "--json").document
    [found] = [one for one in document["lines"] if one["check"] == "second writer"]
    return dict(found)
