"""Another program writes one of our fields every night: after three repairs a person is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.agreement import a_catalogue_row, some_rows, writes
from support.nights import Nights, some_nights
from trueup.domain.guards import Rule
from trueup.domain.runs import RunState
from trueup.planner.due import Look
from trueup.reconcile.running import Report

SKU = "FIB-0001"
IMPORTER, CLERK = "Ines Import", "Otto Other"


@dataclass
class Duel:
    """Some nights, and somebody else who writes at Zoho by day."""

    nights: Nights

    def record(self) -> dict[str, Any]:
        """The CRM record that both write."""
        records = self.nights.emulator.records("crm", "products")
        return next(record for record in records if record["Product_Code"] == SKU)

    def edit(self, who: str, **fields: Any) -> None:
        """Somebody changes fields of the record."""
        emulator = self.nights.emulator
        emulator.edit("crm", "products", self.record()["id"], fields, who)

    def night(self) -> Report:
        """A day passes, and a run over everything."""
        self.nights.fall()
        return self.nights.run(Look.EVERYTHING)

    def flip(self) -> Report:
        """The other program writes its text; then comes the night."""
        self.edit(IMPORTER, Description="from the import")
        return self.night()

    def editors(self) -> list[str]:
        """Whom the history names beside our repairs of CRM, in order."""
        with psycopg.connect(self.nights.database) as connection:
            return [
                editor
                for (editor,) in connection.execute(
                    "select editor from trueup.change_history where reason = 'drifted'"
                    " and status = 'applied' and target = 'crm' order by id"
                )
            ]


@pytest.fixture
def duel(database_url: str, tmp_path: Path) -> Iterator[Duel]:
    with some_nights(database_url, tmp_path, some_rows(3)) as nights:
        assert nights.run().run.state is RunState.SUCCEEDED
        yield Duel(nights)


def test_three_repairs_and_then_a_person_is_asked(duel: Duel) -> None:
    """Told with who it was; every other field goes on; a yes writes once, and only once."""
    for _ in range(3):
        assert duel.flip().run.state is RunState.SUCCEEDED
        assert duel.record()["Description"] == "Line number 1"
    assert duel.editors() == [IMPORTER] * 3
    duel.nights.fill([a_catalogue_row(1, name="Fibre 1 renamed")])
    report = duel.flip()
    assert report.run.state is RunState.HELD
    [violation] = report.plan.violations
    assert (violation.rule, violation.skus) == (Rule.SECOND_WRITER, (SKU,))
    assert (violation.measure, violation.limit) == ("3", "3")
    assert violation.setting == "guards.flips, guards.flip_days"
    [held] = report.plan.held
    assert held.why == f"Description was put back 3 times in 7 days, and {IMPORTER} changed it"
    there = duel.record()
    assert (there["Description"], there["Product_Name"]) == ("from the import", "Fibre 1 renamed")
    # Our own write of the name does not make us the second writer.
    again = duel.night()
    assert again.run.state is RunState.HELD
    assert [one.why for one in again.plan.held] == [held.why]
    before = len(writes(duel.nights.emulator.journal()))
    assert duel.nights.approve().run.state is RunState.SUCCEEDED
    assert duel.record()["Description"] == "Line number 1"
    assert len(writes(duel.nights.emulator.journal())) == before + 1
    duel.nights.assert_nothing_left()
    assert duel.flip().run.state is RunState.HELD
    assert duel.record()["Description"] == "from the import"


def test_several_people_are_all_named(duel: Duel) -> None:
    for who in (IMPORTER, CLERK, IMPORTER):
        duel.edit(who, Description=f"as {who} likes it")
        assert duel.night().run.state is RunState.SUCCEEDED
    [held] = duel.flip().plan.held
    assert held.why.endswith(f"and {IMPORTER}, {CLERK} changed it")


def test_what_was_put_back_long_ago_does_not_count(duel: Duel) -> None:
    """Three times in ten days is not three times in seven."""
    for _ in range(6):
        assert duel.flip().run.state is RunState.SUCCEEDED
        duel.nights.fall(72)
    duel.nights.assert_nothing_left()


def test_a_change_of_ours_is_nobody_s_edit(duel: Duel) -> None:
    """A text that the catalogue changes every day is never put back."""
    for number in range(5):
        duel.nights.fill([a_catalogue_row(1, description=f"Text of day {number}")])
        assert duel.night().run.state is RunState.SUCCEEDED
    assert duel.editors() == []
    duel.nights.assert_nothing_left()
