"""What is wrong, derived from facts; each condition at its limit and beyond it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trueup.domain.alert_facts import Ended, Facts, Failing, Held, Pause, Verified, Waiting
from trueup.domain.alerts import Condition, Kind, Severity
from trueup.domain.jobs import Ending, JobKind
from trueup.planner.alerting import AlertLimits, conditions

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMITS = AlertLimits(timedelta(hours=26), 3)
GOOD = Facts(NOW, last=Ended(Ending.SUCCEEDED, NOW), good_at=NOW)
ROOT = Path(__file__).parents[3]


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def ahead(**length: float) -> datetime:
    return NOW + timedelta(**length)


def found(facts: Facts) -> dict[str, Condition]:
    return {one.key: one for one in conditions(facts, LIMITS)}


def failing(*skus: str, runs: int = 4) -> tuple[Failing, ...]:
    return tuple(Failing(sku, runs, "the name is too long", ago(hours=9)) for sku in skus)


def test_where_all_is_well_nothing_is_said() -> None:
    assert conditions(GOOD, LIMITS) == []
    assert conditions(Facts(NOW), LIMITS) == []


def test_an_ending_that_is_no_trouble_is_none() -> None:
    for ending in (Ending.SUCCEEDED, Ending.HELD, Ending.CANCELLED):
        assert found(replace(GOOD, last=Ended(ending, NOW))) == {}


def test_a_failed_run_is_urgent_and_says_where_to_look() -> None:
    last = Ended(Ending.FAILED, ago(hours=1), "the catalogue is empty", "schedule-1")
    one = found(replace(GOOD, last=last))["run"]
    assert (one.kind, one.severity, one.since) == (Kind.RUN_FAILED, Severity.CRITICAL, last.at)
    assert "the catalogue is empty" in one.text
    assert "`trueup runs show schedule-1`" in one.text


def test_a_job_that_could_not_begin_has_no_run_to_show() -> None:
    one = found(replace(GOOD, last=Ended(Ending.FAILED, NOW, "no database")))["run"]
    assert "runs show" not in one.text


def test_refused_credentials_are_told_from_other_failures() -> None:
    """By the exit code, not by the words; also where one target went well."""
    for ending in (Ending.FAILED, Ending.PARTIAL):
        one = found(replace(GOOD, last=Ended(ending, NOW, "no", exit_code=4)))["run"]
        assert (one.kind, one.severity) == (Kind.REFUSED, Severity.CRITICAL)
        assert "`trueup check`" in one.text


def test_a_partial_run_is_less_urgent() -> None:
    one = found(replace(GOOD, last=Ended(Ending.PARTIAL, NOW)))["run"]
    assert (one.kind, one.severity) == (Kind.RUN_PARTIAL, Severity.WARNING)


def test_a_failed_job_of_another_kind_has_its_own_condition() -> None:
    others = {
        JobKind.VERIFY: Ended(Ending.FAILED, NOW, "CRM is down"),
        JobKind.REPORT: Ended(Ending.DIFFERS, NOW),
    }
    [one] = conditions(replace(GOOD, others=others), LIMITS)
    assert (one.key, one.kind) == ("job:verify", Kind.JOB_FAILED)
    assert "CRM is down" in one.text


@pytest.mark.parametrize(
    ("good", "watched", "since"),
    [
        (ago(hours=26), None, None),
        (ago(hours=27), None, ago(hours=1)),
        (None, ago(hours=26), None),
        (None, ago(hours=30), ago(hours=4)),
        (ago(hours=40), ago(hours=2), None),  # a new schedule has its time
        (None, None, None),
    ],
)
def test_overdue_counts_from_the_last_success_or_the_first_schedule(
    good: datetime | None, watched: datetime | None, since: datetime | None
) -> None:
    facts = replace(GOOD, good_at=good, watched_since=watched)
    assert [one.since for one in conditions(facts, LIMITS)] == ([since] if since else [])
    assert all(one.kind is Kind.OVERDUE for one in conditions(facts, LIMITS))


@pytest.mark.parametrize(
    ("workers", "waited", "busy", "kinds"),
    [
        (0, timedelta(minutes=5), False, []),
        (0, timedelta(minutes=6), False, [Kind.NO_WORKER]),
        (0, timedelta(minutes=6), True, []),
        (2, timedelta(minutes=59), False, []),
        (2, timedelta(minutes=61), False, [Kind.QUEUE_STUCK]),
        (2, timedelta(minutes=61), True, []),  # it waits its turn
    ],
)
def test_jobs_that_wait(workers: int, waited: timedelta, busy: bool, kinds: list[Kind]) -> None:
    waiting = Waiting(2, NOW - waited)
    facts = replace(GOOD, waiting=waiting, workers=workers, busy=busy)
    assert [one.kind for one in conditions(facts, LIMITS)] == kinds


def test_a_short_pause_is_daily_life() -> None:
    short = Pause("crm", ago(minutes=1), ahead(minutes=8))
    long = Pause("billing", ago(minutes=1), ahead(minutes=9))
    token = Pause("token", ago(minutes=1), ahead(minutes=4), "too many requests")
    seen = found(replace(GOOD, pauses=(short, long, token)))
    assert {key: one.kind for key, one in seen.items()} == {
        "paused:billing": Kind.TARGET_PAUSED,
        "token": Kind.TOKEN_COOLDOWN,
    }
    assert "too many requests" in seen["token"].text


def test_one_product_is_named_and_many_are_listed_up_to_a_limit() -> None:
    one = found(replace(GOOD, failing=failing("FIB-1")))["products"]
    assert one.title == "FIB-1 failed more than 3 times in 24 hours"
    many = found(replace(GOOD, failing=failing(*(f"S-{n:02}" for n in range(12)))))["products"]
    assert (many.title.split()[0], many.count) == ("12", 12)
    assert "S-09: 4 times, the name is too long\nand 2 more\n" in many.text
    assert "S-10" not in many.text
    ten = found(replace(GOOD, failing=failing(*(f"S-{n:02}" for n in range(10)))))["products"]
    assert "more\n" not in ten.text


def test_failing_as_often_as_allowed_is_no_condition() -> None:
    assert found(replace(GOOD, failing=failing("FIB-1", runs=3))) == {}


def test_what_is_held_counts() -> None:
    one = found(replace(GOOD, held=Held(3, ago(days=1))))["held"]
    assert (one.count, one.since, one.severity) == (3, ago(days=1), Severity.WARNING)
    assert "3 products wait" in one.title
    assert "1 product waits" in found(replace(GOOD, held=Held(1, NOW)))["held"].title


def test_drift_is_over_when_a_later_run_went_well() -> None:
    seen = Verified(ago(hours=2), 50, 2)
    one = found(replace(GOOD, verified=seen, good_at=ago(hours=3)))["drift"]
    assert one.title == "2 of 50 products differ from the catalogue"
    assert found(replace(GOOD, verified=seen, good_at=ago(hours=1))) == {}
    assert found(replace(GOOD, verified=replace(seen, differing=0), good_at=ago(hours=3))) == {}


def test_the_most_urgent_comes_first() -> None:
    last = Ended(Ending.PARTIAL, NOW)
    facts = replace(GOOD, last=last, good_at=ago(days=3), held=Held(1, NOW))
    assert [one.key for one in conditions(facts, LIMITS)] == ["overdue", "run", "held"]


def test_every_kind_has_its_row_in_the_documentation() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    assert [kind.value for kind in Kind if f"\n| `{kind.value}` |" not in page] == []
