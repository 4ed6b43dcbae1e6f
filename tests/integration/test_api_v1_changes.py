"""Changes through the API, over an emulated organisation and a worker: decide, take back, look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from support import postgres
from support.agreement import a_catalogue_row, writes
from support.api import Api, api_of
from support.served import deployed, settings_of, wait_for
from support.site import Site, open_site
from trueup.domain.people import Role
from trueup.worker.main import Worker

FELL = 100


@dataclass
class World:
    """A site whose price fell by too much, a worker, and the API."""

    site: Site
    api: Api

    def done(self, answer: httpx2.Response) -> Any:
        """The job of an answer, when it is over."""
        assert answer.status_code in (200, 202), answer.text
        path = f"/jobs/{answer.json()['job_id']}"
        wait_for(lambda: self.api.read(path)["state"] == "done", path)
        return self.api.read(path)

    def ask(self, path: str, **order: Any) -> Any:
        return self.done(self.api.post(path, Role.APPROVER, order))

    def price(self) -> str:
        [one] = self.site.console.records("crm")
        return f"{one['Unit_Price']:.2f}"


@pytest.fixture(scope="module")
def world(postgres_server: str, template: str) -> Iterator[World]:
    with (
        postgres.fresh_database(postgres_server, template) as database,
        open_site(database, products=1, BILLING_PRICE_CHANGES="update") as site,
        deployed(settings_of(site.env)) as deployment,
        Worker(deployment, scheduler=False, chores=()),
        api_of(deployment) as api,
    ):
        yield World(site, api)


def test_a_fall_is_approved_made_and_taken_back(world: World) -> None:
    """What a program sees, decides and takes back is what happens at Zoho, and nothing else."""
    assert world.ask("/jobs", kind="sync")["ending"] == "succeeded"
    world.site.fill([a_catalogue_row(1, monthly=FELL)])
    assert world.ask("/jobs", kind="sync")["ending"] == "held"
    held = world.api.read("/held")
    marks = [one["fingerprint"] for group in held["groups"] for one in group["changes"]]
    assert {one["sku"] for group in held["groups"] for one in group["changes"]} == {"FIB-0001"}
    assert world.price() == "501.00"

    made = world.ask("/held/approve", fingerprints=marks, reason="agreed with sales")
    assert (made["kind"], made["ending"]) == ("approve", "succeeded")
    assert world.price() == "100.00"
    history = world.site.call("history", "FIB-0001", "--json").document["changes"]
    assert {one["actor"] for one in history if one["status"] == "approved"} == {"approver"}
    assert world.api.read("/held")["groups"] == []

    back = f"/runs/{made['run_id']}/revert"
    before = len(writes(world.site.console.journal()))
    look = world.ask(back)
    assert (look["ending"], len(writes(world.site.console.journal()))) == ("succeeded", before)
    done = world.ask(back, dry_run=False, exactly=look["report"]["marks"], reason="a mistake")
    assert (done["kind"], done["ending"], world.price()) == ("revert", "succeeded", "501.00")

    written = len(writes(world.site.console.journal()))
    assert world.ask(back, dry_run=False)["ending"] == "succeeded"
    assert world.ask("/jobs", kind="repair")["ending"] in ("succeeded", "held")
    assert len(writes(world.site.console.journal())) == written


def test_looks_are_kept(world: World) -> None:
    assert world.ask("/jobs", kind="duplicates")["ending"] == "succeeded"
    found = world.api.read("/duplicates")["last"]
    assert (found["found"], found["asked_by"], found["document"]["groups"]) == (0, "approver", [])
    world.ask("/jobs", kind="drift")
    assert world.api.read("/drift")["last"]["looked"] == 1


def test_a_record_is_adopted_once(world: World) -> None:
    [record] = world.site.console.records("crm")
    order = {"sku": "FIB-0001", "target": "crm", "remote_id": str(record["id"])}
    done = world.ask("/adopt", **order)
    assert (done["kind"], done["ending"]) == ("adopt", "succeeded")
    assert "already" in done["message"]
    assert world.ask("/adopt", **order | {"remote_id": "1"})["ending"] == "failed"
