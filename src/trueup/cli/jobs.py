"""`trueup jobs` and `trueup cancel`: what waits and runs, what ended, and stopping it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from trueup.cli import output
from trueup.cli.asking import By, person, through
from trueup.cli.deployed import open_deployed
from trueup.cli.reading import Limit
from trueup.cli.selectors import Json
from trueup.domain.deeds import Did
from trueup.domain.errors import TrueupError, UsageError
from trueup.domain.jobs import JobState
from trueup.domain.people import Deed
from trueup.views.documents import job_as_json, worker_as_json
from trueup.views.times import BusinessTime

if TYPE_CHECKING:
    from trueup.deployment import Deployment
    from trueup.domain.jobs import Job
    from trueup.postgres.workers import WorkerSeen

_MOST = 10
_NUMBERS = 18  # digits; a longer number is no job's


def jobs(*, limit: Limit = _MOST, json: Json = False) -> None:
    """What waits, what runs and where, what ended lately, and which workers are alive.

    Jobs are what schedules, the endpoints and changes of the catalogue ask
    for. A run that somebody starts by hand is none: `trueup runs` shows all.

    For example:
      trueup jobs
      trueup jobs --limit 50 --json
    """
    from trueup.postgres.workers import Roster
    from trueup.settings import chosen

    with open_deployed() as deployment:
        alive = Roster(deployment.home.pool).alive()
        unfinished = deployment.queue.open_jobs(chosen())
        ended = deployment.queue.recent(limit, chosen())
        # Jobs go by the time that all machines share, whatever clock a trial has set.
        time = BusinessTime(ZoneInfo(deployment.home.settings.timezone), datetime.now(UTC))
    if json:
        output.print_json(
            {
                "now": time.iso(time.now),
                "workers": [worker_as_json(one, time) for one in alive],
                "open": [job_as_json(job, time) for job in unfinished],
                "ended": [job_as_json(job, time) for job in ended],
            }
        )
        return
    _show_workers(alive, time)
    _show_open(unfinished, time)
    _show_ended(ended, time)


def cancel(
    job_or_run: Annotated[str, Parameter(help="The number of a job, or the id of a run.")],
    /,
    *,
    by: By = None,
    json: Json = False,
) -> int:
    """Stop a job or a run, wherever it runs. What is done is done, the rest is deferred.

    A job that waits ends at once. One that runs, and a run that somebody
    started by hand, finishes its request in flight and ends within seconds.

    For example:
      trueup cancel 1207
      trueup cancel cli-20260302T081500Z-1f3a --by "Ann Example"
    """
    from trueup.postgres.people import People

    name = person(by)
    with open_deployed() as deployment:
        job = _cancelled_job(deployment, job_or_run.strip(), name)
        if job is None:
            where, subject = _cancel_run(deployment, job_or_run.strip(), name), job_or_run.strip()
            deed = Deed(deployment.clock.now(), name, Did.CANCELLED_RUN, subject, where)
        else:
            where, subject = job.request.workspace, f"job {job.job_id}"
            deed = Deed(deployment.clock.now(), name, Did.CANCELLED_JOB, subject, where)
        People(deployment.home.pool).note(replace(deed, via=through(by)))
    waited = job is not None and job.state is JobState.DONE
    if json:
        document = {"job_id": job.job_id if job else None, "ended": waited, "cancelled_by": name}
        output.print_json(document)
        return 0
    what = f"job {job.job_id}" if job else f"run {job_or_run}"
    output.say(f"{what} {'will not begin' if waited else 'stops after its request in flight'}")
    return 0


def _cancelled_job(deployment: Deployment, text: str, by: str) -> Job | None:
    if text.isascii() and text.isdigit() and len(text) <= _NUMBERS:
        job = deployment.queue.cancel(int(text), by)
        if job is None:
            raise UsageError(f"no job {text} waits or runs", "`trueup jobs` shows those that do")
        return job
    made = deployment.queue.of_run(text)
    return deployment.queue.cancel(made.job_id, by) if made else None


def _cancel_run(deployment: Deployment, run_id: str, by: str) -> str:
    """Tell a run that no worker makes; its workspace is looked for, and returned."""
    from trueup.postgres.cancelling import cancel_run

    unseen = []
    for workspace, settings in deployment.workspaces.items():
        try:
            with deployment.open(settings) as app:
                if cancel_run(app.pool, run_id, by):
                    return workspace
        except TrueupError as error:
            unseen.append(f"; workspace {workspace} could not be asked: {error.message}")
    raise UsageError(
        f"no run {run_id!r} is running{''.join(unseen)}", "`trueup runs` and `trueup jobs` show all"
    )


def _show_workers(alive: Sequence[WorkerSeen], time: BusinessTime) -> None:
    output.heading(f"Workers ({len(alive)})")
    rows = [(w.name, w.version, w.slots, time.ago(w.started_at)) for w in alive]
    none = "none is alive: `trueup worker` or `trueup serve` starts one"
    output.table(("name", "version", "#jobs at once", "started"), rows, empty=none)


def _show_open(found: Sequence[Job], time: BusinessTime) -> None:
    output.heading(f"Waiting and running ({len(found)})")
    columns = ("#job", "workspace", "what", "asked by", "asked", "state", "worker", "run")
    rows = [
        (
            str(job.job_id),
            job.request.workspace,
            _what(job),
            job.request.asked_by or job.request.trigger.value,
            time.ago(job.asked_at),
            _standing(job, time),
            job.worker if job.state is JobState.RUNNING else "-",
            job.run_id or "-",
        )
        for job in found
    ]
    output.table(columns, rows, empty="nothing")


def _show_ended(found: Sequence[Job], time: BusinessTime) -> None:
    output.heading("Ended lately")
    columns = ("#job", "workspace", "what", "trigger", "ended", "ending", "run", "message")
    rows = [
        (
            str(job.job_id),
            job.request.workspace,
            _what(job),
            job.request.trigger.value,
            time.at(job.finished_at),
            job.ending.value if job.ending else "-",
            job.run_id or "-",
            job.message or "-",
        )
        for job in found
    ]
    output.table(columns, rows, empty="nothing")


def _what(job: Job) -> str:
    asked = job.request
    named = f" {asked.schedule} {asked.slot}".rstrip()
    skus = asked.terms.skus
    return f"{asked.kind.value}{named}{f' of {len(skus)} products' if skus else ''}"


def _standing(job: Job, time: BusinessTime) -> str:
    if job.state is JobState.RUNNING:
        return "stopping" if job.cancelled_by else "running"
    if job.not_before is not None and job.not_before > time.now:
        return f"waits, tried again {time.ago(job.not_before)}"
    return "waits"
