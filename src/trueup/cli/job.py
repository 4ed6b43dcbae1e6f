"""What the commands of the job share: the app that is watched, the run, its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING

from trueup.cli import output
from trueup.cli.selectors import Skus, Targets, known_skus, targets_of
from trueup.domain.errors import UsageError
from trueup.planner.due import Look

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.reconcile.applying import Brake
    from trueup.reconcile.drawing import Drawn
    from trueup.reconcile.orders import Order
    from trueup.reconcile.running import Report
    from trueup.reconcile.scope import Scope
    from trueup.settings import Settings

_LISTEN_SECONDS = 1.0  # between two looks whether somebody cancels


def carry_out(app: App, order: Order) -> Report:
    """Run, stoppable by Ctrl-C."""
    from trueup.reconcile.running import run

    with braked(app) as brake:
        return run(app.workshop(), order, brake)


@contextmanager
def braked(app: App) -> Iterator[Brake]:
    """A brake that Ctrl-C and `trueup cancel` pull; it wakes whoever waits for the rate limit."""
    from trueup.cli.progress import Progress
    from trueup.cli.stopping import stoppable
    from trueup.reconcile.applying import Brake

    brake, display = Brake(), app.watcher
    tell = display.troubles.append if isinstance(display, Progress) else display.phase
    app.clock.stopped = brake.pulled
    with stoppable(brake, tell), cancellable(app, brake):
        yield brake


@contextmanager
def cancellable(app: App, brake: Brake) -> Iterator[None]:
    """Hear, while a run goes on, that somebody elsewhere wants it stopped (`trueup cancel`)."""
    from trueup.postgres.cancelling import who_cancels

    over, owner = Event(), app.lease.owner

    def listen() -> None:
        while not over.wait(_LISTEN_SECONDS):
            if name := who_cancels(app.pool, owner):
                brake.pull(f"cancelled by {name}")
                return

    thread = Thread(target=listen, name="cancel", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_LISTEN_SECONDS)


def due_or_named(app: App, target: Targets, sku: Skus) -> Scope:
    """What is due; or the products that somebody named, whenever they were looked at."""
    from trueup.reconcile.scope import Scope

    skus = known_skus(app, sku)
    return Scope(targets_of(target), skus, look=Look.ALL if skus else Look.DUE)


def conclude(result: Report | Drawn, *, json: bool) -> int:
    """Show a finished run or a plan; returns the exit code. The progress display is gone by now.

    A plan for which a target could not be read is shown as far as it goes, with why.
    """
    from trueup.reconcile.drawing import Drawn
    from trueup.reconcile.reported import exit_code

    # That nobody reads on changes nothing about how it went.
    with suppress(BrokenPipeError):
        _show(result, json=json)
    if not isinstance(result, Drawn):
        return exit_code(result)
    if result.trouble is None:
        return 0
    output.complain(result.trouble.message, result.trouble.remedy)
    return result.trouble.exit_code


def _show(result: Report | Drawn, *, json: bool) -> None:
    from trueup.cli.planning import show_plan
    from trueup.cli.report import show_report
    from trueup.reconcile.drawing import Drawn, drawn_as_json
    from trueup.reconcile.reported import report_as_json

    if isinstance(result, Drawn):
        if json:
            output.print_json(drawn_as_json(result))
        else:
            show_plan(result.plan, whole=result.trouble is None)
    else:
        output.print_json(report_as_json(result)) if json else show_report(result)


@contextmanager
def job_app(
    *,
    json: bool,
    verbose: bool,
    deadline: str | None = None,
    max_products: int | None = None,
    batch: int | None = None,
    person: bool = True,
) -> Iterator[App]:
    """The app of a command of the job, watched."""
    from trueup.bootstrap import open_app
    from trueup.cli.loading import load_logged
    from trueup.cli.progress import watching

    settings = load_logged(verbose=verbose)
    settings = _adjusted(settings, deadline, max_products, batch)
    with (
        watching(settings, quiet=json, verbose=verbose) as progress,
        open_app(settings, watcher=progress, on_request=progress.request, person=person) as app,
    ):
        yield app


def _adjusted(
    settings: Settings, deadline: str | None, max_products: int | None, batch: int | None
) -> Settings:
    from trueup.settings.values import duration

    if deadline is not None:
        try:
            settings = replace(settings, run_deadline=duration(deadline))
        except ValueError as error:
            raise UsageError(f"--deadline: expected {error}, not {deadline!r}") from None
    if max_products is not None:
        settings = replace(settings, max_products=max_products)
    return replace(settings, batch_size=batch) if batch is not None else settings
