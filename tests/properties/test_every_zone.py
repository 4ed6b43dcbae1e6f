"""Every time zone there is, ten years: one run per local date, whatever the clocks do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim

from trueup.domain.jobs import JobKind
from trueup.domain.schedule import Schedule
from trueup.planner.schedule import latest_due, next_occurrences, occurrences

FIRST, END = datetime(2020, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001 (wall times)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
_LOOK = timedelta(days=3)  # no zone changes its clocks twice within

Turns = tuple[tuple[datetime, timedelta], ...]


@pytest.fixture(scope="module")
def zones() -> Mapping[Turns, list[str]]:
    """Zones by how their clocks go in these years: most names stand for the same few ways."""
    found: dict[Turns, list[str]] = {}
    for name in sorted(available_timezones()):
        found.setdefault(turns(ZoneInfo(name)), []).append(name)
    return found


def turns(zone: ZoneInfo) -> Turns:
    """The instants at which the offset changes, and the offset from then on."""
    at, end = FIRST.replace(tzinfo=UTC) - 2 * DAY, END.replace(tzinfo=UTC) + 2 * DAY
    offset = offset_at(at, zone)
    found = [(at, offset)]
    while at < end:
        ahead = at + _LOOK
        if offset_at(ahead, zone) != offset:
            low, high = at, ahead
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if offset_at(middle, zone) == offset else (low, middle)
            offset = offset_at(ahead, zone)
            found.append((high.replace(microsecond=0), offset))
        at = ahead
    return tuple(found)


def offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def test_one_run_on_every_local_date(zones: Mapping[Turns, list[str]]) -> None:
    walls = list(takewhile(lambda wall: wall < END, CronSim("0 2 * * *", FIRST - MINUTE)))
    assert [wall.date() for wall in walls] == [(FIRST + n * DAY).date() for n in range(3653)]
    slots = [wall.isoformat(timespec="minutes") for wall in walls]
    moved = sum(_one_each(walls, slots, names[0]) for names in zones.values())
    assert moved > 100, "no clock that skips two o'clock was among them"


@pytest.mark.parametrize("cron", ["0 0 * * *", "1 0 * * *", "30 2 * * *", "30 23 * * *"])
def test_at_other_times_of_day_around_every_turn(
    cron: str, zones: Mapping[Turns, list[str]]
) -> None:
    moved = 0
    for turns_, names in zones.items():
        for at, offset in turns_[1:]:
            around = (at + offset).replace(hour=0, minute=0, tzinfo=None)
            walls = list(islice(CronSim(cron, around - 3 * DAY), 6))
            slots = [wall.isoformat(timespec="minutes") for wall in walls]
            moved += _one_each(walls, slots, names[-1])
    assert moved > 0, "no clock that skips this time was among them"


def _one_each(walls: Sequence[datetime], slots: Sequence[str], name: str) -> int:
    """Check that each wall time happens once, when the clocks show it; how many they skip."""
    zone, moved = ZoneInfo(name), 0
    found = list(occurrences(walls, zone))
    assert [one.slot for one in found] == slots, name
    assert all(a.at < b.at for a, b in pairwise(found)), name
    for wall, one in zip(walls, found, strict=True):
        shown = one.at.astimezone(zone)
        assert not shown.fold, (name, one)
        if not one.shifted:
            assert shown.replace(tzinfo=None) == wall, (name, one)
            continue
        moved += 1
        # What was shown a second before lies before it, and what is shown now after it.
        before = (one.at - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
        assert before < wall < shown.replace(tzinfo=None), (name, one)
    return moved


def test_the_zones_are_those_that_there_are(zones: Mapping[Turns, list[str]]) -> None:
    """What the test above shares out among zones is really shared, and enough is left."""
    assert sum(len(names) for names in zones.values()) > 400
    together = {name: turns for turns, names in zones.items() for name in names}
    assert together["Africa/Johannesburg"] != together["Europe/Berlin"]
    assert together["Europe/Berlin"] == together["Europe/Paris"]
    assert len(together["Africa/Casablanca"]) > 20  # its clocks follow the moon
    # Time is the same everywhere between two turns; look at a year more closely.
    for turns_, names in zones.items():
        zone = ZoneInfo(names[-1])
        for before, after in pairwise(turns_):
            assert offset_at(after[0] - timedelta(seconds=1), zone) == before[1], names
            assert offset_at(after[0], zone) == after[1], names


@pytest.mark.parametrize("cron", ["0 2 * * *", "*/30 * * * *", "0 0,1,2,3 * * *"])
@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("Africa/Johannesburg", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("America/New_York", "2026-03-08"),
        ("America/New_York", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-04-05"),
        ("America/Nuuk", "2026-03-29"),
        ("Africa/Cairo", "2026-04-24"),
        ("Pacific/Apia", "2011-12-30"),
        ("America/Havana", "2026-11-01"),
    ],
)
def test_as_somebody_would_who_watched_the_clock(name: str, around: str, cron: str) -> None:
    """Minute by minute for four days, without any arithmetic of zones."""
    schedule = Schedule("any", JobKind.SYNC, cron, name)
    start = datetime.fromisoformat(around).replace(tzinfo=UTC) - 2 * DAY
    expected = list(watched(cron, ZoneInfo(name), start, 4 * 1440))
    asked = next_occurrences(schedule, start, len(expected))
    assert [(o.slot, o.at) for o in asked] == expected
    for (_, before), (slot, at) in pairwise(expected):
        latest = latest_due(schedule, before, at + MINUTE)
        assert latest is not None
        assert (latest.slot, latest.at) == (slot, at)
        assert latest_due(schedule, before, at - MINUTE) is None or at - MINUTE == before


def watched(
    cron: str, zone: ZoneInfo, start: datetime, minutes: int
) -> Iterator[tuple[str, datetime]]:
    """Look at a clock on the wall: what it shows for the first time, and what it left out."""
    wanted = CronSim(cron, start.astimezone(zone).replace(tzinfo=None))
    coming = next(wanted)
    shown: set[date] = {start.astimezone(zone).date()}
    for number in range(1, minutes):
        instant = start + number * MINUTE
        wall = instant.astimezone(zone).replace(tzinfo=None)
        shown.add(wall.date())
        due: list[datetime] = []
        while coming <= wall:
            due.append(coming)
            coming = next(wanted)
        due = [one for one in due if one.date() in shown]
        if due:
            yield due[-1].isoformat(timespec="minutes"), instant
