"""`get_sync_candidates`: what is due, why, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from support.builders import a_row
from trueup.domain.calendar import Today
from trueup.planner.reading import read_lifecycle
from trueup.postgres.business import keep_zone

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

LOOKED_YESTERDAY = dict.fromkeys(("verified_at", "last_attempt_at"), NOW - timedelta(days=1))

LOOKED_JUST_BEFORE = dict.fromkeys(LOOKED_YESTERDAY, NOW - timedelta(seconds=1))


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
        ({}, {"status": "failed", "next_attempt_at": NOW + timedelta(hours=9)}, None),
        ({}, {"status": "failed", "quarantined": True}, None),
        ({}, {"status": "failed", "quarantined": True, "row_revision": ""}, "changed"),
        ({}, {"row_revision": ""}, "changed"),
        ({"updated_at": NOW + timedelta(minutes=1)}, {}, "changed"),
        ({"status": "draft"}, None, None),
        ({"valid_from": NOW + timedelta(days=1)}, None, None),
        ({"status": "inactive"}, None, None),
        ({"status": "inactive", "updated_at": NOW + timedelta(minutes=1)}, {}, "withdrawn"),
        ({"valid_from": NOW}, None, "never"),
        ({"valid_from": NOW}, LOOKED_YESTERDAY, "changed"),
        ({"valid_from": NOW}, LOOKED_JUST_BEFORE, None),
        ({"valid_from": NOW - timedelta(days=1)}, {}, None),
        ({"valid_to": NOW}, None, "never"),
        ({"valid_to": NOW}, {}, None),
        ({"valid_to": NOW - timedelta(days=1)}, LOOKED_YESTERDAY, "withdrawn"),
        ({"valid_to": NOW - timedelta(days=1)}, {}, None),
        ({"valid_to": NOW - timedelta(days=1)}, None, None),
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


# --- dates ---------------------------------------------------------------------------------


def zone_where_it_is(hour: int) -> str:
    """A zone in which it is this hour of the day now; the signs of these names are reversed."""
    east = (hour - NOW.hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


@pytest.mark.parametrize(("hour", "expected"), [(1, None), (12, "never")])
def test_a_window_ends_with_the_day_of_the_business(
    conn: psycopg.Connection, hour: int, expected: str | None
) -> None:
    """Two hours ago was yesterday where it is one o'clock, and is today where it is noon."""
    keep_zone(conn, zone_where_it_is(hour))
    offering = package(conn, valid_to=NOW - timedelta(hours=2))
    assert reasons(conn) == ([(offering, expected)] if expected else [])


@pytest.mark.parametrize("zone", ["Africa/Johannesburg", "America/New_York", "Pacific/Apia"])
def test_sql_and_the_planner_agree_on_what_is_on_sale(conn: psycopg.Connection, zone: str) -> None:
    """Whatever hour the window begins or ends at."""
    keep_zone(conn, zone)
    hours = [timedelta(hours=hours) for hours in range(-30, 31, 3)]
    rows = [{"valid_from": NOW + off} for off in hours] + [{"valid_to": NOW + off} for off in hours]
    stored = {str(package(conn, **row)): row for row in rows}
    live = {str(offering) for offering, _ in reasons(conn, 1000)}
    today = Today.at(datetime.now(UTC), ZoneInfo(zone))
    read = {
        offering: read_lifecycle(a_row(1, **({"valid_from": None, "valid_to": None} | row)), today)
        for offering, row in stored.items()
    }
    assert live == {offering for offering, stands in read.items() if stands == "live"}
    assert len(live) not in (0, len(stored))


@pytest.mark.parametrize(
    ("status", "days", "looked", "expected"),
    [
        ("published", 0, LOOKED_YESTERDAY, "changed"),
        ("effective", 0, LOOKED_YESTERDAY, "changed"),
        ("published", 0, {}, None),
        ("published", 1, LOOKED_YESTERDAY, "stale"),
        ("draft", 0, LOOKED_YESTERDAY, "stale"),
        ("cancelled", 0, LOOKED_YESTERDAY, "stale"),
    ],
)
def test_a_dated_price_is_a_change_on_its_date_once(
    conn: psycopg.Connection, status: str, days: int, looked: dict[str, Any], expected: str | None
) -> None:
    """Neither before its date, nor after it was looked at, nor while it is a draft."""
    offering = package(conn)
    stand(conn, offering, **looked)
    conn.execute(
        "insert into price_changes"
        " (service_package_id, old_price, new_price, effective_date, status)"
        " select %s, 1, 2, (now() at time zone zone)::date + %s, %s from trueup.business",
        [offering, days, status],
    )
    assert reasons(conn) == ([(offering, expected)] if expected else [])
