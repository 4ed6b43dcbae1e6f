"""`trueup jobs` and `trueup cancel`, for people and for programs."""

from __future__ import annotations

import re
from pathlib import Path

from support.crew import a_request
from support.program import Result, run_cli
from trueup.domain.jobs import Ending, JobOutcome, Priority
from trueup.postgres.people import People
from trueup.postgres.pool import open_pool
from trueup.postgres.queue import PostgresQueue
from trueup.postgres.workers import Roster

PAGE = Path(__file__).parents[2] / "docs" / "json.md"


def test_jobs_are_shown_and_cancelled(database_url: str) -> None:
    """What runs, what waits and what ended; every key is on the page. What waits ends at once."""

    def call(*arguments: str) -> Result:
        return run_cli(*arguments, env={"DATABASE_URL": database_url})

    with open_pool(database_url, 2) as pool:
        queue, roster = PostgresQueue(pool), Roster(pool)
        roster.beat("w1", 4)
        night = queue.ask(a_request(schedule="nightly", slot="2026-03-02T02:00"))
        assert night is not None
        ended = queue.claim(night.job_id, "w1")
        assert ended is not None
        queue.finish(ended, JobOutcome(Ending.PARTIAL, "run-1", "2 products failed"))
        asked = queue.ask(a_request(Priority.PERSON, skus=("FIB-0001",), asked_by="Ann Example"))
        assert asked is not None
        queue.claim(asked.job_id, "w1")
        waiting = queue.ask(a_request())
        assert waiting is not None

        told = call("jobs", "--json")
        found = told.document
        assert [job["state"] for job in found["open"]] == ["running", "waiting"]
        assert [worker["name"] for worker in found["workers"]] == ["w1"]
        [over] = found["ended"]
        assert (over["ending"], over["slot"]) == ("partial", "2026-03-02T02:00")
        part = re.findall(r"### `jobs`\n(.*?)(?=\n##)", PAGE.read_text(), re.DOTALL)[0]
        keys = {*found, *over, *found["workers"][0]}
        assert {key for key in keys if f"`{key}`" not in part} == set()

        shown = call("jobs").stdout
        for word in ("w1", "Ann Example", "sync of 1 products", "2 products failed", "waits"):
            assert word in shown

        said = call("cancel", str(waiting.job_id), "--by", "Ben Example")
        assert (said.code, said.stdout) == (0, f"job {waiting.job_id} will not begin\n")
        [deed] = People(pool).deeds(9)
        assert (deed.who, deed.action) == ("Ben Example", "cancelled a job")
        assert (deed.subject, deed.workspace) == (f"job {waiting.job_id}", "default")
        again = call("cancel", str(waiting.job_id))
        assert (again.code, "`trueup jobs` shows" in again.stderr) == (2, True)
        assert call("cancel", "9" * 30).code == 2
        assert "is running" in call("cancel", "cli-of-nobody").stderr
        kept = queue.get(waiting.job_id)
        assert kept is not None
        assert (kept.ending, kept.cancelled_by) == (Ending.CANCELLED, "Ben Example")
        roster.forget("w1")
    assert "none is alive" in call("jobs").stdout
