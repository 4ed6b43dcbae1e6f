"""The documents that programs read: of `--json` on the command line, and of the API.

Their keys are promises (docs/json.md): one may be added, none is renamed or dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from trueup.domain.plan import value_as_json
from trueup.domain.runs import Run, Tally

if TYPE_CHECKING:
    from trueup.domain.jobs import Job
    from trueup.domain.people import Deed
    from trueup.postgres.reports import PastChange
    from trueup.postgres.workers import WorkerSeen
    from trueup.views.runs import Account
    from trueup.views.standing import Status
    from trueup.views.times import BusinessTime

COUNTED: Final = ("oauth", "crm", "billing")  # requests, in this order


def status_as_json(found: Status, time: BusinessTime) -> dict[str, Any]:
    """The document of `trueup status --json`."""
    success, writer = found.last_success, found.writer
    return {
        "now": time.iso(time.now),
        "time_zone": str(time.zone),
        "products": {
            "total": found.total,
            "agreeing": found.overview.agreeing,
            "never_compared": found.never_compared,
            "quarantined": found.overview.quarantined,
            "failing_repeatedly": found.overview.stubborn,
        },
        "standings": [
            {"crm": c.crm.value, "billing": c.billing.value, "products": c.products}
            for c in found.overview.standings
        ],
        "oldest_verification": time.iso(found.overview.oldest_verification),
        "running": writer
        and {
            "run_id": writer.run_id,
            "host": writer.host,
            "pid": writer.pid,
            "since": time.iso(writer.since),
        },
        "last_success": success and run_as_json(success, time),
        "last_run": found.last_run and run_as_json(found.last_run, time),
        "attention": [
            {"what": a.what, "products": a.products, "why": a.why, "remedy": a.remedy}
            for a in found.attention
        ],
    }


def run_as_json(run: Run, time: BusinessTime) -> dict[str, Any]:
    """One run as other people's scripts read it; times in the business zone."""
    return {
        "run_id": run.run_id,
        "state": run.state.value,
        "trigger": run.trigger.value,
        "started_at": time.iso(run.started_at),
        "finished_at": time.iso(run.finished_at),
        "duration_ms": run.duration_ms,
        "fingerprint": run.fingerprint,
        "summary": in_order(run.summary, tuple(Tally().as_summary())),
        "requests": in_order(run.requests, COUNTED),
        "violations": list(run.violations),
        "error": run.error,
        "resumes": run.resumes or None,
    }


def account_as_json(account: Account, time: BusinessTime) -> dict[str, Any]:
    """What a run told of itself: answers by target and kind, its log, and who cancelled it."""
    return {
        "answers": {target: dict(kinds) for target, kinds in account.answers.items()},
        "log": [
            {"at": time.iso(line.at), "text": line.text, "grave": line.grave}
            for line in account.log
        ],
        "cancelled_by": account.cancelled_by or None,
    }


def change_as_json(change: PastChange, time: BusinessTime) -> dict[str, Any]:
    """One change that was tried or held; `deltas` is {"field": [before, after]}."""
    return {
        "run_id": change.run_id,
        "at": time.iso(change.at),
        "target": change.target.value,
        "kind": change.key.kind.value,
        "code": change.key.code,
        "sku": change.sku,
        "action": change.action.value,
        "reason": change.reason.value,
        "deltas": {
            name: [value_as_json(delta.before), value_as_json(delta.after)]
            for name, delta in change.deltas.items()
        },
        "status": change.status.value,
        "remote_id": change.remote_id or None,
        "error_code": change.error_code or None,
        "detail": change.detail or None,
        "actor": change.actor or None,
        "editor": change.editor or None,
    }


def job_as_json(job: Job, time: BusinessTime) -> dict[str, Any]:
    """A job as a document."""
    asked = job.request
    return {
        "job_id": job.job_id,
        "workspace": asked.workspace,
        "kind": asked.kind.value,
        "trigger": asked.trigger.value,
        "priority": int(asked.priority),
        "schedule": asked.schedule or None,
        "slot": asked.slot or None,
        "skus": list(asked.terms.skus),
        "state": job.state.value,
        "ending": job.ending.value if job.ending else None,
        "asked_at": time.iso(job.asked_at),
        "asked_by": asked.asked_by or None,
        "not_before": time.iso(job.not_before),
        "started_at": time.iso(job.started_at),
        "finished_at": time.iso(job.finished_at),
        "attempt": job.attempt,
        "worker": job.worker or None,
        "run_id": job.run_id or None,
        "message": job.message or None,
        "cancelled_by": job.cancelled_by or None,
    }


def worker_as_json(one: WorkerSeen, time: BusinessTime) -> dict[str, Any]:
    return {
        "name": one.name,
        "host": one.host,
        "pid": one.pid,
        "version": one.version,
        "slots": one.slots,
        "started_at": time.iso(one.started_at),
        "seen_at": time.iso(one.seen_at),
    }


def deed_as_json(one: Deed, time: BusinessTime) -> dict[str, Any]:
    """What somebody did."""
    return {
        "deed_id": one.deed_id,
        "at": time.iso(one.at),
        "who": one.who,
        "via": one.via,
        "workspace": one.workspace or None,
        "action": one.action,
        "subject": one.subject,
        "before": dict(one.before),
        "after": dict(one.after),
        "reason": one.reason or None,
    }


def in_order(counts: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    """The counts in the order of the names: a jsonb column forgets it."""
    known = {name: counts[name] for name in names if name in counts}
    return {**known, **counts}
