"""Trends: how runs went over days or weeks, as charts, as a table and as a sheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup
from starlette.requests import Request

from trueup.views import trends
from trueup.views.times import lasted
from trueup.views.trends import SPANS, Stretch, Trends
from trueup.web.ui.access import House
from trueup.web.ui.charts import Mark, bars

_USUAL: Final = 30  # days
_COLUMNS: Final = (
    "first_day", "last_day", "runs", "failed_runs", "longest_run_seconds", "changes", "failures",
    "requests", "rate_limit_hits", "put_back",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Figure:
    """A chart: what it is called, what it counts, and how a value is said."""

    title: str
    of: Callable[[Stretch], float | None]
    said: Callable[[float], str]
    mood: str = ""


def _counted(noun: str) -> Callable[[float], str]:
    return lambda number: f"{number:,.0f} {noun if number == 1 else f'{noun}s'}"


_FIGURES: Final = (
    _Figure("Longest run", lambda one: one.longest, lasted),
    _Figure("Changes", lambda one: one.changes, _counted("change")),
    _Figure("Failures", lambda one: one.failures, _counted("failure"), "bad"),
    _Figure("Requests", lambda one: one.requests if one.runs else None, _counted("request")),
    _Figure(
        "Refused for too many requests",
        lambda one: one.rate_limit_hits if one.runs else None,
        _counted("refusal"),
        "warn",
    ),
)
_DRIFT: Final = _Figure("Put back", lambda one: one.drifted, _counted("record"), "warn")


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn figure, and its largest value in words."""

    title: str
    drawing: Markup
    largest: str


def router(house: House) -> APIRouter:
    """The page and its sheet."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/trends")
    def page(request: Request, workspace: str) -> HTMLResponse:
        """Charts with a table."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            seen = trends.gather(desk, _days(request))
            return seat.show(
                "trends.html",
                desk,
                trends=seen,
                spans=SPANS,
                charts=[chart_of(figure, seen.stretches) for figure in _FIGURES],
                drift=chart_of(_DRIFT, seen.weeks),
            )

    @found.get("/w/{workspace}/trends.csv")
    def sheet(request: Request, workspace: str) -> Response:
        """The table for a spreadsheet."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            seen = trends.gather(desk, _days(request))
        name = f"trends-{workspace}-{seen.stretches[-1].last}-{seen.days}-days.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(_csv(seen), media_type="text/csv; charset=utf-8", headers=headers)

    return found


def chart_of(figure: _Figure, stretches: Sequence[Stretch]) -> Chart:
    """A bar for each stretch. What is not known, or was not at all, has none."""
    values = [(one, figure.of(one)) for one in stretches]
    known = [(value, one) for one, value in values if value is not None]
    marks = [
        Mark(value, f"{one.name}: {'-' if value is None else figure.said(value)}", figure.mood)
        for one, value in values
    ]
    value, most = max(known, key=lambda pair: pair[0], default=(0.0, None))
    largest = f"at most {figure.said(value)} ({most.name})" if most and value else "none"
    return Chart(figure.title, bars(marks, f"{figure.title}: {largest}"), largest)


def _days(request: Request) -> int:
    asked = request.query_params.get("days", "")
    return next((span for span in SPANS if str(span) == asked), _USUAL)


def _csv(seen: Trends) -> str:
    """With the mark in front by which spreadsheets take it for UTF-8."""
    text = StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    for one in seen.stretches:
        longest = None if one.longest is None else round(one.longest, 1)
        rows.writerow((
            one.first, one.last, one.runs, one.failed, longest, one.changes, one.failures,
            one.requests, one.rate_limit_hits, one.drifted,
        ))  # fmt: skip
    return f"\ufeff{text.getvalue()}"
