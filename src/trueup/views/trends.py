"""Runs over time: how long they take, what they change, what fails, what had to be put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from trueup.domain.runs import RunState
from trueup.postgres import reports, trends

if TYPE_CHECKING:
    from trueup.postgres.reports import FrequentFailure, RunFigures
    from trueup.postgres.trends import DayOfDrift
    from trueup.views.desk import Desk

SPANS = (7, 30, 90, 365)  # days that somebody may look back
_BY_WEEK = 90  # days; beyond these a bar is a week
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The runs of a day, or of a week from Monday. `longest` is that of one run, in seconds.

    `changes`, `failures` and `drifted` are None where changes are past their time and removed.
    """

    first: date
    last: date
    runs: int = 0
    failed: int = 0
    longest: float | None = None
    requests: int = 0
    rate_limit_hits: int = 0
    changes: int | None = 0
    failures: int | None = 0
    drifted: int | None = 0

    @property
    def name(self) -> str:
        """`2026-03-02`, or the first and last day of a week."""
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Trends:
    """So many days, today included: by day or by week, and drift by week. The oldest first.

    Changes, and what is counted of them, are known since `kept_since`.
    """

    days: int
    stretches: tuple[Stretch, ...]
    weeks: tuple[Stretch, ...]
    failing: tuple[FrequentFailure, ...]
    kept_since: date

    @property
    def by_week(self) -> bool:
        """Whether a stretch is a week."""
        return self.days > _BY_WEEK

    @property
    def all(self) -> Stretch:
        """All of it as one stretch."""
        return _together(self.stretches, self.stretches[0].first, self.stretches[-1].last)


def gather(desk: Desk, days: int) -> Trends:
    """What happened in so many days."""
    today = desk.time.now.astimezone(desk.time.zone).date()
    return desk.good(f"trends {days}", (desk.moves(), today), lambda: _count(desk, days, today))


def _count(desk: Desk, days: int, today: date) -> Trends:
    zone = desk.time.zone
    first = today - timedelta(days=days - 1)
    since = datetime.combine(first, time.min, tzinfo=zone)
    settings = desk.app.settings
    kept = max(timedelta(seconds=settings.history_kept), timedelta(days=settings.flip_days))
    kept_since = (desk.time.now - kept).astimezone(zone).date() + _DAY
    by_day = _by_day(
        reports.run_trends(desk.connection, since),
        trends.drift_by_day(desk.connection, since, str(zone)),
        desk,
    )
    each = [_known(by_day.get(day, Stretch(day, day)), kept_since) for day in _days(first, today)]
    weeks = tuple(_weeks(each))
    return Trends(
        days,
        weeks if days > _BY_WEEK else tuple(each),
        weeks,
        tuple(reports.most_failing(desk.connection, since)),
        kept_since,
    )


def _by_day(
    runs: Sequence[RunFigures], drift: Sequence[DayOfDrift], desk: Desk
) -> Mapping[date, Stretch]:
    found: dict[date, Stretch] = {}
    for run in runs:
        day = run.started_at.astimezone(desk.time.zone).date()
        one = Stretch(
            day,
            day,
            1,
            int(run.state in (RunState.FAILED, RunState.PARTIAL)),
            run.duration_ms / 1000,
            run.requests,
            run.rate_limit_hits,
            run.changes,
            run.failures,
        )
        found[day] = _together([found[day], one], day, day) if day in found else one
    for put_back in drift:
        day = put_back.day
        found[day] = replace(found.get(day, Stretch(day, day)), drifted=put_back.records)
    return found


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += _DAY


def _known(one: Stretch, kept_since: date) -> Stretch:
    """Unknown is not nothing."""
    if one.first >= kept_since:
        return one
    return replace(one, changes=None, failures=None, drifted=None)


def _weeks(each: Sequence[Stretch]) -> Iterator[Stretch]:
    """The days by week, from Monday on; the first and the last may be parts of one."""
    some: list[Stretch] = []
    for one in each:
        if some and not one.first.weekday():
            yield _together(some, some[0].first, some[-1].last)
            some = []
        some.append(one)
    yield _together(some, some[0].first, some[-1].last)


def _together(some: Sequence[Stretch], first: date, last: date) -> Stretch:
    def total(of: Callable[[Stretch], int | None]) -> int | None:
        known = [number for one in some if (number := of(one)) is not None]
        return sum(known) if known else None

    return Stretch(
        first,
        last,
        sum(one.runs for one in some),
        sum(one.failed for one in some),
        max((one.longest for one in some if one.longest is not None), default=None),
        sum(one.requests for one in some),
        sum(one.rate_limit_hits for one in some),
        total(lambda one: one.changes),
        total(lambda one: one.failures),
        total(lambda one: one.drifted),
    )
