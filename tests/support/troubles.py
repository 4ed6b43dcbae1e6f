"""Everything that can be wrong in a workspace, and a place in which a test lets it happen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from trueup.clock import SystemClock
from trueup.deployment import Deployment, open_deployment
from trueup.domain.jobs import Job, JobKind, JobRequest, JobState, Priority
from trueup.domain.runs import Trigger
from trueup.jobs.alerting import Reviewed, review
from trueup.settings import load

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
AWAY = "postgresql://nobody@127.0.0.1:9/nothing"
OFFERING = "abc00000-0000-4000-8000-000000000001"

# What is wrong by its key, and how it becomes so and is mended. Times go by T0.
TROUBLES: dict[str, tuple[str, str]] = {
    "run": (
        """insert into trueup.run (run_id, trigger, state, started_at, finished_at, error)
        values ('schedule-9', 'schedule', 'failed', '2026-03-02 11:00Z', '2026-03-02 11:01Z',
                'crm: unreachable')""",
        """insert into trueup.run (run_id, trigger, state, started_at, finished_at)
        values ('cli-10', 'cli', 'succeeded', '2026-03-02 12:00Z', '2026-03-02 12:00Z')""",
    ),
    "overdue": (
        """insert into trueup.timetable
        values ('default', 'nightly', '0 2 * * *', 'UTC', '2026-03-01 09:00Z')""",
        "delete from trueup.timetable",
    ),
    "worker": (
        """insert into trueup.job (workspace, kind, trigger, priority, asked_at)
        values ('default', 'sync', 'schedule', 20, clock_timestamp() - interval '6 min')""",
        "update trueup.job set state = 'running', seen_at = clock_timestamp()",
    ),
    "paused:crm": (
        """insert into trueup.call_gate (workspace, target, closed_until, last_throttled_at)
        values ('default', 'crm', clock_timestamp() + interval '1 h', clock_timestamp())""",
        "update trueup.call_gate set closed_until = clock_timestamp()",
    ),
    "token": (
        """insert into trueup.token (workspace, purpose, cooldown_until, cooldown_reason)
        values ('default', 'zoho', clock_timestamp() + interval '5 min', 'too many requests')""",
        "update trueup.token set cooldown_until = null",
    ),
    "products": (
        f"""insert into trueup.product_state (offering_id, target, status)
        values ('{OFFERING}', 'crm', 'failed');
        insert into trueup.change_history
            (run_id, at, target, kind, code, sku, sku_key, owner, action, reason, deltas, status,
             remote_id, detail)
        select 'run-' || n / 2, '2026-03-02 03:00Z', 'crm', 'crm_product', 'S', 'SKU-1', 'sku-1',
               '{OFFERING}', 'create', 'missing', '{{}}', 'rejected', '', 'no such value'
        from generate_series(2, 9) as n""",
        "update trueup.product_state set status = 'ok'",
    ),
    "held": (
        """insert into trueup.held_change
            (kind, code, target, sku, sku_key, owner, action, reason, deltas, fingerprint, rules,
             why, first_run, last_run)
        select 'billing_plan', 'P-' || n, 'billing', 'P', 'p', 'owner', 'update', 'edited', '{}',
               'f', '{price_jump}', 'w', 'r', 'r'
        from generate_series(1, 3) as n""",
        "update trueup.held_change set state = 'rejected'",
    ),
    "drift": (
        """insert into trueup.verification
            (at, products, agreeing, totals, rows_hash, previous, hash)
        values ('2026-03-02 11:30Z', 10, 7, '{}', 'r', '', 'h')""",
        """insert into trueup.verification
            (at, products, agreeing, totals, rows_hash, previous, hash)
        values ('2026-03-02 12:30Z', 10, 10, '{}', 'r', 'h', 'i')""",
    ),
}


@dataclass
class HandClock(SystemClock):
    """Stands still until a test moves it."""

    at: datetime = T0

    def now(self) -> datetime:
        return self.at

    def advance(self, **length: float) -> None:
        self.at += timedelta(**length)


@dataclass
class Place:
    """A deployment of one workspace, on a clock that a test moves."""

    deployment: Deployment
    clock: HandClock
    database: str

    def look(self, **length: float) -> Reviewed:
        self.clock.advance(**length)
        return review(self.deployment, self.deployment.home, "default")

    def sql(self, query: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(query.encode())


@contextmanager
def a_place(database: str, *addresses: str, **env: str) -> Iterator[Place]:
    given = {"DATABASE_URL": database, "TRUEUP_ALERTS": " ".join(addresses)} | env
    settings = load(environment=given, use_file=False)
    with open_deployment(settings, {"default": settings}) as deployment:
        clock = HandClock()
        deployment.home.clock = clock
        yield Place(deployment, clock, database)


def keys(document: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["change"] for one in document["conditions"]}


def a_job(**more: Any) -> Job:
    request = JobRequest("default", JobKind.SYNC, Trigger.SCHEDULE, Priority.SCHEDULE)
    return Job(7, replace(request, **more), JobState.RUNNING, T0)
