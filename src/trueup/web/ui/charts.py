"""Charts as inline SVG, drawn at the server: no library, no script, colours from the stylesheet.

A chart is an image with a text; each mark has a title that browsers show under the pointer. What
somebody needs to read off exactly stands in a table beside it. Nothing in a chart is a link: the
inside of an image is hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from markupsafe import Markup

_STEP: Final = 10  # units of width from one mark to the next
_GAP: Final = 2
_LEAST: Final = 1.5  # units of height: what is little is not nothing
_FEWEST: Final = 7  # columns: a single bar is not a wall
_TOP: Final = 4  # units left free above, for the dots of a line
_BAR_WIDTH: Final = 240
_BAR_HEIGHT: Final = 12
_FULL: Final = 0.9  # of a gauge


@dataclass(frozen=True, slots=True)
class Mark:
    """One value of a chart; `title` says it in words, None means that there is nothing to show.

    `mood` is `good`, `warn`, `bad` or empty, and colours it.
    """

    value: float | None
    title: str
    mood: str = ""


def bars(marks: Sequence[Mark], text: str, *, height: int = 64) -> Markup:
    """A bar for each mark, the tallest as high as the chart; `text` is what the image says."""
    top = max((mark.value for mark in marks if mark.value), default=0.0)
    drawn = Markup("").join(
        _bar(place, mark, top, height) for place, mark in enumerate(marks, _free(marks))
    )
    return _image(drawn, text, max(len(marks), _FEWEST) * _STEP, height, "bars")


def line(marks: Sequence[Mark], text: str, *, height: int = 64) -> Markup:
    """A line through the marks from zero up, broken where there is none, with a dot for each."""
    top = max((mark.value for mark in marks if mark.value), default=0.0)
    places = [
        (place * _STEP + _STEP / 2, _height_at(mark.value, top, height), mark)
        for place, mark in enumerate(marks, _free(marks))
    ]
    strokes = [
        Markup('<polyline points="{}"/>').format(" ".join(f"{x:g},{y:g}" for x, y in stretch))
        for stretch in _stretches(places)
    ]
    dots = [
        Markup('<circle class="{}" cx="{:g}" cy="{:g}" r="2"><title>{}</title></circle>').format(
            mark.mood, x, y, mark.title
        )
        for x, y, mark in places
        if y is not None
    ]
    drawn = Markup("").join([*strokes, *dots])
    return _image(drawn, text, max(len(marks), _FEWEST) * _STEP, height, "line")


def gauge(used: float, limit: float, text: str, *, warns: bool = True) -> Markup:
    """How much of a limit is used. `warns`: being near to it is worth a colour."""
    share = min(max(used / limit, 0.0), 1.0) if limit > 0 else 0.0
    mood = "warn" if warns and share >= _FULL else "good"
    width = 0.0 if not used else max(share * _BAR_WIDTH, _LEAST)
    drawn = Markup(
        '<rect class="ground" width="{}" height="{}" rx="3"/>'
        '<rect class="{}" width="{:g}" height="{}" rx="3"/>'
    ).format(_BAR_WIDTH, _BAR_HEIGHT, mood, round(width, 1), _BAR_HEIGHT)
    return _image(drawn, text, _BAR_WIDTH, _BAR_HEIGHT, "gauge")


def _free(marks: Sequence[Mark]) -> int:
    """Columns left free before the first of few: the newest stands at the right, as of many."""
    return max(_FEWEST - len(marks), 0)


def _bar(place: int, mark: Mark, top: float, height: int) -> Markup:
    """The bar, and over its whole column what shows the title: a low bar is hard to point at."""
    x = place * _STEP
    column = Markup('<g><title>{}</title><rect class="none" x="{}" width="{}" height="{}"/>')
    drawn = column.format(mark.title, x, _STEP, height)
    if mark.value:
        tall = max(mark.value / top * (height - _TOP), _LEAST)
        drawn += Markup(
            '<rect class="{}" x="{}" y="{:g}" width="{}" height="{:g}" rx="1"/>'
        ).format(mark.mood, x + _GAP / 2, round(height - tall, 1), _STEP - _GAP, round(tall, 1))
    elif mark.value is not None:  # it was there, and was nothing
        drawn += Markup('<rect class="ground" x="{}" y="{}" width="{}" height="1"/>').format(
            x + _GAP / 2, height - 1, _STEP - _GAP
        )
    return drawn + Markup("</g>")


def _height_at(value: float | None, top: float, height: int) -> float | None:
    if value is None:
        return None
    return round(height - 2 - (value / top if top else 0.0) * (height - 2 - _TOP), 1)


def _stretches(
    places: Sequence[tuple[float, float | None, Mark]],
) -> Iterator[list[tuple[float, float]]]:
    """The runs of marks without a break."""
    for there, stretch in groupby(places, key=lambda place: place[1] is not None):
        if there:
            yield [(x, y) for x, y, _ in stretch if y is not None]


def _image(drawn: Markup, text: str, width: int, height: int, kind: str) -> Markup:
    # A gauge is stretched to the width it gets; so are bars, whose height says something anyway.
    stretch = "xMidYMid meet" if kind == "line" else "none"
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" preserveAspectRatio="{}" role="img"'
        ' aria-label="{}">{}</svg>'
    ).format(kind, width, height, stretch, text, drawn)
