"""`trueup resync` while a worker writes: the night's run gives way and goes on afterwards."""

from __future__ import annotations

from support.crew import open_crew
from support.site import open_site
from trueup.domain.jobs import Ending


def test_a_person_at_a_terminal_goes_before_the_night_s_run(database_url: str) -> None:
    with open_site(database_url, products=4, TRUEUP_LEASE="3") as site, open_crew(site) as crew:
        first = {"service": "billing", "method": "POST", "nth": 1}
        site.console.weather({"match": first, "do": "slow", "seconds": 4})
        crew.at_work(crew.hire())
        night = crew.ask()
        site.console.wait_until_sent(7)
        mine = site.call("resync", "FIB-0004", "--json")
        assert mine.code == 0, str(mine)
        assert mine.document["trigger"] == "resync"
        assert [one["sku"] for one in mine.document["results"]] == ["FIB-0004"]
        assert "gives way" in mine.stderr
        [over] = crew.until_over(night)
        assert over.ending is Ending.SUCCEEDED
        assert over.attempt > 1
        assert site.run_states() == ["interrupted", "succeeded", "succeeded"]
        site.assert_agreement()


def test_without_a_worker_it_says_that_the_lock_is_taken(database_url: str) -> None:
    with open_site(database_url, products=1) as site:
        site.sql("select trueup.take_lease('default/run', 'x', 60.0, 'cli-1', 'elsewhere', 1)")
        mine = site.call("resync", "FIB-0001", "--json")
        assert (mine.code, mine.document["state"]) == (75, "already_running"), str(mine)
