"""A run: live while it is made, then its record. And a job, until there is a run to show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.errors import UsageError
from trueup.domain.jobs import JobKind, Terms
from trueup.domain.people import Role
from trueup.domain.runs import Run, RunState, Trigger
from trueup.planner.explain import SIGNS
from trueup.postgres.cancelling import cancel_run
from trueup.views import words
from trueup.views.desk import Desk
from trueup.views.documents import COUNTED, in_order
from trueup.views.outcomes import why
from trueup.views.run_file import csv_pieces
from trueup.views.runs import (
    ANSWERED,
    ASKED_BY,
    MEANING,
    SHOWN,
    Live,
    Record,
    find,
    guards_of,
    live,
    record,
)
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House, Seat
from trueup.web.ui.charts import gauge
from trueup.web.ui.live import Broadcast, Newsroom, stream
from trueup.web.ui.look import render
from trueup.web.ui.session import see_other

_ODD: Final = re.compile(r"[^A-Za-z0-9-]")  # signs that no name of a file needs
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_DONE: Final[Mapping[str, str]] = {
    "cancelled": "It was told to stop: its requests in flight are finished, the rest is left for"
    " the next run.",
    "over": "It had already come to its end, so there was nothing to cancel.",
    "agrees": "What failed in this run agrees by now, so there is nothing to try again.",
}


def router(house: House) -> APIRouter:
    """`/w/{workspace}/runs/{id}`, its events, cancelling it, and trying again what failed."""
    found = APIRouter(include_in_schema=False)
    newsroom = Newsroom()

    @found.get("/w/{workspace}/runs/{run_id}")
    def show(request: Request, workspace: str, run_id: str) -> Response:
        """Live, or the record."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            run = _found(desk, run_id)
            if run.run_id != run_id:
                return see_other(f"/w/{workspace}/runs/{run.run_id}")
            now = live(desk, run_id) if run.state is RunState.RUNNING else None
            if now is None or now.over:
                return _record(seat, desk, now.run if now else run)
            notice = _notice(request)
            return seat.show("run_now.html", desk, live=now, gauge=gauge, why=why, notice=notice)

    @found.get("/w/{workspace}/runs/{run_id}/events")
    async def events(request: Request, workspace: str, run_id: str) -> StreamingResponse:
        """What is new, until it is over."""
        seat = await threaded(house.seat, request, workspace)
        await threaded(_require, seat, run_id)
        return stream(house, newsroom, request, _broadcast(seat, run_id))

    @found.get("/w/{workspace}/runs/{run_id}/changes.csv")
    def export(request: Request, workspace: str, run_id: str) -> StreamingResponse:
        """What it changed, as a file."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            run = _found(desk, run_id)
        headers = {"Content-Disposition": f'attachment; filename="{_file_name(run)}"'}
        told = map(house.parts.hiding.page, _exported(seat, run))
        return StreamingResponse(told, HTTPStatus.OK, headers, media_type="text/csv; charset=utf-8")

    @found.post("/w/{workspace}/runs/{run_id}/cancel")
    async def cancel(request: Request, workspace: str, run_id: str) -> Response:
        """Tell it to stop, wherever it runs."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        told = await threaded(_cancel, seat, run_id)
        return see_other(
            f"/w/{workspace}/runs/{told.run_id}?done={'cancelled' if told.heard else 'over'}"
        )

    @found.post("/w/{workspace}/runs/{run_id}/again")
    async def again(request: Request, workspace: str, run_id: str) -> Response:
        """Re-sync the products that failed in it and do not agree yet."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        return await threaded(_again, seat, run_id)

    return found


def _exported(seat: Seat, run: Run) -> Iterator[str]:
    with seat.desk() as desk:
        yield from csv_pieces(desk, run)


def _file_name(run: Run) -> str:
    return f"{_ODD.sub('-', run.run_id)}.csv"


class _Told:
    """A run that was told to stop, and whether it could hear that."""

    def __init__(self, run_id: str, *, heard: bool) -> None:
        self.run_id, self.heard = run_id, heard


def _cancel(seat: Seat, run_id: str) -> _Told:
    """Its job, where it has one; else the run itself."""
    queue, by = seat.house.parts.deployment.queue, seat.person.name
    with seat.desk() as desk:
        run = _found(desk, run_id)
        job = queue.of_run(run.run_id)
        if job is not None and job.request.workspace == seat.workspace:
            heard = queue.cancel(job.job_id, by) is not None
        else:
            heard = cancel_run(desk.app.pool, run.run_id, by)
    if heard:
        seat.note(Did.CANCELLED_RUN, run.run_id)
    return _Told(run.run_id, heard=heard)


def _again(seat: Seat, run_id: str) -> Response:
    """Two who press at one moment get one job."""
    with seat.desk() as desk:
        run = _found(desk, run_id)
        skus = record(desk, run).again
    here = f"/w/{seat.workspace}"
    if not skus:
        return see_other(f"{here}/runs/{run.run_id}?done=agrees")
    terms, merge = Terms(skus, force=True), f"again:{run.run_id}"
    job_id = seat.ask(JobKind.SYNC, Trigger.RESYNC, terms, merge=merge)
    seat.note(Did.ASKED_FOR_RESYNC, ", ".join(skus), after={"job": job_id, "run": run.run_id})
    return see_other(f"{here}/jobs/{job_id}")


def _require(seat: Seat, run_id: str) -> None:
    """Raise `Refusal` (404) for no run: a stream about nothing would not end."""
    with seat.desk() as desk:
        _found(desk, run_id)


def _found(desk: Desk, run_id: str) -> Run:
    """The run; raises `Refusal` (404)."""
    try:
        run = find(desk, run_id) if run_id.isprintable() else None
    except UsageError as error:
        raise Refusal(HTTPStatus.NOT_FOUND, error.message, error.remedy) from None
    if run is None:
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "there is no such run",
            "the list of runs has all that are remembered",
        )
    return run


def _broadcast(seat: Seat, run_id: str) -> Broadcast:
    def look() -> Live | None:
        with seat.house.rooms.desk(seat.workspace) as desk:
            return live(desk, run_id)

    def shown(news: Live) -> str:
        base = f"/w/{seat.workspace}"
        context = {"live": news, "gauge": gauge, "why": why, "base": base}
        return bytes(render(seat.request, "run_live.html", context).body).decode()

    return Broadcast(f"{seat.workspace} run {run_id}", look, shown, _is_over)


def _is_over(news: Live) -> bool:
    """Whether the page must be another one: the record, or that of a run that died."""
    return news.over or news.writer is None


def _record(seat: Seat, desk: Desk, run: Run) -> HTMLResponse:
    asked = seat.request.query_params
    show = asked.get("show", "all")
    show = show if show in SHOWN else "all"
    sku = asked.get("sku", "").strip()
    after = asked.get("after", "")
    place = int(after) if _NUMBER.fullmatch(after) else 0
    page = record(desk, run, show=show, sku=sku, after=place)
    return seat.show(
        "run.html",
        desk,
        run=run,
        requests=in_order(run.requests, COUNTED),
        record=page,
        show=show,
        sku=sku,
        is_first=not place,
        more=_more(page, show, sku),
        guards=guards_of(run),
        meaning=MEANING,
        asked_by=ASKED_BY,
        answered=ANSWERED,
        signs=SIGNS,
        value=words.value,
        notice=_notice(seat.request),
    )


def _more(page: Record, show: str, sku: str) -> str:
    """The address of the next page of changes; empty on the last one."""
    if page.after is None:
        return ""
    wanted: dict[str, Any] = {"show": show, **({"sku": sku} if sku else {}), "after": page.after}
    return f"?{urlencode(wanted)}#changes"


def _notice(request: Request) -> str:
    return _DONE.get(request.query_params.get("done", ""), "")
