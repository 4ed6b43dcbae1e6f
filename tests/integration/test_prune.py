"""What is past its time goes, what is still needed stays, and nobody notices but the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from support.program import run_cli
from support.site import Site, open_site
from trueup.bootstrap import open_app
from trueup.domain.jobs import Ending, Job, JobKind, JobRequest, JobState, Priority
from trueup.domain.runs import Trigger
from trueup.jobs.carrying import KINDS
from trueup.postgres.pool import open_pool
from trueup.postgres.prune import Ages, past_its_time, prune
from trueup.reconcile.applying import Brake
from trueup.settings import load

OWNER = "00000000-0000-4000-8000-000000000001"
HISTORY, RUNS = timedelta(days=90), timedelta(days=400)

# A small world with something of every age; `old`, `older` mean past the time of changes, of runs.
# What starts with `kept` is still there afterwards.
WORLD = """
    create function pg_temp.ago(days integer) returns timestamptz language sql
        return now() - make_interval(days => days);
    insert into trueup.run (run_id, trigger, state, started_at) values
        ('kept-now', 'cli', 'failed', pg_temp.ago(1)),
        ('kept-old', 'cli', 'failed', pg_temp.ago(100)),
        ('kept-running', 'cli', 'running', pg_temp.ago(500)),
        ('kept-success', 'cli', 'succeeded', pg_temp.ago(450)),
        ('kept-held-by', 'cli', 'held', pg_temp.ago(500)),
        ('kept-held', 'cli', 'held', pg_temp.ago(450)),
        ('kept-intended', 'cli', 'failed', pg_temp.ago(500)),
        ('older', 'cli', 'succeeded', pg_temp.ago(500));

    insert into trueup.binding (kind, code, slot, remote_id, owner, sku, applied, run_id) values
        ('crm_product', 'A', 'product', 'r1', '{owner}', 'A', '{{}}', 'older');
    insert into trueup.intent (kind, code, name, name_key, slot, owner, sku, run_id) values
        ('crm_product', 'kept', 'B', 'b', 'product', '{owner}', 'B', 'kept-intended');
    insert into trueup.held_change
        (kind, code, target, sku, sku_key, owner, action, reason, deltas, fingerprint, rules, why,
         state, first_run, last_run, held_at, closed_at) values
        ('crm_product', 'H', 'crm', 'kept-open', 'h', '', 'update', 'edited', '{{}}', 'f1',
         '{{takeover}}', '', 'open', 'kept-held-by', 'kept-now', pg_temp.ago(500), null),
        ('crm_product', 'R', 'crm', 'kept-refused', 'r', '', 'update', 'edited', '{{}}', 'f2',
         '{{takeover}}', '', 'rejected', 'older', 'older', pg_temp.ago(500), pg_temp.ago(450)),
        ('crm_product', 'X', 'crm', 'old', 'x', '', 'update', 'edited', '{{}}', 'f3',
         '{{takeover}}', '', 'rejected', 'older', 'older', pg_temp.ago(500), pg_temp.ago(100)),
        ('crm_product', 'Y', 'crm', 'kept-lately', 'y', '', 'update', 'edited', '{{}}', 'f4',
         '{{takeover}}', '', 'applied', 'older', 'older', pg_temp.ago(500), pg_temp.ago(80));
    insert into trueup.refusal (kind, code, field, value, by) values
        ('crm_product', 'R', 'name', '"x"', 'Thandi');

    insert into trueup.change_history
        (run_id, at, target, kind, code, sku, sku_key, owner, action, reason, deltas, status,
         remote_id) values
        ('kept-now', pg_temp.ago(1), 'crm', 'crm_product', 'A', 'kept-new', 'a', '', 'update',
         'edited', '{{}}', 'applied', 'r1'),
        ('kept-running', pg_temp.ago(500), 'crm', 'crm_product', 'A', 'kept-running', 'a', '',
         'update', 'edited', '{{}}', 'applied', 'r1'),
        ('kept-old', pg_temp.ago(100), 'crm', 'crm_product', 'A', 'old', 'a', '', 'update',
         'edited', '{{}}', 'applied', 'r1'),
        ('kept-old', pg_temp.ago(89), 'crm', 'crm_product', 'A', 'old: a whole run goes', 'a', '',
         'update', 'edited', '{{}}', 'applied', 'r1'),
        ('older', pg_temp.ago(500), 'crm', 'crm_product', 'U', 'old: not the last', 'u', '',
         'create', 'missing', '{{}}', 'applied', 'unbound'),
        ('older', pg_temp.ago(500), 'crm', 'crm_product', 'U', 'kept-ours', 'u', '', 'update',
         'edited', '{{}}', 'unknown', 'unbound'),
        ('older', pg_temp.ago(500), 'crm', 'crm_product', 'F', 'old: failed', 'f', '', 'create',
         'missing', '{{}}', 'rejected', ''),
        ('older', pg_temp.ago(500), 'crm', 'crm_product', 'H', 'kept-waits', 'h', '', 'update',
         'edited', '{{}}', 'held', ''),
        ('nobody', pg_temp.ago(100), 'crm', 'crm_product', 'A', 'old: of no run', 'a', '',
         'update', 'edited', '{{}}', 'applied', 'r1');

    insert into trueup.product_state (offering_id, target, status) values
        ('{owner}', 'crm', 'failed'), ('{owner}', 'billing', 'ok');
    insert into public.zoho_sync_logs
        (entity_type, entity_id, status, attempt_number, created_at, error_message, metadata) values
        ('product', '{owner}', 'failed', 1, pg_temp.ago(100), 'kept-since',
         '{{"run_id": "older", "target": "crm"}}'),
        ('product', '{owner}', 'failed', 1, pg_temp.ago(100), 'old: in order by now',
         '{{"run_id": "older", "target": "billing"}}'),
        ('product', '{owner}', 'failed', 2, pg_temp.ago(100), 'old',
         '{{"run_id": "older", "target": "crm"}}'),
        ('product', '{owner}', 'failed', 2, pg_temp.ago(89), 'kept-new',
         '{{"run_id": "older", "target": "crm"}}'),
        ('product', '{owner}', 'failed', 2, pg_temp.ago(900), 'kept-predecessor', null),
        ('invoice', '{owner}', 'failed', 2, pg_temp.ago(900), 'kept-other', '{{"run_id": "x"}}');
    insert into public.cron_execution_log (job_name, status, created_at, result_summary) values
        ('zoho-sync', 'success', pg_temp.ago(500), '{{"run_id": "older"}}'),
        ('zoho-sync', 'failed', pg_temp.ago(100), '{{"run_id": "kept-old"}}'),
        ('zoho-sync', 'success', pg_temp.ago(900), '{{"run_id": "kept-unknown"}}'),
        ('zoho-sync', 'success', pg_temp.ago(900), null),
        ('other-job', 'success', pg_temp.ago(900), '{{"run_id": "older"}}');
    insert into trueup.call_by_run (workspace, run_id, target, last_at) values
        ('default', 'older', 'crm', pg_temp.ago(500)), ('default', 'kept-old', 'crm', now());

    insert into trueup.job
        (workspace, kind, trigger, priority, schedule, slot, asked_by, state, ending, finished_at,
         report) values
        ('a', 'sync', 'schedule', 20, 'nightly', '2020-01-01T02:00', 'old', 'done', 'succeeded',
         pg_temp.ago(500), '{{}}'),
        ('a', 'sync', 'schedule', 20, 'nightly', '2020-01-02T02:00', 'kept-slot', 'done',
         'succeeded', pg_temp.ago(450), '{{"results": []}}'),
        ('a', 'verify', 'schedule', 20, 'hourly', '2019-01-01T02:00', 'kept-slot', 'done',
         'succeeded', pg_temp.ago(500), '{{}}'),
        ('b', 'sync', 'schedule', 20, 'nightly', '2019-01-01T02:00', 'kept-slot', 'done',
         'succeeded', pg_temp.ago(500), '{{}}'),
        ('a', 'sync', 'watch', 30, '', '', 'old', 'done', 'succeeded', pg_temp.ago(450), '{{}}'),
        ('a', 'sync', 'watch', 30, '', '', 'kept', 'done', 'succeeded', pg_temp.ago(100),
         '{{"results": []}}'),
        ('a', 'sync', 'watch', 30, '', '', 'kept-report', 'done', 'succeeded', pg_temp.ago(1),
         '{{"results": []}}'),
        ('a', 'sync', 'cli', 30, '', '', 'kept-waiting', 'waiting', null, null, '{{}}');
    insert into trueup.reading (name, started) values
        ('old', pg_temp.ago(2)), ('kept', pg_temp.ago(0));
    insert into trueup.observed
        (reading, round, kind, remote_id, code, own_id, parent_id, name, name_key, version, fields)
        select id, 1, 'crm_product', '1', '', '', '', name, '', '', '{{}}' from trueup.reading;
    insert into trueup.touched (id, at) values ('old', pg_temp.ago(8)), ('kept', pg_temp.ago(6));
    """

# What a row of each table is called above.
NAMES = {
    "trueup.run": "run_id",
    "trueup.held_change": "sku",
    "trueup.change_history": "sku",
    "public.zoho_sync_logs": "error_message",
    "trueup.job": "asked_by",
    "trueup.reading": "name",
    "trueup.observed": "name",
    "trueup.touched": "id",
}
Pool = ConnectionPool[Any]


@contextmanager
def pool_of(url: str) -> Iterator[Pool]:
    with open_pool(url, 2) as pool:
        yield pool


def ages(**more: Any) -> Ages:
    return Ages(**({"now": datetime.now(UTC), "history": HISTORY, "runs": RUNS} | more))


def build(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WORLD.format(owner=OWNER).encode())


def names(pool: Pool) -> dict[str, list[str]]:
    with pool.connection() as connection:
        return {
            table: [
                name for (name,) in connection.execute(f"select {column} from {table}".encode())
            ]
            for table, column in NAMES.items()
        }


def rows(pool: Pool, query: str) -> list[tuple[Any, ...]]:
    with pool.connection() as connection:
        return connection.execute(query.encode()).fetchall()


def test_what_goes_and_what_stays(database_url: str) -> None:
    build(database_url)
    with pool_of(database_url) as pool:
        before = names(pool)
        foreseen = past_its_time(pool, ages())
        assert names(pool) == before  # to count is not to remove
        removed = prune(pool, ages())
        assert removed == foreseen
        after = names(pool)
        for table, known in before.items():
            kept = [name for name in known if name.startswith("kept")]
            assert sorted(after[table]) == sorted(kept), table
            assert len(known) - len(after[table]) == removed[table] > 0, table
        logs = rows(pool, "select result_summary ->> 'run_id', job_name from cron_execution_log")
        assert sorted(str(run_id) for run_id, _ in logs) == [
            *("None", "kept-old", "kept-unknown", "older"),
        ]
        assert rows(pool, "select run_id from trueup.call_by_run") == [("kept-old",)]
        reports = rows(pool, "select asked_by from trueup.job where report <> '{}'")
        assert reports == [("kept-report",)]
        marked = rows(pool, "select run_id from trueup.run where changes_removed_at is null")
        assert sorted(marked) == [("kept-now",), ("kept-running",)]
        assert sum(prune(pool, ages()).values()) == 0


def test_killed_at_any_instant_the_next_time_goes_on(database_url: str) -> None:
    build(database_url)
    with pool_of(database_url) as pool:
        total = sum(past_its_time(pool, ages()).values())
        removed = 0
        for pieces in range(1, 100):
            # Each time it is stopped a piece later.
            left = iter(range(pieces))
            got = prune(pool, ages(), batch=1, stopped=lambda left=left: next(left, None) is None)
            removed += sum(got.values())
            if removed == total:
                break
            history = names(pool)["trueup.change_history"]
            marked = rows(pool, "select 1 from trueup.run where changes_removed_at is not null")
            assert marked or "old" in history  # never a part of a run that does not say so
        assert removed == total
        assert all(n.startswith("kept") for known in names(pool).values() for n in known)


def test_which_clock_and_how_far_back(database_url: str) -> None:
    """A clock that is ahead, as in a trial, removes nothing that the database's calls new."""
    build(database_url)
    with pool_of(database_url) as pool:
        # A guard looks back as far as that.
        prune(pool, ages(flips=timedelta(days=365)))
        assert "old" in names(pool)["trueup.change_history"]
        prune(pool, ages(now=datetime.now(UTC) - timedelta(days=3000)))
        assert "old" in names(pool)["trueup.change_history"]
        prune(pool, ages(now=datetime.now(UTC) + timedelta(days=3000)))
        left = names(pool)
        assert "kept-new" not in left["trueup.change_history"]  # runs go by that clock
        assert "kept-report" in left["trueup.job"]
        assert "kept-new" in left["public.zoho_sync_logs"]


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=1) as opened:
        yield opened


def test_the_laws_hold_after_it(site: Site) -> None:
    """Two runs, the first past its time: nothing is to do, and only the second is taken back."""
    assert site.call("run").code == 0
    row = site.rows[0]
    dearer = row | {"price": 520, "base_price_zar": 520, "pricing": {"monthly": 520, "setup": 900}}
    site.fill([dearer])
    assert site.call("run").code == 0
    [(first,), (second,)] = site.sql("select run_id from trueup.run order by started_at")
    for table, moment in (("run", "started_at"), ("change_history", "at")):
        site.sql(
            f"update trueup.{table} set {moment} = {moment} - interval '91 days' where run_id = %s",
            first,
        )
    foreseen = site.call("db", "prune", "--dry-run", "--json").document
    pruned = site.call("db", "prune", "--json")
    assert pruned.code == 0, str(pruned)
    assert (foreseen["dry_run"], foreseen["rows"]) == (True, pruned.document["rows"])
    assert pruned.document["rows"]["trueup.change_history"] == 4
    assert "nothing is past its time" in site.call("db", "prune").stdout
    site.assert_agreement()

    shown = site.call("runs", "show", first, "--json").document
    assert shown["changes"] == []
    assert shown["changes_removed_at"] is not None
    assert "Its changes were past their time" in site.call("runs", "show", first).stdout
    refused = site.call("revert", first, "--yes", "--by", "Thandi", "--json")
    assert refused.code == 2
    assert "cannot be taken back" in refused.document["error"]
    assert site.call("revert", second, "--yes", "--by", "Thandi").code == 0
    prices = {r["Product_Code"]: r["Unit_Price"] for r in site.console.records("crm")}
    assert prices[row["sku"]] == row["price"]
    assert site.call("run", "--json").document["summary"]["crmFailed"] == 0


def test_a_night_of_housekeeping(database_url: str) -> None:
    """The job of the schedule does the same; stopped, it goes on another time."""
    build(database_url)
    env = {"DATABASE_URL": database_url}
    request = JobRequest("default", JobKind.PRUNE, Trigger.SCHEDULE, Priority.HOUSEKEEPING)
    job = Job(1, request, JobState.RUNNING, datetime.now(UTC))
    with open_app(load(environment=env, use_file=False)) as app:
        braked = Brake()
        braked.pull("the worker was stopped", hand_over=True)
        assert KINDS[JobKind.PRUNE](app, job, braked).ending is None
        done = KINDS[JobKind.PRUNE](app, job, Brake())
        assert (done.ending, done.report["rows"]["trueup.run"]) == (Ending.SUCCEEDED, 1)
    assert "nothing is past its time" in run_cli("db", "prune", "--dry-run", env=env).stdout
