"""Jobs that verify and that report: what they find, what they record, and what people get."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from support.agreement import writes
from support.receivers import http_receiver, mail_receiver
from support.site import Site, open_site
from trueup.deployment import Deployment, open_deployment
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome, JobRequest, Priority, Terms
from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger
from trueup.jobs.carrying import carry_out
from trueup.reconcile.applying import Brake
from trueup.settings import load

PRODUCTS = 3
WHOLE = Terms()
TITLE = "Trueup (default): 2/3 products agree"


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=PRODUCTS) as opened:
        assert opened.call("run").code == 0
        yield opened


@dataclass
class Desk:
    """Asks for jobs and carries them out, as a worker does."""

    deployment: Deployment

    def done(self, kind: JobKind, terms: Terms = WHOLE, brake: Brake | None = None) -> JobOutcome:
        request = JobRequest("default", kind, Trigger.SCHEDULE, Priority.SCHEDULE, terms)
        asked = self.deployment.queue.ask(request)
        assert asked is not None
        job = self.deployment.queue.claim(asked.job_id, "a worker")
        assert job is not None
        outcome = carry_out(self.deployment, job, brake or Brake())
        ended = outcome if outcome.ending else replace(outcome, ending=Ending.CANCELLED)
        self.deployment.queue.finish(job, ended)
        kept = self.deployment.queue.get(job.job_id)
        assert isinstance(kept, Job)
        assert dict(kept.report) == dict(outcome.report)
        return outcome


@contextmanager
def desk_of(site: Site, **env: str) -> Iterator[Desk]:
    settings = load(environment=site.env | env, use_file=False)
    with open_deployment(settings, {"default": settings}) as deployment:
        yield Desk(deployment)


def crm_id(site: Site, code: str) -> str:
    [found] = [r["id"] for r in site.console.records("crm") if r["Product_Code"] == code]
    return str(found)


def reports(site: Site) -> int:
    [(count,)] = site.sql("select count(*) from trueup.verification")
    return int(count)


def pulled(reason: str, *, hand_over: bool) -> Brake:
    brake = Brake()
    brake.pull(reason, hand_over=hand_over)
    return brake


def test_a_verification_by_a_worker(site: Site) -> None:
    written = len(writes(site.console.journal()))
    with desk_of(site) as desk:
        whole = desk.done(JobKind.VERIFY)
        assert (whole.ending, whole.message) == (
            Ending.SUCCEEDED,
            "3/3 products say the same everywhere.",
        )
        assert (whole.report["exit_code"], whole.report["rows"]) == (0, [])
        assert whole.report["totals"]["ZAR"]["crm"]["products"] == PRODUCTS

        site.console.edit("crm", "products", crm_id(site, "FIB-0002"), Unit_Price=1.5)
        for _ in range(2):  # it mends nothing, and finds the same again
            differs = desk.done(JobKind.VERIFY)
            assert differs.ending is Ending.DIFFERS
            assert (differs.report["exit_code"], differs.report["differing"]) == (1, 1)
            [row] = differs.report["rows"]
            assert (row["sku"], row["verdict"]) == ("FIB-0002", "differs")
        assert [reports(site), differs.report["number"]] == [3, 3]

        # A part of the catalogue is a verdict, but no report of the chain.
        part = desk.done(JobKind.VERIFY, Terms(skus=("FIB-0001",), targets=(TargetName.CRM,)))
        assert (part.ending, part.report["products"]) == (Ending.SUCCEEDED, 1)

        # Whoever is stopped has seen nothing whole: it is begun again, or it has failed.
        site.console.weather({"match": {"service": "crm"}, "do": "error_html", "status": 503})
        handed = desk.done(JobKind.VERIFY, brake=pulled("the worker was stopped", hand_over=True))
        assert (handed.ending, handed.message) == (None, "the worker was stopped")
        stopped = desk.done(JobKind.VERIFY, brake=pulled("cancelled by Ann", hand_over=False))
        assert stopped.ending is Ending.FAILED
        assert stopped.message.startswith("cancelled by Ann")
        assert reports(site) == 3
    with desk_of(site) as desk:
        # What could not be read may differ: that is recorded, and no success.
        down = desk.done(JobKind.VERIFY)
        assert down.ending is Ending.FAILED
        assert down.message.startswith("0/3 products say the same everywhere. crm could not be")
        assert (reports(site), down.report["totals"]["ZAR"]["crm"]) == (4, None)
        site.console.good_weather()
    assert len(writes(site.console.journal())) == written

    site.call("run", "--sku", "FIB-0002")
    with desk_of(site) as desk:
        assert desk.done(JobKind.VERIFY).ending is Ending.SUCCEEDED


def test_a_report_is_sent_with_its_page_and_its_sheet(site: Site) -> None:
    with desk_of(site) as desk:
        nobody = desk.done(JobKind.REPORT)
        assert (nobody.ending, nobody.report["exit_code"]) == (Ending.FAILED, 2)
        assert "TRUEUP_ALERTS" in nobody.report["remedy"]
        assert reports(site) == 0

    site.console.edit("billing", "plans", "FIB-0003", recurring_price=1)
    with http_receiver() as inbox, mail_receiver() as (port, letters):
        mail = f"mailto://127.0.0.1:{port}?to=finance@company.example&from=trueup@company.example"
        with desk_of(site, TRUEUP_ALERTS=f"{inbox.address} {mail}") as desk:
            sent = desk.done(JobKind.REPORT)
            assert (sent.ending, sent.report["differing"]) == (Ending.DIFFERS, 1)
            # The alert about the drift goes to the same people, in a message of its own.
            [told] = [one for one in inbox.documents if one["title"] == TITLE]
            assert told["severity"] == "warning"
            first, totals, differing, last = told["body"].splitlines()
            assert first == "2/3 products say the same everywhere."
            assert totals.startswith("ZAR a month: catalogue ")
            assert " for 3 products, crm " in totals
            assert differing.startswith("FIB-0003: Billing plan price is 1.00, the catalogue says")
            assert last == f"Report 1, {sent.report['hash']}"
            [letter] = mailed(letters)
            files = {part.get_filename(): part for part in letter.iter_attachments()}
            assert {name.rpartition(".")[2] for name in files} == {"html", "csv"}

            inbox.answers[:] = [500]
            part = desk.done(JobKind.REPORT)
            assert part.ending is Ending.PARTIAL
            assert "Not sent: " in part.message
            assert len(mailed(letters)) == 2
        inbox.answers[:] = [500]
        with desk_of(site, TRUEUP_ALERTS=inbox.address) as desk:
            assert desk.done(JobKind.REPORT).ending is Ending.FAILED

    # What people got is what `trueup verify --check` knows.
    for name, part in files.items():
        (site.folder / name).write_bytes(part.get_payload(decode=True))
        checked = site.call("verify", "--check", name, "--json")
        assert (checked.code, checked.document["verdict"]) == (0, "untouched"), str(checked)


def mailed(letters: list[str]) -> list[Any]:
    """The reports among the letters."""
    read: list[Any] = [
        email.message_from_string(letter, policy=email.policy.default) for letter in letters
    ]
    return [message for message in read if message["Subject"] == TITLE]
