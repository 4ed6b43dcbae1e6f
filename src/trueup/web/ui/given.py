"""What somebody typed into a form, fit to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LONGEST: Final = 500  # characters
_DIGITS: Final = 18  # a longer number is none of ours


def words(fields: Mapping[str, str], name: str, longest: int = LONGEST) -> str:
    """A line of text without control characters (Postgres keeps no NUL), cut where it is long."""
    text = "".join(c if c.isprintable() else " " for c in fields.get(name, ""))
    return text.strip()[:longest]


def number(text: str) -> int | None:
    """A number as we write them into pages; None for anything else."""
    plain = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
    return int(text) if plain else None
