"""Asking for a sync: one at a time in each workspace, and only where somebody can carry it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from trueup.bootstrap import App
from trueup.deployment import Deployment
from trueup.domain.jobs import Job, JobKind, JobRequest, JobState, Priority, Terms
from trueup.domain.runs import Trigger
from trueup.web.parts import Parts
from trueup.web.refusals import Refusal
from trueup.web.waiting import no_worker

_RETRY_AFTER = {"Retry-After": "60"}
_ONE = 1
_MOST_NAMED = 10


def which_workspace(deployment: Deployment, opened: frozenset[str], named: str | None) -> str:
    """The workspace that is meant; raises the `Refusal` of one that is not there, or not opened."""
    if named is None and len(opened) == _ONE:
        [only] = opened
        return only
    if named is None:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "workspace: there are several, and none is named",
            f"expected one of {', '.join(sorted(opened))}",
        )
    if named not in opened or named not in deployment.workspaces:
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "there is no such workspace",
            f"expected one of {', '.join(sorted(opened))}",
        )
    return named


def known_skus(app: App, given: Iterable[str]) -> tuple[str, ...]:
    """The SKUs without repetition; raises the `Refusal` 404 that names those nobody knows."""
    skus = tuple(dict.fromkeys(sku.strip() for sku in given))
    found = app.catalogue.offering_ids(skus) if skus else {}
    unknown = [sku for sku in skus if not found.get(sku)]
    if unknown:
        more = "" if len(unknown) <= _MOST_NAMED else f" and {len(unknown) - _MOST_NAMED} more"
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            f"the catalogue has no product with the SKU {', '.join(unknown[:_MOST_NAMED])}{more}",
            "nothing was started",
        )
    return skus


def ask_for_sync(parts: Parts, workspace: str, terms: Terms, asked_by: str) -> Job:
    """Write the job down; raises the `Refusal` 409 or 503 when there is no point in it.

    `asked_by` names this very request. Of two that ask at one moment the queue keeps the first
    (`merge`), and the second sees by the name that the job is not its own.
    """
    deployment, queue = parts.deployment, parts.deployment.queue
    if not parts.workers():
        raise no_worker()
    known = queue.open_jobs(workspace)
    _refuse_second(known, terms)
    # The lock of a job that runs is no obstacle: ours has its turn after it.
    if not terms.dry_run and not any(one.state is JobState.RUNNING for one in known):
        _refuse_beside_command(deployment, workspace)
    job = queue.ask(
        JobRequest(
            workspace=workspace,
            kind=JobKind.SYNC,
            trigger=Trigger.CRON,
            priority=Priority.CRON,
            terms=terms,
            merge="cron-dry-run" if terms.dry_run else "cron",
            asked_by=asked_by,
        )
    )
    if job is None or job.request.asked_by != asked_by:
        raise _already(job)
    # One that was claimed a moment ago is no longer merged into: then ours waits behind it.
    try:
        _refuse_second(
            [one for one in queue.open_jobs(workspace) if one.job_id < job.job_id], terms
        )
    except Refusal:
        queue.cancel(job.job_id, "a sync that was asked for at the same moment")
        raise
    return job


def _refuse_second(jobs: Sequence[Job], terms: Terms) -> None:
    """Raise when one of these does the same: a sync of all that is due, or the plan of one.

    A job for a few products is no reason to turn the nightly one away, it goes first; nor is a dry
    run a reason to turn a real one away.
    """
    for job in jobs:
        asked = job.request
        whole = asked.kind is JobKind.SYNC and not asked.terms.skus
        if whole and (terms.dry_run or not asked.terms.dry_run):
            raise _already(job)


def _refuse_beside_command(deployment: Deployment, workspace: str) -> None:
    """Raise when a command, on whatever machine, holds the run lock."""
    with deployment.open(deployment.settings(workspace)) as app:
        holder = app.lease.holder()
    if holder is not None:
        run = f"run {holder.run_id}" if holder.run_id else "another run"
        raise Refusal(
            HTTPStatus.CONFLICT,
            f"already running: {run} holds the lock since {holder.acquired_at.isoformat()}",
            "call again when it has ended",
            headers=_RETRY_AFTER,
            runId=holder.run_id,
        )


def _already(job: Job | None) -> Refusal:
    if job is None:
        return Refusal(HTTPStatus.CONFLICT, "already running", headers=_RETRY_AFTER)
    how = "runs" if job.state is JobState.RUNNING else "waits for its turn"
    return Refusal(
        HTTPStatus.CONFLICT,
        f"already running: job {job.job_id} {how}",
        f"GET /api/jobs/{job.job_id} shows how it goes",
        headers=_RETRY_AFTER,
        jobId=job.job_id,
        runId=job.run_id or None,
    )
