"""Slots become jobs in Postgres: each once, whichever process looks, after whatever downtime."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from support.scheduled import DAY, NIGHTLY, Watch, deployed, end_all, slots
from trueup.deployment import Deployment
from trueup.domain.jobs import JobKind, Priority
from trueup.domain.runs import Trigger
from trueup.worker.scheduling import ask_what_is_due


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture
def deployment(database_url: str, clock: Watch) -> Iterator[Deployment]:
    with deployed(database_url, clock) as opened:
        yield opened


def all_slots(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select slot from trueup.job order by job_id").fetchall()
    return [slot for (slot,) in rows]


def test_a_slot_is_asked_for_when_it_is_due_and_never_again(
    deployment: Deployment, clock: Watch, database_url: str
) -> None:
    assert ask_what_is_due(deployment) == []  # of the past nothing was missed
    clock.shows = datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC)
    assert ask_what_is_due(deployment) == []
    clock.shows += timedelta(seconds=1)
    [job] = ask_what_is_due(deployment)
    asked = job.request
    assert (asked.workspace, asked.kind, asked.trigger) == (
        "default",
        JobKind.SYNC,
        Trigger.SCHEDULE,
    )
    assert (asked.schedule, asked.slot) == ("nightly", "2026-06-02T02:00")
    assert (asked.planned_at, asked.priority) == (clock.shows, Priority.SCHEDULE)
    # Looked at again: by this process, by a second one, when the job is done, and set back.
    assert ask_what_is_due(deployment) == []
    with deployed(database_url, clock) as other:
        assert ask_what_is_due(other) == []
        end_all(other)
    for back in (timedelta(), timedelta(minutes=30), timedelta(minutes=-30)):
        clock.shows -= back
        with deployed(database_url, clock) as restarted:
            assert ask_what_is_due(restarted) == ask_what_is_due(deployment) == []


def test_processes_that_look_at_one_instant_ask_once(database_url: str, clock: Watch) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(deployed(database_url, clock)) for _ in range(4)]
        for one in processes:
            ask_what_is_due(one)
        clock.shows += DAY
        with ThreadPoolExecutor(4) as threads:
            asked = [job for jobs in threads.map(ask_what_is_due, processes) for job in jobs]
    assert slots(asked) == ["2026-06-02T02:00"] == all_slots(database_url)


def test_after_downtime_the_latest_slot_and_none_before_it(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    ask_what_is_due(deployment)
    clock.shows += DAY
    ask_what_is_due(deployment)
    end_all(deployment)
    clock.shows += 200 * DAY
    with deployed(database_url, clock) as restarted:
        assert slots(ask_what_is_due(restarted)) == ["2026-12-19T02:00"]
        end_all(restarted)
        assert ask_what_is_due(restarted) == []
    # So does a machine that was only asleep.
    assert ask_what_is_due(deployment) == []
    clock.shows += 9 * DAY
    assert slots(ask_what_is_due(deployment)) == ["2026-12-28T02:00"]


def test_a_schedule_that_is_written_otherwise_has_missed_nothing(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    ask_what_is_due(deployment)
    clock.shows += DAY  # 14:00 in Berlin
    assert len(ask_what_is_due(deployment)) == 1
    with deployed(database_url, clock, replace(NIGHTLY, cron="0 9 * * *")) as changed:
        assert ask_what_is_due(changed) == []
        clock.shows += DAY
        assert slots(ask_what_is_due(changed)) == ["2026-06-03T09:00"]
    # A date that had its slot in one zone has no second one in another.
    with deployed(database_url, clock) as back:
        assert ask_what_is_due(back) == []
    with deployed(database_url, clock, replace(NIGHTLY, zone="Pacific/Honolulu")) as moved:
        assert ask_what_is_due(moved) == []
        clock.shows += DAY
        assert slots(ask_what_is_due(moved)) == ["2026-06-04T02:00"]


def test_a_clock_that_was_years_ahead_loses_no_night(
    database_url: str, deployment: Deployment, clock: Watch
) -> None:
    right = clock.shows
    clock.shows = right + 1500 * DAY
    ask_what_is_due(deployment)  # watched since a day that is still to come
    clock.shows += DAY
    ask_what_is_due(deployment)
    clock.shows = right
    for process in (deployment, None):
        with deployed(database_url, clock) as restarted:
            looking = process or restarted
            assert ask_what_is_due(looking) == []
            clock.shows += DAY
            assert len(ask_what_is_due(looking)) == 1
    assert all_slots(database_url)[1:] == ["2026-06-02T02:00", "2026-06-03T02:00"]
