"""What the endpoints ask of the queue: in a database where a worker is alive that does nothing.

So every job stays as it is until the test moves it on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any

import httpx2
import psycopg
import pytest
from fastapi.testclient import TestClient

from support import postgres
from support.agreement import some_rows
from support.served import (
    BEARER,
    BEFORE,
    CRON,
    SECRET,
    call_and_leave,
    calling,
    deployed,
    settings_of,
    wait_for,
)
from trueup.deployment import Deployment
from trueup.domain.jobs import Ending, Job, JobOutcome, Terms
from trueup.domain.records import TargetName
from trueup.postgres.importing import import_rows
from trueup.postgres.workers import Roster
from trueup.web.app import make_app

IDLE = "somebody"


@dataclass
class Desk:
    """A deployment whose only worker is a name, and a client."""

    deployment: Deployment
    client: TestClient

    def jobs(self) -> list[Job]:
        return list(self.deployment.queue.open_jobs())

    def end(self, job: Job, ending: Ending, **report: Any) -> None:
        """Bring a waiting job to its end, as a worker would."""
        claimed = self.deployment.queue.claim(job.job_id, IDLE)
        assert claimed is not None
        outcome = JobOutcome(ending, "cron-1", "as told", report)
        assert self.deployment.queue.finish(claimed, outcome)


@pytest.fixture(scope="module")
def everything(postgres_server: str, template: str) -> Iterator[Desk]:
    with postgres.fresh_database(postgres_server, template) as database:
        with psycopg.connect(database, autocommit=True) as connection:
            import_rows(connection, some_rows(3))
        settings = settings_of({"DATABASE_URL": database})
        with deployed(settings) as deployment, calling(deployment) as client:
            yield Desk(deployment, client)


@pytest.fixture
def desk(everything: Desk) -> Iterator[Desk]:
    """With a worker, and without a job."""
    Roster(everything.deployment.home.pool).beat(IDLE, 1)
    yield everything
    for job in everything.jobs():
        everything.deployment.queue.cancel(job.job_id, "the end of the test")
        claimed = everything.deployment.queue.get(job.job_id)
        assert claimed is not None
        everything.deployment.queue.finish(claimed, JobOutcome(Ending.CANCELLED))
    assert not everything.jobs()


def test_a_call_writes_down_what_it_wants(desk: Desk) -> None:
    query = {"wait": "false", "maxProducts": "7", "dryRun": "true"}
    answer = desk.client.get(CRON, params=query, headers={"X-Request-ID": "night-7"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (202, "night-7")
    [job] = desk.jobs()
    assert (job.job_id, job.request.terms) == (
        answer.json()["jobId"], Terms(max_products=7, dry_run=True)
    )  # fmt: skip
    assert "night-7" in job.request.asked_by


def test_a_second_sync_is_409_and_names_the_first(desk: Desk) -> None:
    """Whether it waits or runs; a dry run beside it too."""
    first = desk.client.get(CRON, params={"wait": "false"}).json()["jobId"]
    for claimed in (False, True):
        if claimed:
            assert desk.deployment.queue.claim(first, IDLE) is not None
        for query in ({}, {"dryRun": "true"}, {"wait": "false"}):
            answer = desk.client.get(CRON, params=query)
            assert (answer.status_code, answer.json()["jobId"]) == (409, first), answer.text
            assert int(answer.headers["Retry-After"]) > 0
    assert [job.job_id for job in desk.jobs()] == [first]
    # Nothing was written down only to be taken back.
    assert all(job.job_id < first for job in desk.deployment.queue.recent(1))


def test_a_dry_run_turns_no_real_run_away(desk: Desk) -> None:
    desk.client.get(CRON, params={"wait": "false", "dryRun": "true"})
    assert desk.client.get(CRON, params={"wait": "false"}).status_code == 202
    assert len(desk.jobs()) == 2


def test_whoever_leaves_stops_nothing(desk: Desk) -> None:
    app = make_app(desk.deployment)
    sent = call_and_leave(app, CRON, leaves=lambda: bool(desk.jobs()))
    app.state.parts.bell.close()
    [job] = desk.jobs()
    assert (sent["status"], sent["headers"]["location"]) == (202, f"/api/jobs/{job.job_id}")


def test_a_server_that_stops_answers_who_waits(desk: Desk) -> None:
    app = make_app(desk.deployment)

    def stop_when_asked() -> bool:
        if desk.jobs():
            app.state.parts.stopping.set()
        return False

    sent = call_and_leave(app, CRON, leaves=stop_when_asked)
    app.state.parts.bell.close()
    assert (sent["status"], len(desk.jobs())) == (202, 1)


ENDS = [
    (Ending.SUCCEEDED, {"state": "succeeded"}, 200),
    (Ending.PARTIAL, {"state": "partial"}, 207),
    (Ending.HELD, {"state": "held"}, 207),
    (Ending.FAILED, {"state": "failed", "summary": {"crmFailed": 3}}, 207),
    (Ending.FAILED, {"state": "failed", "fingerprint": "abc"}, 503),
    (Ending.FAILED, {"error": "refused", "remedy": "", "exit_code": 4}, 503),
    (Ending.FAILED, {"error": "no table", "remedy": "", "exit_code": 2}, 503),
    (Ending.FAILED, {"error": "half of it is gone", "remedy": "", "exit_code": 1}, 500),
    (Ending.FAILED, {"error": "KeyError: 'x'", "exit_code": 1}, 500),
]


def test_the_end_of_a_job_is_the_status(desk: Desk) -> None:
    """Whoever waits hears of it; a fault of ours is told by its number alone."""
    for ending, report, status in ENDS:
        with waiting_call(desk) as (job, answers):
            desk.end(job, ending, **report)
        [answer] = answers
        body = answer.json()
        assert (answer.status_code, body["success"]) == (status, status == 200), body
        assert ("error" in body) == (status >= 500)
        assert ("as told" in body["message"]) == ("KeyError" not in str(report))
        assert "KeyError" not in answer.text


@contextmanager
def waiting_call(desk: Desk) -> Iterator[tuple[Job, list[httpx2.Response]]]:
    """A call that waits for its job, which the block brings to its end."""
    answers: list[httpx2.Response] = []
    waiting = Thread(target=lambda: answers.append(desk.client.get(CRON)))
    waiting.start()
    wait_for(desk.jobs, "the job")
    [job] = desk.jobs()
    yield job, answers
    waiting.join(60)


def test_what_a_person_cancels_is_207(desk: Desk) -> None:
    with waiting_call(desk) as (job, answers):
        address = f"/api/jobs/{job.job_id}/cancel"
        cancelled = desk.client.post(address)
    assert (cancelled.status_code, cancelled.json()["ending"]) == (200, "cancelled")
    assert answers[0].status_code == 207
    assert "cancelled by" in answers[0].json()["message"]
    again = desk.client.post(address)
    assert (again.status_code, again.json()["jobId"]) == (409, job.job_id)


def test_without_a_worker_it_is_503_and_nothing_is_written_down(desk: Desk) -> None:
    """One that only keeps the schedules does not count."""
    roster = Roster(desk.deployment.home.pool)
    roster.forget(IDLE)
    roster.beat("scheduler", 0)
    answer = desk.client.get(CRON)
    assert (answer.status_code, desk.jobs()) == (503, []), answer.text
    assert "trueup worker" in answer.json()["remedy"]


def test_without_a_database_it_is_503() -> None:
    """The answers name neither host nor user nor password; the process itself is alive."""
    nowhere = settings_of({"DATABASE_URL": "postgresql://ann:hidden-word@127.0.0.1:9/there"})
    with deployed(nowhere) as deployment, calling(deployment, worker_here=True) as client:
        answer, ready = client.get(CRON), client.get("/readyz")
        alive = client.get("/healthz")
    assert (answer.status_code, answer.json()["error"]) == (503, "the database cannot be reached")
    for word in ("ann", "hidden-word", "127.0.0.1", "there"):
        assert word not in answer.text.replace("cannot", "") + ready.text.replace("cannot", "")
    checks = {check["name"]: check["ok"] for check in ready.json()["checks"]}
    assert (ready.status_code, checks) == (
        503, {"database": False, "credentials": False, "worker": False}
    )  # fmt: skip
    assert alive.status_code == 200


def test_a_resync_is_merged_into_one_that_waits(desk: Desk) -> None:
    for sku in ("FIB-0001", "FIB-0002", "FIB-0001"):
        assert desk.client.post("/api/resync", json={"skus": [sku]}).status_code == 202
    only = {"skus": ["FIB-0003"], "targets": ["billing"]}
    assert desk.client.post("/api/resync", json=only).status_code == 202
    both, billing = desk.jobs()
    assert set(both.request.terms.skus) == {"FIB-0001", "FIB-0002"}
    assert billing.request.terms == Terms(skus=("FIB-0003",), targets=(TargetName.BILLING,))
    assert not both.request.terms.force


def test_a_resync_waits_for_a_worker(desk: Desk) -> None:
    """A webhook is not repeated: what it said must not be lost."""
    Roster(desk.deployment.home.pool).forget(IDLE)
    assert desk.client.post("/api/resync", json={"skus": ["FIB-0001"]}).status_code == 202
    assert len(desk.jobs()) == 1


NONSENSE = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 400),
    (b'{"skus": []}', 400),
    (b'{"skus": "FIB-0001"}', 400),
    (b'{"skus": [""]}', 400),
    (b'{"skus": ["  "]}', 400),
    (b'{"skus": ["FIB\\u0000"]}', 400),
    (b'{"skus": ["\\ud800"]}', 400),
    (b'{"skus": ["FIB-0001"], "reason": "\\u0000"}', 400),
    (b'{"skus": ["FIB-0001"], "targets": ["books"]}', 400),
    (b'{"skus": ["FIB-0001"], "sku": 1}', 400),
    (b'{"skus": ["\xff"]}', 400),
    (b'{"skus": [' + b'"FIB-0001",' * 1000 + b'"FIB-0002"]}', 400),
    (b'{"skus": ["FIB-0001", "FIB-9999", "FIB-8888"]}', 404),
    (b'{"skus": ["FIB-0001"], "workspace": "acme"}', 404),
    (b" " * 300_000, 413),
]


def test_nonsense_is_refused_and_nothing_written_down(desk: Desk) -> None:
    for content, status in NONSENSE:
        answer = desk.client.post("/api/resync", content=content)
        assert (answer.status_code, desk.jobs()) == (status, []), answer.text
        assert answer.json()["error"]
        if b"9999" in content:
            assert "FIB-9999, FIB-8888" in answer.json()["error"]


def test_a_job_that_is_not_there_is_404(desk: Desk) -> None:
    for number in ("987654321", "0", "-1", "x", "9" * 30, "٣"):
        for answer in (
            desk.client.get(f"/api/jobs/{number}"),
            desk.client.post(f"/api/jobs/{number}/cancel"),
        ):
            assert answer.status_code == 404, number


def test_a_secret_of_a_workspace_opens_that_one_alone(desk: Desk) -> None:
    """The home secret opens all; with several, one must be named."""
    home = desk.deployment.home.settings
    own = replace(home, workspace="acme", cron_secret="the-invented-secret-of-acme")
    with (
        deployed(home, acme=own, other=replace(home, workspace="other")) as deployment,
        calling(deployment) as client,
    ):
        acme = {"Authorization": f"Bearer {own.cron_secret}"}
        assert client.get(CRON).status_code == 400
        assert "acme, other" in client.get(CRON).json()["remedy"]
        mine = client.get(CRON, params={"wait": "false"}, headers=acme)
        assert (mine.status_code, mine.json()["workspace"]) == (202, "acme")
        theirs = client.get(CRON, params={"wait": "false", "workspace": "other"})
        assert theirs.status_code == 202
        assert client.get(CRON, params={"workspace": "other"}, headers=acme).status_code == 404
        for job, status in ((mine, 200), (theirs, 404)):
            address = job.headers["Location"]
            assert client.get(address, headers=acme).status_code == status
            assert client.get(address).status_code == 200


def test_nothing_of_the_secrets_is_in_any_answer(desk: Desk) -> None:
    """Not even when a fault of ours, or of somebody else, puts one into its words."""
    app = make_app(desk.deployment)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError(f"Authorization: Bearer {SECRET} {desk.deployment.home.database_url}")

    with TestClient(app, raise_server_exceptions=False) as client:
        asked = BEARER | {"Accept": "application/json", "X-Request-ID": "a b"}
        answer = client.get("/broken", headers=asked)
    assert (answer.status_code, answer.json()["success"]) == (500, False)
    assert answer.json()["requestId"] == answer.headers["X-Request-ID"] != "a b"
    for hidden in (SECRET, BEFORE, "RuntimeError", "Traceback", "postgres"):
        assert hidden not in answer.text
