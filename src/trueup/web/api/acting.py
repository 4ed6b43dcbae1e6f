"""Orders: jobs, decisions, adoptions, reverts. What talks to Zoho is a job that a worker does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from trueup.domain.deeds import Did
from trueup.domain.jobs import JobKind, JobRequest, Priority, Terms
from trueup.domain.people import Role
from trueup.domain.records import TargetName
from trueup.domain.runs import Trigger
from trueup.views.deeds import subject_of
from trueup.web.api import answers, orders
from trueup.web.api.callers import Caller
from trueup.web.api.endpoints import WORKSPACE, Api, Described, Reply
from trueup.web.api.keeping import job_address, job_document
from trueup.web.api.looking import find_run
from trueup.web.asking import known_skus
from trueup.web.refusals import Refusal

if TYPE_CHECKING:
    from trueup.views.desk import Desk

_KINDS: Final[dict[type[orders.JobOrder], tuple[JobKind, Trigger, Did]]] = {
    orders.Sync: (JobKind.SYNC, Trigger.CLI, Did.ASKED_FOR_RUN),
    orders.Resync: (JobKind.SYNC, Trigger.RESYNC, Did.ASKED_FOR_RESYNC),
    orders.Look: (JobKind.SYNC, Trigger.RESYNC, Did.ASKED_FOR_LOOK),
    orders.Repair: (JobKind.SYNC, Trigger.REPAIR, Did.ASKED_FOR_REPAIR),
    orders.Verify: (JobKind.VERIFY, Trigger.CLI, Did.ASKED_FOR_VERIFICATION),
    orders.Drift: (JobKind.DRIFT, Trigger.CLI, Did.ASKED_FOR_DRIFT),
    orders.Duplicates: (JobKind.DUPLICATES, Trigger.CLI, Did.ASKED_FOR_DUPLICATES),
}


def add(api: Api) -> None:
    """The endpoints."""
    _add_jobs(api)
    _add_adoption(api)
    _add_revert(api)


def _add_jobs(api: Api) -> None:
    @api.does(
        Described(
            f"{WORKSPACE}/jobs",
            "v1_ask_for_job",
            answers.JobDocument,
            "Ask for a job",
            role=Role.OPERATOR,
            statuses=[HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE],
            example={"kind": "resync", "skus": ["FIB-100"], "reason": "new price"},
            status=HTTPStatus.ACCEPTED,
        ),
        orders.ANY_JOB,
    )
    def ask(caller: Caller, order: orders.JobOrder) -> Reply:
        """Written down with or without a worker. The same order while one waits is one job."""
        kind, trigger, deed = _KINDS[type(order)]
        with caller.desk() as desk:
            terms = _terms(desk, order)
        merge = f"api:{caller.token.token_id}:{_sameness(order, terms)}"
        return ask_for(caller, kind, trigger, terms, deed, subject_of(terms.skus), merge)


def _add_adoption(api: Api) -> None:
    @api.does(
        Described(
            f"{WORKSPACE}/adopt",
            "v1_adopt",
            answers.JobDocument,
            "Say which record is a product's",
            role=Role.OPERATOR,
            statuses=[HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE],
            example={"sku": "FIB-100", "target": "crm", "remote_id": "4611000000000123"},
            status=HTTPStatus.ACCEPTED,
        ),
        orders.Adopt,
    )
    def adopt(caller: Caller, order: orders.Adopt) -> Reply:
        """A job reads the record, binds it, and writes nothing to the target."""
        with caller.desk() as desk:
            skus = known_skus(desk.app, [order.sku])
        terms = Terms(
            skus,
            (TargetName(order.target),),
            remote_id=order.remote_id.strip(),
            part=order.part or "",
            reason=order.reason,
        )
        bound = {str(order.target): terms.remote_id}
        return ask_for(
            caller, JobKind.ADOPT, Trigger.ADOPT, terms, Did.ADOPTED, subject_of(skus), after=bound
        )


def _add_revert(api: Api) -> None:
    @api.does(
        Described(
            f"{WORKSPACE}/runs/{{run_id}}/revert",
            "v1_revert",
            answers.JobDocument,
            "Take a run back",
            role=Role.APPROVER,
            statuses=[HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE],
            example={"dry_run": True},
            status=HTTPStatus.ACCEPTED,
        ),
        orders.Revert,
    )
    def revert(caller: Caller, order: orders.Revert) -> Reply:
        """By itself a dry run, whose report says what would go back, and what stays as it is.

        With `dry_run` false a job goes back: exactly the changes that `exactly` names by the
        `marks` of that report, or whatever it comes to.
        """
        with caller.desk() as desk:
            run_id = find_run(desk, caller.path("run_id")).run_id
        terms = Terms(
            _plainly(order.skus),
            _targets(order.targets),
            dry_run=order.dry_run,
            takes_back=run_id,
            exactly=None if order.exactly is None else tuple(order.exactly),
            reason=order.reason,
        )
        deed = None if order.dry_run else Did.REVERTED
        return ask_for(caller, JobKind.REVERT, Trigger.REVERT, terms, deed, run_id)


def ask_for(
    caller: Caller,
    kind: JobKind,
    trigger: Trigger,
    terms: Terms,
    deed: Did | None,
    subject: str,
    merge: str = "",
    after: Mapping[str, Any] | None = None,
) -> Reply:
    """Write a job down, and who asked for it; without a `deed` it is none to speak of."""
    request = JobRequest(
        workspace=caller.workspace,
        kind=kind,
        trigger=trigger,
        priority=Priority.PERSON,
        terms=terms,
        merge=merge,
        asked_by=caller.name,
    )
    job = caller.house.parts.deployment.queue.ask(request)
    if job is None:
        raise Refusal(HTTPStatus.CONFLICT, "it was asked for already", "GET …/jobs shows it")
    if deed:
        caller.note(deed, subject, reason=terms.reason, after={**(after or {}), "job": job.job_id})
    return Reply(job_document(caller, job), job_address(job))


def _terms(desk: Desk, order: orders.JobOrder) -> Terms:
    terms = Terms(reason=order.reason)
    match order:
        case orders.Sync():
            targets, most = _targets(order.targets), order.max_products
            return replace(terms, targets=targets, max_products=most, dry_run=order.dry_run)
        case orders.Resync() | orders.Look() | orders.Repair() | orders.Verify():
            skus, targets = known_skus(desk.app, order.skus or ()), _targets(order.targets)
            force, looks = not isinstance(order, orders.Verify), isinstance(order, orders.Look)
            return replace(terms, skus=skus, targets=targets, force=force, dry_run=looks)
    return terms


def _sameness(order: orders.JobOrder, terms: Terms) -> str:
    """What two orders must share to be one job: all but the products and the words."""
    targets = "+".join(target.value for target in terms.targets)
    limits = f"{terms.max_products or ''}:{'dry' if terms.dry_run else ''}"
    # All products and some are not to be added up.
    some = "some" if terms.skus else "all"
    return f"{type(order).__name__.lower()}:{targets}:{limits}:{some}"


def _plainly(skus: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sku.strip() for sku in skus or ()))


def _targets(words: Sequence[str] | None) -> tuple[TargetName, ...]:
    return tuple(target for target in TargetName if not words or target.value in words)
