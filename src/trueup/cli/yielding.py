"""A person's products first: a worker's run that holds the lock gives way to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.asking import who_asks
from trueup.cli.deployed import open_deployed
from trueup.domain.jobs import JobKind, JobRequest, JobState, Priority, Terms
from trueup.domain.runs import Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.deployment import Deployment
    from trueup.domain.jobs import Job

_LOOK = 0.5  # seconds between two looks at a job


def resync_through_a_worker(workspace: str, terms: Terms) -> Job | None:
    """Ask the workers for it and wait; None where no worker's job is what holds the lock."""
    from trueup.postgres.workers import Roster

    with open_deployed() as deployment:
        busy = [j for j in deployment.queue.open_jobs(workspace) if j.state is JobState.RUNNING]
        if not busy or not Roster(deployment.home.pool).alive():
            return None
        asked = deployment.queue.ask(
            JobRequest(
                workspace,
                JobKind.SYNC,
                Trigger.RESYNC,
                Priority.PERSON,
                terms,
                asked_by=who_asks(),
            )
        )
        return None if asked is None else _awaited(deployment, busy[0], asked)


def _awaited(deployment: Deployment, busy: Job, asked: Job) -> Job:
    """The job when it is over; who stops waiting leaves it to the worker."""
    output.console(error=True).print(
        f"job {busy.job_id} ({busy.request.kind.value}) is writing and gives way; "
        f"yours is job {asked.job_id}, `trueup cancel {asked.job_id}` takes it back",
        style="yellow",
        soft_wrap=True,
    )
    job = asked
    while job.state is not JobState.DONE:
        deployment.clock.sleep(_LOOK)
        job = deployment.queue.get(asked.job_id) or job
    return job


def conclude_job(job: Job, *, json: bool) -> int:
    """Show how the job went; returns the exit code of the run that was made for it."""
    report: Mapping[str, Any] = job.report
    if json:
        output.print_json(report or {"job_id": job.job_id, "error": job.message})
    elif "run_id" in report:
        from trueup.cli.monitor_runs import show_run

        show_run(str(report["run_id"]))
    else:
        output.complain(job.message or "the job was cancelled", "`trueup jobs` shows all of them")
    return int(report.get("exit_code", 1))
