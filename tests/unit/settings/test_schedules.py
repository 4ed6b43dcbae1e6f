"""The `[schedules.NAME]` sections: what is always there, what is added, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.domain.errors import UsageError
from trueup.domain.jobs import JobKind
from trueup.domain.schedule import Schedule
from trueup.settings import load


def schedules(tmp_path: Path, text: str = "", **environment: str) -> tuple[Schedule, ...]:
    file = tmp_path / "trueup.toml"
    file.write_text(text, encoding="utf-8")
    return load(file=file, environment=environment).schedules


def test_two_are_always_there(tmp_path: Path) -> None:
    zone = "Africa/Johannesburg"
    assert schedules(tmp_path) == (
        Schedule("nightly", JobKind.SYNC, "0 2 * * *", zone),
        Schedule("housekeeping", JobKind.PRUNE, "30 4 * * *", zone),
    )
    nightly, *_ = schedules(tmp_path, TRUEUP_SCHEDULE="15 1 * * *", TRUEUP_TIMEZONE="Europe/Berlin")
    assert nightly == Schedule("nightly", JobKind.SYNC, "15 1 * * *", "Europe/Berlin")


def test_more_of_them_and_changes_to_those(tmp_path: Path) -> None:
    text = """
        schedule.timezone = "Europe/Berlin"

        [schedules.weekly]
        cron = "0 7 * * MON"
        job = "report"
        timezone = "America/New_York"

        [schedules.housekeeping]
        cron = "0 5 * * 0"

        [schedules.look]
        cron = "0 4 * * SUN"
        job = "drift"
    """
    nightly, housekeeping, weekly, look = schedules(tmp_path, text)
    assert look == Schedule("look", JobKind.DRIFT, "0 4 * * SUN", "Europe/Berlin")
    assert nightly.zone == "Europe/Berlin"
    assert housekeeping == Schedule("housekeeping", JobKind.PRUNE, "0 5 * * 0", "Europe/Berlin")
    assert weekly == Schedule("weekly", JobKind.REPORT, "0 7 * * MON", "America/New_York")


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('[schedules.check]\ncron = "0 * * * *"', 1, "a schedule needs cron and job"),
        ('[schedules.check]\njob = "verify"', 1, "a schedule needs cron and job"),
        ('[schedules]\ncheck = "0 * * * *"', 2, "expected a table with cron and job"),
        (
            '[schedules.check]\ncron = "0 * * * *"\njob = "verfy"',
            3,
            "expected one of sync, verify, drift, report, prune, not 'verfy'",
        ),
        ('[schedules.nightly]\ncron = "at two"', 2, "expected a cron expression of five fields"),
        ("[schedules.nightly]\ncron = 5", 2, "expected a cron expression of five fields"),
        ('[schedules.nightly]\n\ntimezone = "CE"', 3, "expected an IANA time zone"),
        ('[schedules.nightly]\nzone = "Europe/Berlin"', 2, "did you mean 'timezone'?"),
    ],
)
def test_what_is_refused_and_where_it_stands(
    tmp_path: Path, text: str, line: int, expected: str
) -> None:
    with pytest.raises(UsageError) as refused:
        schedules(tmp_path, text)
    assert f"trueup.toml, line {line}: " in refused.value.message
    assert expected in refused.value.message


@pytest.mark.parametrize("cron", ["0 2 * *", "@daily", "0 25 * * *", "* * * 5 6 7", "0 0 2 * * *"])
def test_an_expression_has_five_fields(tmp_path: Path, cron: str) -> None:
    with pytest.raises(UsageError, match="TRUEUP_SCHEDULE: expected a cron expression of five"):
        schedules(tmp_path, TRUEUP_SCHEDULE=cron)
