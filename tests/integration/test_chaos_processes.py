"""Several real processes at once: one writer, one window, one token (laws 6, 7 and 8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from support.agreement import writes
from support.program import program
from support.site import Site, open_site

# An emulated minute lasts two seconds, and the emulator refuses what goes beyond the limit.
LIMIT = 20
SCALE = 30.0
HURRIED = {"TRUEUP_RATE_LIMIT": str(LIMIT), "TRUEUP_RATE_WINDOW": "2"}
LIMITED = {"total_per_minute": LIMIT, "billing_per_minute": LIMIT}


def test_the_second_run_finds_the_lock_taken_and_does_nothing(database_url: str) -> None:
    """It exits with 75 and sends no request; the first one is not disturbed."""
    with open_site(database_url, products=6, options={"latency": 0.02}) as site:
        second_create = {"service": "billing", "method": "POST", "nth": 2}
        site.console.weather({"match": second_create, "do": "slow", "seconds": 4})
        with program("run", "--json", env=site.env, cwd=site.folder) as first:
            wait_until_writing(site)
            second = site.call("run", "--json")
            assert (second.code, second.document["state"]) == (75, "already_running"), str(second)
            assert second.document["requests"] == {"oauth": 0, "crm": 0, "billing": 0}
            assert second.document["summary"]["processed"] == 0
            out, err = first.communicate(timeout=60)
        assert first.returncode == 0, out + err
        assert site.run_states() == ["succeeded"]
        site.assert_agreement()


def wait_until_writing(site: Site) -> None:
    """Until the first request that writes has arrived: token, fields, four lists, and it."""
    site.console.wait_until_sent(7)


def test_a_plan_beside_a_run_stays_within_the_window(database_url: str) -> None:
    """Both count on one budget, token requests included; nothing is refused."""
    options = {"limits": LIMITED}
    with open_site(database_url, products=8, options=options, time_scale=SCALE, **HURRIED) as site:
        with (
            program("run", "--json", env=site.env, cwd=site.folder) as run,
            program("plan", "--json", env=site.env, cwd=site.folder) as plan,
        ):
            for process in (run, plan):
                out, err = process.communicate(timeout=90)
                assert process.returncode == 0, out + err
        assert_within_the_window(site)
        site.assert_agreement()
        assert_within_the_window(site)


def test_four_processes_plan_at_once_with_one_token(database_url: str) -> None:
    """They wait for each other's token and share one window."""
    options = {"limits": LIMITED}
    with open_site(database_url, products=3, options=options, time_scale=SCALE, **HURRIED) as site:
        with ThreadPoolExecutor(4) as pool:
            plans = list(pool.map(lambda _: site.start("plan", "--json"), range(4)))
        assert [plan.code for plan in plans] == [0] * 4, [str(plan) for plan in plans]
        assert len({plan.document["fingerprint"] for plan in plans}) == 1
        assert_within_the_window(site)
        assert site.console.state()["requests"]["by_service"]["oauth"] == 1
        assert writes(site.console.journal()) == []


def assert_within_the_window(site: Site) -> None:
    """The emulator's own count of the largest sliding minute, tokens included; none refused.

    404 is an answer, not a refusal: a plan beside a run looks up the create that the run has
    just begun, and finds that it has not arrived yet.
    """
    state = site.console.state()
    assert state["largest_windows"]["total"] <= LIMIT
    assert {row["status"] for row in state["requests"]["by_status"]} <= {200, 201, 204, 404}
