"""What commands print: tables on a terminal, aligned text in a pipe, JSON on demand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_SPARKS = "▁▂▃▄▅▆▇█"
_STYLES = {
    "ok": "green", "succeeded": "green", "unchanged": "dim", "applied": "green",
    "failed": "bold red", "rejected": "bold red", "partial": "yellow", "fail": "bold red",
    "held": "magenta", "warn": "yellow", "unknown": "yellow", "stale": "yellow",
    "deferred": "cyan", "skipped": "dim", "pending": "cyan", "running": "cyan",
    "interrupted": "yellow", "already_running": "yellow",
}  # fmt: skip


@cache
def console(*, error: bool = False) -> Console:
    """The console of stdout, or of stderr."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, soft_wrap=not on_terminal(error=error))


def on_terminal(*, error: bool = False) -> bool:
    """Whether a person reads along."""
    return (sys.stderr if error else sys.stdout).isatty()


def say(text: str = "", style: str = "") -> None:
    """One line of text; styled on a terminal."""
    if on_terminal():
        console().print(text, style=style or None, markup=False)
    else:
        sys.stdout.write(f"{text}\n")


def heading(text: str) -> None:
    """The title of a part."""
    say()
    say(text, "bold")


def complain(message: str, remedy: str) -> None:
    """The last word of a command that failed, on stderr: what is wrong and what to do."""
    lines = [f"trueup: {message}", *([f"  → {remedy}"] if remedy else [])]
    sys.stderr.write("\n".join(lines) + "\n")


def print_json(document: Any) -> None:
    """The one JSON document of a command."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=_plain) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """Rows under column names; a column whose name starts with `#` is aligned to the right."""
    cells = [[show(cell) for cell in row] for row in rows]
    if not cells:
        if empty:
            say(empty, "dim")
        return
    if on_terminal():
        _rich_table(columns, cells)
    else:
        _plain_table(columns, cells)


def _rich_table(columns: Sequence[str], cells: list[list[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith("#")
        drawn.add_column(column.lstrip("#"), justify="right" if right else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console().print(drawn)


def _plain_table(columns: Sequence[str], cells: list[list[str]]) -> None:
    names = [column.lstrip("#") for column in columns]
    widths = [max(len(line[i]) for line in [names, *cells]) for i in range(len(names))]
    for line in [names, *cells]:
        parts = [
            cell.rjust(width) if column.startswith("#") else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        sys.stdout.write("  ".join(parts).rstrip() + "\n")


def facts(pairs: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        say(f"{name.ljust(width)}  {show(value)}")


def show(value: object) -> str:
    """A value as a person reads it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S %Z}".strip()
        case float():
            return f"{value:,.1f}"
        case int():
            return f"{value:,}"
    return str(value)


def sparkline(numbers: Sequence[float]) -> str:
    """A row of small bars, scaled from zero to the largest number."""
    top = max(numbers, default=0)
    if top <= 0:
        return _SPARKS[0] * len(numbers)
    return "".join(_SPARKS[min(int(n / top * len(_SPARKS)), len(_SPARKS) - 1)] for n in numbers)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
