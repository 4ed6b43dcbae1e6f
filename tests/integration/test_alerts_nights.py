"""Nights over the emulator: refused credentials are told once, and once that they are mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from support.receivers import http_receiver
from support.site import Site, open_site
from trueup.clock import SystemClock
from trueup.deployment import Deployment, open_deployment
from trueup.domain.jobs import Ending, JobKind, JobOutcome, JobRequest, Priority
from trueup.domain.runs import Trigger
from trueup.jobs.alerting import review
from trueup.jobs.carrying import carry_out
from trueup.reconcile.applying import Brake
from trueup.settings import load


@dataclass
class LaterClock(SystemClock):
    """The time, so many hours later."""

    hours: int = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=self.hours)


@contextmanager
def deployment_of(site: Site, hours: int, **env: str) -> Iterator[Deployment]:
    settings = load(environment=site.env | env, use_file=False)
    with open_deployment(settings, {"default": settings}) as deployment:
        deployment.home.clock = LaterClock(hours=hours)
        yield deployment


def night(site: Site, hours: int, **env: str) -> JobOutcome:
    """One nightly job by a worker, so many hours from now."""
    with deployment_of(site, hours, **env) as deployment:
        request = JobRequest("default", JobKind.SYNC, Trigger.SCHEDULE, Priority.SCHEDULE)
        asked = deployment.queue.ask(request)
        assert asked is not None
        job = deployment.queue.claim(asked.job_id, "a worker")
        assert job is not None
        outcome = carry_out(deployment, job, Brake())
        assert deployment.queue.finish(job, outcome)
        return outcome


def test_refused_credentials_are_told_once_and_that_they_are_mended_once(
    database_url: str,
) -> None:
    with http_receiver() as inbox, open_site(database_url, products=2) as site:
        told = {"TRUEUP_ALERTS": inbox.address, "TRUEUP_PING_URL": f"{inbox.address}/ping/abc"}
        refused = told | {"ZOHO_REFRESH_TOKEN": "1000.revoked"}
        missing = told | {"ZOHO_REFRESH_TOKEN": ""}
        assert night(site, 0, **refused).ending is Ending.FAILED
        assert night(site, 20, **missing).ending is Ending.FAILED  # there is not even a run
        assert len(inbox.documents) == 1
        assert night(site, 21, **told).ending is Ending.SUCCEEDED
        assert night(site, 22, **told).ending is Ending.SUCCEEDED
        with deployment_of(site, 23, **told) as deployment:
            assert review(deployment, deployment.home, "default").sent == 0
        first, last = inbox.documents
        assert [(c["kind"], c["change"]) for c in first["conditions"]] == [("refused", "raised")]
        assert "revoked" not in str(first)
        assert [(c["kind"], c["change"]) for c in last["conditions"]] == [("refused", "recovered")]
        assert "Nothing is wrong now." in last["body"]
        assert inbox.pings == [*["/ping/abc/fail"] * 2, *["/ping/abc"] * 2]
        site.assert_agreement()
