"""Runs by local day in numbers, and the products that fail most: the document of `trends`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.postgres.reports import DayFigures, FrequentFailure
    from trueup.views.desk import Desk
    from trueup.views.times import BusinessTime


def gather(desk: Desk, days: int) -> tuple[Sequence[DayFigures], Sequence[FrequentFailure]]:
    """The last so many days, today included, and the products that failed most in them."""
    from trueup.postgres import reports

    zone, today = desk.time.zone, desk.time.now.astimezone(desk.time.zone).date()
    first = today - timedelta(days=days - 1)
    since = datetime.combine(first, time.min, tzinfo=zone)
    found = _every_day(reports.day_trends(desk.connection, since, zone), desk.time)
    return list(found), reports.most_failing(desk.connection, since)


def _every_day(found: Sequence[DayFigures], time: BusinessTime) -> Iterator[DayFigures]:
    """From the first day that had a run until today, also the days that had none."""
    from trueup.postgres.reports import DayFigures

    by_day = {figures.day: figures for figures in found}
    today = time.now.astimezone(time.zone).date()
    day = min(by_day, default=today + timedelta(days=1))
    while day <= max([today, *by_day]):
        yield by_day.get(day) or DayFigures(day, 0, 0, 0, 0, 0, 0)
        day += timedelta(days=1)


def trends_as_json(
    found: Sequence[DayFigures], failing: Sequence[FrequentFailure], time: BusinessTime
) -> dict[str, Any]:
    """The document of `trueup trends --json`."""
    return {
        "time_zone": str(time.zone),
        "days": [
            {
                "day": day.day.isoformat(),
                "runs": day.runs,
                "duration_ms": day.duration_ms,
                "changes": day.changes,
                "failures": day.failures,
                "rate_limit_hits": day.rate_limit_hits,
                "requests": day.requests,
            }
            for day in found
        ],
        "most_failing": [
            {
                "sku": product.sku,
                "failures": product.failures,
                "last_at": time.iso(product.last_at),
                "last_error": product.last_error,
            }
            for product in failing
        ],
    }
