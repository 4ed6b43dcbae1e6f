"""The business's own calendar: on which local date something lies, whatever the clocks did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

_MIDDLE = datetime(5000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Today:
    """A local date of the business. What is dated comes due by comparing dates, never instants.

    A day may have 23 or 25 hours, and some skip their midnight: only the calendar knows.
    """

    day: date
    zone: tzinfo

    @classmethod
    def at(cls, instant: datetime, zone: tzinfo) -> Today:
        """The local date at an instant."""
        return cls(_local_date(instant, zone), zone)

    def date_of(self, instant: datetime) -> date:
        """The local date on which an instant lies."""
        return _local_date(instant, self.zone)


def _local_date(instant: datetime, zone: tzinfo) -> date:
    try:
        return instant.astimezone(zone).date()
    except OverflowError:  # "for ever", written as the last or first second that there is
        return date.max if instant > _MIDDLE else date.min
