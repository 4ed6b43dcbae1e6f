"""The cron endpoint over real parts: an emulated organisation, a database, a worker in threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from support import postgres
from support.agreement import a_catalogue_row, writes
from support.served import (
    BEFORE,
    CRON,
    SECRET,
    calling,
    deployed,
    is_over,
    outcome_of,
    quiet,
    settings_of,
    wait_for,
)
from support.site import Site, open_site
from trueup.bootstrap import open_app
from trueup.deployment import Deployment
from trueup.domain.jobs import Job, JobKind, JobRequest, Priority, Terms
from trueup.domain.runs import Trigger
from trueup.web.app import make_app
from trueup.worker.main import Worker

PRODUCTS = 3
KEYS = {
    "success", "message", "timestamp", "duration_ms", "runId", "summary", "results", "resultsCount",
}  # fmt: skip


@dataclass
class World:
    """A site, its deployment with a worker at work, and a client of the endpoints."""

    site: Site
    deployment: Deployment
    client: TestClient

    def writes(self) -> int:
        return len(writes(self.site.console.journal()))

    def ask(self, **terms: Any) -> Job:
        """A job as a schedule would ask for it."""
        request = JobRequest(
            "default", JobKind.SYNC, Trigger.SCHEDULE, Priority.SCHEDULE, Terms(**terms)
        )
        job = self.deployment.queue.ask(request)
        assert job is not None
        return job


@pytest.fixture(scope="module")
def world(postgres_server: str, template: str) -> Iterator[World]:
    """One for all tests here: each leaves no job behind, and agreement."""
    with (
        postgres.fresh_database(postgres_server, template) as database,
        open_site(database, products=PRODUCTS) as site,
        deployed(settings_of(site.env)) as deployment,
        Worker(deployment, scheduler=False),
        calling(deployment, worker_here=True) as client,
    ):
        yield World(site, deployment, client)


@pytest.fixture(autouse=True)
def _tidy(world: World) -> Iterator[None]:
    yield
    world.site.console.good_weather()
    wait_for(lambda: quiet(world.deployment), "the end of every job")


def test_a_call_does_the_whole_job_and_a_second_one_nothing(world: World) -> None:
    first = world.client.get(CRON)
    body = first.json()
    assert first.status_code == 200, body
    assert body.keys() >= KEYS
    assert (body["success"], body["resultsCount"]) == (True, PRODUCTS)
    assert body["summary"]["crmSucceeded"] == body["summary"]["billingSucceeded"] == PRODUCTS
    assert {result["crm"]["status"] for result in body["results"]} == {"ok"}
    assert body["runId"].startswith("cron-")
    assert world.site.sql("select state from trueup.run where run_id = %s", body["runId"]) == [
        ("succeeded",)
    ]
    before = world.writes()
    again = world.client.post(CRON)
    assert (again.status_code, world.writes()) == (200, before)


def test_a_dry_run_writes_nothing_and_shows_the_plan(world: World) -> None:
    world.site.fill([a_catalogue_row(2, monthly=510)])
    before = world.writes()
    answer = world.client.get(CRON, params={"dryRun": "true"})
    body = answer.json()
    assert (answer.status_code, body["dryRun"], body["runId"]) == (200, True, None)
    assert body["summary"]["changes"] == body["resultsCount"] > 0
    assert {change["sku"] for change in body["results"]} == {"FIB-0002"}
    assert world.writes() == before
    assert world.client.get(CRON).status_code == 200


def test_at_most_so_many_products_are_written(world: World) -> None:
    world.site.fill([a_catalogue_row(n, monthly=520 + n) for n in range(1, PRODUCTS + 1)])
    body = world.client.get(CRON, params={"maxProducts": "1"}).json()
    assert body["summary"]["deferred"] == PRODUCTS - 1, body
    assert world.client.get(CRON).json()["summary"]["deferred"] == 0


def test_without_waiting_the_job_is_accepted_and_can_be_followed(world: World) -> None:
    answer = world.client.post(CRON, params={"wait": "false"})
    body = answer.json()
    assert (answer.status_code, body["success"], body["runId"]) == (202, True, None)
    assert body.keys() >= KEYS
    assert answer.headers["Location"] == f"/api/jobs/{body['jobId']}"
    ended = outcome_of(world.client, answer)
    assert (ended["ending"], ended["trigger"]) == ("succeeded", "cron")


def test_a_held_price_is_207_until_a_person_decides(world: World) -> None:
    world.site.fill([a_catalogue_row(1, monthly=5000)])
    answer = world.client.get(CRON)
    body = answer.json()
    assert (answer.status_code, body["success"], body["summary"]["held"]) == (207, False, 1)
    world.site.fill([a_catalogue_row(1, monthly=521)])
    assert world.client.get(CRON).status_code == 200


def test_one_target_down_is_207_and_names_it(world: World) -> None:
    world.site.fill([a_catalogue_row(1, monthly=530)])
    world.site.console.weather({"match": {"service": "crm"}, "do": "server_error"})
    body = world.client.get(CRON).json()
    assert "crm" in body["message"]
    assert body["summary"]["deferred"] > 0
    assert body["summary"]["billingSucceeded"] > 0


def test_every_target_down_is_503(world: World) -> None:
    world.site.fill([a_catalogue_row(1, monthly=540)])
    for service in ("crm", "billing"):
        world.site.console.weather({"match": {"service": service}, "do": "server_error"})
    for query in ({}, {"dryRun": "true"}):
        answer = world.client.get(CRON, params=query)
        assert (answer.status_code, answer.json()["success"]) == (503, False), answer.text
        assert answer.json()["error"]
    world.site.console.good_weather()
    assert world.client.get(CRON).status_code == 200


def test_of_many_calls_at_one_moment_one_is_carried_out(world: World) -> None:
    world.site.console.weather({"match": {"service": "crm"}, "do": "slow", "seconds": 0.1})
    runs = len(world.site.run_states())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: world.client.get(CRON).status_code, range(8)))
    # Whoever came after the end of the first has a run of its own.
    assert set(found) == {200, 409}
    assert len(world.site.run_states()) == runs + found.count(200)


def test_a_command_that_holds_the_lock_is_409_and_named(world: World) -> None:
    with (
        open_app(world.deployment.home.settings) as app,
        app.lease.hold("cli-20260302T000000Z-0000"),
    ):
        answer = world.client.get(CRON)
        assert (answer.status_code, answer.json()["runId"]) == (409, "cli-20260302T000000Z-0000")
        assert world.client.get(CRON, params={"dryRun": "true"}).status_code == 200
    assert world.client.get(CRON).status_code == 200


def test_a_job_for_some_products_delays_a_sync_and_does_not_forbid_it(world: World) -> None:
    world.site.console.weather({"match": {"service": "crm"}, "do": "slow", "seconds": 0.2})
    small = world.ask(skus=("FIB-0001",))
    assert world.client.get(CRON).status_code == 200
    assert is_over(world.deployment, small.job_id)


def test_either_secret_opens_and_nothing_else_does(world: World) -> None:
    for header in (f"Bearer {BEFORE}", f"bearer {SECRET}", f"BEARER  {SECRET} "):
        answer = world.client.get(f"{CRON}?dryRun=maybe", headers={"Authorization": header})
        assert answer.status_code == 400, header
    for number, header in enumerate(("", SECRET, f"Basic {SECRET}", "Bearer", f"Bearer {SECRET}x")):
        answer = world.client.get(CRON, headers={"Authorization": header})
        assert answer.status_code == 401, (number, header)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert SECRET not in answer.text


def test_a_secret_in_the_query_is_not_looked_at(world: World) -> None:
    with TestClient(make_app(world.deployment)) as stranger:
        answer = stranger.get(CRON, params={"secret": SECRET})
    assert (answer.status_code, SECRET in answer.text) == (401, False)


def test_without_a_configured_secret_it_is_500_for_everybody(world: World) -> None:
    """The one before is for a rotation: alone it opens nothing."""
    home = world.deployment.home
    bare = replace(home.settings, cron_secret="")
    shut = Deployment(replace(home, settings=bare), {"default": bare})
    with calling(shut) as client:
        for secret in ("", SECRET, BEFORE):
            answer = client.get(CRON, headers={"Authorization": f"Bearer {secret}"})
            assert (answer.status_code, answer.json()["success"]) == (500, False)
            assert "CRON_SECRET" in answer.json()["remedy"]


def test_an_unknown_workspace_is_404(world: World) -> None:
    assert world.client.get(CRON, params={"workspace": "acme"}).status_code == 404
    assert world.client.get(CRON, params={"workspace": "default"}).status_code == 200


def test_a_resync_is_carried_out(world: World) -> None:
    world.site.fill([a_catalogue_row(3, monthly=550)])
    before = world.writes()
    answer = world.client.post("/api/resync", json={"skus": ["FIB-0003"], "reason": "new price"})
    assert answer.status_code == 202, answer.text
    ended = outcome_of(world.client, answer)
    assert (ended["ending"], ended["trigger"]) == ("succeeded", "watch")
    assert world.writes() > before


def test_refused_credentials_are_503(world: World) -> None:
    """Another refresh token makes another set of credentials, which Zoho does not know."""
    home = world.deployment.home
    world.site.fill([a_catalogue_row(2, monthly=548)])
    wrong = replace(home.settings, refresh_token="1000.invented.wrong")
    world.deployment.workspaces = {"default": wrong}
    try:
        answer = world.client.get(CRON)
    finally:
        world.deployment.workspaces = {"default": home.settings}
    assert (answer.status_code, answer.json()["success"]) == (503, False), answer.text
    assert answer.json()["error"]
    assert wrong.refresh_token not in answer.text
    assert world.client.get(CRON).status_code == 200


def test_agreement_at_the_end(world: World) -> None:
    """After all of it a run finds nothing to do."""
    assert world.client.get(CRON).status_code == 200
    world.site.assert_agreement()
