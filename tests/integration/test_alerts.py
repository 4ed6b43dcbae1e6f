"""Alerts on a real database: what is found, who is told, by how many workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.postgres import fresh_database
from support.program import run_cli
from support.receivers import Inbox, http_receiver
from trueup.cli.told import told
from trueup.clock import SystemClock
from trueup.deployment import Deployment, open_deployment
from trueup.domain.errors import CredentialsError
from trueup.domain.jobs import (
    Ending,
    Job,
    JobKind,
    JobOutcome,
    JobRequest,
    JobState,
    Priority,
    Terms,
)
from trueup.domain.plan import Plan
from trueup.domain.runs import Run, RunState, Trigger
from trueup.jobs.alerting import Reviewed, after, review, review_all
from trueup.jobs.carrying import KINDS, carry_out
from trueup.reconcile.applying import Brake
from trueup.reconcile.running import Report
from trueup.settings import load

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "json.md"
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


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with http_receiver() as opened:
        yield opened


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


def test_everything_that_can_be_wrong_is_found_told_once_and_told_to_be_over(
    database_url: str, inbox: Inbox
) -> None:
    """Each by what the ledger says; one message for all of them, and one when all are mended."""
    with a_place(database_url, inbox.address) as place:
        assert place.look() == Reviewed(0, 0, ())
        for wrong, _ in TROUBLES.values():
            place.sql(wrong)
        assert place.look().standing == len(TROUBLES)
        assert place.look(minutes=20).sent == 0
        for _, mended in TROUBLES.values():
            place.sql(mended)
        assert place.look(minutes=20) == Reviewed(0, 1, ())
        assert place.look(minutes=20) == Reviewed(0, 0, ())
    told, over = inbox.documents
    assert keys(told) == dict.fromkeys(TROUBLES, "raised")
    assert keys(over) == dict.fromkeys(TROUBLES, "recovered")
    assert (told["severity"], over["severity"]) == ("critical", "recovered")
    for detail in ("crm: unreachable", "SKU-1: 4 times", "2 of 10 products", "too many"):
        assert detail in told["body"]


def test_runs_over_some_products_say_nothing_about_the_whole(
    database_url: str, inbox: Inbox
) -> None:
    """Nor do jobs that only show, that are handed over, or that somebody stopped."""
    with a_place(database_url, inbox.address) as place:
        place.sql(TROUBLES["run"][0])
        assert place.look().sent == 1
        place.sql(
            "insert into trueup.run (run_id, trigger, state, started_at, finished_at) values"
            " ('resync-1', 'resync', 'succeeded', '2026-03-02 12:10Z', '2026-03-02 12:10Z')"
        )
        place.clock.advance(minutes=20)
        good = JobOutcome(Ending.SUCCEEDED)
        after(place.deployment, a_job(terms=Terms(skus=("SKU-1",))), good)
        after(place.deployment, a_job(terms=Terms(dry_run=True)), good)
        after(place.deployment, a_job(), JobOutcome(Ending.CANCELLED, "another"))
        after(place.deployment, a_job(), JobOutcome(None))
        assert len(inbox.documents) == 1
        after(place.deployment, a_job(), good)
        place.sql(
            "update trueup.run set started_at = '2026-03-02 13:00Z',"
            " finished_at = '2026-03-02 13:00Z' where run_id = 'schedule-9'"
        )
        after(place.deployment, a_job(), JobOutcome(Ending.CANCELLED, "schedule-9"))
    assert [keys(one) for one in inbox.documents[1:]] == [{"run": "recovered"}]


def test_two_workers_that_look_at_once_tell_once(database_url: str, inbox: Inbox) -> None:
    """While one is sending, the others neither wait nor send; nor at the very same moment."""
    inbox.gate = threading.Event()
    with a_place(database_url, inbox.address) as place, ThreadPoolExecutor(4) as pool:
        place.sql(TROUBLES["held"][0])
        first = pool.submit(place.look)
        assert inbox.arrived.wait(30)
        others = [pool.submit(place.look) for _ in range(3)]
        assert [one.result(30).sent for one in others] == [0, 0, 0]
        inbox.gate.set()
        assert first.result(30).sent == 1

        place.clock.advance(minutes=20)
        place.sql(TROUBLES["run"][0])
        together = threading.Barrier(4)

        def look() -> int:
            together.wait(30)
            return place.look().sent

        assert sum(one.result(30) for one in [pool.submit(look) for _ in range(4)]) == 1
    assert [keys(one) for one in inbox.documents] == [{"held": "raised"}, {"run": "raised"}]


def test_an_address_that_is_down_gets_everything_later_and_the_others_nothing_twice(
    database_url: str, inbox: Inbox
) -> None:
    with http_receiver() as weak, a_place(database_url, inbox.address, weak.address) as place:
        weak.answers = [500, 503]
        place.sql(TROUBLES["held"][0])
        place.sql(TROUBLES["token"][0])
        assert (place.look().sent, len(place.look().troubles)) == (1, 1)
        said = run_cli("alert", "list", env={"DATABASE_URL": database_url})
        assert "it answered 503 Service Unavailable" in said.stdout
        place.sql(TROUBLES["token"][1])
        assert place.look(minutes=20).sent == 2
        assert place.look(minutes=20).sent == 0
    assert [keys(one) for one in inbox.documents] == [
        {"held": "raised", "token": "raised"},
        {"token": "recovered"},
    ]
    assert keys(weak.documents[-1]) == {"held": "raised", "token": "passed"}


def test_who_dies_after_the_delivery_leaves_the_news_to_the_next(
    database_url: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather twice than never; and the address is free at once."""
    with a_place(database_url, inbox.address) as place:
        place.sql(TROUBLES["held"][0])
        with monkeypatch.context() as patched:
            patched.setattr("trueup.postgres.alerts.Reader.delivered", _die)
            with pytest.raises(KeyboardInterrupt):
                place.look()
        assert place.look().sent == 1
        assert place.look(minutes=20).sent == 0
    assert [keys(one) for one in inbox.documents] == [{"held": "raised"}] * 2


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_trouble_with_alerts_changes_nothing_about_the_job(database_url: str, inbox: Inbox) -> None:
    """Whatever it is: an unknown workspace, a database that is away. The switch hears of it."""
    with a_place(database_url) as place:
        after(place.deployment, a_job(workspace="nobody"), JobOutcome(Ending.FAILED))
    with a_place(AWAY, TRUEUP_PING_URL=f"{inbox.address}/ping/abc") as place:
        after(place.deployment, a_job(), JobOutcome(Ending.FAILED))
    assert inbox.pings == ["/ping/abc/fail"]


def test_workspaces_have_alerts_of_their_own(
    database_url: str, postgres_server: str, template: str, inbox: Inbox
) -> None:
    """In databases of their own; one that is away keeps none of the others from being looked at."""
    with (
        fresh_database(postgres_server, template) as other,
        http_receiver() as agency,
        a_place(database_url, inbox.address) as place,
    ):
        home = place.deployment.home.settings
        acme = replace(home, database_url=other, alerts=(agency.address,), workspace="acme")
        away = replace(home, database_url=AWAY)
        all_of_them = {"away": away, "acme": acme, "default": home}
        several = Deployment(place.deployment.home, all_of_them)
        place.sql(TROUBLES["held"][0])
        Place(several, place.clock, other).sql(TROUBLES["drift"][0])
        for _ in range(2):
            review_all(several)
    assert [keys(one) for one in inbox.documents] == [{"held": "raised"}]
    assert [keys(one) for one in agency.documents] == [{"drift": "raised"}]
    assert [one["workspace"] for one in agency.documents] == ["acme"]


def test_the_switch_hears_of_every_night(database_url: str, inbox: Inbox) -> None:
    well = {
        Ending.SUCCEEDED: ["/ping/abc"],
        Ending.HELD: ["/ping/abc"],
        Ending.PARTIAL: ["/ping/abc/fail"],
        Ending.FAILED: ["/ping/abc/fail"],
        Ending.CANCELLED: [],
    }
    with a_place(database_url, TRUEUP_PING_URL=f"{inbox.address}/ping/abc") as place:
        for ending, called in well.items():
            inbox.requests.clear()
            after(place.deployment, a_job(), JobOutcome(ending))
            after(place.deployment, a_job(kind=JobKind.PRUNE), JobOutcome(ending))
            after(place.deployment, a_job(terms=Terms(skus=("S",))), JobOutcome(ending))
            assert inbox.pings == called


def test_a_job_that_crashed_is_told_and_one_that_a_person_stopped_is_not(
    database_url: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By where a worker meets both: the state of a stopped run is partial, or failed."""

    def failing(*_: object) -> JobOutcome:
        return JobOutcome(Ending.PARTIAL, "run-1", "stopped")

    def crashing(*_: object) -> JobOutcome:
        raise ZeroDivisionError

    with a_place(database_url, inbox.address) as place:
        queue = place.deployment.queue
        for work in (failing, crashing):
            asked = queue.ask(a_job().request)
            assert asked is not None
            job = queue.claim(asked.job_id, "a worker")
            assert job is not None
            monkeypatch.setitem(KINDS, JobKind.SYNC, work)
            with suppress(ZeroDivisionError):
                if work is failing:
                    queue.cancel(job.job_id, "Ann")
                carry_out(place.deployment, job, Brake())
            queue.finish(job, JobOutcome(Ending.FAILED))
    [told] = inbox.documents
    assert "it crashed (ZeroDivisionError)" in told["body"]


def test_a_run_by_a_timer_is_told_as_that_of_a_worker(
    database_url: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, also when it could not begin; nothing of one over some products, or of no run."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TRUEUP_ALERTS", inbox.address)
    failed = Run("cli-1", Trigger.CLI, RunState.FAILED, T0, T0, error="the catalogue is empty")
    busy = replace(failed, state=RunState.ALREADY_RUNNING)
    for whole, run in ((False, failed), (True, busy), (True, failed), (True, failed)):
        with told(whole=whole) as note:
            note(Report(run, Plan()))
    with pytest.raises(CredentialsError), told(whole=True):
        raise CredentialsError("not set: ZOHO_ORG_ID")
    assert [keys(one) for one in inbox.documents] == [{"run": "raised"}, {"run": "worse"}]
    assert "not set: ZOHO_ORG_ID" in inbox.documents[1]["body"]


def test_the_list_says_what_stands_and_what_is_over_and_json_names_its_keys(
    database_url: str, inbox: Inbox
) -> None:
    env = {"DATABASE_URL": database_url}
    assert run_cli("alert", "list", env=env).stdout == "Nothing is wrong.\n"
    with a_place(database_url, f"{inbox.address}/hush") as place:
        place.sql(TROUBLES["held"][0])
        place.sql(TROUBLES["drift"][0])
        place.look()
        place.sql(TROUBLES["drift"][1])
        place.look(minutes=20)
    said = run_cli("alert", "list", env=env)
    title, text, times = said.stdout.splitlines()[:3]
    assert title == "warning: 1 product waits for a person"
    assert text.startswith("  `trueup held` shows what and why")
    assert times.endswith(", told 2026-03-02 14:00:00 +02:00")
    assert "3 of 10 products differ from the catalogue  2026-03-02 14:20:00 +02:00" in said.stdout
    assert "http://127.0.0.1  2026-03-02 14:20:00 +02:00" in said.stdout
    document = run_cli("alert", "list", "--json", env=env)
    assert "hush" not in said.stdout + document.stdout
    [stands], [over] = document.document["standing"], document.document["over"]
    assert (stands["key"], stands["until"], over["key"]) == ("held", None, "drift")
    part = PAGE.read_text().partition("### `alert list`")[2].partition("\n### ")[0]
    told = {*document.document, *stands, *document.document["addresses"][0]}
    assert [key for key in told if f"`{key}`" not in part] == []


def test_a_test_message_goes_to_every_address(inbox: Inbox) -> None:
    assert run_cli("alert", "test").code == 2
    with http_receiver() as weak:
        weak.answers = [401]
        env = {"TRUEUP_ALERTS": f"{inbox.address}/hush,{weak.address}/hush"}
        said = run_cli("alert", "test", env=env)
        assert (said.code, said.stderr) == (1, "")
        assert said.stdout.splitlines() == [
            "ok      http://127.0.0.1",
            "failed  http://127.0.0.1  it answered 401 Unauthorized",
        ]
        one = run_cli("alert", "test", "--to", weak.address, "--json", env=env)
    assert one.document == {"addresses": [{"to": "http://127.0.0.1", "ok": True, "error": None}]}
    assert [one["severity"] for one in inbox.documents] == ["info"]
    assert run_cli("alert", "test", "--to", "nowhere").code == 2
