"""`trueup serve` as the process that a person, or systemd, starts."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from support.agreement import a_catalogue_row
from support.program import program, run_cli
from support.served import BEARER, CRON, SECRET, deployed, quiet, settings_of, wait_for
from support.site import Site, open_site
from trueup.worker.main import Worker

ANOTHER = """
    insert into trueup.job (workspace, kind, trigger, priority, terms, state, worker, seen_at)
    values ('default', 'sync', 'resync', 100, '{"skus": ["FIB-0001"]}', 'running', 'somebody',
            clock_timestamp() + interval '1 hour')"""
WAITING = "select job_id from trueup.job where state = 'waiting'"


@contextmanager
def serving(
    *arguments: str, env: dict[str, str], cwd: Path | None = None
) -> Iterator[tuple[subprocess.Popen[str], str, list[dict[str, Any]]]]:
    """The process, where it listens, and the lines of its log as they come."""
    lines: list[dict[str, Any]] = []
    with program("serve", "--port", "0", *arguments, env=env, cwd=cwd) as process:

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                lines.extend([json.loads(line)] if line.startswith("{") else [])

        reading = Thread(target=read, daemon=True)
        reading.start()

        def where() -> str:
            assert process.poll() is None or lines, "it ended"
            return next((str(x["address"]) for x in lines if x["event"] == "serving"), "")

        wait_for(where, "the address")
        try:
            yield process, where(), lines
        finally:
            process.terminate()
            process.wait(60)
            reading.join(60)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=1, CRON_SECRET=SECRET) as found:
        yield found


def test_it_serves_keeps_schedules_works_and_ends_well(site: Site) -> None:
    """One process does all of it; SIGTERM answers who waits, and the job is handed over."""
    with serving(env=site.env, cwd=site.folder) as (process, address, lines):
        with httpx2.Client(base_url=address, timeout=60) as client:
            first = client.get(CRON, headers=BEARER | {"X-Request-ID": "night-7"})
            assert (first.status_code, first.json()["success"]) == (200, True), first.text
            assert "server" not in first.headers
            assert client.get("/readyz").status_code == 200
            # A flood of guesses: each is answered, and the right secret still passes.
            found = [client.get(CRON, headers={"Authorization": f"Bearer {n}"}) for n in range(30)]
            assert [answer.status_code for answer in found[:11]] == [401] * 10 + [429]
            assert {answer.status_code for answer in found} == {401, 429}
            assert int(found[-1].headers["Retry-After"]) > 0
            assert client.get(CRON, headers=BEARER).status_code == 200

            # Somebody else's job of this workspace runs, so that the next one has to wait.
            site.fill([a_catalogue_row(1, monthly=510)])
            site.sql(ANOTHER)
            answers: list[httpx2.Response] = []
            waiting = Thread(target=lambda: answers.append(client.get(CRON, headers=BEARER)))
            waiting.start()
            wait_for(lambda: site.sql(WAITING), "the job")
            process.terminate()
            waiting.join(60)
        assert process.wait(60) == 0
    [answer] = answers
    assert (answer.status_code, answer.json()["runId"]) == (202, None), answer.text
    assert site.sql(WAITING) == [(answer.json()["jobId"],)]
    serving_line = next(line for line in lines if line["event"] == "serving")
    assert set(serving_line["schedules"]) == {"nightly", "housekeeping"}
    told = [line for line in lines if line.get("request_id") == "night-7"]
    assert [(line["event"], line["status"]) for line in told] == [("request", 200)]
    assert SECRET not in json.dumps(lines)
    site.sql("delete from trueup.job where worker = 'somebody'")
    with deployed(settings_of(site.env)) as deployment, Worker(deployment, scheduler=False):
        wait_for(lambda: quiet(deployment), "the end of what was handed over")
    site.assert_agreement()


def test_what_is_missing_is_said_at_once(empty_database_url: str) -> None:
    """No schema, and a port that is taken: exit 2, and what to do."""
    env = {"DATABASE_URL": empty_database_url}
    refused = run_cli("serve", "--port", "0", env=env)
    assert (refused.code, "trueup db upgrade" in refused.stderr) == (2, True), str(refused)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run_cli("serve", "--port", port, env=env)
    assert (refused.code, f"port {port}" in refused.stderr) == (2, True), str(refused)
    assert "--port" in refused.stderr
    for proxies, host in (("everybody", "127.0.0.1"), ("", "no.such.host.example")):
        refused = run_cli("serve", "--host", host, env=env | {"TRUEUP_PROXIES": proxies})
        assert (refused.code, (proxies or host) in refused.stderr) == (2, True), str(refused)
