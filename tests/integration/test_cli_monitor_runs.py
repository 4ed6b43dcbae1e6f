"""`runs`, `runs show` and `history` on a database that real runs have filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from support.ledgers import PostgresBench, a_run
from support.monitored import FIRST, LAST_NIGHT, NIGHT_BEFORE, SECOND, two_nights
from support.program import run_cli
from trueup.cli import output
from trueup.ports import Fence
from trueup.postgres.pool import open_pool

SAST = timedelta(hours=2)


@pytest.fixture
def env(database_url: str) -> Mapping[str, str]:
    return {"DATABASE_URL": database_url}


@pytest.fixture
def bench(database_url: str) -> Iterator[PostgresBench]:
    with open_pool(database_url, 4) as pool:
        yield PostgresBench(pool)


@pytest.fixture
def fence(bench: PostgresBench) -> Fence:
    return two_nights(bench)


def local(instant: datetime) -> str:
    return f"{instant + SAST:%Y-%m-%d %H:%M:%S} +02:00"


def test_the_last_runs_newest_first(env: Mapping[str, str], fence: Fence) -> None:
    """One line each, and their durations as a line of bars."""
    said = run_cli("runs", env=env)
    assert said.code == 0, said
    head, second, first, *rest = said.stdout.splitlines()
    assert head == (
        "run           started                     state      trigger   duration    products  agree"
        "  failed  held  deferred  requests"
    )
    assert second == (
        f"schedule-two  {local(LAST_NIGHT)}  partial    schedule  3 min 20 s         4    2/1"
        "       2     1         -        13"
    )
    assert first.startswith(FIRST)
    assert "durations  ▂█  oldest to newest, longest 3 min 20 s" in rest


def test_as_many_runs_as_asked_for(env: Mapping[str, str], fence: Fence) -> None:
    """The newest ones, in JSON with every count."""
    [run] = run_cli("runs", "--limit", "1", "--json", env=env).document["runs"]
    assert run["run_id"] == SECOND
    assert run["summary"]["billingFailed"] == 1
    assert run["requests"] == {"oauth": 1, "crm": 3, "billing": 9}
    assert run["duration_ms"] == 200_000
    assert datetime.fromisoformat(run["finished_at"]) == LAST_NIGHT + timedelta(seconds=200)


def test_one_run_in_full(env: Mapping[str, str], fence: Fence) -> None:
    """By the beginning of its id: summary, every change before and after, what failed."""
    said = run_cli("runs", "show", "schedule-t", env=env)
    assert said.code == 0, said
    at = local(LAST_NIGHT)
    for line in (
        f"Run {SECOND}",
        "requests  13 (1 oauth, 3 crm, 9 billing)",
        "duration  3 min 20 s",
        "billing failed     1",
        f"{at}  ~ billing_plan/SKU-0001 update (edited)  applied  id 7001",
        "    recurring_price  899.00 -> 949.00",
        f"{at}  + billing_plan/SKU-0002 create (missing)  rejected",
        "    name  Line",
        "    why  2006: no such tax",
        "Failed (1)",
        "billing_plan/SKU-0002  rejected  2006: no such tax",
    ):
        assert line in said.stdout.splitlines(), said


def test_one_run_as_json(env: Mapping[str, str], fence: Fence) -> None:
    """The run with its changes."""
    found = run_cli("runs", "show", SECOND, "--json", env=env).document
    updated, refused = found["changes"]
    assert updated == {
        "run_id": SECOND,
        "at": f"{(LAST_NIGHT + SAST):%Y-%m-%dT%H:%M:%S}+02:00",
        "target": "billing",
        "kind": "billing_plan",
        "code": "SKU-0001",
        "sku": "SKU-0001",
        "action": "update",
        "reason": "edited",
        "deltas": {"recurring_price": ["899.00", "949.00"]},
        "status": "applied",
        "remote_id": "7001",
        "error_code": None,
        "detail": None,
        "actor": None,
        "editor": None,
    }
    assert (refused["status"], refused["error_code"]) == ("rejected", "2006")


def test_an_unknown_run_is_answered_with_suggestions(env: Mapping[str, str], fence: Fence) -> None:
    """And so is a beginning that fits several."""
    unknown = run_cli("runs", "show", "schedule-won", env=env)
    assert unknown.code == 2
    assert "there is no run 'schedule-won'" in unknown.stderr
    assert FIRST in unknown.stderr
    several = run_cli("runs", "show", "schedule", "--json", env=env)
    assert several.code == 2
    assert "several runs begin with schedule" in several.document["error"]


def test_a_run_that_has_not_ended(
    env: Mapping[str, str], bench: PostgresBench, fence: Fence
) -> None:
    """Has neither duration nor counts yet."""
    bench.ledger.begin(a_run("cli-three", started_at=LAST_NIGHT + timedelta(hours=1)), fence)
    said = run_cli("runs", env=env).stdout.splitlines()[1]
    assert said.split()[4:] == ["running", "cli", *"-------"]
    assert "finished  -" in run_cli("runs", "show", "cli-three", env=env).stdout


def test_no_run_yet(env: Mapping[str, str]) -> None:
    """Says how to start one."""
    said = run_cli("runs", env=env)
    assert (said.code, said.stdout) == (0, "No run yet: `trueup run` starts the first one.\n")
    assert run_cli("runs", "--json", env=env).document == {"runs": []}
    assert "no run has started yet" in run_cli("runs", "show", "x", env=env).stderr


def test_the_history_of_a_product(env: Mapping[str, str], fence: Fence) -> None:
    """Newest first, whatever the case of the SKU; each with its run and outcome."""
    said = run_cli("history", "sku-0001", env=env)
    assert said.code == 0, said
    words = "billing_plan/SKU-0001"
    assert said.stdout.splitlines() == [
        f"{local(LAST_NIGHT)}  ~ {words} update (edited)  applied  id 7001  run {SECOND}",
        "    recurring_price  899.00 -> 949.00",
        f"{local(NIGHT_BEFORE)}  + {words} create (missing)  applied  id 7001  run {FIRST}",
        "    recurring_price  899.00",
    ]
    found = run_cli("history", "SKU-0001", "--limit", "1", "--json", env=env).document
    assert [c["run_id"] for c in found["changes"]] == [SECOND]


def test_a_product_without_history(env: Mapping[str, str], fence: Fence) -> None:
    """Is told from one that does not exist, for which another is suggested."""
    known = run_cli("history", "SKU-0005", env=env)
    assert (known.code, known.stdout) == (
        0,
        "SKU-0005 is in the catalogue; nothing was changed for it yet.\n",
    )
    unknown = run_cli("history", "SKU-00O1", env=env)
    assert unknown.code == 2
    assert "did you mean 'SKU-0001'" in unknown.stderr


def test_a_narrow_terminal_gets_lines_instead_of_a_table(
    env: Mapping[str, str], fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is zero is left out."""
    drawn = StringIO()
    screen = Console(file=drawn, width=120, color_system=None)
    monkeypatch.setattr(output, "on_terminal", lambda **_: True)
    monkeypatch.setattr(output, "console", lambda **_: screen)
    assert run_cli("runs", env=env).code == 0
    second, told, *_ = drawn.getvalue().splitlines()
    assert second == f"{SECOND}  partial"
    assert told == (
        f"  {local(LAST_NIGHT)}, schedule, 3 min 20 s,"
        " 4 products, 2/1 agree, 2 failed, 1 held, 13 requests"
    )
    screen.width = 200
    assert run_cli("runs", env=env).code == 0
    assert "duration" in drawn.getvalue()


@pytest.mark.usefixtures("fence")
def test_runs_are_filtered_as_on_the_page(env: Mapping[str, str]) -> None:
    """By how they went, who asked, and the local day."""

    def found(*options: str) -> list[str]:
        said = run_cli("runs", "--json", *options, env=env)
        assert said.code == 0, said
        return [run["run_id"] for run in said.document["runs"]]

    day = local(LAST_NIGHT)[:10]
    assert found("--state", "partial") == [SECOND]
    assert found("--day", day) == [SECOND]
    assert found("--trigger", "cli") == []
    assert found("--state", "partial", "--day", "2020-01-01") == []
    assert "No run is like that" in run_cli("runs", "--trigger", "cli", env=env).stdout
    assert run_cli("runs", "--day", "yesterday", env=env).code == 2
