"""`get_sync_candidates`: what is due, why, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

NOW = datetime.now(UTC)
COLUMNS = (
    *("id", "sku", "name", "status", "last_synced_at", "sync_status", "zoho_crm_product_id"),
    *("zoho_billing_plan_id", "zoho_billing_item_id", "zoho_crm_sync_status"),
    *("zoho_billing_sync_status", "zoho_crm_last_synced_at", "zoho_billing_last_synced_at"),
    "reason",
)
FRESH = {
    "status": "ok",
    "row_revision": "r",
    "verified_at": NOW,
    "last_success_at": NOW,
    "last_attempt_at": NOW,
}


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def package(conn: psycopg.Connection, **values: Any) -> UUID:
    row = {"id": uuid4(), "name": "Fibre", "service_type": "fibre", "price": 1}
    row |= {"speed_down": 1, "speed_up": 1, "updated_at": NOW - timedelta(days=9)} | values
    marks = ", ".join(["%s"] * len(row))
    conn.execute(
        f"insert into service_packages ({', '.join(row)}) values ({marks})", list(row.values())
    )
    return UUID(str(row["id"]))


def stand(conn: psycopg.Connection, offering: UUID, **values: Any) -> None:
    """The same standing at both targets."""
    for target in ("crm", "billing"):
        row = {"offering_id": offering, "target": target} | FRESH | values
        marks = ", ".join(["%s"] * len(row))
        conn.execute(
            f"insert into trueup.product_state ({', '.join(row)}) values ({marks})",
            list(row.values()),
        )


def reasons(conn: psycopg.Connection, limit: int = 100) -> list[tuple[UUID, str]]:
    return conn.execute("select id, reason from get_sync_candidates(%s)", [limit]).fetchall()


def test_the_columns_are_the_promised_ones(conn: psycopg.Connection) -> None:
    """Old screens read them by position and by name."""
    found = conn.execute("select * from get_sync_candidates()")
    assert found.description is not None
    assert tuple(column.name for column in found.description) == COLUMNS


@pytest.mark.parametrize(
    ("row", "standing", "expected"),
    [
        ({}, None, "never"),
        ({}, {}, None),
        ({}, {"verified_at": NOW - timedelta(hours=21), "last_attempt_at": None}, "stale"),
        ({}, {"verified_at": NOW - timedelta(hours=19)}, None),
        ({}, {"status": "failed", "next_attempt_at": NOW - timedelta(minutes=1)}, "failed"),
        ({}, {"status": "failed", "next_attempt_at": NOW + timedelta(minutes=9)}, None),
        ({}, {"status": "failed", "quarantined": True}, None),
        ({}, {"status": "failed", "quarantined": True, "row_revision": ""}, "changed"),
        ({}, {"row_revision": ""}, "changed"),
        ({"updated_at": NOW + timedelta(minutes=1)}, {}, "changed"),
        ({"status": "draft"}, None, None),
        ({"valid_from": NOW + timedelta(days=1)}, None, None),
        ({"status": "inactive"}, None, None),
        ({"status": "inactive", "updated_at": NOW + timedelta(minutes=1)}, {}, "withdrawn"),
        (
            {"valid_to": NOW - timedelta(hours=1)},
            {"verified_at": NOW - timedelta(hours=5), "last_attempt_at": None},
            "withdrawn",
        ),
        ({"valid_to": NOW - timedelta(hours=9)}, None, None),
        ({"status": "archived"}, {}, None),
    ],
)
def test_why_a_product_is_due(
    conn: psycopg.Connection,
    row: dict[str, Any],
    standing: dict[str, Any] | None,
    expected: str | None,
) -> None:
    """Each case of the table."""
    offering = package(conn, **row)
    if standing is not None:
        stand(conn, offering, **standing)
    assert reasons(conn) == ([(offering, expected)] if expected else [])


def test_a_product_that_is_gone_is_still_listed(conn: psycopg.Connection) -> None:
    """It has an id and a SKU, and no name any more."""
    offering = uuid4()
    stand(conn, offering, sku="GONE-1", verified_at=NOW - timedelta(days=1))
    found = conn.execute("select id, sku, name, reason from get_sync_candidates()").fetchall()
    assert found == [(offering, "GONE-1", None, "withdrawn")]


def test_failing_products_take_at_most_a_quarter_while_others_wait(
    conn: psycopg.Connection,
) -> None:
    """Permanent trouble does not starve the rest."""
    for _ in range(9):
        stand(conn, package(conn), status="failed")
        package(conn)
    assert [reason for _, reason in reasons(conn, 8)].count("failed") == 2
    assert len(reasons(conn, 100)) == 18


@pytest.mark.parametrize("limit", ["null", "0", "-1"])
def test_a_senseless_limit_is_refused(conn: psycopg.Connection, limit: str) -> None:
    """Neither everything nor nothing by accident."""
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="max_limit"):
        conn.execute(f"select * from get_sync_candidates({limit})")


def test_a_hand_edit_moves_updated_at(conn: psycopg.Connection) -> None:
    """So that a price changed with SQL is due at once; writing the same again is not."""
    offering = package(conn)
    stand(conn, offering)
    conn.execute("update service_packages set price = price")
    assert reasons(conn) == []
    conn.execute("update service_packages set price = 2")
    assert reasons(conn) == [(offering, "changed")]
