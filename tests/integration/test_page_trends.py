"""The page of trends, over a ledger that some runs have left."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest

from support import postgres
from support.ledgers import PostgresBench
from support.monitored import LAST_NIGHT, NIGHT_BEFORE, SECOND, two_nights
from support.pages import Pages, open_pages
from trueup.domain.people import Role
from trueup.postgres.pool import open_pool
from trueup.views import trends

TRENDS = "/w/default/trends"
ZONE = ZoneInfo("Africa/Johannesburg")


@pytest.fixture(scope="module")
def pages(postgres_server: str, template: str) -> Iterator[Pages]:
    """Two nights, in the second of which a record was put back and Zoho was asked too often."""
    with postgres.fresh_database(postgres_server, template) as url:
        with open_pool(url, 2) as pool:
            bench = PostgresBench(pool)
            two_nights(bench)
            bench.sql(
                "update trueup.change_history set reason = 'drifted'"
                " where run_id = %s and status = 'applied'",
                SECOND,
            )
            bench.sql(
                "insert into trueup.run (run_id, trigger, state, started_at, finished_at)"
                " values ('of-last-year', 'schedule', 'succeeded', %s, %s)",
                LAST_NIGHT - timedelta(days=200),
                LAST_NIGHT - timedelta(days=200) + timedelta(hours=1),
            )
        with open_pages({"DATABASE_URL": url, "TRUEUP_TIMEZONE": ZONE.key}) as found:
            yield found


def sheet(pages: Pages, days: int) -> list[dict[str, str]]:
    answer = pages.get(f"{TRENDS}.csv?days={days}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].endswith(f'-{days}-days.csv"')
    assert answer.text.startswith("\ufefffirst_day,")
    return list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))


def test_the_figures_of_each_day(pages: Pages) -> None:
    """By the business's own days, also those without a run."""
    rows = sheet(pages, 7)
    assert len(rows) == 7
    by_day = {row["first_day"]: row for row in rows}
    first = by_day[NIGHT_BEFORE.astimezone(ZONE).date().isoformat()]
    second = by_day[LAST_NIGHT.astimezone(ZONE).date().isoformat()]
    told = ("runs", "failed_runs", "longest_run_seconds", "changes", "failures", "requests")
    assert [first[name] for name in told] == ["1", "0", "40.0", "1", "0", "8"]
    assert [second[name] for name in told] == ["1", "1", "200.0", "1", "1", "13"]
    assert [first["put_back"], second["put_back"]] == ["0", "1"]
    assert sum(int(row["runs"]) for row in rows) == 2

    page = pages.text(f"{TRENDS}?days=7")
    assert "2 runs, of which 1 did not go well; 2 changes, 1 failure, 21 requests" in page
    assert "Longest run at most 3 min 20 s" in page
    assert "1 record put back" in page
    assert "no such tax" in page
    charts = pages.get(f"{TRENDS}?days=7").text
    assert charts.count('role="img"') == 6
    assert 'aria-label="Failures: at most 1 failure (' in charts


def test_a_year_by_week_and_what_is_not_known_any_more(pages: Pages) -> None:
    """Changes of 200 days ago are removed: that is no zero."""
    rows = sheet(pages, 365)
    assert 52 <= len(rows) <= 54
    [long_ago] = [row for row in rows if row["longest_run_seconds"] == "3600.0"]
    assert (long_ago["runs"], long_ago["changes"], long_ago["put_back"]) == ("1", "", "")
    assert sum(int(row["runs"]) for row in rows) == 3
    assert "Single changes are kept since" in pages.text(f"{TRENDS}?days=365")
    assert "Single changes are kept since" not in pages.text(f"{TRENDS}?days=7")
    assert len(sheet(pages, 30)) == 30


def test_spans_that_nobody_offers(pages: Pages) -> None:
    assert pages.text(f"{TRENDS}?days=100000").count("2 runs") == 1
    assert pages.get(TRENDS, Role.ADMIN).status_code == 200
    assert pages.client.get(f"{TRENDS}.csv").url.path == "/login"


def test_a_week_begins_on_monday(pages: Pages) -> None:
    with pages.client.app.state.house.rooms.desk("default") as desk:
        found = trends.gather(desk, 30)
    assert all(one.first.weekday() == 0 for one in found.weeks[1:])
    assert sum(one.runs for one in found.weeks) == found.all.runs == 2
