"""Instants and durations as people read them: in the business's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

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
        length = lasted(size) if size < _LONG else f"{size / _DAY:.0f} days"
        return f"in {length}" if seconds < 0 else f"{length} ago"

    def iso(self, instant: datetime | None) -> str | None:
        """The same instant for programs: ISO 8601 with offset."""
        return None if instant is None else instant.astimezone(self.zone).isoformat()


def local(instant: datetime | None, zone: str) -> str:
    """An instant in the business's own time zone."""
    return "-" if instant is None else f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def lasted(seconds: float) -> str:
    """A duration as a person reads it: 0.4 s, 12 s, 3 min 20 s, 1 h 05 min."""
    if seconds < 10:  # noqa: PLR2004 (tenths matter below ten seconds)
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
