"""Settings: the effective values with where each comes from, and the mapping; read-only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from trueup.views.effective import Effective, effective, mapping
from trueup.web.ui.access import House


def router(house: House) -> APIRouter:
    """`/settings` of a workspace."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/settings")
    def settings(request: Request, workspace: str) -> HTMLResponse:
        """Everything that `trueup config` shows; of secrets only whether they are set."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            chosen = desk.app.settings
            every = effective(chosen)
            return seat.show(
                "settings.html",
                desk,
                groups=_groups(every),
                chosen=sum(one.chosen for one in every),
                mapping=mapping(chosen),
                columns=chosen.columns,
                dated_columns=chosen.dated_columns,
                file=chosen.file,
                # An address may hold a password, whoever wrote it there.
                hide=house.parts.hiding.text,
            )

    return found


def _groups(every: Sequence[Effective]) -> list[tuple[str, list[Effective]]]:
    """By the part of `trueup.toml` that they belong to."""
    ordered = sorted(every, key=lambda one: one.key.rpartition(".")[0])
    parts = groupby(ordered, key=lambda one: one.key.rpartition(".")[0] or "general")
    return [(name, list(members)) for name, members in parts]
