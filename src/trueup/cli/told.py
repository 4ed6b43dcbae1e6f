"""A run that a command makes is told to whoever is told of a worker's.

A timer of systemd or Kubernetes that calls `trueup run` needs no worker for its alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trueup.domain.errors import TrueupError
from trueup.domain.runs import RunState

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.domain.alert_facts import Ended
    from trueup.reconcile.running import Report

Note = Callable[["Report"], "Report"]


@contextmanager
def told(*, whole: bool) -> Iterator[Note]:
    """Tell, at the end of the block, how the run went that was noted, or that it could not begin.

    Nothing is told of a run that is not over everything, or where nobody is to be told.
    """
    noted: list[Report] = []

    def note(report: Report) -> Report:
        noted.append(report)
        return report

    try:
        yield note
    except TrueupError as error:
        if whole and not noted:
            _tell(error)
        raise
    if whole and noted:
        _tell(noted[-1])


def _tell(what: Report | TrueupError) -> None:
    from trueup.deployment import open_deployment
    from trueup.domain.jobs import JobKind
    from trueup.jobs.alerting import note
    from trueup.settings import load, load_all

    settings = load()
    if not (settings.alerts or settings.ping_url):
        return
    home, workspaces = load_all()
    with open_deployment(home, workspaces) as deployment:
        ended = _ended(what, deployment.clock.now())
        if ended is not None:
            note(deployment, settings.workspace, JobKind.SYNC, ended)


def _ended(what: Report | TrueupError, now: datetime) -> Ended | None:
    from trueup.domain.alert_facts import Ended
    from trueup.domain.jobs import Ending
    from trueup.reconcile.reported import exit_code

    if isinstance(what, TrueupError):
        return Ended(Ending.FAILED, now, what.message, exit_code=what.exit_code)
    run = what.run
    if run.state in (RunState.ALREADY_RUNNING, RunState.INTERRUPTED):
        return None
    ending = Ending(run.state.value)
    return Ended(ending, now, run.error or "", run.run_id, exit_code(what))
