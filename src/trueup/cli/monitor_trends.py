"""`trends`: runs over time, by local day, and the products that fail most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json, at_least_one
from trueup.views.times import lasted

if TYPE_CHECKING:
    from trueup.postgres.reports import DayFigures, FrequentFailure
    from trueup.views.times import BusinessTime

Days = Annotated[
    int,
    Parameter(name="--days", validator=at_least_one, help="How many days back, today included."),
]


def trends(*, days: Days = 30, json: Json = False) -> None:
    """Runs by local day: number, duration, changes, failures, refusals for too many requests.

    Also the products whose changes failed most often in that time.

    For example:
      trueup trends
      trueup trends --days 7 --json
    """
    from trueup.postgres import reports

    with open_desk() as desk:
        zone, today = desk.time.zone, desk.time.now.astimezone(desk.time.zone).date()
        first = today - timedelta(days=days - 1)
        since = datetime.combine(first, time.min, tzinfo=zone)
        found = list(_every_day(reports.day_trends(desk.connection, since, zone), desk.time))
        failing = reports.most_failing(desk.connection, since)
    if json:
        output.print_json(_trends_as_json(found, failing, desk.time))
        return
    if not found:
        output.say(f"No run in the last {days} days: `trueup run` starts one.")
        return
    _show_days(found)
    if failing:
        output.heading("Products that fail most")
        output.table(
            ("SKU", "#failures", "last", "why"),
            [(f.sku, f.failures, desk.time.at(f.last_at), f.last_error) for f in failing],
        )


def _every_day(found: Sequence[DayFigures], time: BusinessTime) -> Iterator[DayFigures]:
    """From the first day that had a run until today, also the days that had none."""
    from trueup.postgres.reports import DayFigures

    by_day = {figures.day: figures for figures in found}
    today = time.now.astimezone(time.zone).date()
    day = min(by_day, default=today + timedelta(days=1))
    while day <= max([today, *by_day]):
        yield by_day.get(day) or DayFigures(day, 0, 0, 0, 0, 0, 0)
        day += timedelta(days=1)


def _show_days(found: Sequence[DayFigures]) -> None:
    names = ("#runs", "#duration", "#changes", "#failures", "#429s", "#requests")
    output.table(
        ("day", *names),
        [
            (
                day.day.isoformat(),
                day.runs,
                lasted(day.duration_ms / 1000) if day.runs else None,
                day.changes,
                day.failures,
                day.rate_limit_hits,
                day.requests,
            )
            for day in found
        ],
    )
    output.say()
    lines = {
        "duration": [day.duration_ms for day in found],
        "changes": [day.changes for day in found],
        "failures": [day.failures for day in found],
        "429s": [day.rate_limit_hits for day in found],
    }
    output.facts({name: output.sparkline(numbers) for name, numbers in lines.items()})


def _trends_as_json(
    found: Sequence[DayFigures], failing: Sequence[FrequentFailure], time: BusinessTime
) -> dict[str, Any]:
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
