"""Looks at everything, as the database keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trueup.domain.jobs import JobKind
from trueup.domain.looks import Look
from trueup.domain.records import Kind, RecordKey
from trueup.postgres import looks
from trueup.postgres.pool import open_pool

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
LOOK = Look(JobKind.DRIFT, AT, AT, 10, 0, "Ann Example", {"listed": []})


def test_the_last_of_a_kind_has_its_list_and_the_others_their_figures(database_url: str) -> None:
    with open_pool(database_url, 1) as pool, pool.connection() as connection:
        assert looks.last(connection, JobKind.DRIFT) is None
        for number in range(103):
            later = AT + timedelta(hours=number)
            looks.keep(connection, replace(LOOK, began_at=later, ended_at=later, found=number))
        looks.keep(connection, replace(LOOK, what=JobKind.DUPLICATES))
        newest = looks.last(connection, JobKind.DRIFT)
        assert newest is not None
        assert (newest.found, newest.asked_by) == (102, "Ann Example")
        assert newest.document == LOOK.document
        before = looks.earlier(connection, JobKind.DRIFT, 1000)
        assert [look.found for look in before] == list(range(101, 2, -1))
        kept = "select count(*) from trueup.look where document <> '{}'"
        assert connection.execute(kept).fetchone() == (2,)


def test_what_was_written_since_is_the_last_word_on_each_record(database_url: str) -> None:
    """Neither what was written before, nor another kind with the same code."""
    key = RecordKey(Kind.BILLING_PLAN, "FIB-100")
    with open_pool(database_url, 1) as pool, pool.connection() as connection:
        for hours, kind, status in (
            (-1, "billing_plan", "applied"),
            (1, "billing_plan", "failed"),
            (2, "billing_plan", "applied"),
            (3, "crm_product", "failed"),
        ):
            connection.execute(
                "insert into trueup.change_history (run_id, at, target, kind, code, sku, sku_key,"
                " owner, action, reason, deltas, status, remote_id) values"
                " ('a-run', %s, '', %s, 'FIB-100', '', '', '', '', '', '{}', %s, '')",
                (AT + timedelta(hours=hours), kind, status),
            )
        found = looks.written_since(connection, [key, RecordKey(Kind.BILLING_ITEM, "none")], AT)
        assert {k: (w.status, w.at, w.run_id) for k, w in found.items()} == {
            key: ("applied", AT + timedelta(hours=2), "a-run")
        }
        assert looks.written_since(connection, [key], AT + timedelta(hours=2)) == {}
