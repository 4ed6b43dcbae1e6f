"""Figures of the shared budget for people: requests by day and by run, and the refusals seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

_BY_DAY: Final = """
    select (quarter_at at time zone %(zone)s)::date as day, target, sum(calls)::bigint as calls
    from trueup.call_count
    where workspace = %(workspace)s
      and quarter_at >= date_trunc('day', clock_timestamp(), %(zone)s)
                        - make_interval(days => %(days)s - 1)
    group by 1, 2 having sum(calls) > 0 order by 1 desc, 2"""
_BY_RUN: Final = """
    select target, calls, throttled from trueup.call_by_run
    where workspace = %(workspace)s and run_id = %(run)s order by target"""
_THROTTLES: Final = """
    select target, at, kind, retry_after from trueup.throttle_event
    where workspace = %(workspace)s order by id desc limit %(most)s"""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Requests booked for one target on one local day."""

    day: date
    target: str
    calls: int


@dataclass(frozen=True, slots=True)
class RunCount:
    """Requests that one run booked for one target, and the refusals it met."""

    target: str
    calls: int
    throttled: int


@dataclass(frozen=True, slots=True)
class ThrottleEvent:
    """One 429; `kind` is `throttled` (too fast) or `exhausted` (a daily quota is used up)."""

    target: str
    at: datetime
    kind: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class CallFigures:
    """What the budget of one workspace has counted."""

    pool: ConnectionPool
    workspace: str = "default"

    def by_day(self, days: int, zone: str = "UTC") -> list[DayCount]:
        """Requests by local day and target, newest day first; kept for 31 days."""
        given = {"workspace": self.workspace, "days": days, "zone": zone}
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(DayCount))
            return cursor.execute(_BY_DAY, given).fetchall()

    def by_run(self, run_id: str) -> list[RunCount]:
        """The requests of one run by target; kept for 400 days."""
        given = {"workspace": self.workspace, "run": run_id}
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(RunCount))
            return cursor.execute(_BY_RUN, given).fetchall()

    def throttles(self, most: int = 20) -> list[ThrottleEvent]:
        """The refusals seen, newest first; the last 1,000 are kept."""
        given = {"workspace": self.workspace, "most": most}
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(ThrottleEvent))
            return cursor.execute(_THROTTLES, given).fetchall()
