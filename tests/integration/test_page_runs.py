"""The overview, the list of runs, a run's record, and asking for a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from support import postgres
from support.ledgers import PostgresBench
from support.monitored import LAST_NIGHT, SECOND, two_nights
from support.pages import Pages, open_pages
from trueup.domain.people import Role
from trueup.postgres.pool import open_pool

HOME = "/w/default"
RUNS = f"{HOME}/runs"
LONG_AGO = LAST_NIGHT - timedelta(days=300)
MANY, CHANGES = 70, 10_000
HOSTILE = '<script>alert("x")</script>'
OLDER = """
    insert into trueup.run (run_id, trigger, state, started_at, finished_at)
    select 'watch-' || n, 'watch', 'succeeded', %s::timestamptz - (n / 2) * interval '1 minute',
           %s::timestamptz from generate_series(1, %s) as n"""
LARGE = """
    insert into trueup.change_history (run_id, at, target, kind, code, sku, sku_key, owner, action,
                                       reason, deltas, status, remote_id, detail)
    select 'watch-1', now(), 'crm', 'crm_product', 'K-' || n, 'S-' || n, 's-' || n, '', 'update',
           'edited', '{"name": ["old", "new"]}', case when n %% 100 = 0 then 'rejected'
           else 'applied' end, 'r' || n, %s from generate_series(1, %s) as n"""


@pytest.fixture(scope="module")
def database(postgres_server: str, template: str) -> Iterator[str]:
    """Two nights (`support.monitored`), and before them many runs, one of them large."""
    with postgres.fresh_database(postgres_server, template) as url:
        with open_pool(url, 4) as pool:
            two_nights(PostgresBench(pool))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(OLDER, [LONG_AGO, LONG_AGO, MANY])
            connection.execute(LARGE, [HOSTILE, CHANGES])
            connection.execute("analyze")
        yield url


@pytest.fixture(scope="module")
def pages(database: str) -> Iterator[Pages]:
    with open_pages({"DATABASE_URL": database}) as found:
        yield found


class TestOverview:
    def test_the_verdict_and_what_needs_a_person(self, pages: Pages) -> None:
        """Each with the page on which it is mended."""
        page = pages.get(HOME).text
        assert "<h1>1 of 5 products agree</h1>" in page
        needs = page.partition("What needs you")[2].partition("</section>")[0]
        for address in ("/health", "/products?why=quarantined", "/products?why=refused",
                        "/products?status=held&amp;error=the+monthly+price+is+0"):  # fmt: skip
            assert f'href="{HOME}{address}"' in needs, address
        assert "Next run <time" in page

    def test_cells_of_the_matrix_lead_to_their_products(self, pages: Pages) -> None:
        page = pages.get(HOME).text
        cells = re.findall(r'products\?crm=(\w+)&amp;billing=(\w+)">(\d+)', page)
        expected = {("ok", "ok"), ("failed", "failed"), ("held", "held"), ("ok", "skipped")}
        assert {(crm, billing) for crm, billing, _ in cells} == expected
        assert {number for *_, number in cells} == {"1"}

    def test_the_last_nights_are_drawn_and_told(self, pages: Pages) -> None:
        page = pages.get(HOME).text
        assert page.count('class="chart bars"') == 3
        assert page.count(": no run</title>") == 3 * 28
        assert ": 3 min 20 s</title>" in page
        assert "3 min 20 s" in page.partition("As a table")[2]

    def test_nothing_there_says_what_to_do(self, postgres_server: str, template: str) -> None:
        with (
            postgres.fresh_database(postgres_server, template) as url,
            open_pages({"DATABASE_URL": url}) as empty,
        ):
            page = empty.text(HOME, Role.OPERATOR)
            assert "No products yet" in page
            assert "trueup db import FILE" in page
            assert "There was no run yet" in page
            assert "“Run now” starts the first one" in empty.text(RUNS, Role.OPERATOR)


class TestRuns:
    def test_every_run_is_on_one_page_once(self, pages: Pages) -> None:
        """Also those that began at one moment."""
        seen: list[str] = []
        address = RUNS
        while address:
            page = pages.get(address).text
            seen += re.findall(rf'<td data-label="Started"><a href="{RUNS}/([\w-]+)"', page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            address = f"{RUNS}{following[1]}".replace("&amp;", "&") if following else ""
        assert seen[:2] == [SECOND, "schedule-one"]
        assert sorted(seen[2:]) == sorted(f"watch-{n + 1}" for n in range(MANY))

    def test_filters(self, pages: Pages) -> None:
        assert SECOND in (page := pages.get(f"{RUNS}?state=partial").text)
        assert "schedule-one" not in page
        assert "watch-" not in pages.get(f"{RUNS}?trigger=schedule").text
        assert "No run is like that" in pages.text(f"{RUNS}?state=failed")
        night = LAST_NIGHT.astimezone(ZoneInfo("Africa/Johannesburg")).date()
        assert SECOND in (page := pages.get(f"{RUNS}?day={night}").text)
        assert "schedule-one" not in page
        assert "watch-" not in page
        assert f'value="{night}"' in page
        assert "No run is like that" in pages.text(f"{RUNS}?day=9999-12-31")

    @pytest.mark.parametrize(
        "query",
        ["day=x", "after=x", "after=2026-01-01", "after=&run=%00", "state=%00", "trigger=nobody"],
    )
    def test_an_address_without_sense_is_the_first_page(self, pages: Pages, query: str) -> None:
        assert SECOND in pages.get(f"{RUNS}?{query}").text


class TestRecord:
    def test_it_says_what_was_changed_why_and_what_failed(self, pages: Pages) -> None:
        page = pages.text(f"{RUNS}/{SECOND}", Role.APPROVER)
        assert "Done in part" in page
        assert "899.00 → becomes 949.00" in page
        assert "no such tax" in page.partition("What failed")[2]
        assert "Correct what was refused; where the row is right, re-sync" in page
        assert "1 to sign in, 3 to CRM, 9 to Billing" in page
        assert "Take it back" in page
        assert "Take it back" not in pages.text(f"{RUNS}/{SECOND}", Role.OPERATOR)

    def test_a_large_one_comes_page_by_page(self, pages: Pages) -> None:
        """Nothing of it is markup, and a page is no larger for 10,000 changes than for 100."""
        first = pages.get(f"{RUNS}/watch-1").text
        assert "9,900 applied" in first
        assert len(first) < 150_000
        assert HOSTILE not in first
        [more] = re.findall(r'rel="next" href="([^"]+)"', first)
        second = pages.get(f"{RUNS}/watch-1{more}".replace("&amp;", "&").partition("#")[0]).text
        assert ">S-51<" in second
        assert ">S-50<" not in second

    def test_failures_and_one_product_are_found(self, pages: Pages) -> None:
        failed = pages.get(f"{RUNS}/watch-1?show=failed").text
        assert ">S-100<" in failed
        assert ">S-1<" not in failed
        alone = pages.get(f"{RUNS}/watch-1?sku=s-77").text
        assert ">S-77<" in alone.partition('id="changes"')[2]
        assert ">S-78<" not in alone

    def test_the_beginning_of_an_id_is_enough(self, pages: Pages) -> None:
        answer = pages.get(f"{RUNS}/schedule-t")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{RUNS}/{SECOND}")

    @pytest.mark.parametrize("run_id", ["nothing", "schedule", "%00", "%3Cscript%3E"])
    def test_what_is_no_run_is_said_on_a_page(self, pages: Pages, run_id: str) -> None:
        answer = pages.get(f"{RUNS}/{run_id}")
        assert answer.status_code == 404
        assert "<script>" not in answer.text
        assert "<h1>Not found</h1>" in answer.text


class TestAsking:
    def test_a_viewer_may_not(self, pages: Pages) -> None:
        assert "Run now" not in pages.get(RUNS).text
        asked = pages.post(RUNS, {}, Role.VIEWER, form=RUNS)
        assert asked.status_code == 403
        assert pages.deployment.queue.open_jobs() == []

    def test_a_run_is_asked_for_once_and_may_be_cancelled(self, pages: Pages) -> None:
        """Two presses are one job; its page says what it waits for, and that it was cancelled."""
        asked = [pages.post(RUNS, {}, Role.OPERATOR, form=RUNS) for _ in range(2)]
        [address] = {answer.headers["location"] for answer in asked}
        assert "No worker is alive" in pages.text(address)
        cancelled = pages.post(f"{address}/cancel", {}, Role.OPERATOR, form=address)
        assert cancelled.headers["location"] == address
        assert "cancelled" in pages.text(address)
        assert "Cancelled by Operator Example" in pages.text(address)
        job = address.rpartition("/")[2]
        assert ("Operator Example", "asked for a run", f"job {job}", "") in pages.deeds()
        assert ("Operator Example", "cancelled a job", f"job {job}", "") in pages.deeds()
        assert pages.deployment.queue.open_jobs() == []

    @pytest.mark.parametrize("number", ["0", "999", "x", "9" * 30, "²"])
    def test_what_is_no_job_is_said(self, pages: Pages, number: str) -> None:
        assert pages.get(f"{HOME}/jobs/{number}").status_code == 404
