"""From an UPDATE to the new price at Zoho: the watch, a job, a run, without anybody asking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import psycopg
import pytest

from support import postgres
from support.agreement import some_rows
from support.program import run_cli
from support.site import Site, open_site
from trueup.clock import SystemClock
from trueup.deployment import Deployment, open_deployment
from trueup.domain.jobs import Ending, Job, Priority
from trueup.domain.runs import Trigger
from trueup.postgres.importing import import_rows
from trueup.postgres.lease import PostgresLease
from trueup.postgres.touched import PROGRAM
from trueup.settings import load
from trueup.worker.chores import Chore
from trueup.worker.main import Worker
from trueup.worker.watching import Watching, watch

PATIENCE = 60.0  # seconds until what should happen counts as not happening
NO_DELAY = 0.0

Env = dict[str, str]


@contextmanager
def deployed(env: Env, **settings: Any) -> Iterator[Deployment]:
    home = replace(load(environment=env, use_file=False), **settings)
    with open_deployment(home, {home.workspace: home}) as deployment:
        yield deployment


@contextmanager
def watching(deployment: Deployment) -> Iterator[Watching]:
    lease = PostgresLease(deployment.home.pool, "watch", owner="a test")
    found = Watching(deployment, lease)
    try:
        yield found
    finally:
        found.close()


def look_until_asked(watching: Watching) -> list[Job]:
    """Look again and again, as a worker does, until a job was asked for."""
    until = time.monotonic() + PATIENCE
    pause = Event()
    while not (jobs := watching.look()):
        assert time.monotonic() < until, "nobody asked for a run"
        pause.wait(0.01)
    return jobs


@pytest.fixture(scope="module")
def place(postgres_server: str, template: str) -> Iterator[str]:
    """One database for all that need no organisation."""
    with postgres.fresh_database(postgres_server, template) as url:
        assert run_cli("db", "upgrade", "--watch", env={"DATABASE_URL": url}).code == 0
        yield url


@pytest.fixture
def env(place: str) -> Env:
    """Three products, with the watch; nothing of Zoho is needed to ask for a run."""
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("truncate service_packages, trueup.job")
        import_rows(connection, some_rows(3))
        connection.execute("truncate trueup.touched")
    return {"DATABASE_URL": place}


def change(env: Env, statement: str) -> None:
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statement.encode())


def test_one_change_is_one_job(env: Env) -> None:
    """Below a person's, by name; a storm of changes adds to the one that waits."""
    with deployed(env, watch_delay=NO_DELAY) as deployment, watching(deployment) as watcher:
        change(env, "update service_packages set price = 1 where sku = 'FIB-0001'")
        [job] = look_until_asked(watcher)
        assert job.request.terms.skus == ("FIB-0001",)
        assert (job.request.trigger, job.request.priority) == (Trigger.WATCH, Priority.WATCH)
        change(env, "update service_packages set price = 2 where sku < 'FIB-0003'")
        [same] = look_until_asked(watcher)
        assert (same.job_id, same.request.terms.skus) == (job.job_id, ("FIB-0001", "FIB-0002"))

        change(
            env,
            "insert into service_packages (sku, name, service_type, speed_down, speed_up, price)"
            " select 'BLK-' || n, 'Line ' || n, 'fibre', 1, 1, 1 from generate_series(1, 1000) n",
        )
        change(env, "update service_packages set price = price + 1")
        change(env, "delete from service_packages where sku = 'FIB-0003'")
        look_until_asked(watcher)
        watcher.look()
        [waiting] = deployment.queue.open_jobs()
        assert (waiting.job_id, waiting.request.terms.skus) == (job.job_id, ())

        # What comes while it is being looked at has a turn of its own.
        assert deployment.queue.claim(job.job_id, "a worker") is not None
        change(env, "update service_packages set price = 77 where sku = 'FIB-0001'")
        [second] = look_until_asked(watcher)
        assert second.job_id != job.job_id
        assert second.request.terms.skus == ("FIB-0001",)


@dataclass
class TurnedClock(SystemClock):
    """Its seconds pass when the test says so."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def test_what_changes_within_the_delay_is_one_job(env: Env) -> None:
    """Also when nothing is heard of it, and it is found by looking now and then."""
    with deployed(env, watch_delay=600.0) as deployment, watching(deployment) as watcher:
        clock = deployment.home.clock = TurnedClock()
        assert watcher.look() == []
        change(env, "update service_packages set price = 1 where sku = 'FIB-0001'")
        for seconds in (1.0, 15.0, 500.0):  # 516 of them
            clock.seconds += seconds
            assert watcher.look() == []
        change(env, "update service_packages set price = 1 where sku = 'FIB-0002'")
        clock.seconds += 100.0
        [job] = watcher.look()
        assert job.request.terms.skus == ("FIB-0001", "FIB-0002")


def test_one_worker_watches(env: Env) -> None:
    """Another takes its place when it ends, and begins with what was noted in between."""
    with deployed(env, watch_delay=NO_DELAY) as deployment:
        with watching(deployment) as first, watching(deployment) as second:
            first.look()
            change(env, "update service_packages set price = 1 where sku = 'FIB-0001'")
            assert second.look() == []
            assert len(look_until_asked(first)) == 1
        change(env, "update service_packages set price = 1 where sku = 'FIB-0002'")
        with watching(deployment) as third:
            assert len(look_until_asked(third)) == 1


def test_it_listens_again_after_its_connection_was_lost(env: Env) -> None:
    """Also what was changed meanwhile is looked at."""
    cut_off = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = %s and datname = current_database()"
    )
    with deployed(env, watch_delay=NO_DELAY) as deployment, watching(deployment) as watcher:
        watcher.try_every = 0.0
        assert watcher.look() == []
        with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
            assert connection.execute(cut_off, [PROGRAM]).fetchall() == [(True,)]
        change(env, "update service_packages set price = 1 where sku = 'FIB-0001'")
        [job] = look_until_asked(watcher)
        assert job.request.terms.skus == ("FIB-0001",)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=2) as opened:
        yield opened


def job_ends(site: Site, count: int) -> list[str]:
    """Wait until so many jobs of the watch have ended, and say how."""
    rows: list[tuple[Any, ...]] = []

    def ended() -> bool:
        rows[:] = site.sql("select ending from trueup.job where state = 'done' order by job_id")
        return len(rows) >= count

    site.console.wait_for(ended, f"the end of {count} jobs")
    return [ending for (ending,) in rows]


def test_a_new_price_is_at_zoho_in_seconds(site: Site) -> None:
    """And a guard holds there what it holds everywhere."""
    assert site.call("run").code == 0
    assert site.call("db", "upgrade", "--watch").code == 0
    env = site.env
    chores = (Chore("watch", 0.05, watch, alone=False),)
    with deployed(env, watch_delay=NO_DELAY) as deployment, Worker(deployment, chores=chores):
        raised = site.rows[0] | {"price": 520, "base_price_zar": 520}
        site.fill([raised | {"pricing": {"monthly": 520, "setup": 900}}])
        assert job_ends(site, 1) == [Ending.SUCCEEDED]
        [crm] = [r for r in site.console.records("crm") if r["Product_Code"] == raised["sku"]]
        assert crm["Unit_Price"] == 520
        before = site.rows[0]["pricing"]
        fallen = site.rows[0] | {"price": 300, "base_price_zar": 300}
        site.fill([fallen | {"pricing": {"monthly": 300, "setup": 900}}])
        assert job_ends(site, 2) == [Ending.SUCCEEDED, Ending.HELD]
        prices = {r["Product_Code"]: r["Unit_Price"] for r in site.console.records("crm")}
        assert prices[fallen["sku"]] == 502
        site.fill([fallen | {"price": 502, "base_price_zar": 502} | {"pricing": before}])
        assert job_ends(site, 3) == [Ending.SUCCEEDED, Ending.HELD, Ending.SUCCEEDED]
        assert deployment.queue.open_jobs() == []
    triggers = site.sql("select trigger from trueup.run order by started_at")
    assert triggers == [("cli",), ("watch",), ("watch",), ("watch",)]
    assert site.sql("select count(*) from trueup.touched") == [(0,)]
    site.assert_agreement()
