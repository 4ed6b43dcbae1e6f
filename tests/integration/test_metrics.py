"""`/metrics` against real databases: each figure after a run, and what a dead database costs."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from support.agreement import a_catalogue_row
from support.site import Site, open_site
from trueup.deployment import Deployment, open_deployment
from trueup.domain.jobs import JobKind, JobRequest, Priority
from trueup.domain.runs import Trigger
from trueup.jobs.carrying import carry_out
from trueup.postgres.migrate import migrations
from trueup.reconcile.applying import Brake
from trueup.settings import load_all
from trueup.web.families import COUNTERS, GAUGES
from trueup.web.metrics import FRESH, STANDS_IN, Scrapes, router

ASKED = JobRequest("default", JobKind.SYNC, Trigger.SCHEDULE, Priority.SCHEDULE)
LABELS = (
    *("workspace", "target", "kind", "status", "state", "trigger", "result", "ending", "verdict"),
    *("le", "version", "python", "generation", "implementation", "major", "minor", "patchlevel"),
)
# Product 1 failed in one run more than is allowed, product 2 in as many, but in part too long ago.
BAD_NIGHTS = """
insert into trueup.product_state (offering_id, target, status, quarantined) values
    ('00000000-0000-4000-8000-000000000001', 'crm', 'failed', false),
    ('00000000-0000-4000-8000-000000000002', 'crm', 'failed', true);
insert into trueup.change_history (run_id, at, target, kind, code, sku, sku_key, owner, action,
                                   reason, deltas, status, remote_id)
select 'run-' || hour, now() - make_interval(hours => hour), 'crm', 'crm_product', 'A', 'A', 'a',
       '00000000-0000-4000-8000-00000000000' || case when hour < 10 then 1 else 2 end,
       'update', 'edited', '{}', 'failed', '1'
from unnest(array[1, 2, 3, 4, 22, 23, 25, 26]) as hour;
insert into trueup.run (run_id, trigger, state, started_at, finished_at) values
    ('a', 'schedule', 'running', now() - interval '1 h', null),
    ('b', 'schedule', 'interrupted', now() - interval '2 h', now() - interval '1 h');
insert into trueup.last_job (kind, ending, exit_code, message, run_id, at)
values ('report', 'failed', 4, '', '', now());
insert into trueup.alert (key, kind, severity, title, text, count, since, raised_at, seen_at,
                          gone_at, closed_at) values
    ('a', 'overdue', 'critical', '', '', 1, now(), now(), now(), null, null),
    ('b', 'held', 'warning', '', '', 1, now(), now(), now(), now(), now());
insert into trueup.call_gate (workspace, target, closed_until)
values ('default', 'crm', now() + interval '10 min');
insert into trueup.token (workspace, purpose, cooldown_until)
values ('default', 'api', now() + interval '5 min');
insert into trueup.worker (name, host, pid, version, slots, seen_at) values
    ('here', 'a', 1, '1', 4, now()), ('gone', 'b', 2, '1', 4, now() - interval '1 h')"""
Figures = Mapping[tuple[str, ...], float]


@contextmanager
def deployed(env: Mapping[str, str], **others: str) -> Iterator[Deployment]:
    """A deployment with these settings, with further workspaces by name and database."""
    home, _ = load_all(environment=env, use_file=False)
    known = {"default": home}
    for name, url in others.items():
        known[name] = replace(home, workspace=name, database_url=url)
    with open_deployment(home, known) as deployment:
        yield deployment


def figures(page: bytes) -> Figures:
    """Every sample by its name and the values of its labels, in the order of `LABELS`."""
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def ours(found: Figures, name: str) -> dict[tuple[str, ...], float]:
    return {key[1:]: value for key, value in found.items() if key[0] == f"trueup_{name}"}


def once_throttled(service: str) -> Mapping[str, Any]:
    return {"match": {"service": service, "times": 1}, "do": "throttle", "retry_after": 0}


def scrape(deployment: Deployment) -> Figures:
    return figures(Scrapes(deployment, patience=60).page())


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=6) as found:
        found.env["TRUEUP_DATA_DIR"] = str(found.folder / "data")
        yield found


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> Mapping[str, str]:
    """A database in which nothing has happened yet."""
    return {"DATABASE_URL": database_url, "TRUEUP_DATA_DIR": str(tmp_path)}


def test_every_figure_is_what_the_runs_left_behind(site: Site) -> None:
    assert site.call("run", "--json").code == 0
    site.fill([a_catalogue_row(1, monthly=5000), a_catalogue_row(2, description="Another text")])
    site.console.weather(once_throttled("crm"))
    assert site.call("run", "--json").code == 3
    assert site.call("verify", "--json").code == 1
    [(minted,)] = site.sql("select generation from trueup.token")
    sent: dict[str, float] = {}
    for entry in site.console.journal():
        sent[entry["service"]] = sent.get(entry["service"], 0) + 1
    with deployed(site.env) as deployment:
        deployment.queue.ask(ASKED)
        page = Scrapes(deployment, patience=60).page()
    check_page(page.decode(), site.env)
    found = figures(page)
    check_limits(found, sent, minted)

    assert ours(found, "up") == {("default",): 1}
    newest = max(known.version for known in migrations())
    assert ours(found, "schema_version") == {("default",): newest}
    assert ours(found, "schema_expected_version") == {(): newest}
    products = ours(found, "products")
    assert products["default", "crm", "ok"] + products["default", "crm", "held"] == 6
    assert products["default", "crm", "held"] == products["default", "billing", "held"] == 1
    assert products["default", "billing", "failed"] == 0
    assert ours(found, "products_quarantined") == {("default", t): 0 for t in ("crm", "billing")}
    waiting = site.call("held", "--json").document["changes"]
    assert sum(ours(found, "held_changes").values()) == waiting > 1
    assert ours(found, "runs_24h") == {
        ("default", "succeeded", "cli"): 1,
        ("default", "held", "cli"): 1,
    }
    states = ours(found, "last_run_state")
    assert states["default", "held"] == sum(states.values()) == 1
    decided = ours(found, "last_run_products")
    assert (decided["default", "held"], decided["default", "candidates"]) == (1, 2)
    assert 0 < found["trueup_last_run_duration_seconds", "default"] < 600
    assert 0 <= found["trueup_last_run_age_seconds", "default"] < 600
    assert 0 <= found["trueup_last_success_age_seconds", "default"] < 600
    assert found["trueup_running_run_age_seconds", "default"] == 0
    assert found["trueup_verification_products", "default"] == 6
    assert found["trueup_verification_differing_products", "default"] == 1
    assert found["trueup_verification_unexplained_products", "default"] == 0
    assert found["trueup_jobs", "default", "sync", "waiting"] == 1
    assert sum(ours(found, "jobs").values()) == 1
    assert found["trueup_jobs_oldest_waiting_seconds", "default"] > 0
    assert (found["trueup_workers",], found["trueup_queue_up",]) == (0, 1)
    assert "trueup_daily_budget" not in {name for name, *_ in found}


def check_limits(found: Figures, sent: Mapping[str, float], minted: int) -> None:
    """The budget and the token as the requests left them that the emulator saw."""
    assert ours(found, "daily_requests") == {("default", t): n for t, n in sent.items()}
    assert ours(found, "throttles_24h") == {("default", "crm", "throttled"): 1}
    assert found["trueup_target_rate_ratio", "default", "crm"] < 1
    assert found["trueup_target_rate_ratio", "default", "billing"] == 1
    assert found["trueup_rate_window_limit", "default"] == 100_000
    assert found["trueup_requests_in_flight", "default"] == 0
    assert found["trueup_tokens_minted_total", "default"] == minted
    assert 0 < found["trueup_token_expiry_seconds", "default"] <= 3600
    assert 0 <= found["trueup_token_age_seconds", "default"] < 600
    assert found["trueup_token_cooldown_seconds", "default"] == 0


def test_what_only_bad_nights_leave_behind_is_told_too(env: Mapping[str, str]) -> None:
    with deployed(env | {"TRUEUP_DAILY_BUDGET": "5000"}) as deployment:
        with deployment.home.pool.connection() as connection:
            connection.execute(BAD_NIGHTS)
        found = scrape(deployment)
    assert found["trueup_products_failing_often", "default"] == 1
    assert found["trueup_products_quarantined", "default", "crm"] == 1
    assert found["trueup_products", "default", "crm", "failed"] == 2
    assert 3600 <= found["trueup_running_run_age_seconds", "default"] < 7200
    assert found["trueup_last_run_state", "default", "interrupted"] == 1
    assert ours(found, "last_job_exit_code") == {("default", "report"): 4}
    assert ours(found, "last_job_ending") == {("default", "report", "failed"): 1}
    assert ours(found, "alerts") == {("default", "overdue"): 1}
    assert 500 < found["trueup_target_pause_seconds", "default", "crm"] <= 600
    assert 200 < found["trueup_token_cooldown_seconds", "default"] <= 300
    assert found["trueup_daily_budget", "default"] == 5000
    assert (found["trueup_workers",], found["trueup_worker_slots",]) == (1, 4)
    # No run has ever gone well: it counts from the making of the database on.
    assert found["trueup_last_success_age_seconds", "default"] >= 0
    assert ("trueup_token_age_seconds", "default") not in found


def test_requests_are_counted_by_what_their_answers_meant(site: Site) -> None:
    with deployed(site.env) as deployment:
        before = scrape(deployment)
        site.console.weather(once_throttled("billing"))
        asked = deployment.queue.ask(ASKED)
        assert asked is not None
        job = deployment.queue.claim(asked.job_id, "worker")
        assert job is not None
        outcome = carry_out(deployment, job, Brake())
        assert deployment.queue.finish(job, outcome)
        found = scrape(deployment)
    key = "trueup_zoho_requests_total"
    counted = {at[2:]: value - before.get(at, 0) for at, value in found.items() if at[0] == key}
    assert counted["billing", "throttled"] == 1
    assert counted["oauth", "ok"] == 1
    assert sum(counted.values()) == site.console.sent()
    assert found["trueup_jobs_finished_24h", "default", "sync", outcome.ending or ""] == 1
    assert ours(found, "last_job_exit_code") == {("default", "sync"): 0}
    assert ours(found, "runs_24h") == {("default", outcome.ending, "schedule"): 1}


def test_a_dead_database_is_down_and_the_others_are_told(env: Mapping[str, str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"postgresql://a:b@127.0.0.1:{nobody.getsockname()[1]}/c"
        with deployed(env, other=dead) as deployment:
            found = scrape(deployment)
    assert ours(found, "up") == {("default",): 1, ("other",): 0}
    assert ("trueup_products", "default", "crm", "pending") in found
    assert not [key for key in found if key[:2] == ("trueup_products", "other")]


def test_a_database_that_never_answers_keeps_nobody_waiting(env: Mapping[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        hung = f"postgresql://a:b@127.0.0.1:{mute.getsockname()[1]}/c"
        with deployed(env, other=hung) as deployment:
            scrapes = Scrapes(deployment, patience=0.05)
            reads = scrapes._under_way
            scrapes.page()
            first = reads["other"]
            scrapes._good_until = 0
            found = figures(scrapes.page())
            # The read that hangs is waited for; it is not joined by a second one.
            assert reads["other"] is first
            assert found["trueup_up", "other"] == 0
            assert not first.done()
    assert first.exception(60) is not None


def test_a_database_that_is_slow_is_told_as_it_was_a_moment_ago(
    env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, go_on = [1000.0], Event()
    with deployed(env) as deployment:
        scrapes = Scrapes(deployment, lambda: now[0], patience=60)
        assert figures(scrapes.page())["trueup_up", "default"] == 1
        monkeypatch.setattr(scrapes, "_ledger", lambda _: go_on.wait(60))
        monkeypatch.setattr(scrapes, "_patience", 0.01)
        now[0] += STANDS_IN - 1
        assert figures(scrapes.page())["trueup_products", "default", "crm", "ok"] == 0
        now[0] += FRESH
        assert figures(scrapes.page())["trueup_up", "default"] == 0
        go_on.set()


def test_one_reading_serves_all_who_ask_meanwhile(env: Mapping[str, str]) -> None:
    now = [1000.0]
    with deployed(env) as deployment:
        scrapes = Scrapes(deployment, lambda: now[0], patience=60)
        before = figures(scrapes.page())
        deployment.queue.ask(ASKED)
        now[0] += FRESH - 0.1
        assert ours(figures(scrapes.page()), "jobs") == ours(before, "jobs")
        now[0] += 0.2
        assert ours(figures(scrapes.page()), "jobs") != ours(before, "jobs")


def test_a_schema_that_is_not_ours_is_down_and_says_which_it_is(
    env: Mapping[str, str], empty_database_url: str
) -> None:
    with deployed(env, bare=empty_database_url) as deployment:
        found = scrape(deployment)
    assert (found["trueup_up", "bare"], found["trueup_schema_version", "bare"]) == (0, 0)


def test_the_endpoint_answers_as_prometheus_expects(env: Mapping[str, str]) -> None:
    app = FastAPI()
    with deployed(env) as deployment:
        app.include_router(router(deployment))
        with TestClient(app) as client:
            answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert figures(answer.content)["trueup_up", "default"] == 1


def check_page(text: str, env: Mapping[str, str]) -> None:
    """It keeps the rules of its format, and every secret."""
    for name in ("ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "ZOHO_ORG_ID", "DATABASE_URL"):
        assert env[name] not in text
    assert "FIB-" not in text
    told = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
    typed = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert told == typed
    assert len(set(told)) == len(told)
    mine = [name for name in told if name.startswith("trueup_")]
    assert {*GAUGES, *COUNTERS} < set(mine)
    for family in text_string_to_metric_families(text):
        check_family(family)


def check_family(family: Any) -> None:
    """What promtool would complain about, for the families that are ours."""
    if not family.name.startswith("trueup_"):
        return
    assert family.documentation.endswith("."), family.name
    totals = [sample.name.endswith("_total") for sample in family.samples]
    assert all(totals) if family.type == "counter" else not any(totals), family.name
    for sample in family.samples:
        for label, value in sample.labels.items():
            assert label == "le" or label.isidentifier(), label
            assert len(value) < 40, value
        assert sample.value == sample.value, "a figure is a number"
    units = ("_milliseconds", "_minutes", "_hours", "_ms", "_percent", "_count")
    assert family.type == "histogram" or not family.name.endswith(units), family.name


def test_the_figures_do_not_wait_for_a_run(env: Mapping[str, str]) -> None:
    """A scrape reads what is committed; it takes no lock that a run waits for."""
    with deployed(env) as deployment:
        scrapes = Scrapes(deployment, patience=60)
        with deployment.home.pool.connection() as connection, connection.transaction():
            connection.execute("lock table trueup.product_state in row exclusive mode")
            began = time.monotonic()
            assert figures(scrapes.page())["trueup_up", "default"] == 1
            assert time.monotonic() - began < 60
