"""How a setting is written: durations, whole numbers, choices, time zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trueup.domain.people import Role

Parse = Callable[[Any], Any]

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$")
_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def text(value: Any) -> str:
    """Any text."""
    return str(value).strip()


def host(value: Any) -> str:
    """The address of a server, or nothing."""
    given = text(value)
    if given and not re.fullmatch(r"https?://[^\s/?#][^\s?#]*", given):
        raise ValueError("an address such as https://www.zohoapis.eu")
    return given


def path(value: Any) -> Path:
    """A path; `~` is the home directory."""
    return Path(text(value)).expanduser()


def duration(value: Any) -> float:
    """Seconds: a number, or a number with s, min, h or d."""
    found = _DURATION.match(str(value).lower())
    if isinstance(value, bool) or found is None or found[2] not in _UNITS:
        raise ValueError("a duration such as 90, 30s, 15min, 20h or 2d")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds <= 0:
        raise ValueError("a duration above zero")
    return seconds


def whole(least: int, most: int) -> Parse:
    """A whole number between two bounds."""

    def parse(value: Any) -> int:
        wanted = f"a whole number from {least} to {most}"
        if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d+", str(value).strip()):
            raise ValueError(wanted)
        number = int(str(value))
        if not least <= number <= most:
            raise ValueError(wanted)
        return number

    return parse


def fraction(value: Any) -> Decimal:
    """A share between 0 and 1, such as a VAT rate."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("a fraction such as 0.15") from None
    if not Decimal(0) <= number < Decimal(1):
        raise ValueError("a fraction from 0 to below 1, such as 0.15")
    return number


def share(value: Any) -> Decimal:
    """A fraction that may exceed one, such as the rise of a price."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("a fraction such as 0.30") from None
    if not number.is_finite() or number < 0:
        raise ValueError("a fraction of 0 or more, such as 0.30")
    return number


def choice(*options: str) -> Parse:
    """One of some words, whatever their case."""

    def parse(value: Any) -> str:
        given = str(value).strip()
        for option in options:
            if option.casefold() == given.casefold():
                return option
        raise ValueError(f"one of {', '.join(options)}")

    return parse


def addresses(value: Any) -> tuple[str, ...]:
    """Addresses: a list, or text with commas or line breaks between them."""
    parts = value if isinstance(value, list | tuple) else re.split(r"[\s,]+", text(value))
    found = tuple(text(part) for part in parts if text(part))
    if any("://" not in part for part in found):
        raise ValueError("addresses such as https://hooks.example/abc or mailto://…")
    return found


def roles(value: Any) -> tuple[str, ...]:
    """Which value of a claim gives which role: a list, or text with commas between them."""
    parts = value if isinstance(value, list | tuple) else text(value).split(",")
    found = tuple(text(part) for part in parts if text(part))
    for part in found:
        given, _, role = part.rpartition("=")
        if not given.strip() or role.strip() not in list(Role):
            raise ValueError(f"VALUE=ROLE with a role of {', '.join(Role)}, such as staff=viewer")
    return found


def zone(value: Any) -> str:
    """The name of an IANA time zone."""
    name = text(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("an IANA time zone such as Africa/Johannesburg") from None
    return name


def schedule(value: Any) -> str:
    """A cron expression of five fields."""
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    wanted = "a cron expression of five fields such as `0 2 * * *`"
    if len(text(value).split()) != 5:  # noqa: PLR2004 (minute, hour, day, month, weekday)
        raise ValueError(wanted)
    try:
        CronSim(text(value), datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise ValueError(wanted) from None
    return text(value)


def suggestion(word: str, known: list[str]) -> str:
    """` (did you mean …?)` where something known is close to what was written."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
