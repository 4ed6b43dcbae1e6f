"""What was measured, what is wanted, and how both are shown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

SEPARATOR = "  "


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of one run.

    `goal` is the most that is allowed, None where the specification asks for nothing; `note` says
    in detail what the number is made of.
    """

    key: str
    text: str
    measured: float
    unit: str = ""
    goal: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met."""
        if self.goal is None:
            return ""
        return "met" if self.measured <= self.goal else "missed"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Figure, measured, goal, verdict."""
        goal = "" if self.goal is None else f"≤ {_number(self.goal)} {self.unit}".strip()
        shown = f"{_number(self.measured)} {self.unit}".strip()
        return self.text, shown, goal, self.verdict

    def as_json(self) -> dict[str, Any]:
        """The figure for `--json`."""
        return {
            "key": self.key,
            "text": self.text,
            "measured": self.measured,
            "unit": self.unit,
            "goal": self.goal,
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one measurement; `about` says what was done, in a sentence or two."""

    name: str
    title: str
    about: str
    figures: tuple[Figure, ...]
    seconds: float = 0.0


HEADINGS = ("figure", "measured", "goal", "verdict")


def show(sections: Sequence[Section]) -> None:
    """One table: with rich on a terminal, plain in a pipe."""
    if sys.stdout.isatty():
        _show_rich(sections)
        return
    for line in plain_lines(sections):
        print(line)


def plain_lines(sections: Sequence[Section]) -> Iterable[str]:
    """The table as text in columns."""
    rows = [figure.cells for section in sections for figure in section.figures]
    widths = [max(len(row[i]) for row in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    yield _line(HEADINGS, widths)
    for section in sections:
        yield ""
        yield section.title
        for figure in section.figures:
            yield _line(figure.cells, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    parts = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return SEPARATOR.join(parts).rstrip()


def _show_rich(sections: Sequence[Section]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == HEADINGS[0] else "right")
    colours = {"met": "green", "missed": "red", "": "none"}
    for section in sections:
        table.add_row(f"[bold]{section.title}[/]")
        for figure in section.figures:
            *cells, verdict = figure.cells
            table.add_row(*cells, f"[{colours[verdict]}]{verdict}[/]")
    Console().print(table)


def _number(value: float) -> str:
    """Few digits: these are measurements."""
    if value == int(value) and abs(value) >= 1:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
