"""Traces: what arrives at a collector, and what one costs that is slow, gone, or not wanted."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from support.collector import collector, facts
from support.program import SOURCE
from trueup import __version__, logs, telemetry
from trueup.domain.errors import UsageError
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome, JobRequest, JobState, Priority
from trueup.domain.runs import Trigger
from trueup.jobs.journal import Journal
from trueup.zoho.wire import RequestEvent

NOW = datetime(2026, 3, 2, tzinfo=UTC)
REQUEST = JobRequest("default", JobKind.SYNC, Trigger.SCHEDULE, Priority.SCHEDULE)
JOB = Job(7, REQUEST, JobState.RUNNING, NOW, attempt=2)
PLAN = "/billing/v1/plans/FIB-100/markasinactive"


@pytest.fixture(autouse=True)
def lines() -> Iterator[io.StringIO]:
    out = io.StringIO()
    logs.set_up(verbose=True, stream=out, log_format="json")
    yield out
    structlog.reset_defaults()


def an_event(path: str = PLAN, status: int = 200, verdict: str = "ok") -> RequestEvent:
    return RequestEvent("billing", "POST", path, status, 0.25, 1, verdict, 1.5)


def tell_of_a_job(ending: Ending = Ending.SUCCEEDED) -> None:
    with Journal(JOB) as journal:
        journal.run("schedule-1")
        journal.request(an_event())
        journal.request(an_event("/crm/v8/Products/500000001", 503, "server"))
        journal.request(an_event("/oauth/v2/token", 0, "unreadable"))
        journal.ended(JobOutcome(ending, "schedule-1", report={"state": "succeeded"}))


def crash_in_a_job() -> None:
    with Journal(JOB) as journal:
        journal.run("schedule-1")
        raise ZeroDivisionError


def test_a_job_its_run_and_its_requests_are_one_trace() -> None:
    with collector() as found:
        with telemetry.exporting(f"{found.url}/"):
            tell_of_a_job()
        assert set(found.paths) == {"/v1/traces"}
        assert len(found.spans) == 5
        [resource] = found.resources
    assert (resource["service.name"], resource["service.version"]) == ("trueup", __version__)
    [job] = found.named("job sync")
    [run] = found.named("run")
    [done] = found.named("POST /billing/v1/plans/{id}/markasinactive")
    [refused] = found.named("POST /crm/v8/Products/{id}")
    [lost] = found.named("POST /oauth/v2/token")
    assert job.parent_span_id == b""
    assert run.parent_span_id == job.span_id
    assert {span.parent_span_id for span in (done, refused, lost)} == {run.span_id}
    assert len({span.trace_id for span in found.spans}) == 1
    assert facts(job) == {
        "trueup.workspace": "default",
        "trueup.job_id": 7,
        "trueup.job": "sync",
        "trueup.trigger": "schedule",
        "trueup.attempt": 2,
        "trueup.ending": "succeeded",
    }
    assert facts(run) == {"trueup.run_id": "schedule-1", "trueup.state": "succeeded"}
    assert facts(done) == {
        "http.request.method": "POST",
        "url.template": "/billing/v1/plans/{id}/markasinactive",
        "http.response.status_code": 200,
        "trueup.target": "billing",
        "trueup.verdict": "ok",
        "trueup.attempt": 1,
        "trueup.waited": 1.5,
    }
    assert done.end_time_unix_nano - done.start_time_unix_nano == 250_000_000
    assert done.kind == done.SPAN_KIND_CLIENT
    good, bad = (span.status.code for span in (done, refused))
    assert (good, bad) == (done.status.STATUS_CODE_UNSET, done.status.STATUS_CODE_ERROR)
    assert "http.response.status_code" not in facts(lost)
    assert lost.status.message == "status none"
    assert b"FIB-100" not in b"".join(found.bodies)


@pytest.mark.parametrize("crash", [True, False])
def test_what_went_wrong_is_marked_in_the_trace(*, crash: bool) -> None:
    with collector() as found:
        with telemetry.exporting(found.url):
            if crash:
                with pytest.raises(ZeroDivisionError):
                    crash_in_a_job()
            else:
                tell_of_a_job(Ending.PARTIAL)
        marks = {span.name: span.status.message for span in found.spans}
    word = "crashed" if crash else "partial"
    assert (marks["job sync"], marks["run"]) == (word, word)


def test_a_collector_that_is_gone_costs_a_line(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "EXPORT_SECONDS", 0.2)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with telemetry.exporting(f"http://127.0.0.1:{nobody.getsockname()[1]}"):
            tell_of_a_job()
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [one["level"] for one in told if one["event"] == "traces_lost"] == ["warning"]
    assert [one["ending"] for one in told if one["event"] == "job_finished"] == ["succeeded"]
    assert not [one for one in told if one.get("logger")]


def test_a_collector_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the block comes before the collector has said anything."""
    monkeypatch.setattr(telemetry, "STOP_SECONDS", 0.05)
    monkeypatch.setattr(telemetry, "EXPORT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with telemetry.exporting(f"http://127.0.0.1:{mute.getsockname()[1]}"):
            tell_of_a_job()
        assert "last-spans" in {thread.name for thread in threading.enumerate()}
        asked, _ = mute.accept()
        asked.close()
    # It throws dice for its pauses: other tests must not meet it.
    for thread in threading.enumerate():
        if thread.name in ("last-spans", "OtelBatchSpanRecordProcessor"):
            thread.join(30)


def test_without_an_endpoint_nothing_is_traced_or_imported() -> None:
    with telemetry.exporting(""):
        span = telemetry.span("job", workspace="default")
        assert span.child("run") == telemetry.Span()
        tell_of_a_job()
    code = (
        "import sys, trueup.jobs.journal, trueup.telemetry as t\n"
        "with t.exporting(''): t.span('job').end()\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, check=False
    )
    assert done.returncode == 0


def test_who_wants_traces_without_the_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UsageError, match="not installed"), telemetry.exporting("http://c.example"):
        pass


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/crm/v8/Products", "/crm/v8/Products"),
        ("/crm/v8/Products/4876876000000624001", "/crm/v8/Products/{id}"),
        ("/crm/bulk/v8/read/55/result", "/crm/bulk/v8/read/{id}/result"),
        ("/billing/v1/plans/FIB%2F100", "/billing/v1/plans/{id}"),
        ("/billing/v1/items/x/active", "/billing/v1/items/{id}/active"),
        ("/oauth/v2/token", "/oauth/v2/token"),
    ],
)
def test_a_path_is_told_without_what_is_particular_to_a_record(path: str, template: str) -> None:
    assert telemetry.path_template(path) == template
