"""Decisions on what guards hold: exactly what the caller has seen, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from trueup.domain.deeds import Did
from trueup.domain.jobs import JobKind, Terms
from trueup.domain.people import Role
from trueup.domain.runs import Trigger
from trueup.domain.waiting import HeldState, Waiting
from trueup.ports import Decision
from trueup.postgres import held
from trueup.postgres.decisions import PostgresDecisions
from trueup.reconcile import deciding
from trueup.reconcile.deciding import Decided, yes_for
from trueup.views.approvals import waiting_for
from trueup.views.deeds import states_of, subject_of_changes
from trueup.views.held import waiting_as_json
from trueup.web.api import answers, orders
from trueup.web.api.acting import ask_for
from trueup.web.api.callers import Caller
from trueup.web.api.endpoints import WORKSPACE, Api, Described, Reply
from trueup.web.refusals import Refusal

if TYPE_CHECKING:
    from trueup.views.desk import Desk

_MOST_REJECTED: Final = 10_000
_STATUSES: Final = (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_EXAMPLE: Final = {"fingerprints": ["6f1d0c0f4a55"], "reason": "agreed with sales"}


def add(api: Api) -> None:
    """The endpoints."""

    @api.does(
        Described(
            f"{WORKSPACE}/held/approve",
            "v1_approve",
            answers.DecidedDocument,
            "Let held changes pass",
            role=Role.APPROVER,
            statuses=_STATUSES,
            example=_EXAMPLE,
        ),
        orders.Approve,
    )
    def approve(caller: Caller, order: orders.Approve) -> Reply:
        """A job makes exactly these at once, and those that only wait for them.

        `later` leaves them to the next run, for which a yes counts until it expires. A
        fingerprint of nothing that stands is 409, and nothing is decided. What was rejected may
        be named too: that takes it up again.
        """
        with caller.desk() as desk:
            seen = _meant(desk, order.fingerprints, rejected_too=True)
            seconds = desk.app.settings.approval_expires
            decision = yes_for(desk.time.now, caller.name, order.reason, seconds)
            decisions = PostgresDecisions(desk.app.pool)
            decided = deciding.approve(decisions, seen, decision, desk.time.now)
            document = _document(desk, HeldState.APPROVED, decision, decided)
        _note(caller, Did.APPROVED, decided, order.reason)
        if order.later or not decided.changes:
            return Reply(document)
        terms = Terms(
            skus=tuple(sorted({one.sku for one in decided.changes})),
            held=tuple(one.number for one in decided.changes),
            reason=order.reason,
        )
        job = ask_for(caller, JobKind.APPROVE, Trigger.APPROVAL, terms, deed=None, subject="")
        return Reply(document | {"job_id": job.document["job_id"]}, job.where)

    @api.does(
        Described(
            f"{WORKSPACE}/held/reject",
            "v1_reject",
            answers.DecidedDocument,
            "Say no to held changes",
            role=Role.APPROVER,
            statuses=_STATUSES,
            example=_EXAMPLE,
        ),
        orders.Decide,
    )
    def reject(caller: Caller, order: orders.Decide) -> Reply:
        """Nobody is asked about them again until the catalogue wants something else."""
        with caller.desk() as desk:
            seen = _meant(desk, order.fingerprints, rejected_too=False)
            decision = Decision(caller.name, order.reason.strip())
            decided = deciding.reject(PostgresDecisions(desk.app.pool), seen, decision)
            document = _document(desk, HeldState.REJECTED, decision, decided)
        _note(caller, Did.REJECTED, decided, order.reason)
        return Reply(document)


def _meant(desk: Desk, marks: Sequence[str], *, rejected_too: bool) -> list[Waiting]:
    """What these fingerprints name, and what only waits for it; raises `Refusal` (409)."""
    waiting = PostgresDecisions(desk.app.pool).waiting()
    known = list(waiting)
    if rejected_too:
        known += held.rejected(desk.connection, _MOST_REJECTED)
    wanted = set(marks)
    seen = [one for one in known if one.fingerprint in wanted]
    if unknown := sorted(wanted - {one.fingerprint for one in seen}):
        raise Refusal(
            HTTPStatus.CONFLICT,
            "some of it does not wait any more as you saw it, so nothing was decided",
            "GET …/held shows what waits now",
            unknown=unknown,
        )
    return [*seen, *waiting_for(seen, waiting)]


def _document(desk: Desk, verb: HeldState, decision: Decision, decided: Decided) -> dict[str, Any]:
    """As `trueup approve --json`; what is made of it is told by a job, not by `run`."""
    return {
        "decision": verb.value,
        "by": decision.by,
        "reason": decision.note or None,
        "expires_at": desk.time.iso(decision.expires_at),
        "changes": [waiting_as_json(one, desk.time) for one in decided.changes],
        "overtaken": [waiting_as_json(one, desk.time) for one in decided.overtaken],
        "run": None,
        "job_id": None,
    }


def _note(caller: Caller, verb: Did, decided: Decided, reason: str) -> None:
    """The deed: which fields of which records, from what to what."""
    if not decided.changes:
        return
    subject, states = subject_of_changes(decided.changes), states_of(decided.changes)
    caller.note(verb, subject, reason=reason, **states)
