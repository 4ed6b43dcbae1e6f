"""A run that is stopped says so, at whatever point it was stopped."""

from __future__ import annotations

import signal
from decimal import Decimal

import pytest

from support.builders import a_row
from support.workshop import a_floor, assert_settled
from trueup.cli.stopping import stoppable
from trueup.domain.runs import RunState
from trueup.reconcile.applying import Brake


def test_a_stopped_run_is_partial_and_says_why() -> None:
    """What it did not begin is deferred; it is not called agreement."""
    floor = a_floor([a_row(1)])
    floor.brake.pull("stopped by a person")
    run = floor.run().run
    assert (run.state, run.error) == (RunState.PARTIAL, "stopped by a person")
    assert run.summary["deferred"] == 1


def test_a_stop_that_came_too_late_changes_nothing() -> None:
    """Everything was done before it."""
    floor = a_floor([a_row(1)])
    floor.run()
    floor.brake.pull("stopped by a person")
    assert floor.run().run.state is RunState.SUCCEEDED


def test_a_run_that_is_stopped_while_reading_writes_nothing() -> None:
    """A half-read target would look as if the other half were missing."""
    floor = a_floor([a_row(number) for number in range(1, 252)])
    floor.run(bounded=False)
    floor.catalogue.put(a_row(1, monthly=Decimal("950.00")))
    before = floor.crm.requests
    floor.brake.pull("stopped by a person")
    report = floor.run()
    assert (report.run.state, report.run.error) == (
        RunState.FAILED,
        "stopped by a person while reading",
    )
    assert report.error is not None
    assert "trueup run" in report.error.remedy
    assert floor.crm.requests == before
    floor.brake = Brake()
    assert floor.run().run.state is RunState.SUCCEEDED
    assert_settled(floor)


def test_a_display_that_is_redrawn_shows_that_it_stops(capfd: pytest.CaptureFixture[str]) -> None:
    """A line beside it would be painted over at the next redraw."""
    shown: list[str] = []
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stoppable(Brake(), shown.append):
        signal.raise_signal(signal.SIGINT)
    assert len(shown) == 1
    assert "stopping after the request in flight" in shown[0]
    assert shown[0] in capfd.readouterr().err
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
