"""What commands that only read need: a connection, and the business's own time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.selectors import at_least_one, whole

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.postgres.reports import Reader

Limit = Annotated[
    int,
    Parameter(
        name="--limit", converter=whole, validator=at_least_one, help="Show at most so many."
    ),
]
_DAY = 86_400
_LONG = 2 * _DAY  # from here on days say more than hours


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """Instants in the business's own time zone, with their UTC offset."""

    zone: ZoneInfo
    now: datetime

    def at(self, instant: datetime | None) -> str:
        """`2026-03-02 02:00:05 +02:00`, or `-`."""
        if instant is None:
            return "-"
        there = instant.astimezone(self.zone)
        offset = f"{there:%z}"
        return f"{there:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"

    def ago(self, instant: datetime) -> str:
        """`3 h 05 min ago`, `in 12 s`, `5 days ago`."""
        seconds = (self.now - instant).total_seconds()
        size = abs(seconds)
        length = output.lasted(size) if size < _LONG else f"{size / _DAY:.0f} days"
        return f"in {length}" if seconds < 0 else f"{length} ago"

    def iso(self, instant: datetime | None) -> str | None:
        """The same instant for programs: ISO 8601 with offset."""
        return None if instant is None else instant.astimezone(self.zone).isoformat()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a reading command finds what it needs."""

    app: App
    connection: Reader
    time: BusinessTime


@contextmanager
def open_desk() -> Iterator[Desk]:
    """One connection to a migrated database; needs no credentials.

    Raises `SchemaError` when the database is not migrated.
    """
    from trueup.bootstrap import open_app
    from trueup.postgres.migrate import require_current
    from trueup.postgres.pool import connect
    from trueup.settings import load

    settings = load()
    with open_app(settings, person=True) as app, connect(app.database_url) as connection:
        require_current(connection)
        yield Desk(app, connection, BusinessTime(ZoneInfo(settings.timezone), app.clock.now()))
