"""Taking over the predecessor's database: additive, lossless, honest about what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from support import predecessor
from support.predecessor import PACKAGES
from trueup.postgres.migrate import upgrade

TABLES = ("service_packages", "product_integrations", "zoho_sync_logs", "cron_execution_log")
STATUSES = {"zoho_crm_sync_status", "zoho_billing_sync_status"}

RUN_HISTORY = """
select job_name, status, execution_time_ms, result_summary, error_message, created_at
from cron_execution_log where job_name = 'zoho-sync' order by created_at desc limit 5
"""
STATUS_COUNTS = """
select zoho_crm_sync_status, zoho_billing_sync_status, count(*)
from product_integrations group by zoho_crm_sync_status, zoho_billing_sync_status
"""
FAILURES = """
select sp.sku, sp.name, pi.zoho_crm_sync_status, pi.zoho_crm_last_sync_error,
       pi.zoho_billing_sync_status, pi.zoho_billing_last_sync_error,
       pi.zoho_crm_last_synced_at, pi.zoho_billing_last_synced_at
from product_integrations pi join service_packages sp on sp.id = pi.service_package_id
where pi.zoho_crm_sync_status = 'failed' or pi.zoho_billing_sync_status = 'failed'
order by pi.updated_at desc
"""
RATE_LIMITED = """
select sp.sku, sp.name, pi.rate_limit_hits, pi.last_rate_limit_at
from product_integrations pi join service_packages sp on sp.id = pi.service_package_id
where pi.last_rate_limit_at is not null order by pi.last_rate_limit_at desc limit 10
"""


@pytest.fixture
def old(empty_database_url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(empty_database_url, autocommit=True, row_factory=dict_row) as conn:
        predecessor.build(conn)
        yield conn


def upgraded(conn: psycopg.Connection[dict[str, Any]]) -> None:
    with psycopg.connect(conn.info.dsn, autocommit=True) as plain:
        upgrade(plain)


def contents(conn: psycopg.Connection[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        table: conn.execute(f"select * from {table} order by id").fetchall() for table in TABLES
    }


def statuses(conn: psycopg.Connection[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    rows = conn.execute(
        "select right(sku, 1) as name, zoho_crm_sync_status, zoho_billing_sync_status "
        "from product_integrations join service_packages on service_package_id = "
        "service_packages.id"
    ).fetchall()
    return {
        row["name"].lower(): (row["zoho_crm_sync_status"], row["zoho_billing_sync_status"])
        for row in rows
    }


def test_nothing_is_lost(old: psycopg.Connection[dict[str, Any]]) -> None:
    """Every row and every value is as before, but for the two split statuses."""
    before = contents(old)
    upgraded(old)
    after = contents(old)
    for table in TABLES:
        assert len(after[table]) == len(before[table])
        for was, now in zip(before[table], after[table], strict=True):
            kept = {name: now[name] for name in was if name not in STATUSES}
            assert kept == {name: was[name] for name in was if name not in STATUSES}
    for was, now in zip(before["product_integrations"], after["product_integrations"], strict=True):
        assert {name: now["legacy_status"][name] for name in STATUSES} == {
            name: was[name] for name in STATUSES
        }


def test_a_copied_status_becomes_pending(old: psycopg.Connection[dict[str, Any]]) -> None:
    """A target keeps its status only if it has something of its own to show for it."""
    upgraded(old)
    expected = {
        "a": ("ok", "ok"),
        "b": ("ok", "pending"),
        "c": ("failed", "pending"),
        "d": ("ok", "failed"),
        "e": ("pending", "pending"),
        "f": ("pending", "pending"),
    }
    assert statuses(old) == expected


def test_the_split_happens_once(old: psycopg.Connection[dict[str, Any]]) -> None:
    """A status that looks like a copy later on is real and stays."""
    upgraded(old)
    old.execute(
        "update product_integrations set sync_status = 'ok', zoho_crm_sync_status = 'ok', "
        "zoho_billing_sync_status = 'ok'"
    )
    upgraded(old)
    assert set(statuses(old).values()) == {("ok", "ok")}


def test_our_rows_are_accepted_and_old_ones_too(old: psycopg.Connection[dict[str, Any]]) -> None:
    """The checks are wider, not gone; columns that we do not know demand nothing."""
    upgraded(old)
    for status in ("success", "partial", "failed", "held", "running", "completed", "cancelled"):
        old.execute(
            "insert into cron_execution_log (job_name, status, execution_time_ms, result_summary)"
            " values ('zoho-sync', %s, 5, %s)",
            [status, Jsonb({})],
        )
    for kind in ("Products", "Plans", "Items", "Invoices"):
        old.execute(
            "insert into zoho_sync_logs (entity_type, entity_id, zoho_entity_type, status, "
            "attempt_number, metadata) values ('product', %s, %s, 'failed', 17, '{}')",
            [PACKAGES["a"], kind],
        )
    with pytest.raises(psycopg.errors.CheckViolation):
        old.execute("insert into cron_execution_log (job_name, status) values ('x', 'nonsense')")


def test_the_four_monitoring_queries_work(old: psycopg.Connection[dict[str, Any]]) -> None:
    """The guide's queries run verbatim and show rows."""
    upgraded(old)
    old.execute(
        "insert into cron_execution_log (job_name, status, execution_time_ms, result_summary) "
        "select 'zoho-sync', 'held', n, '{}' from generate_series(1, 6) as n"
    )
    for _ in range(25):
        old.execute("select record_rate_limit_hit(%s, 'billing', 'slow down')", [PACKAGES["h"]])
    old.execute("select record_rate_limit_hit(%s, %s)", [PACKAGES["a"], "x" * 500])

    assert len(old.execute(RUN_HISTORY).fetchall()) == 5
    assert sum(row["count"] for row in old.execute(STATUS_COUNTS).fetchall()) == 7
    assert [row["sku"] for row in old.execute(FAILURES).fetchall()] == ["FIB-C", "FIB-D"]
    limited = old.execute(RATE_LIMITED).fetchall()
    assert [row["sku"] for row in limited] == ["FIB-A", "FIB-H"]
    assert len(limited[1]["rate_limit_hits"]) == 20
    assert limited[1]["rate_limit_hits"][0].keys() == {"api", "at", "message"}


def test_a_rate_limit_hit_of_an_unknown_package_breaks_nothing(
    old: psycopg.Connection[dict[str, Any]],
) -> None:
    """The predecessor's foreign key refuses the row; the recorder carries on."""
    upgraded(old)
    old.execute("select record_rate_limit_hit(gen_random_uuid(), 'crm')")


def test_the_old_policies_stay(old: psycopg.Connection[dict[str, Any]]) -> None:
    """Row security of tables that we did not make is not ours to change."""
    upgraded(old)
    found = old.execute(
        "select relname, relrowsecurity from pg_class where relname = any(%s)", [list(TABLES)]
    ).fetchall()
    assert {row["relname"]: row["relrowsecurity"] for row in found} == {
        "product_integrations": True,
        "service_packages": False,
        "zoho_sync_logs": False,
        "cron_execution_log": False,
    }
    assert old.execute("select policyname from pg_policies").fetchall() == [{"policyname": "staff"}]


def test_candidates_include_those_that_the_predecessor_forgot(
    old: psycopg.Connection[dict[str, Any]],
) -> None:
    """Pending, null times and missing mapping rows are all due."""
    upgraded(old)
    found = old.execute("select right(sku, 1) as name, reason from get_sync_candidates()")
    reasons = {row["name"].lower(): row["reason"] for row in found.fetchall()}
    assert reasons == (
        {"a": "stale"} | dict.fromkeys("befgh", "never") | dict.fromkeys("cd", "failed")
    )
