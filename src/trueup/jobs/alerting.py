"""Look at how a workspace stands, and tell people what is news.

Looked at after every job, and once a minute by one worker for all workspaces, so that what is
overdue is noticed when nothing runs at all. Trouble with alerts changes nothing about a job.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from trueup import logs
from trueup.alerts.addresses import mark, masked
from trueup.alerts.sending import send_to
from trueup.alerts.webhook import ping
from trueup.bootstrap import WORKSPACE
from trueup.domain.alert_facts import Ended
from trueup.domain.jobs import Ending, Job, JobKind, JobOutcome
from trueup.planner.alerting import AlertLimits, conditions
from trueup.planner.announcing import compose, telling, transitions
from trueup.postgres.alert_facts import queue_facts, with_workspace
from trueup.postgres.alerts import open_book, open_reader

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.deployment import Deployment
    from trueup.settings import Settings

REVIEW_EVERY = 60.0  # seconds
_GOOD = frozenset({Ending.SUCCEEDED, Ending.HELD})
_BAD = frozenset({Ending.FAILED, Ending.PARTIAL})


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What one look brought: conditions that stand, messages sent, and addresses in trouble."""

    standing: int
    sent: int
    troubles: tuple[str, ...]


def review_all(deployment: Deployment) -> None:
    """Review every workspace; one that cannot be looked at keeps none of the others from it."""
    for workspace in deployment.workspaces:
        try:
            with _opened(deployment, deployment.settings(workspace)) as app:
                review(deployment, app, workspace)
        except Exception as error:  # noqa: BLE001 (a workspace whose database is away, whatever it raises)
            logs.logger().warning(
                "alerts_not_reviewed", workspace=workspace, error=type(error).__name__
            )


def after(deployment: Deployment, job: Job, outcome: JobOutcome) -> None:
    """A job came to an end: note it, call the dead-man's switch, and review. Raises nothing."""
    asked = job.request
    if outcome.ending is None or asked.terms.dry_run:
        return
    try:
        settings = deployment.settings(asked.workspace)
        whole, ending = not asked.terms.skus, _ending(deployment, job, outcome.ending)
        with _opened(deployment, settings) as app:
            if whole:
                _note(app, asked.kind, outcome, ending)
            review(deployment, app, asked.workspace)
        if whole and asked.kind is JobKind.SYNC:
            _call_switch(settings, ending)
    except Exception as error:  # noqa: BLE001 (the job is done, whatever becomes of its alerts)
        logs.logger().warning(
            "alerts_not_reviewed", workspace=asked.workspace, error=type(error).__name__
        )


def review(deployment: Deployment, app: App, workspace: str) -> Reviewed:
    """See what is wrong in a workspace, remember it, and tell every address what is news to it."""
    settings, now = app.settings, app.clock.now()
    with deployment.home.pool.connection() as home:
        facts = queue_facts(home, now, workspace)
    with open_book(app.pool) as book:
        allowed = settings.failures_allowed
        facts = with_workspace(facts, book.connection, budget=WORKSPACE, failures_allowed=allowed)
        found = conditions(facts, _limits(settings))
        seen = transitions(book.known(), found, now)
        book.keep(seen.alerts)
    for word in ("raised", "changed", "recovered"):
        for key in getattr(seen, word):
            one = seen.alerts[key].condition
            logs.logger().info(f"alert_{word}", workspace=workspace, key=key, title=one.title)
    told = [_tell(app, workspace, address) for address in dict.fromkeys(settings.alerts)]
    troubles = tuple(trouble for _, trouble in told if trouble)
    return Reviewed(len(found), sum(sent for sent, _ in told), troubles)


def _tell(app: App, workspace: str, address: str) -> tuple[bool, str]:
    """Send an address its news, if there is any; whether it took a message, and the trouble."""
    shown, now = masked(address), app.clock.now()
    with open_reader(app.pool, mark(address), shown, now) as reader:
        if reader is None:
            return False, ""  # somebody else is sending there
        told = telling(
            reader.alerts, reader.told, since=reader.since, sent_at=reader.sent_at, now=now
        )
        reader.lower(told.silent)
        if not told.news:
            return False, ""
        standing = [alert for alert in reader.alerts if alert.closed_at is None]
        message = compose(workspace, told.news, standing, ZoneInfo(app.settings.timezone))
        if trouble := send_to(address, message):
            reader.failed(trouble, now)
            logs.logger().warning(
                "alert_not_delivered", workspace=workspace, to=shown, error=trouble
            )
            return False, f"{shown}: {trouble}"
        reader.delivered(told.told, now)
        return True, ""


def _ending(deployment: Deployment, job: Job, ending: Ending) -> Ending:
    """What a person cut short is cancelled, whatever state its run was left in."""
    known = deployment.queue.get(job.job_id) if ending in _BAD else None
    return Ending.CANCELLED if known and known.cancelled_by else ending


def _note(app: App, kind: JobKind, outcome: JobOutcome, ending: Ending) -> None:
    with open_book(app.pool) as book:
        if ending is Ending.CANCELLED:
            book.note_cancelled(outcome.run_id)
            return
        exit_code = int(outcome.report.get("exit_code", 1))
        now = app.clock.now()
        ended = Ended(ending, now, outcome.message, outcome.run_id, exit_code)
        book.note(kind, ended)


def _call_switch(settings: Settings, ending: Ending) -> None:
    if settings.ping_url and ending in _GOOD | _BAD:
        trouble = ping(settings.ping_url, failed=ending in _BAD)
        if trouble:
            logs.logger().warning("switch_not_called", to=masked(settings.ping_url), error=trouble)


def _limits(settings: Settings) -> AlertLimits:
    return AlertLimits(timedelta(seconds=settings.overdue_after), settings.failures_allowed)


@contextmanager
def _opened(deployment: Deployment, settings: Settings) -> Iterator[App]:
    """The workspace's parts; those of the home database where it is the same one."""
    home = deployment.home
    if settings == home.settings:
        yield home
        return
    with deployment.open(settings) as app:
        yield app
