"""Approvals: what is held and why, and a person's yes or no, with what follows said before it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from trueup.domain.deeds import Did
from trueup.domain.guards import Rule
from trueup.domain.jobs import Job, JobKind, Terms
from trueup.domain.people import Role
from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger
from trueup.domain.waiting import HeldState, Waiting
from trueup.ports import Decision
from trueup.postgres.decisions import PostgresDecisions
from trueup.reconcile.deciding import Decided, approve, reject, yes_for
from trueup.views import approvals
from trueup.views.approvals import PAGE, Choice, Meant
from trueup.views.deeds import states_of, subject_of_changes
from trueup.web.parts import threaded
from trueup.web.refusals import Refusal
from trueup.web.ui.access import House, Seat
from trueup.web.ui.errands import errands
from trueup.web.ui.given import number, words
from trueup.web.ui.session import see_other

if TYPE_CHECKING:
    from trueup.views.desk import Desk

_LISTED: Final = 50  # changes that the question writes out
_DONE: Final = {
    "later": "Approved. The next run carries it out.",
    "rejected": "Rejected. Nobody is asked again until the catalogue wants something else.",
    "moved": "Nothing was decided: somebody else did, or one of the sides moved, a moment before.",
}


@dataclass(frozen=True, slots=True)
class _Verb:
    """What is decided, in words."""

    name: str
    state: HeldState
    deed: Did


_VERBS: Final = {
    "approve": _Verb("approve", HeldState.APPROVED, Did.APPROVED),
    "reject": _Verb("reject", HeldState.REJECTED, Did.REJECTED),
}


def router(house: House) -> APIRouter:
    """The page, a page of one class, the question, and the decision."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/approvals")
    def page(request: Request, workspace: str) -> HTMLResponse:
        """What waits for a person."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            return seat.show(
                "approvals.html",
                desk,
                waits=approvals.gather(desk),
                done=_DONE.get(request.query_params.get("done", "")),
                errands=errands(house, workspace, desk, _concerns),
                words={JobKind.APPROVE: "Making the approved changes"},
            )

    @found.get("/w/{workspace}/approvals/by/{rule}/{target}")
    def one_class(request: Request, workspace: str, rule: str, target: str) -> HTMLResponse:
        """All that one guard holds at one target, page by page."""
        seat = house.seat(request, workspace)
        with seat.desk() as desk:
            return _class_page(seat, desk, rule, target)

    @found.get("/w/{workspace}/approvals/decide")
    def question(request: Request, workspace: str) -> HTMLResponse:
        """What a decision leads to, before it is taken."""
        seat = house.seat(request, workspace, Role.APPROVER)
        asked = request.query_params
        with seat.desk() as desk:
            choice = _choice(asked.getlist("c"), asked.get("all", ""), asked.get("upto", ""))
            return _ask(seat, desk, _verb(asked.get("verb", "")), choice)

    @found.post("/w/{workspace}/approvals/decide")
    async def decide(request: Request, workspace: str) -> Response:
        """Take the decision."""
        seat = await threaded(house.seat, request, workspace, Role.APPROVER)
        return await threaded(_decide, seat, await seat.form())

    return found


def _concerns(job: Job) -> bool:
    return job.request.kind is JobKind.APPROVE


def _class_page(seat: Seat, desk: Desk, rule: str, target: str) -> HTMLResponse:
    asked = _named_class(f"{rule}:{target}")
    page = max(1, number(seat.request.query_params.get("page", "1")) or 1)
    found = approvals.one_class(desk, *asked, page)
    if found is None:
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            f"nothing waits that {rule} holds at {target}",
            "it was decided, or one of the sides moved",
        )
    pages = ceil(found.group.changes / PAGE)
    return seat.show("approvals_class.html", desk, one=found, page=page, pages=pages)


def _ask(
    seat: Seat, desk: Desk, verb: _Verb, choice: Choice, *, again: str = "", later: bool = False
) -> HTMLResponse:
    """The question; with what was wrong about the answer."""
    what = _deciding(verb, approvals.meant(desk, choice))
    return seat.show(
        "approvals_decide.html",
        desk,
        HTTPStatus.BAD_REQUEST if again else HTTPStatus.OK,
        verb=verb.name,
        choice=choice,
        meant=what,
        lines=[approvals.line_of(one) for one in what.changes[:_LISTED]],
        consequences=approvals.consequences(what.changes, desk.app.settings.batch_size),
        subscriptions=approvals.subscriptions_of(what.changes),
        products=len(approvals.products_of(what.changes)),
        expires=approvals.expires(desk),
        workers=bool(seat.house.parts.workers()),
        again=again,
        later=later,
    )


def _decide(seat: Seat, fields: dict[str, str]) -> Response:
    """Write the decision down, and ask for what follows from it."""
    verb = _verb(fields.get("verb", ""))
    tokens = [token for token in fields.get("c", "").split(",") if token]
    choice = _choice(tokens, fields.get("all", ""), fields.get("upto", ""))
    reason, later = words(fields, "reason"), fields.get("when") == "later"
    with seat.desk() as desk:
        if not reason:
            return _ask(seat, desk, verb, choice, again="say why", later=later)
        decided = _decided(seat, desk, verb, choice, reason)
    if not decided.changes:
        return see_other(f"/w/{seat.workspace}/approvals?done=moved")
    subject, states = subject_of_changes(decided.changes), states_of(decided.changes)
    seat.note(verb.deed, subject, reason=reason, **states)
    if verb.state is HeldState.REJECTED:
        return see_other(f"/w/{seat.workspace}/approvals?done=rejected")
    if later:
        return see_other(f"/w/{seat.workspace}/approvals?done=later")
    job_id = _ask_for_job(seat, decided.changes, reason)
    return see_other(f"/w/{seat.workspace}/jobs/{job_id}")


def _decided(seat: Seat, desk: Desk, verb: _Verb, choice: Choice, reason: str) -> Decided:
    decisions, now = PostgresDecisions(desk.app.pool), desk.time.now
    seen = _deciding(verb, approvals.meant(desk, choice)).changes
    if verb.state is HeldState.REJECTED:
        return reject(decisions, seen, Decision(seat.person.name, reason))
    seconds = desk.app.settings.approval_expires
    return approve(decisions, seen, yes_for(now, seat.person.name, reason, seconds), now)


def _deciding(verb: _Verb, what: Meant) -> Meant:
    """What this verb can be said about: what was rejected cannot be rejected once more."""
    if verb.state is HeldState.APPROVED:
        return what
    kept = tuple(one for one in what.changes if one.state is not HeldState.REJECTED)
    return Meant(kept, what.moved, what.along)


def _ask_for_job(seat: Seat, changes: tuple[Waiting, ...], reason: str) -> int:
    """A worker makes exactly these; the next run does, should none ever come."""
    skus = tuple(approvals.products_of(changes))
    terms = Terms(skus=skus, held=tuple(one.number for one in changes), reason=reason)
    return seat.ask(JobKind.APPROVE, Trigger.APPROVAL, terms)


def _verb(word: str) -> _Verb:
    if word not in _VERBS:
        raise Refusal(HTTPStatus.BAD_REQUEST, "approve or reject: neither was said")
    return _VERBS[word]


def _choice(tokens: list[str], named: str, upto: str) -> Choice:
    """What the form names; raises `Refusal` (400) for what no form of ours says."""
    if named:
        rule, target = _named_class(named)
        newest = number(upto)
        if newest is None:
            raise Refusal(HTTPStatus.BAD_REQUEST, "this choice is incomplete", _AGAIN)
        return Choice(rule=rule, target=target, upto=newest)
    if any(number(token.partition("-")[0]) is None for token in tokens):
        raise Refusal(HTTPStatus.BAD_REQUEST, "this choice names no held change", _AGAIN)
    return Choice(tuple(dict.fromkeys(tokens)))


_AGAIN: Final = "open the page of approvals again and repeat it"


def _named_class(named: str) -> tuple[Rule, TargetName]:
    rule, _, target = named.partition(":")
    if rule not in set(Rule) or target not in set(TargetName):
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such class of held changes", _AGAIN)
    return Rule(rule), TargetName(target)
