"""When a schedule is due: one sequence of wall times, and each one's instant in a zone.

A cron expression is read against wall times alone, which no change of the clocks disturbs. Then
every wall time becomes an instant by one rule:

- one that the clocks skip happens at the first instant after the gap;
- one that they show twice happens the first time, and only then;
- one on a date that the zone leaves out altogether does not happen;
- of several that fall on one instant, the last one happens.

So an expression that names one time of day happens once on every local date that there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from trueup.domain.schedule import Occurrence, Schedule

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


def next_occurrences(schedule: Schedule, after: datetime, count: int) -> list[Occurrence]:
    """The next slots after an instant, at most `count`: fewer when the expression ends."""
    zone = ZoneInfo(schedule.zone)
    start = after.astimezone(zone).replace(tzinfo=None)
    coming = (o for o in occurrences(CronSim(schedule.cron, start), zone) if o.at > after)
    return list(islice(coming, count))


def latest_due(schedule: Schedule, since: datetime, now: datetime) -> Occurrence | None:
    """The latest slot with `since` < its instant <= `now`; found backwards, however long ago."""
    zone = ZoneInfo(schedule.zone)
    for wall in CronSim(schedule.cron, _latest_shown(now, zone) + _SECOND, reverse=True):
        found = occurrence(wall, zone)
        if found is not None and found.at <= now:
            return found if found.at > since else None
    return None


def occurrences(walls: Iterable[datetime], zone: ZoneInfo) -> Iterator[Occurrence]:
    """The slots at these wall times, which ascend; their instants ascend strictly."""
    before: Occurrence | None = None
    for wall in walls:
        found = occurrence(wall, zone)
        if found is None:
            continue
        if before is not None and before.at < found.at:
            yield before
        before = found
    if before is not None:
        yield before


def occurrence(wall: datetime, zone: ZoneInfo) -> Occurrence | None:
    """The slot at a wall time; None when its whole date is left out."""
    # A slot is the same one whatever the clocks do, so it is named by what they show.
    slot = wall.isoformat(timespec="seconds" if wall.second else "minutes")
    first = wall.replace(tzinfo=zone)
    at = first.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) != wall:
        if _left_out(wall, zone):
            return None
        return Occurrence(slot, _end_of_gap(wall, zone), shifted=True)
    return Occurrence(slot, at, repeated=first.utcoffset() != first.replace(fold=1).utcoffset())


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after the gap in which this wall time lies.

    Read with the offset of after the gap it lies before its end, with that of before it not.
    """
    skipped = wall.replace(tzinfo=zone)
    late = skipped.astimezone(UTC)
    early = skipped.replace(fold=1).astimezone(UTC)
    offset = late.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = early + (late - early) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late


def _left_out(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether no clock ever shows this date: the zone crossed the date line from east to west."""
    first = datetime.combine(wall.date(), time.min)
    last = first + _DAY - _SECOND
    if not (_is_skipped(first, zone) and _is_skipped(last, zone)):
        return False
    return _end_of_gap(first, zone) == _end_of_gap(last, zone)


def _is_skipped(wall: datetime, zone: ZoneInfo) -> bool:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall


def _latest_shown(now: datetime, zone: ZoneInfo) -> datetime:
    """No clock has shown a later wall time yet: what is being repeated was shown to its end."""
    there = now.astimezone(zone)
    again = _offset(there.replace(fold=0)) - _offset(there.replace(fold=1))
    return there.replace(tzinfo=None) + max(again, timedelta())


def _offset(there: datetime) -> timedelta:
    return there.utcoffset() or timedelta()
