"""Deeds: who did what, when, and why; to filter and to export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.requests import Request

from trueup.domain.people import Role
from trueup.postgres.people import People
from trueup.views import deeds as view
from trueup.views.times import BusinessTime
from trueup.web.ui.access import House

_SHOWN: Final = 50
_AT_ONCE: Final = 1000  # rows of an export that are in memory
_DIGITS: Final = 18  # of a number that Postgres takes
_FILTERS: Final = ("who", "action", "subject")


def router(house: House) -> APIRouter:
    """`/deeds` of a workspace, and the same as a file."""
    found = APIRouter(include_in_schema=False, prefix="/w/{workspace}")

    @found.get("/deeds")
    def deeds(request: Request, workspace: str) -> HTMLResponse:
        """The latest first, a page at a time."""
        seat = house.seat(request, workspace, Role.VIEWER)
        wanted = _wanted(request)
        last = request.query_params.get("before", "")
        before = int(last) if last.isascii() and last.isdecimal() and len(last) <= _DIGITS else None
        read = house.people.deeds(_SHOWN + 1, workspace=workspace, before=before, **wanted)
        who, actions = house.people.deed_words()
        shown: dict[str, Any] = {
            "deeds": [(one, view.changes(one)) for one in read[:_SHOWN]],
            "wanted": {name: wanted[name] or "" for name in _FILTERS},
            "everybody": who,
            "actions": actions,
            "query": _query(wanted),
            "older": read[_SHOWN - 1].deed_id if len(read) > _SHOWN else None,
            "begun": before is None,
        }
        with seat.desk() as desk:
            return seat.show("deeds.html", desk, **shown)

    @found.get("/deeds.csv")
    def export(request: Request, workspace: str) -> StreamingResponse:
        """All that the filter lets through, for a spreadsheet."""
        seat = house.seat(request, workspace, Role.VIEWER)
        with seat.desk() as desk:
            time = desk.time
        written = _lines(house.people, workspace, _wanted(request), time)
        lines = map(house.parts.hiding.page, written)
        name = f"deeds-{workspace}-{time.now:%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    return found


def _wanted(request: Request) -> dict[str, str | None]:
    given = request.query_params
    return {name: given.get(name, "").replace("\x00", "").strip() or None for name in _FILTERS}


def _query(wanted: Mapping[str, str | None]) -> str:
    return urlencode({name: value for name, value in wanted.items() if value})


def _lines(
    people: People, workspace: str, wanted: Mapping[str, Any], time: BusinessTime
) -> Iterator[str]:
    yield _line(view.COLUMNS)
    before: int | None = None
    while read := people.deeds(_AT_ONCE, workspace=workspace, before=before, **wanted):
        yield "".join(_line(row) for row in view.rows(read, time))
        before = read[-1].deed_id


def _line(cells: Any) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
