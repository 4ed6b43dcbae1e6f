"""The text that makes the engine's tables, read without loading the engine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def engine_tables() -> str:
    """The statements; their text is also the version of the tables."""
    found = find_spec("procrastinate")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("procrastinate")
    return (Path(found.origin).parent / "sql" / "schema.sql").read_text(encoding="utf-8")
