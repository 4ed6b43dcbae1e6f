"""Verify: does Zoho say what the catalogue says? Writes to no target; the verdict is recorded."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from trueup.domain.errors import TrueupError
from trueup.domain.jobs import Ending, Job, JobOutcome
from trueup.domain.records import TargetName
from trueup.domain.verification import Accord, Link, Verification
from trueup.jobs.report_files import Report, report_as_json, verdict
from trueup.postgres.verifications import append
from trueup.reconcile.observing import WhyStop
from trueup.reconcile.scope import Scope
from trueup.reconcile.verifying import verify as look

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.applying import Brake

_MOST_ROWS = 100  # of the products that differ, for whoever asked; a report has them all


def verify(app: App, job: Job, brake: Brake) -> JobOutcome:
    """The job: compare everything, and remember what was found."""
    return outcome_of(examine_for(app, job, brake))


def examine_for(app: App, job: Job, brake: Brake) -> Report:
    """Examine what a job's terms name, until its brake is pulled or the deadline is reached.

    Raises `TrueupError` then: what was read is not whole, so nothing is recorded.
    """
    terms = job.request.terms
    ends_at = app.clock.monotonic() + app.settings.run_deadline
    return examine(
        app,
        Scope(terms.targets, terms.skus),
        record=not terms.skus and set(terms.targets) == set(TargetName),
        why_stop=lambda: brake.why_stop(app.clock, ends_at),
    )


def examine(app: App, scope: Scope, *, record: bool, why_stop: WhyStop = lambda: None) -> Report:
    """Verify, and put what was found into the chain of reports if it is to be recorded.

    Raises what a survey raises.
    """
    found = look(app.workshop(), scope, f"verify-{secrets.token_hex(6)}", why_stop=why_stop)
    if found.unread and (reason := why_stop()) is not None:
        raise TrueupError(f"{reason} while reading", "`trueup verify` begins again")
    head = found.head()
    if record:
        with app.pool.connection() as connection:
            link = append(connection, head)
    else:
        link = Link(head, "", head.hash_after(""))
    return Report(found, link, scope.skus, ZoneInfo(app.settings.timezone))


def outcome_of(report: Report) -> JobOutcome:
    """How the job ends. What could not be read is a failure: nobody knows what is there."""
    found = report.found
    document = report_as_json(report)
    differing = [row for row in document["rows"] if row["verdict"] != Accord.SAME]
    ending = Ending.SUCCEEDED if found.whole else Ending.DIFFERS
    return JobOutcome(
        Ending.FAILED if found.unread else ending,
        message=" ".join([verdict(found), *unread_lines(found)]),
        report=document
        | {
            "rows": differing[:_MOST_ROWS],
            "differing": len(differing),
            "exit_code": exit_code(found),
        },
    )


def unread_lines(found: Verification) -> list[str]:
    """A sentence for each target that could not be read."""
    return [f"{t.value} could not be read: {e.message}." for t, e in found.unread.items()]


def exit_code(found: Verification) -> int:
    """1 where anything differs; what keeps a target from being read may say more."""
    if found.unread:
        return worst(found.unread.values()).exit_code
    return 0 if found.whole else 1


def worst(errors: Iterable[TrueupError]) -> TrueupError:
    """Of several errors the one that a person must mend first."""
    return max(errors, key=lambda error: error.exit_code)
