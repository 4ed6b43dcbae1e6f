"""Who ends a job or a run is told of it, by commands too; the list, the test message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from support.program import run_cli
from support.receivers import Inbox, http_receiver
from support.troubles import AWAY, T0, TROUBLES, a_job, a_place, keys
from trueup.cli.told import told
from trueup.domain.errors import CredentialsError
from trueup.domain.jobs import (
    Ending,
    JobKind,
    JobOutcome,
    Terms,
)
from trueup.domain.plan import Plan
from trueup.domain.runs import Run, RunState, Trigger
from trueup.jobs.alerting import after
from trueup.jobs.carrying import KINDS, carry_out
from trueup.reconcile.applying import Brake
from trueup.reconcile.running import Report

PAGE = Path(__file__).parents[2] / "docs" / "json.md"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with http_receiver() as opened:
        yield opened


def test_trouble_with_alerts_changes_nothing_about_the_job(database_url: str, inbox: Inbox) -> None:
    """Whatever it is: an unknown workspace, a database that is away. The switch hears of it."""
    with a_place(database_url) as place:
        after(place.deployment, a_job(workspace="nobody"), JobOutcome(Ending.FAILED))
    with a_place(AWAY, TRUEUP_PING_URL=f"{inbox.address}/ping/abc") as place:
        after(place.deployment, a_job(), JobOutcome(Ending.FAILED))
    assert inbox.pings == ["/ping/abc/fail"]


def test_the_switch_hears_of_every_night(database_url: str, inbox: Inbox) -> None:
    well = {
        Ending.SUCCEEDED: ["/ping/abc"],
        Ending.HELD: ["/ping/abc"],
        Ending.PARTIAL: ["/ping/abc/fail"],
        Ending.FAILED: ["/ping/abc/fail"],
        Ending.CANCELLED: [],
    }
    with a_place(database_url, TRUEUP_PING_URL=f"{inbox.address}/ping/abc") as place:
        for ending, called in well.items():
            inbox.requests.clear()
            after(place.deployment, a_job(), JobOutcome(ending))
            after(place.deployment, a_job(kind=JobKind.PRUNE), JobOutcome(ending))
            after(place.deployment, a_job(terms=Terms(skus=("S",))), JobOutcome(ending))
            assert inbox.pings == called


def test_a_job_that_crashed_is_told_and_one_that_a_person_stopped_is_not(
    database_url: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By where a worker meets both: the state of a stopped run is partial, or failed."""

    def failing(*_: object) -> JobOutcome:
        return JobOutcome(Ending.PARTIAL, "run-1", "stopped")

    def crashing(*_: object) -> JobOutcome:
        raise ZeroDivisionError

    with a_place(database_url, inbox.address) as place:
        queue = place.deployment.queue
        for work in (failing, crashing):
            asked = queue.ask(a_job().request)
            assert asked is not None
            job = queue.claim(asked.job_id, "a worker")
            assert job is not None
            monkeypatch.setitem(KINDS, JobKind.SYNC, work)
            with suppress(ZeroDivisionError):
                if work is failing:
                    queue.cancel(job.job_id, "Ann")
                carry_out(place.deployment, job, Brake())
            queue.finish(job, JobOutcome(Ending.FAILED))
    [told] = inbox.documents
    assert "it crashed (ZeroDivisionError)" in told["body"]


def test_a_run_by_a_timer_is_told_as_that_of_a_worker(
    database_url: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, also when it could not begin; nothing of one over some products, or of no run."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TRUEUP_ALERTS", inbox.address)
    failed = Run("cli-1", Trigger.CLI, RunState.FAILED, T0, T0, error="the catalogue is empty")
    busy = replace(failed, state=RunState.ALREADY_RUNNING)
    for whole, run in ((False, failed), (True, busy), (True, failed), (True, failed)):
        with told(whole=whole) as note:
            note(Report(run, Plan()))
    with pytest.raises(CredentialsError), told(whole=True):
        raise CredentialsError("not set: ZOHO_ORG_ID")
    assert [keys(one) for one in inbox.documents] == [{"run": "raised"}, {"run": "worse"}]
    assert "not set: ZOHO_ORG_ID" in inbox.documents[1]["body"]


@pytest.mark.parametrize("command", [("run",), ("backfill", "all")])
def test_commands_that_a_timer_calls_tell_of_their_runs(
    database_url: str, inbox: Inbox, command: tuple[str, ...]
) -> None:
    env = {"DATABASE_URL": database_url, "TRUEUP_ALERTS": inbox.address}
    assert run_cli("run", "--sku", "FIB-1", env=env).code == 4
    assert inbox.documents == []
    assert run_cli(*command, env=env).code == 4
    assert [keys(one) for one in inbox.documents] == [{"run": "raised"}]


def test_the_list_says_what_stands_and_what_is_over_and_json_names_its_keys(
    database_url: str, inbox: Inbox
) -> None:
    env = {"DATABASE_URL": database_url}
    assert run_cli("alert", "list", env=env).stdout == "Nothing is wrong.\n"
    with a_place(database_url, f"{inbox.address}/hush") as place:
        place.sql(TROUBLES["held"][0])
        place.sql(TROUBLES["drift"][0])
        place.look()
        place.sql(TROUBLES["drift"][1])
        place.look(minutes=20)
    said = run_cli("alert", "list", env=env)
    title, text, times = said.stdout.splitlines()[:3]
    assert title == "warning: 1 product waits for a person"
    assert text.startswith("  `trueup held` shows what and why")
    assert times.endswith(", told 2026-03-02 14:00:00 +02:00")
    assert "3 of 10 products differ from the catalogue  2026-03-02 14:20:00 +02:00" in said.stdout
    assert "http://127.0.0.1  2026-03-02 14:20:00 +02:00" in said.stdout
    document = run_cli("alert", "list", "--json", env=env)
    assert "hush" not in said.stdout + document.stdout
    [stands], [over] = document.document["standing"], document.document["over"]
    assert (stands["key"], stands["until"], over["key"]) == ("held", None, "drift")
    part = PAGE.read_text().partition("### `alert list`")[2].partition("\n### ")[0]
    told = {*document.document, *stands, *document.document["addresses"][0]}
    assert [key for key in told if f"`{key}`" not in part] == []


def test_a_test_message_goes_to_every_address(inbox: Inbox) -> None:
    assert run_cli("alert", "test").code == 2
    with http_receiver() as weak:
        weak.answers = [401]
        env = {"TRUEUP_ALERTS": f"{inbox.address}/hush,{weak.address}/hush"}
        said = run_cli("alert", "test", env=env)
        assert (said.code, said.stderr) == (1, "")
        assert said.stdout.splitlines() == [
            "ok      http://127.0.0.1",
            "failed  http://127.0.0.1  it answered 401 Unauthorized",
        ]
        one = run_cli("alert", "test", "--to", weak.address, "--json", env=env)
    assert one.document == {"addresses": [{"to": "http://127.0.0.1", "ok": True, "error": None}]}
    assert [one["severity"] for one in inbox.documents] == ["info"]
    assert run_cli("alert", "test", "--to", "nowhere").code == 2
