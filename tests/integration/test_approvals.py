"""Approvals over many nights: on Postgres and the emulator, with a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.agreement import a_catalogue_row, some_rows
from support.nights import Nights, some_nights
from trueup.domain.guards import Rule
from trueup.domain.runs import RunState
from trueup.domain.waiting import HeldState
from trueup.ports import Decision
from trueup.postgres.decisions import PostgresDecisions
from trueup.postgres.pool import open_pool

WEEK = timedelta(days=7)


@dataclass
class Office:
    """Some nights, and a person who decides by day."""

    nights: Nights
    decisions: PostgresDecisions

    def approve_all(self) -> int:
        until = self.nights.clock.now() + WEEK
        decision = Decision("Ann Example", "agreed with sales", until)
        return len(self.decisions.approve(self.decisions.waiting(), decision))

    def reprice(self, number: int, monthly: int) -> None:
        self.nights.fill([a_catalogue_row(number, monthly=monthly)])

    def state(self) -> RunState:
        self.nights.fall()
        return self.nights.run().run.state

    def told(self, sku: str) -> list[tuple[Any, ...]]:
        """What the history says of the CRM record, the newest first."""
        with open_pool(self.nights.database, 1) as pool, pool.connection() as connection:
            return connection.execute(
                "select status, actor, detail from trueup.change_history"
                " where sku = %s and target = 'crm' order by id desc",
                [sku],
            ).fetchall()


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    """Thirty products that have reached agreement."""
    with (
        some_nights(database_url, tmp_path, some_rows(30)) as nights,
        open_pool(database_url, 2) as pool,
    ):
        assert nights.run().run.state is RunState.SUCCEEDED
        yield Office(nights, PostgresDecisions(pool))


def test_the_night_makes_what_was_approved_by_day(office: Office) -> None:
    """And nothing is asked about it again."""
    office.reprice(1, 100)
    assert office.state() is RunState.HELD
    assert office.state() is RunState.HELD
    assert len(office.decisions.waiting()) == 2
    assert office.approve_all() == 2
    assert office.state() is RunState.SUCCEEDED
    assert office.told("FIB-0001")[:3] == [
        ("applied", "", ""),
        ("approved", "Ann Example", "agreed with sales"),
        ("held", "", "Unit_Price falls by 80.04 %, from 501.00 to 100.00"),
    ]
    office.nights.assert_agreement()


def test_an_approval_that_no_night_could_use_expires(office: Office) -> None:
    """The next one asks again, and the history says why."""
    office.reprice(1, 100)
    assert office.state() is RunState.HELD
    office.approve_all()
    office.nights.fall(24 * 7)
    assert office.state() is RunState.HELD
    assert {one.state for one in office.decisions.waiting()} == {HeldState.OPEN}
    assert office.told("FIB-0001")[0] == ("held", "", "its approval has expired")
    office.approve_all()
    assert office.state() is RunState.SUCCEEDED
    office.nights.assert_agreement()


def test_many_new_prices_at_once_wait_as_a_class(office: Office) -> None:
    """Those that change again after the yes are asked about again; the others are made."""
    for number in range(1, 13):
        office.reprice(number, 510 + number)
    assert office.state() is RunState.HELD
    assert {one.rules for one in office.decisions.waiting()} == {(Rule.MASS_REPRICE,)}
    assert office.approve_all() == 24
    office.reprice(1, 100)
    assert office.state() is RunState.HELD
    assert {one.sku for one in office.decisions.waiting()} == {"FIB-0001"}
    office.approve_all()
    assert office.state() is RunState.SUCCEEDED
    office.nights.assert_agreement()


def test_a_price_that_comes_back_needs_no_decision(office: Office) -> None:
    """What waited for it is stale."""
    office.reprice(1, 100)
    assert office.state() is RunState.HELD
    numbers = [one.number for one in office.decisions.waiting()]
    office.approve_all()
    office.reprice(1, 501)
    assert office.state() is RunState.SUCCEEDED
    assert {one.state for one in office.decisions.find(numbers)} == {HeldState.STALE}
    office.nights.assert_agreement()
