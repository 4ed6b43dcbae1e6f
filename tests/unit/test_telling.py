"""A run tells how far it has come: counted as it happens, written now and then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from threading import enumerate as threads

import pytest

from support.builders import a_row
from support.workshop import Floor, a_floor
from trueup.domain.plan import Plan
from trueup.domain.progress import Lane, RunProgress
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus, RunState, Trigger
from trueup.reconcile.applying import Brake
from trueup.reconcile.orders import Order
from trueup.reconcile.running import Report, run
from trueup.reconcile.scope import Scope, Silence
from trueup.reconcile.telling import telling


class Kept:
    """What was written, in order."""

    def __init__(self) -> None:
        self.written: list[tuple[str, RunProgress]] = []
        self.some = Event()

    def __call__(self, run_id: str, progress: RunProgress) -> None:
        self.written.append((run_id, progress))
        self.some.set()


class Waits(Silence):
    """Lets a run write only after the first word about it was kept."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    def planned(self, plan: Plan, writes: int) -> None:
        assert self.kept.some.wait(10), f"nothing was told before {writes} of {plan} are written"


@pytest.fixture
def floor() -> Floor:
    found = a_floor()
    found.catalogue.put(a_row())
    return found


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def until() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def go(floor: Floor, kept: Kept, until: ExitStack) -> Report:
    """A run that is told of; a minute would pass between two writes."""
    shop = telling(floor.shop, kept, until, every=60)
    return run(shop, Order(Scope(), Trigger.CLI), Brake())


def test_the_last_word_is_how_it_ended(floor: Floor, kept: Kept, until: ExitStack) -> None:
    """However fast it was; and nothing of it stays behind."""
    floor.shop = replace(floor.shop, watcher=Waits(kept))
    report = go(floor, kept, until)
    assert report.run.state is RunState.SUCCEEDED
    until.close()
    run_id, told = kept.written[-1]
    assert run_id == report.run.run_id
    assert (told.changes, told.products) == (len(report.plan.changes), 1)
    assert told.done == told.changes > 0
    assert {lane.failed for lane in told.lanes.values()} == {0}
    assert {(one.sku, one.target, one.status) for one in told.finished} == {
        (a_row().sku, target, ProductStatus.OK) for target in TargetName
    }
    assert len(kept.written) == 2, "the pause between two writes is kept"
    assert "progress" not in {thread.name for thread in threads()}


def test_it_tells_what_came_back_and_what_was_said(
    floor: Floor, kept: Kept, until: ExitStack
) -> None:
    """By run: what an earlier one was answered is not counted again; its last word is written."""
    came: dict[str, dict[str, int]] = {"crm": {"ok": 7, "throttled": 2}}
    shop = telling(floor.shop, kept, until, every=60, answers=lambda: came)
    first = run(shop, Order(Scope(), Trigger.CLI), Brake()).run.run_id
    came = {"crm": {"ok": 9, "throttled": 3}}
    second = run(shop, Order(Scope(), Trigger.CLI), Brake()).run.run_id
    came = {"crm": {"ok": 9, "throttled": 4}}
    until.close()
    last = dict(kept.written)
    assert last[first].answers == {"crm": {"ok": 2, "throttled": 1}}
    assert last[second].answers == {"crm": {"throttled": 1}}
    said = [line.text for line in last[first].log]
    assert said[0] == "reading the catalogue"
    assert any(text.startswith("planned: ") for text in said)
    assert "planned: nothing to write" in [line.text for line in last[second].log]
    [grave] = [line.text for line in last[second].log if line.grave]
    assert grave == "crm: 1 request refused for too many"


def test_who_watched_before_still_does(floor: Floor, kept: Kept, until: ExitStack) -> None:
    alone = a_floor()
    alone.catalogue.put(a_row())
    run(alone.shop, Order(Scope(), Trigger.CLI), Brake())
    go(floor, kept, until)
    assert floor.notes.__dict__ == alone.notes.__dict__


def test_what_is_no_run_is_not_told(floor: Floor, kept: Kept, until: ExitStack) -> None:
    """A plan that is only drawn, or a run that finds the lock taken."""
    shop = telling(floor.shop, kept, until, every=0)
    shop.watcher.phase("reading the catalogue")
    floor.lock.taken = True
    assert run(shop, Order(Scope(), Trigger.CLI), Brake()).run.state is RunState.ALREADY_RUNNING
    until.close()
    assert kept.written == []


def test_how_long_it_will_take() -> None:
    """What is left of the plan's requests, at the rate limit; unknown before there is a plan."""
    assert RunProgress(sent=7).seconds_left(90, 60) is None
    planned = RunProgress(requests=90, sent=12, sent_before_plan=12)
    assert planned.seconds_left(90, 60) == 60
    assert replace(planned, sent=57).seconds_left(90, 60) == 30
    assert replace(planned, sent=200).seconds_left(90, 60) == 0
    half = replace(
        planned, sent=57, changes=100, lanes={TargetName.CRM: Lane(written=40, failed=10)}
    )
    assert half.seconds_left(90, 60, writing=10) == 30, "the limit is what slows it down"
    assert half.seconds_left(90, 60, writing=300) == 300, "Zoho is"
