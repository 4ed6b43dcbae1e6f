"""What goes on behind the products: jobs, workers, schedules, settings, and who did what."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from trueup.domain.deeds import Did
from trueup.domain.jobs import Job
from trueup.domain.people import Role
from trueup.postgres.cancelling import cancel_run
from trueup.views.documents import deed_as_json, job_as_json, run_as_json, worker_as_json
from trueup.views.schedules import page_of, read_past, schedule_as_json
from trueup.views.settings_document import settings_as_json
from trueup.views.times import BusinessTime
from trueup.web.api import answers
from trueup.web.api.asked import LIMIT, Asked, whole, words_of
from trueup.web.api.callers import Caller
from trueup.web.api.endpoints import PREFIX, WORKSPACE, Api, Described, Document, Reply
from trueup.web.api.looking import find_run
from trueup.web.outcome import told_of
from trueup.web.refusals import Refusal

JOB: Final = f"{WORKSPACE}/jobs/{{job_id}}"
_COUNT = whole("count", "So many coming times of each schedule.", default=5, most=100)
_BEFORE = whole("before", "`next` of the page before.", most=10**18 - 1)
_SUBJECT = words_of("subject", "Only deeds about this: a SKU, a run, an account.")


def add(api: Api) -> None:
    """The endpoints."""
    _add_jobs(api)
    _add_cancelling(api)
    _add_plans(api)
    _add_deeds(api)


def _add_jobs(api: Api) -> None:
    @api.reads(
        Described(f"{WORKSPACE}/jobs", "v1_jobs", answers.JobsDocument, "Jobs", parameters=[LIMIT])
    )
    def jobs(caller: Caller, asked: Asked) -> Document:
        """As `trueup jobs --json`; `limit` is of those that ended."""
        queue, time = caller.house.parts.deployment.queue, clock_of(caller)
        return {
            "now": time.iso(time.now),
            "open": [job_as_json(one, time) for one in queue.open_jobs(caller.workspace)],
            "ended": [
                job_as_json(one, time) for one in queue.recent(asked["limit"], caller.workspace)
            ],
        }

    @api.reads(Described(JOB, "v1_job", answers.JobDocument, "One job"))
    def job(caller: Caller, _: Asked) -> Document:
        """A job as in the list, with what it has to report."""
        return job_document(caller, find_job(caller))

    @api.does(
        Described(
            f"{JOB}/cancel",
            "v1_cancel_job",
            answers.JobDocument,
            "Stop a job",
            role=Role.OPERATOR,
            statuses=[HTTPStatus.CONFLICT],
        )
    )
    def cancel(caller: Caller, _: None) -> Reply:
        """One that waits is over at once; one that runs stops after its requests in flight."""
        found = find_job(caller)
        told = caller.house.parts.deployment.queue.cancel(found.job_id, caller.name)
        if told is None:
            raise Refusal(HTTPStatus.CONFLICT, "the job is over", jobId=found.job_id)
        caller.note(Did.CANCELLED_JOB, f"job {found.job_id}", before={"kind": found.request.kind})
        return Reply(job_document(caller, told))

    @api.reads(Described(f"{WORKSPACE}/workers", "v1_workers", answers.WorkersDocument, "Workers"))
    def workers(caller: Caller, _: Asked) -> Document:
        """Who is alive and carries jobs out, of whatever workspace."""
        time = clock_of(caller)
        alive = caller.house.parts.alive()
        return {"now": time.iso(time.now), "workers": [worker_as_json(one, time) for one in alive]}


def _add_plans(api: Api) -> None:
    @api.reads(
        Described(
            f"{WORKSPACE}/schedule",
            "v1_schedule",
            answers.SchedulesDocument,
            "What is due when",
            parameters=[_COUNT],
        )
    )
    def schedule(caller: Caller, asked: Asked) -> Document:
        """As `trueup schedule --json`."""
        deployment = caller.house.parts.deployment
        now, of = deployment.clock.now(), deployment.settings(caller.workspace).schedules
        with deployment.home.pool.connection() as connection:
            past = read_past(connection, [(caller.workspace, of)])
        pages = [page_of(caller.workspace, one, now, now, asked["count"], past) for one in of]
        return {
            "now": now,
            "trouble": None,
            "schedules": [schedule_as_json(page) for page in pages],
        }

    @api.reads(
        Described(
            f"{WORKSPACE}/settings", "v1_settings", answers.SettingsDocument, "Effective settings"
        )
    )
    def settings(caller: Caller, _: Asked) -> Document:
        """As `trueup config --json`: of a secret only whether it is set."""
        return settings_as_json(caller.house.parts.deployment.settings(caller.workspace))

    @api.reads(
        Described("/workspaces", "v1_workspaces", answers.WorkspacesDocument, "The workspaces")
    )
    def workspaces(caller: Caller, _: Asked) -> Document:
        """Their names, and what the token is that asks."""
        known = sorted(caller.house.parts.deployment.workspaces)
        return {"workspaces": known, "token": caller.name, "role": caller.token.role}


def _add_deeds(api: Api) -> None:
    @api.reads(
        Described(
            f"{WORKSPACE}/deeds",
            "v1_deeds",
            answers.DeedsDocument,
            "Who did what, and why",
            parameters=[_SUBJECT, _BEFORE, LIMIT],
        )
    )
    def deeds(caller: Caller, asked: Asked) -> Document:
        """The latest first, with those that are about no single workspace."""
        most, time = asked["limit"], clock_of(caller)
        found = caller.house.people.deeds(
            most + 1,
            workspace=caller.workspace,
            subject=asked["subject"],
            before=asked["before"],
        )
        shown = found[:most]
        return {
            "deeds": [deed_as_json(one, time) for one in shown],
            "next": shown[-1].deed_id if len(found) > most else None,
        }


def _add_cancelling(api: Api) -> None:
    @api.does(
        Described(
            f"{WORKSPACE}/runs/{{run_id}}/cancel",
            "v1_cancel_run",
            answers.RunDocument,
            "Stop a run",
            role=Role.OPERATOR,
            statuses=[HTTPStatus.CONFLICT],
        )
    )
    def cancel(caller: Caller, _: None) -> Reply:
        """Wherever it is made; its requests in flight are finished, the rest is deferred."""
        queue = caller.house.parts.deployment.queue
        with caller.desk() as desk:
            run = find_run(desk, caller.path("run_id"))
            job = queue.of_run(run.run_id)
            if job is not None and job.request.workspace == caller.workspace:
                heard = queue.cancel(job.job_id, caller.name) is not None
            else:
                heard = cancel_run(desk.app.pool, run.run_id, caller.name)
            if not heard:
                raise Refusal(HTTPStatus.CONFLICT, "the run is over", runId=run.run_id)
            caller.note(Did.CANCELLED_RUN, run.run_id)
            return Reply(run_as_json(find_run(desk, run.run_id), desk.time))


def find_job(caller: Caller) -> Job:
    """The job of the address; raises `Refusal` (404) for one of another workspace, too."""
    found = caller.house.parts.deployment.queue.get(caller.number("job_id"))
    if found is None or found.request.workspace != caller.workspace:
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such job", "GET …/jobs lists them")
    return found


def job_document(caller: Caller, job: Job) -> Document:
    """A job alone; what a fault of ours said is for the log."""
    found = job_as_json(job, clock_of(caller))
    return found | {"message": told_of(job) or None, "report": dict(job.report)}


def job_address(job: Job) -> str:
    """Where a job is found."""
    return f"{PREFIX}/workspaces/{job.request.workspace}/jobs/{job.job_id}"


def clock_of(caller: Caller) -> BusinessTime:
    """The workspace's time. Jobs go by the time that all machines share, whatever a trial sets."""
    settings = caller.house.parts.deployment.settings(caller.workspace)
    return BusinessTime(ZoneInfo(settings.timezone), datetime.now(UTC))
