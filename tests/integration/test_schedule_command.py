"""`trueup schedule`: what comes needs no database; one tells how the last slots went."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.program import run_cli
from trueup.domain.jobs import Ending, JobKind, JobOutcome, JobRequest, Priority
from trueup.domain.runs import Trigger
from trueup.postgres.pool import open_pool
from trueup.postgres.queue import PostgresQueue

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
BERLIN = {"TRUEUP_TIMEZONE": "Europe/Berlin"}


def test_what_comes_in_words_without_a_database(tmp_path: Path) -> None:
    spring = run_cli("schedule", "--count", "2", "--after", "2027-03-27T12:00", env=BERLIN)
    assert spring.code == 0, str(spring)
    assert "nightly: sync at `0 2 * * *`, Europe/Berlin" in spring.stdout
    skipped, after = spring.stdout.splitlines()[3:5]
    assert skipped.startswith("Sun 2027-03-28 03:00 +02:00  2027-03-28 01:00  ")
    assert skipped.endswith("! the clocks skip 02:00: the first instant after")
    assert after.startswith("Mon 2027-03-29 02:00 +02:00  2027-03-29 00:00  ")
    assert "housekeeping: prune" in spring.stdout
    assert "there is no database yet" in spring.stdout

    autumn = run_cli("schedule", "--after", "2027-10-31", "--count", "1", env=BERLIN)
    line = autumn.stdout.splitlines()[3]
    assert line.startswith("Sun 2027-10-31 02:00 +02:00  2027-10-31 00:00  ")
    assert line.endswith("! the clocks show 02:00 twice: the first time")
    # Looking leaves nothing behind.
    nowhere = {"TRUEUP_DATA_DIR": str(tmp_path / "none")}
    assert len(run_cli("schedule", "--json", env=nowhere).document["schedules"][0]["next"]) == 5
    assert not (tmp_path / "none").exists()


def test_a_database_that_is_away_hides_nothing_that_comes() -> None:
    told = run_cli("schedule", "--json", env={"DATABASE_URL": "postgresql://127.0.0.1:1/none"})
    assert told.code == 0, str(told)
    assert told.document["trouble"]
    assert [one["name"] for one in told.document["schedules"]] == ["nightly", "housekeeping"]


def test_a_date_that_is_none() -> None:
    told = run_cli("schedule", "--after", "tomorrow")
    assert told.code == 2
    assert "--after: expected a date" in told.stderr


@pytest.fixture
def told(database_url: str) -> dict[str, Any]:
    """The document, where a slot failed, a later one went well, one runs and one waits."""
    with open_pool(database_url, 2) as pool:
        queue = PostgresQueue(pool)
        for day, ending in ((1, Ending.FAILED), (2, Ending.SUCCEEDED), (3, None)):
            job = queue.ask(night(day))
            assert job is not None
            claimed = queue.claim(job.job_id, "a worker")
            assert claimed is not None
            if ending:
                queue.finish(claimed, JobOutcome(ending, f"run-{day}", "in words"))
        queue.ask(night(4))
    shown = run_cli("schedule", env={"DATABASE_URL": database_url})
    assert "last: 2026-06-02T02:00 succeeded, ended " in shown.stdout
    assert "2026-06-03T02:00 runs, job 3\n2026-06-04T02:00 waits for a worker" in shown.stdout
    document: dict[str, Any] = run_cli(
        "schedule", "--json", env={"DATABASE_URL": database_url}
    ).document
    return document


def night(day: int) -> JobRequest:
    return JobRequest(
        "default",
        JobKind.SYNC,
        Trigger.SCHEDULE,
        Priority.SCHEDULE,
        schedule="nightly",
        slot=f"2026-06-{day:02}T02:00",
        planned_at=datetime(2026, 6, day, tzinfo=UTC),
    )


def test_how_the_last_ones_went_and_every_key_is_documented(told: dict[str, Any]) -> None:
    nightly, housekeeping = told["schedules"]
    assert told["trouble"] is None
    last = nightly["last"]
    assert (last["slot"], last["ending"], last["run_id"]) == (
        "2026-06-02T02:00",
        "succeeded",
        "run-2",
    )
    assert [(job["slot"][:10], job["state"]) for job in nightly["open"]] == [
        ("2026-06-03", "running"),
        ("2026-06-04", "waiting"),
    ]
    assert (housekeeping["last"], housekeeping["open"]) == (None, [])

    parts = dict(re.findall(r"### `([\w ]+)`\n(.*?)(?=\n##)", PAGE.read_text(), re.DOTALL))
    documented = parts["schedule"] + parts["jobs"]
    assert {key for key in keys(told) if f"`{key}`" not in documented} == set()


def keys(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for part in document:
            yield from keys(part)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from keys(value)
