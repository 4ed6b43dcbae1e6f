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
from trueup.domain.jobs import RECURRING, Ending, Job, JobKind, JobOutcome
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
        except Exception as error:  # noqa: BLE001 (its database is away, or whatever it is)
            _say_unreviewed(workspace, error)


def after(deployment: Deployment, job: Job, outcome: JobOutcome) -> None:
    """An attempt at a job came to its end. Raises nothing."""
    asked = job.request
    if outcome.ending is None or asked.terms.dry_run:
        return
    ended = None
    if not asked.terms.skus and asked.kind in RECURRING:
        exit_code = int(outcome.report.get("exit_code", 1))
        now = deployment.clock.now()
        ended = Ended(outcome.ending, now, outcome.message, outcome.run_id, exit_code)
    note(deployment, asked.workspace, asked.kind, ended)


def note(deployment: Deployment, workspace: str, kind: JobKind, ended: Ended | None = None) -> None:
    """Note how a job or a run over everything ended, call the dead-man's switch, and review.

    Raises nothing: the work is done, whatever becomes of its alerts.
    """
    try:
        settings = deployment.settings(workspace)
        if ended is not None and kind is JobKind.SYNC:
            _call_switch(settings, ended.ending)
        with _opened(deployment, settings) as app:
            if ended is not None:
                with open_book(app.pool) as book:
                    book.note(kind, ended)
            review(deployment, app, workspace)
    except Exception as error:  # noqa: BLE001 (whatever it is, the caller's work is done)
        _say_unreviewed(workspace, error)


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


def _call_switch(settings: Settings, ending: Ending) -> None:
    if settings.ping_url and ending in _GOOD | _BAD:
        trouble = ping(settings.ping_url, failed=ending in _BAD)
        if trouble:
            logs.logger().warning("switch_not_called", to=masked(settings.ping_url), error=trouble)


def _say_unreviewed(workspace: str, error: Exception) -> None:
    error_name = type(error).__name__
    logs.logger().warning("alerts_not_reviewed", workspace=workspace, error=error_name)


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
