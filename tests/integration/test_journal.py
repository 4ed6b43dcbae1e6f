"""What a worker says about a real job: lines, counters and traces tell what the ledger tells."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from support.agreement import a_catalogue_row
from support.collector import collector, facts
from support.site import Site, open_site
from trueup import logs, telemetry
from trueup.deployment import open_deployment
from trueup.domain.jobs import JobKind, JobOutcome, JobRequest, Priority
from trueup.domain.runs import Trigger
from trueup.jobs.carrying import carry_out
from trueup.jobs.journal import observing
from trueup.reconcile.applying import Brake
from trueup.settings import load_all
from trueup.settings.hidden import hidden_values

NIGHTLY = JobRequest("default", JobKind.SYNC, Trigger.SCHEDULE, Priority.SCHEDULE)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with open_site(database_url, products=4, TRUEUP_BATCH_SIZE="2") as found:
        yield found
    structlog.reset_defaults()


def carried_out(site: Site, out: io.StringIO, endpoint: str = "") -> JobOutcome:
    """One job, asked for, claimed, done and finished as a worker does it."""
    env = site.env | {"TRUEUP_DATA_DIR": str(site.folder), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    home, workspaces = load_all(environment=env, use_file=False)
    with observing(home, workspaces.values()), open_deployment(home, workspaces) as deployment:
        logs.set_up(verbose=True, stream=out, secrets=hidden_values(home))
        asked = deployment.queue.ask(NIGHTLY)
        assert asked is not None
        job = deployment.queue.claim(asked.job_id, "worker")
        assert job is not None
        outcome = carry_out(deployment, job, Brake())
        assert deployment.queue.finish(job, outcome)
    return outcome


def lines(out: io.StringIO) -> dict[str, list[dict[str, Any]]]:
    """The events by their name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in out.getvalue().splitlines():
        event = json.loads(line)
        found.setdefault(event["event"], []).append(event)
    return found


def test_every_change_and_the_run_has_its_line_and_its_span(site: Site) -> None:
    out = io.StringIO()
    with collector() as traces:
        outcome = carried_out(site, out, traces.url)
    found = lines(out)
    [(state, summary, requests)] = site.sql("select state, summary, requests from trueup.run")
    [finished] = found["run_finished"]
    assert (finished["state"], finished["summary"], finished["requests"]) == (
        state, summary, requests,
    )  # fmt: skip
    assert (found["job_finished"][0]["ending"], outcome.ending) == ("succeeded", "succeeded")
    told = [(e["kind"], e["code"], e["status"]) for e in found["change_applied"]]
    kept = site.sql("select kind, code, status from trueup.change_history")
    assert Counter(told) == Counter(kept)
    assert {e["run_id"] for e in found["change_applied"]} == {outcome.run_id}
    assert {(e["attempts"], e["ms"] >= 0) for e in found["change_applied"]} == {(1, True)}
    plan = next(
        e for e in found["change_applied"] if e["code"] == "FIB-0001" and "plan" in e["kind"]
    )
    assert plan["values"]["recurring_price"] == [None, "501.00"]
    assert "description" in plan["texts"]
    # The trace has every request that arrived, in no other words than the paths of the API.
    sent = Counter(
        f"{e['method']} {telemetry.path_template(e['path'])}" for e in site.console.journal()
    )
    shown = Counter(s.name for s in traces.spans if s.kind == s.SPAN_KIND_CLIENT)
    assert shown == sent
    assert not [name for name in shown if "FIB" in name or "default" in name]
    assert facts(traces.named("run")[0])["trueup.state"] == "succeeded"
    everything = out.getvalue().encode() + b"".join(traces.bodies)
    env = site.env
    for name in ("ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "TRUEUP_SECRET_KEY"):
        assert env[name].encode() not in everything


def test_what_is_refused_has_its_line_and_a_quiet_night_few(site: Site) -> None:
    first = io.StringIO()
    refused = {"match": {"service": "billing", "method": "POST", "path": "*/plans", "times": 1}}
    site.console.weather(refused | {"do": "refuse", "status": 400, "code": 3006})
    assert carried_out(site, first).ending == "partial"
    found = lines(first)
    [one] = found["change_rejected"]
    assert (one["level"], one["error_code"], one["kind"]) == ("warning", "3006", "billing_plan")
    [request] = found["request_refused"]
    assert (request["path"], request["status"]) == ("/billing/v1/plans", 400)
    [product] = found["product_failed"]
    assert (product["sku"], product["target"]) == (one["sku"], "billing")
    assert found["run_finished"][0]["level"] == found["job_finished"][0]["level"] == "warning"

    site.fill([a_catalogue_row(number, description="Told anew") for number in range(1, 5)])
    assert carried_out(site, io.StringIO()).ending in ("succeeded", "partial")
    site.sql("update trueup.product_state set next_attempt_at = null, quarantined = false")
    carried_out(site, io.StringIO())
    quiet = io.StringIO()
    assert carried_out(site, quiet).ending == "succeeded"
    assert set(lines(quiet)) == {"job_started", "planned", "run_finished", "job_finished"}
