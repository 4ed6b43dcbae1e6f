"""When a schedule is due: skipped hours, repeated hours, missing dates, long downtimes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from trueup.domain.jobs import JobKind
from trueup.domain.schedule import Occurrence, Schedule
from trueup.planner.schedule import latest_due, next_occurrences

NIGHTLY = "0 2 * * *"
JOHANNESBURG, BERLIN, NEW_YORK = "Africa/Johannesburg", "Europe/Berlin", "America/New_York"
LORD_HOWE, NUUK, HAVANA, APIA = (
    "Australia/Lord_Howe",
    "America/Nuuk",
    "America/Havana",
    "Pacific/Apia",
)


def schedule(zone: str, cron: str = NIGHTLY) -> Schedule:
    return Schedule("nightly", JobKind.SYNC, cron, zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(found: Occurrence | None) -> tuple[str, str, str] | None:
    if found is None:
        return None
    mark = "skipped" if found.shifted else "repeated" if found.repeated else ""
    return found.slot, f"{found.at:%Y-%m-%d %H:%M}", mark


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        (JOHANNESBURG, NIGHTLY, "2026-03-01T00:00", ("2026-03-02T02:00", "2026-03-02 00:00", "")),
        # The clocks go from 02:00 to 03:00, which is 01:00 UTC.
        (BERLIN, NIGHTLY, "2026-03-28T12:00", ("2026-03-29T02:00", "2026-03-29 01:00", "skipped")),
        (BERLIN, "59 2 * * *", "2026-03-28T12:00",
         ("2026-03-29T02:59", "2026-03-29 01:00", "skipped")),
        (BERLIN, "0 3 * * *", "2026-03-28T12:00", ("2026-03-29T03:00", "2026-03-29 01:00", "")),
        # From 03:00 back to 02:00, which is 01:00 UTC: the first 02:00 is at midnight UTC.
        (BERLIN, NIGHTLY, "2026-10-24T12:00", ("2026-10-25T02:00", "2026-10-25 00:00", "repeated")),
        (BERLIN, "0 3 * * *", "2026-10-24T12:00", ("2026-10-25T03:00", "2026-10-25 02:00", "")),
        (NEW_YORK, NIGHTLY, "2026-03-07T12:00",
         ("2026-03-08T02:00", "2026-03-08 07:00", "skipped")),
        (NEW_YORK, "30 1 * * *", "2026-10-31T12:00",
         ("2026-11-01T01:30", "2026-11-01 05:30", "repeated")),
        # Half an hour only.
        (LORD_HOWE, "15 2 * * *", "2026-10-03T00:00",
         ("2026-10-04T02:15", "2026-10-03 15:30", "skipped")),
        (LORD_HOWE, "45 1 * * *", "2026-04-04T12:00",
         ("2026-04-05T01:45", "2026-04-04 14:45", "repeated")),
        # From 23:00 to midnight: the instant lies on the next date, the slot keeps its own.
        (NUUK, "30 23 * * *", "2026-03-28T12:00",
         ("2026-03-28T23:30", "2026-03-29 01:00", "skipped")),
        # No midnight on that day.
        (HAVANA, "0 0 * * *", "2026-03-07T12:00",
         ("2026-03-08T00:00", "2026-03-08 05:00", "skipped")),
        # A whole date was left out: the next one is the day after.
        (APIA, NIGHTLY, "2011-12-29T13:00", ("2011-12-31T02:00", "2011-12-30 12:00", "")),
    ],
)  # fmt: skip
def test_where_the_next_slot_lies(
    zone: str, cron: str, after: str, expected: tuple[str, str, str]
) -> None:
    [found] = next_occurrences(schedule(zone, cron), utc(after), 1)
    assert shown(found) == expected
    # The same slot, looked for from its own instant backwards; and not a second before.
    assert latest_due(schedule(zone, cron), utc(after), found.at) == found
    assert latest_due(schedule(zone, cron), utc(after), found.at - timedelta(seconds=1)) is None


def test_slots_that_fall_on_one_instant_are_one_the_last() -> None:
    hourly = schedule(BERLIN, "0 * * * *")
    found = next_occurrences(hourly, utc("2026-03-28T23:30"), 3)
    assert [shown(o) for o in found] == [
        ("2026-03-29T01:00", "2026-03-29 00:00", ""),
        ("2026-03-29T03:00", "2026-03-29 01:00", ""),
        ("2026-03-29T04:00", "2026-03-29 02:00", ""),
    ]
    assert latest_due(hourly, utc("2026-03-29T00:30"), utc("2026-03-29T01:30")) == found[1]


def test_a_repeated_hour_has_no_second_slots() -> None:
    often = schedule(BERLIN, "*/20 * * * *")
    found = next_occurrences(often, utc("2026-10-25T00:10"), 4)
    assert [o.slot[-5:] for o in found] == ["02:20", "02:40", "03:00", "03:20"]
    last = latest_due(often, utc("2026-10-24T00:00"), utc("2026-10-25T01:30"))
    assert shown(last) == ("2026-10-25T02:40", "2026-10-25 00:40", "repeated")
    # Asked in the second pass, the first is over.
    assert next_occurrences(often, utc("2026-10-25T01:10"), 1)[0].slot == "2026-10-25T03:00"


def test_the_latest_one_only_and_nothing_of_before() -> None:
    nightly, now = schedule(BERLIN), utc("2026-06-10T12:00")
    latest = latest_due(nightly, utc("2020-01-01T00:00"), now)
    assert shown(latest) == ("2026-06-10T02:00", "2026-06-10 00:00", "")
    assert latest is not None
    assert latest_due(nightly, latest.at, now) is None
    assert latest_due(nightly, utc("2030-01-01T00:00"), now) is None


def test_seconds_of_now_make_no_difference() -> None:
    nightly, exact = schedule(BERLIN), utc("2026-06-10T00:00:00")
    late = exact + timedelta(microseconds=1)
    assert latest_due(nightly, utc("2026-06-09T12:00"), late) is not None
    assert latest_due(nightly, utc("2026-06-09T12:00"), exact - timedelta(microseconds=1)) is None
    assert next_occurrences(nightly, late, 1)[0].slot == "2026-06-11T02:00"


@pytest.mark.parametrize("cron", ["* * * * *", NIGHTLY, "0 0 1 1 *", "0 0 29 2 *"])
def test_a_year_of_downtime_costs_little(cron: str) -> None:
    """As processor time: the machine may have other things to do."""
    yearly, now = schedule(BERLIN, cron), utc("2027-05-05T05:05")
    before = time.process_time()
    for _ in range(20):
        assert latest_due(yearly, utc("2015-01-01T00:00"), now) is not None
    assert time.process_time() - before < 2


def test_an_expression_without_end_or_without_beginning() -> None:
    """A fifth Monday in February comes every 28 years; one on its first day never."""
    rare = schedule(BERLIN, "0 0 * 2 MON#5")
    assert [o.slot for o in next_occurrences(rare, utc("2026-01-01T00:00"), 1)] == [
        "2044-02-29T00:00"
    ]
    never = schedule(BERLIN, "0 0 */30 2 WED#5")
    assert next_occurrences(never, utc("2026-01-01T00:00"), 1) == []
    assert latest_due(never, utc("1990-01-01T00:00"), utc("2026-01-01T00:00")) is None
