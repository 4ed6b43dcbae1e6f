"""One product: all sides of it, its history, and what a person may do about it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.jobs import Job, JobKind, Terms
from trueup.domain.people import Role
from trueup.domain.records import Kind, TargetName
from trueup.domain.runs import Trigger
from trueup.planner.adoption import Part
from trueup.postgres.product_sheet import Looked, last_look
from trueup.views.desk import Desk
from trueup.views.outcomes import why
from trueup.views.product import Sheet, candidates, gather, sku_of
from trueup.views.product_sides import amounts
from trueup.views.words import mover
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House, Seat
from trueup.web.ui.errands import errands
from trueup.web.ui.products import by_sku, unknown
from trueup.web.ui.session import see_other

_LONGEST: Final = 200  # characters of a reason, or of a remote id
_WORDS: Final = {
    JobKind.SYNC: "A re-sync, or a look,",
    JobKind.VERIFY: "A verification",
    JobKind.ADOPT: "An adoption",
}
_DONE: Final = {
    "resync": "The re-sync is written down. The page shows how it went.",
    "look": "It will be read at both targets. What is there appears below.",
    "verify": "The verification is written down. It tells whether all sides say the same.",
    "release": "Released: the next run tries it again.",
    "adopt": "The adoption is written down. Once it is done, the record is this product's.",
}
_ASKED: Final[Mapping[str, tuple[JobKind, bool, Did]]] = {
    # What the form says: the kind of job, whether it only looks, and the deed.
    "resync": (JobKind.SYNC, False, Did.ASKED_FOR_RESYNC),
    "look": (JobKind.SYNC, True, Did.ASKED_FOR_LOOK),
    "verify": (JobKind.VERIFY, False, Did.ASKED_FOR_VERIFICATION),
}


def router(house: House) -> APIRouter:
    """The page below `/products/id/…`, its actions and the two pages that ask."""
    found = APIRouter(include_in_schema=False)
    path = "/w/{workspace}/products/id/{offering_id}"

    @found.get(path)
    def product(request: Request, workspace: str, offering_id: str) -> HTMLResponse:
        """Everything about it."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            sheet = _sheet(house, seat, desk, offering_id)
            if sheet is None:
                return unknown(seat, desk, offering_id)
            return seat.show("product.html", desk, **_shown(house, seat, desk, sheet))

    @found.get(path + "/ignore")
    def ignore(request: Request, workspace: str, offering_id: str) -> HTMLResponse:
        """Which line of the configuration leaves a field alone, and what that means."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            kind, name = _managed(desk, request.query_params)
            line = f'{_key(name)} = {{ policy = "ignore" }}'
            context: dict[str, Any] = {
                "offering_id": offering_id,
                "kind": kind,
                "field": name,
                "line": line,
            }
            return seat.show("product_ignore.html", desk, **context)

    @found.post(path + "/ask")
    async def ask(request: Request, workspace: str, offering_id: str) -> Response:
        """Ask for a job about this product: a re-sync, a look, a verification."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        fields = await seat.form()
        what = fields.get("what", "")
        if what not in _ASKED:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, "that is nothing to ask for", "open the page again"
            )
        await threaded(_ask, seat, offering_id, what, fields.get("target", ""))
        return see_other(f"{request.url.path.removesuffix('/ask')}?done={what}")

    @found.post(path + "/release")
    async def release(request: Request, workspace: str, offering_id: str) -> Response:
        """Lift back-off and quarantine."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        await seat.form()
        await threaded(_release, seat, offering_id)
        return see_other(f"{request.url.path.removesuffix('/release')}?done=release")

    _adopting(house, found, path + "/adopt")
    found.include_router(by_sku(house))
    return found


def _adopting(house: House, found: APIRouter, path: str) -> None:
    @found.get(path)
    def question(request: Request, workspace: str, offering_id: str) -> HTMLResponse:
        """Which record is this product's: what could be it, and what follows."""
        seat = house.seat(request, workspace, Role.OPERATOR)
        with seat.desk() as desk:
            sheet = _sheet(house, seat, desk, offering_id)
            if sheet is None:
                return unknown(seat, desk, offering_id)
            offers, parts = candidates(desk, sheet.sku), list(Part)
            shown = {"sheet": sheet, "offers": offers, "parts": parts}
            return seat.show("product_adopt.html", desk, HTTPStatus.OK, **shown)

    @found.post(path)
    async def adopt(request: Request, workspace: str, offering_id: str) -> Response:
        """Ask for the adoption."""
        seat = await threaded(house.seat, request, workspace, Role.OPERATOR)
        fields = await seat.form()
        await threaded(_adopt, seat, offering_id, fields)
        return see_other(f"{request.url.path.removesuffix('/adopt')}?done=adopt")


def _sheet(house: House, seat: Seat, desk: Desk, offering_id: str) -> Sheet | None:
    """The product, with the last look at it; None for what is no id of a product."""
    if (known := _id(offering_id)) is None or (sku := sku_of(desk, known)) is None:
        return None
    return gather(desk, known, _last_look(house, seat.workspace, sku))


def _last_look(house: House, workspace: str, sku: str) -> Looked | None:
    """The newest plan for this product alone; jobs are kept in the home database."""
    if not sku:
        return None
    with house.parts.deployment.home.pool.connection() as home:
        return last_look(home, workspace, sku)


def _shown(house: House, seat: Seat, desk: Desk, sheet: Sheet) -> dict[str, Any]:
    return {
        "sheet": sheet,
        "targets": list(TargetName),
        "mover": mover,
        "why": why,
        "amounts": amounts(desk.app.settings.mapping),
        "errands": errands(house, seat.workspace, desk, partial(_concerns, sheet.sku)),
        "words": _WORDS,
        "done": _DONE.get(seat.request.query_params.get("done", "")),
    }


def _concerns(sku: str, job: Job) -> bool:
    return sku != "" and job.request.terms.skus == (sku,) and job.request.kind in _WORDS


def _ask(seat: Seat, offering_id: str, what: str, target: str) -> None:
    """Write the job down; one that waits already is enough."""
    sku = _require_sku(seat, offering_id)
    kind, looks, deed = _ASKED[what]
    targets = tuple(t for t in TargetName if target in ("", t.value))
    if not targets:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"there is no target {target!r}")
    terms = Terms((sku,), targets, dry_run=looks, force=kind is JobKind.SYNC)
    # Only what is the same in every way is one job.
    merge = f"product:{what}:{'+'.join(targets)}:{sku}"
    after = {
        "job": seat.ask(kind, Trigger.RESYNC, terms, merge=merge),
        "targets": [t.value for t in targets],
    }
    seat.note(deed, sku, after=after)


def _release(seat: Seat, offering_id: str) -> None:
    with seat.desk() as desk:
        known = _id(offering_id)
        sku = None if known is None else sku_of(desk, known)
        if known is None or sku is None:
            raise _nobody()
        states = desk.app.ledger.states([known]).get(known, {})
        before = {t.value: _held_back(state) for t, state in states.items()}
        desk.app.ledger.release([known], tuple(TargetName))
    seat.note(Did.RELEASED, sku or known, before=before)


def _held_back(state: Any) -> str:
    if state.quarantined:
        return "quarantined"
    return "backing off" if state.next_attempt_at else "free"


def _adopt(seat: Seat, offering_id: str, fields: Mapping[str, str]) -> None:
    sku = _require_sku(seat, offering_id)
    target = next((t for t in TargetName if t.value == fields.get("target")), None)
    remote_id = fields.get("remote_id", "").strip()[:_LONGEST]
    part, reason = fields.get("part", ""), fields.get("reason", "").strip()[:_LONGEST]
    if target is None or not remote_id or part not in ("", *Part):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "an adoption names a target and the id of a record there",
            "go back and fill in both",
        )
    terms = Terms((sku,), (target,), remote_id=remote_id, part=part, reason=reason)
    after = {target.value: remote_id, "job": seat.ask(JobKind.ADOPT, Trigger.ADOPT, terms)}
    seat.note(Did.ADOPTED, sku, reason=reason, after=after)


def _require_sku(seat: Seat, offering_id: str) -> str:
    """The SKU, by which jobs name products; raises `Refusal` where there is none."""
    with seat.desk() as desk:
        known = _id(offering_id)
        sku = None if known is None else sku_of(desk, known)
    if sku is None:
        raise _nobody()
    if not sku:
        raise Refusal(
            HTTPStatus.CONFLICT, "this product has no SKU", "give it one in the catalogue"
        )
    return sku


def _managed(desk: Desk, given: Mapping[str, str]) -> tuple[Kind, str]:
    """The field that is meant; raises `Refusal` for one that the mapping does not have."""
    kind = next((k for k in Kind if k.value == given.get("kind")), None)
    name = given.get("field", "")
    if kind is None or name not in desk.app.settings.mapping.policies(kind):
        raise Refusal(
            HTTPStatus.NOT_FOUND, "the mapping has no such field", "open it from a product"
        )
    return kind, name


def _key(name: str) -> str:
    """A field as a key of TOML: bare where it can be, quoted otherwise."""
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else f'"{name}"'


def _id(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _nobody() -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "there is no such product", "search for it in the list")
