"""Three states of a field: what the catalogue wants, what we last wrote, what is there now."""

from __future__ import annotations

from enum import StrEnum

from trueup.domain.records import Fields, FieldValue


class Moved(StrEnum):
    """Which side moved since we last wrote."""

    OURS = "ours"  # the catalogue
    THEIRS = "theirs"  # somebody at Zoho
    BOTH = "both"
    UNKNOWN = "unknown"  # we never wrote this field


def who_moved(name: str, live: FieldValue, wanted: FieldValue, applied: Fields) -> Moved | None:
    """Which side moved a field away from what we last wrote; None where both sides agree."""
    if same(live, wanted):
        return None
    if name not in applied:
        return Moved.UNKNOWN
    if same(live, applied[name]):
        return Moved.OURS
    return Moved.THEIRS if same(wanted, applied[name]) else Moved.BOTH


def same(one: FieldValue, other: FieldValue) -> bool:
    """Equal values; an empty text and no value say the same, true and 1 do not."""
    if empty(one) and empty(other):
        return True
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return one == other


def empty(value: FieldValue) -> bool:
    """Whether a field holds nothing."""
    return value is None or value == ""
