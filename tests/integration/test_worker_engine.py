"""Between the queue and a worker: what the engine loses, doubles or leaves behind costs no job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from support.crew import a_request
from support.postgres import DEBIAN_15, QUICK
from support.program import run_cli
from trueup.deployment import Deployment, open_deployment
from trueup.domain.errors import SchemaError
from trueup.domain.jobs import Ending, Job, JobOutcome, JobState, Priority
from trueup.postgres.dispatch import Dispatch
from trueup.postgres.embedded import EmbeddedPostgres
from trueup.postgres.engine_rooms import engine_state, install_engine, require_engine
from trueup.postgres.migrate import upgrade
from trueup.postgres.queue import PostgresQueue
from trueup.postgres.workers import Roster
from trueup.reconcile.applying import Brake
from trueup.settings import load
from trueup.worker.engine_tables import engine_tables
from trueup.worker.main import Worker

PATIENCE = 60.0
SLOT = {"schedule": "nightly", "slot": "2026-03-02T02:00"}


def until(happened: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.01)


@dataclass
class Bench:
    """A worker in this process, whose jobs do nothing but wait to be let go."""

    deployment: Deployment
    gate: threading.Event = field(default_factory=threading.Event)
    begun: list[int] = field(default_factory=list)

    def attempt(self, job: Job, brake: Brake) -> JobOutcome:
        self.begun.append(job.job_id)
        while not brake.pulled.wait(0.01):
            if self.gate.is_set():
                return JobOutcome(Ending.SUCCEEDED)
        return JobOutcome(None if brake.hands_over else Ending.PARTIAL, message=brake.reason)

    @property
    def queue(self) -> PostgresQueue:
        queue = self.deployment.queue
        assert isinstance(queue, PostgresQueue)
        return queue

    def job(self, job: Job) -> Job:
        found = self.queue.get(job.job_id)
        assert found is not None
        return found

    def ask(self, priority: Priority = Priority.SCHEDULE, workspace: str = "default") -> Job:
        job = self.queue.ask(a_request(priority, workspace=workspace))
        assert job is not None
        return job

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self.deployment.home.pool.connection() as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    variables = {"DATABASE_URL": database_url, "TRUEUP_LEASE": "2", "TRUEUP_WORKER_JOBS": "2"}
    settings = replace(load(environment=variables, use_file=False), schedules=())
    with open_deployment(settings, {"default": settings}) as deployment:
        yield Bench(deployment)


@contextmanager
def at_work(bench: Bench) -> Iterator[Worker]:
    with Worker(bench.deployment, attempt=bench.attempt) as worker:
        yield worker


def test_of_each_workspace_the_first_is_handed_out_to_one_worker(bench: Bench) -> None:
    """By priority, then by age; none where one runs; what is handed out is not handed out again."""
    dispatch = Dispatch(bench.deployment.home.pool)
    nightly, resync = bench.ask(), bench.ask(Priority.PERSON)
    other, later = bench.ask(workspace="b"), bench.ask(workspace="b")
    assert [one.job_id for one in dispatch.take()] == [resync.job_id, other.job_id]
    assert dispatch.take() == []
    claimed = bench.queue.claim(resync.job_id, "w1")
    assert claimed is not None
    assert dispatch.take() == []
    bench.queue.finish(claimed, JobOutcome(Ending.SUCCEEDED))
    assert [one.job_id for one in dispatch.take()] == [nightly.job_id]
    dispatch.take_back(other.job_id)
    assert [one.job_id for one in dispatch.take()] == [other.job_id]
    assert later.job_id not in [one.job_id for one in dispatch.doubtful(0)]
    assert {one.job_id for one in dispatch.doubtful(0)} == {nightly.job_id, other.job_id}
    assert dispatch.doubtful(60) == []


def test_who_is_not_heard_of_loses_the_job(bench: Bench) -> None:
    """It waits for another worker; ends when cancelled, or when too many workers died at it."""
    dispatch = Dispatch(bench.deployment.home.pool)
    job = bench.ask()
    age = "update trueup.job set seen_at = clock_timestamp() - interval '10 s'"
    lost = bench.queue.claim(job.job_id, "w1")
    assert lost is not None
    assert dispatch.reap(2, 3) == []
    bench.sql(age)
    bench.sql("select pg_sleep(greatest(0, 2.1 - extract(epoch from"
              " clock_timestamp() - pg_postmaster_start_time())))")  # fmt: skip
    [reaped] = dispatch.reap(2, 3)
    assert (reaped.state, reaped.attempt) == (JobState.WAITING, 1)
    assert "w1 was not heard of" in reaped.message
    for losses in (2, 3):
        again = bench.queue.claim(job.job_id, f"w{losses}")
        assert again is not None
        bench.sql(age)
        [reaped] = dispatch.reap(2, 3)
        assert not bench.queue.finish(again, JobOutcome(Ending.SUCCEEDED))
    assert (reaped.ending, reaped.message) == (
        Ending.FAILED,
        "3 workers died at it, the last was w3",
    )
    cancelled = bench.queue.claim(bench.ask().job_id, "w1")
    assert cancelled is not None
    bench.queue.cancel(cancelled.job_id, "Ann Example")
    bench.sql(age)
    [reaped] = dispatch.reap(2, 3)
    assert reaped.ending is Ending.CANCELLED


def test_what_the_engine_loses_or_doubles_is_begun_once(bench: Bench) -> None:
    """A number that is carried twice is claimed once; one that is lost is handed out again.

    What a dead engine left behind keeps nobody from anything: no lock of the engine's is used.
    """
    with at_work(bench) as worker:
        until(lambda: Roster(bench.deployment.home.pool).alive(), "the worker")
        job = bench.ask()
        until(lambda: bench.begun, "the job")
        worker._engine.hand_out(job.job_id, 0)
        waiting = bench.ask()
        # As a worker leaves it that fetched the number and was killed before it claimed the job.
        bench.sql("update trueup.job set engine_id = 0, engine_at = '2026-01-01' where job_id = %s",
                  waiting.job_id)  # fmt: skip
        bench.sql(
            "insert into trueup_engine.procrastinate_jobs"
            " (queue_name, task_name, status, lock, args)"
            " values ('default', 'carry', 'doing', 'default', '{}')"
        )
        bench.gate.set()
        until(lambda: bench.job(waiting).state is JobState.DONE, "the job that was lost")
        assert bench.begun == [job.job_id, waiting.job_id]
        until(
            lambda: not bench.sql("select 1 from trueup_engine.procrastinate_jobs"),
            "nothing left of the dead engine",
        )
        assert bench.sql("select 1 from trueup_engine.procrastinate_jobs where lock <> ''") == []
    assert Roster(bench.deployment.home.pool).alive() == []


def test_a_fault_ends_its_job_and_not_the_worker(bench: Bench) -> None:
    """So does one in a chore: all others have their turn."""

    def attempt(job: Job, brake: Brake) -> JobOutcome:
        if job.request.priority is Priority.PERSON:
            raise ZeroDivisionError("a fault of ours")
        return bench.attempt(job, brake)

    bench.gate.set()
    with Worker(bench.deployment, attempt=attempt):
        broken, well = bench.ask(Priority.PERSON), bench.ask()
        until(lambda: bench.job(well).state is JobState.DONE, "the other job")
    ended = bench.job(broken)
    assert (ended.ending, ended.message) == (
        Ending.FAILED,
        "ZeroDivisionError: a fault of ours",
    )
    assert ended.report["exit_code"] == 1


def test_the_engine_lives_apart(empty_database_url: str) -> None:
    """Its tables are in a schema of their own with row-level security, made and made anew by a
    role that owns nothing else; nothing of it is in `public`."""
    tables = engine_tables()
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        upgrade(connection)
        with pytest.raises(SchemaError, match="are not there") as missing:
            require_engine(connection, tables)
        assert "trueup db upgrade" in missing.value.remedy
        assert install_engine(connection, tables)
        assert not install_engine(connection, tables)
        require_engine(connection, tables)
        open_to_all = connection.execute(
            "select tablename from pg_tables where schemaname = 'trueup_engine' and not rowsecurity"
        ).fetchall()
        count = connection.execute(
            "select count(*) from pg_tables where schemaname = 'trueup_engine'"
        ).fetchone()
        assert (open_to_all, count) == ([], (4,))
        found = connection.execute("select to_regclass('public.procrastinate_jobs')").fetchone()
        assert found == (None,)
        queue_row = (
            "insert into trueup.job (workspace, kind, trigger, priority, engine_id)"
            " values ('default', 'sync', 'cron', 50, 7)"
        )
        connection.execute(queue_row)
        newer = f"{tables}\n-- another version"
        with pytest.raises(SchemaError, match="another version"):
            require_engine(connection, newer)
        assert engine_state(connection, newer) is False
        assert install_engine(connection, newer)
        assert connection.execute("select engine_id from trueup.job").fetchone() == (None,)


def test_a_role_that_may_not_is_told_so(empty_database_url: str) -> None:
    """A worker without the right to create schemas names the command that somebody else runs."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        upgrade(connection)
        name = sql.Identifier(f"{connection.info.dbname}_weak")
        connection.execute(sql.SQL("create role {}").format(name))
        connection.execute(sql.SQL("grant usage on schema trueup to {}").format(name))
        try:
            connection.execute(sql.SQL("set role {}").format(name))
            with pytest.raises(SchemaError, match="may not create") as refused:
                install_engine(connection, engine_tables())
            assert "trueup db upgrade" in refused.value.remedy
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("select 1 from trueup.job")
        finally:
            connection.execute("reset role")
            connection.execute(sql.SQL("drop owned by {}").format(name))
            connection.execute(sql.SQL("drop role {}").format(name))


@pytest.mark.tier("postgres15")
@pytest.mark.skipif(not DEBIAN_15.exists(), reason="there is no Postgres 15 here")
def test_a_job_goes_through_on_postgres_15(tmp_path: Path) -> None:
    """The oldest supported server, and a role that owns its database and nothing else."""
    with EmbeddedPostgres(tmp_path, binaries=DEBIAN_15, settings=QUICK) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("create role keeper login")
            connection.execute("create database shop owner keeper")
        url = make_conninfo(server.url, user="keeper", dbname="shop")
        with psycopg.connect(url, autocommit=True) as connection:
            upgrade(connection)
        settings = load(environment={"DATABASE_URL": url}, use_file=False)
        with open_deployment(settings, {"default": settings}) as deployment:
            bench = Bench(deployment)
            bench.gate.set()
            with at_work(bench):
                job = bench.ask()
                until(lambda: bench.job(job).state is JobState.DONE, "the job")


def test_a_worker_says_which_command_is_missing(empty_database_url: str) -> None:
    said = run_cli("worker", env={"DATABASE_URL": empty_database_url})
    assert said.code == 2
    assert "Run `trueup db upgrade`." in said.stderr
