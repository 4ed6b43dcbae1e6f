"""A run of the command line, watched on a page of a server beside it: live, then its record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

import httpx2
import pytest

from support import postgres
from support.pages import Pages, open_pages, plain, session
from support.program import program
from support.served import wait_for
from support.site import Rule, Site, open_site
from trueup.domain.people import Role
from trueup.web.app import make_app
from trueup.web.serving import Server, address_of, listen

RUNS = "/w/default/runs"
SLOW: Rule = {"match": {"service": "crm", "times": 1}, "do": "slow", "seconds": 1}
REFUSED: Rule = {
    "match": {"service": "billing", "path": "*/plans", "method": "POST", "nth": 1},
    "do": "refuse",
    "status": 400,
    "code": 3006,
}


@dataclass
class Place:
    """A site, pages on it in this process, and a server that listens."""

    site: Site
    pages: Pages
    address: str

    def runs(self) -> list[str]:
        """Their ids, the oldest first."""
        found = self.site.sql("select run_id from trueup.run order by started_at")
        return [str(run) for (run,) in found]


@pytest.fixture(scope="module")
def place(postgres_server: str, template: str) -> Iterator[Place]:
    with (
        postgres.fresh_database(postgres_server, template) as url,
        open_site(url, products=3) as site,
        open_pages(site.env) as pages,
        _listening(pages) as address,
    ):
        yield Place(site, pages, address)


@contextmanager
def _listening(pages: Pages) -> Iterator[str]:
    with listen("127.0.0.1", 0) as socket:
        server = Server(make_app(pages.deployment), grace=5, proxies=[])
        serving = Thread(target=server.run, kwargs={"sockets": [socket]})
        serving.start()
        try:
            yield address_of(socket)
        finally:
            server.ask_to_stop()
            serving.join(30)


def test_a_run_of_the_command_line_is_watched_over_http(place: Place) -> None:
    """It tells on the page how far it is, and the stream ends with it; then there is the record."""
    place.site.console.weather(SLOW, REFUSED)
    with program("run", env=place.site.env, cwd=place.site.folder) as running:
        wait_for(place.runs, "the run")
        [run_id] = place.runs()
        with httpx2.Client(base_url=place.address, headers=session(Role.VIEWER)) as client:
            assert "Run on its way" in client.get(f"{RUNS}/{run_id}").text
            heard = client.get(f"{RUNS}/{run_id}/events", timeout=60).text
        running.communicate(timeout=60)
        assert running.returncode == 1
    assert "requests in the last" in heard
    assert "Reading the catalogue" in heard or "Reading" in heard
    assert heard.endswith("event: over\ndata: \n\n")
    record = place.pages.text(f"{RUNS}/{run_id}", Role.OPERATOR)
    assert "Requests and what came back" in record
    assert "Billing refused 1" in record
    assert "planned: " in record.partition("What it said")[2]
    assert record.count("3006: ") == 2, "among the failures, and among the changes: its code once"
    assert "3006 3006" not in record
    file = place.pages.get(f"{RUNS}/{run_id}/changes.csv")
    assert file.headers["content-disposition"] == f'attachment; filename="{run_id}.csv"'
    assert "rejected,3006: Invalid value passed." in file.text
    shown = place.site.call("runs", "show", run_id)
    assert "3006 3006" not in shown.stdout
    assert "planned: " in shown.stdout
    document = place.site.call("runs", "show", run_id, "--json").document
    assert document["answers"]["billing"]["unknown"] == 1
    assert document["log"][0]["text"] == "reading the catalogue"


def test_what_failed_is_tried_again_from_the_record(place: Place) -> None:
    """Once for two who press; then it is mended, and nothing is left to do."""
    [run_id, *_] = place.runs()
    path = f"{RUNS}/{run_id}"
    assert "Try it again" in place.pages.text(path, Role.OPERATOR)
    assert "Try it again" not in place.pages.text(path)
    refused = place.pages.post(f"{path}/again", {}, Role.VIEWER, form=RUNS)
    assert refused.status_code == 403
    asked = [place.pages.post(f"{path}/again", {}, Role.OPERATOR, form=path) for _ in range(2)]
    [address] = {answer.headers["location"] for answer in asked}
    [outcome] = place.pages.work()
    assert outcome.ending == "succeeded"
    followed = place.pages.get(address, Role.OPERATOR)
    assert followed.headers["location"] == f"{RUNS}/{outcome.run_id}"
    record = place.pages.text(path, Role.OPERATOR)
    assert "Mended since: the product agrees there now" in record
    assert "Try it again" not in record
    nothing = place.pages.post(f"{path}/again", {}, Role.OPERATOR, form=RUNS)
    assert nothing.headers["location"] == f"{path}?done=agrees"
    assert "nothing to try again" in place.pages.text(nothing.headers["location"])
    place.site.assert_agreement()


def test_a_run_again_writes_nothing(place: Place) -> None:
    asked = place.pages.post(RUNS, {}, Role.OPERATOR, form=RUNS)
    [outcome] = place.pages.work()
    address = place.pages.get(asked.headers["location"]).headers["location"]
    assert address == f"{RUNS}/{outcome.run_id}"
    assert "It changed nothing" in place.pages.text(address)


def test_a_job_without_a_run_of_its_own_tells_how_it_ended(place: Place) -> None:
    """A revert that finds nothing names a run that never began; a look counts what it saw."""
    never = "update trueup.job set run_id = 'revert-never' where job_id = %s"
    [run_id, *_] = place.runs()
    form = f"{RUNS}/{run_id}/revert"
    place.pages.post(f"{form}/look", {"target": "", "skus": ""}, Role.APPROVER, form=form)
    [looked] = place.pages.work()
    [job] = re.findall(r"\d+", str(place.site.sql("select max(job_id) from trueup.job")))
    place.site.sql(never, job)
    answer = place.pages.get(f"/w/default/jobs/{job}")
    assert answer.status_code == 200, looked
    told = plain(answer.text)
    assert "A look at what a revert would write succeeded" in told
    assert "Made inactive" in told
