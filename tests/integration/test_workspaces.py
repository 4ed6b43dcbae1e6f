"""Workspaces in one deployment: each has its own database, token, budget and lock."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg import sql

from support.agency import Agency, open_agency
from support.postgres import FOLDER_VARIABLE, SERVER_VARIABLE
from support.program import run_cli
from trueup.deployment import open_deployment
from trueup.domain.jobs import Ending, Job, JobKind, JobRequest, Priority
from trueup.domain.runs import Trigger
from trueup.jobs.carrying import carry_out
from trueup.ports import Queue
from trueup.postgres.embedded import EmbeddedPostgres
from trueup.reconcile.applying import Brake

# Nothing listens there, and the kernel says so at once.
NOWHERE = "postgresql://nobody:invented-password@127.0.0.1:1/shop"
TABLES = ("run", "token", "call_slot", "call_bucket", "lease", "binding", "change_history")


@pytest.fixture(scope="module")
def agency(postgres_server: str, template: str) -> Iterator[Agency]:
    """Of one module, for it takes a second; no test runs the job for a workspace of another."""
    names = ["acme", "north-sea", "south", "west"]
    with open_agency(postgres_server, template, names, products=3) as found:
        yield found


def test_a_run_of_one_touches_nothing_of_the_other(agency: Agency) -> None:
    """Not its organisation, not its ledger, its budget or its token; nor is its lock in the way."""
    acme, north = agency.sites["acme"], agency.sites["north-sea"]
    ran = agency.call("run", "--json", "--workspace", "acme")
    assert (ran.code, ran.document["summary"]["crmSucceeded"]) == (0, 3), ran
    assert north.console.sent() == 0
    for table in TABLES:
        assert north.sql(f"select count(*) from trueup.{table}") == [(0,)], table
        assert acme.sql(f"select count(*) > 0 from trueup.{table}") == [(True,)], table
    [(token,)] = acme.sql("select ciphertext from trueup.token")

    # Somebody holds the lock of acme: it is no lock of north-sea.
    acme.sql(
        "update trueup.lease set owner = 'somebody', expires_at = now() + interval '1 hour'"
        " where name = 'default/run'"
    )
    assert agency.call("run", "--workspace=acme").code == 75
    before = acme.console.sent()
    ran = agency.call("run", "--json", TRUEUP_WORKSPACE="north-sea")
    assert (ran.code, ran.document["summary"]["crmSucceeded"]) == (0, 3), ran
    assert acme.console.sent() == before
    [(other,)] = north.sql("select ciphertext from trueup.token")
    assert other != token
    acme.sql("update trueup.lease set expires_at = now()")
    for site in (acme, north):
        [(counted,)] = site.sql("select count(*) from trueup.call_slot")
        assert counted == site.console.sent()
        site.assert_agreement()


def test_one_has_to_be_named(agency: Agency) -> None:
    """A command about one asks which; those about the deployment tell of all."""
    for said in (agency.call("run"), agency.call("status", "--json"), agency.call("config")):
        assert said.code == 2
        assert "none is named: acme, north-sea, south, west" in said.stderr
    assert agency.call("run", "--workspace").code == 2
    assert "'acne' (did you mean 'acme'?)" in agency.call("run", "--workspace", "acne").stderr
    assert agency.call("worker", "--workspace", "acme").code == 2
    listed = agency.call("workspaces", "--json").document["workspaces"]
    assert [one["workspace"] for one in listed] == ["acme", "north-sea", "south", "west"]
    assert all(one["next_run"].endswith("T02:00:00+02:00") for one in listed)
    told = agency.call("config", "--json", "--workspace", "acme").document
    origins = {s["key"]: s["origin"] for s in told["settings"]}
    assert told["workspace"] == "acme"
    assert origins["zoho.refresh_token"] == "ZOHO_REFRESH_TOKEN__ACME"
    assert origins["zoho.org_id"].endswith("[workspaces.acme]")
    steps = agency.call("auth", "url", "--json", "--workspace", "acme").document["steps"]
    assert "into ZOHO_REFRESH_TOKEN__ACME, then" in steps[-1]
    missing = agency.call("run", "--workspace", "acme", ZOHO_REFRESH_TOKEN__ACME="")
    assert missing.code == 4
    assert "not set: ZOHO_REFRESH_TOKEN__ACME\n" in missing.stderr


def test_a_database_that_is_down_hinders_no_other(agency: Agency) -> None:
    """Neither the list, nor the upgrade, nor the jobs of the other."""
    south, broken = agency.sites["south"], {"DATABASE_URL__WEST": NOWHERE}
    listed = agency.call("workspaces", "--json", **broken)
    *_, up, down = listed.document["workspaces"]
    assert "cannot be reached" in down["trouble"]
    assert (up["trouble"], up["last_run"]) == (None, None)
    assert "invented-password" not in listed.stdout + listed.stderr
    assert "localhost:1/shop" in agency.call("workspaces", **broken).stdout

    south.sql("drop schema trueup cascade")
    upgraded = agency.call("db", "upgrade", "--json", **broken)
    home, *_, made, lost = upgraded.document["databases"]
    assert upgraded.code == 2
    assert (home["workspace"], home["applied"]) == (None, [])
    assert "cannot be reached" in lost["error"]
    assert made["applied"]
    shown = agency.call("db", "status", **broken)
    assert shown.code == 2
    assert "(home): " in shown.stdout
    assert "south: " in shown.stdout

    with open_deployment(*agency.settings(**broken)) as deployment:
        jobs = [claimed(deployment.queue, job_of(name)) for name in ("west", "south")]
        hindered, done = (carry_out(deployment, job, Brake()) for job in jobs)
    assert "cannot be reached" in hindered.message
    assert (hindered.run_id, done.ending) == ("", Ending.SUCCEEDED)
    checked = agency.call("check", "--json", "--workspace", "south")
    assert checked.code == 0, checked
    assert checked.document["lines"][0]["detail"].startswith("workspace south, ")
    south.assert_agreement()


def test_the_embedded_server_has_a_database_for_each() -> None:
    """Made when it is missing, migrated by `db upgrade`, and found again."""
    if os.environ.get(SERVER_VARIABLE):
        pytest.skip("the session's server is not the embedded one")
    # The session's own server, so that none has to be made for this test.
    env = {"TRUEUP_DATA_DIR": os.environ[FOLDER_VARIABLE]}
    one, two = (f"t-{uuid.uuid4().hex[:8]}" for _ in range(2))
    env |= {f"ZOHO_ORG_ID__{one.upper().replace('-', '_')}": "1"}
    name = f"trueup_{one.replace('-', '_')}"
    lines = f"[workspaces.{one}]\n[workspaces.{two}]\n"
    with open_folder(lines) as folder:
        try:
            upgraded = run_cli("db", "upgrade", "--workspace", one, env=env, cwd=folder)
            assert upgraded.code == 0, upgraded
            assert name in upgraded.stdout
            again = run_cli("db", "upgrade", "--json", "--workspace", one, env=env, cwd=folder)
            assert again.document["applied"] == []
            counted = run_cli("status", "--json", "--workspace", one, env=env, cwd=folder)
            assert counted.document["products"]["total"] == 0
            [row, _] = run_cli("workspaces", "--json", env=env, cwd=folder).document["workspaces"]
            assert (row["organisation"], row["database"]) == ("1", f"embedded/{name}")
        finally:
            drop(name, f"trueup_{two.replace('-', '_')}")


@contextmanager
def open_folder(lines: str) -> Iterator[Path]:
    """A working directory with this `trueup.toml`."""
    with TemporaryDirectory() as name:
        (Path(name) / "trueup.toml").write_text(lines, encoding="utf-8")
        yield Path(name)


def drop(*names: str) -> None:
    """Databases of the session's server that a test had made."""
    with EmbeddedPostgres(Path(os.environ[FOLDER_VARIABLE])) as server:
        for name in names:
            with psycopg.connect(server.url, autocommit=True) as connection:
                known = sql.SQL("drop database if exists {} with (force)")
                connection.execute(known.format(sql.Identifier(name)))


def job_of(workspace: str) -> JobRequest:
    return JobRequest(workspace, JobKind.SYNC, Trigger.SCHEDULE, Priority.SCHEDULE)


def claimed(queue: Queue, request: JobRequest) -> Job:
    """The job as a worker that begins it sees it."""
    asked = queue.ask(request)
    assert asked is not None
    job = queue.claim(asked.job_id, "the test")
    assert job is not None
    return job
