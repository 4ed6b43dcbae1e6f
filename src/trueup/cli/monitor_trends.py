"""`trends`: runs over time, by local day, and the products that fail most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.selectors import Json, at_least_one
from trueup.views.daily import gather, trends_as_json
from trueup.views.times import lasted

if TYPE_CHECKING:
    from trueup.postgres.reports import DayFigures

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
    with open_desk() as desk:
        found, failing = gather(desk, days)
    if json:
        output.print_json(trends_as_json(found, failing, desk.time))
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
