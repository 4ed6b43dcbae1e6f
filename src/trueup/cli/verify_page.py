"""Reading a printed report back: the marks that `jobs/report_page.py` put around its figures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class PageText(HTMLParser):
    """What a page shows: the cells of its rows, and in `head` its totals and the rest.

    Raises KeyError or ValueError for a page that no report is.
    """

    rows: list[dict[str, str]] = field(default_factory=list)
    head: dict[str, Any] = field(default_factory=lambda: {"totals": {}})

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._marks: dict[str, str | None] = {}
        self._open = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A marked element begins."""
        marks = dict(attrs)
        if marks.get("name") == "trueup-report":
            self.head |= json.loads(marks.get("content") or "")
        if "data-row" in marks:
            self.rows.append({})
        if marks.keys() & {"data-cell", "data-head", "data-total"}:
            self._marks, self._open, self._text = marks, tag, ""

    def handle_data(self, data: str) -> None:
        """The text of it."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """A marked element ends."""
        if tag != self._open:
            return
        marks, self._open = self._marks, ""
        if name := marks.get("data-cell"):
            self.rows[-1][name] = self._text
        elif name := marks.get("data-head"):
            self.head[name] = self._text
        elif name := marks.get("data-total"):
            self._total(*name.split("/"))

    def _total(self, currency: str, side: str, figure: str) -> None:
        sides = self.head["totals"].setdefault(currency, {})
        if figure == "none":
            sides[side] = None
            return
        text = self._text.replace(",", "")
        sides.setdefault(side, {})[figure] = int(text) if figure == "products" else text
