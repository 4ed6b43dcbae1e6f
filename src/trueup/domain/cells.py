"""Texts as cells of a sheet."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[=+\-@\t\r']")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
