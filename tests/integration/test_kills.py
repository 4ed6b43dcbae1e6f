"""`kill -9` at any request loses nothing and doubles nothing (law 9)."""

from __future__ import annotations

import random

from support.agreement import created_keys
from support.program import program
from support.site import Site, open_site

KILLS = 8
PRODUCTS = 20
# The emulator keeps the request that is to be the last one waiting, so that the process surely
# dies with it in flight.
_FOREVER = 60


def kill_at(site: Site, request: int, *, carried_out: bool) -> None:
    """Start a run and kill it with its n-th request in flight."""
    before = site.console.sent()
    site.console.good_weather()
    rule = {"match": {"nth": request}, "do": "slow", "seconds": _FOREVER}
    site.console.weather(rule | {"carried_out": carried_out})
    with program("run", "--json", env=site.env, cwd=site.folder) as process:
        site.console.wait_until_sent(before + request, alive=process)
        process.kill()
        process.wait()
    site.console.good_weather()


def test_eight_kills_and_one_clean_run_leave_exactly_the_desired_state(database_url: str) -> None:
    """Whatever request it was, and whether or not it was carried out behind the dead process."""
    chance = random.Random(20261025)
    with open_site(
        database_url, products=PRODUCTS, TRUEUP_LEASE="2", TRUEUP_BATCH_SIZE="5"
    ) as site:
        for _ in range(KILLS):
            kill_at(site, chance.randint(3, 14), carried_out=chance.random() < 0.7)
            site.await_free_lock()
        last = site.call("run", "--json")
        assert (last.code, last.document["state"]) == (0, "succeeded"), str(last)

        assert site.run_states() == ["interrupted"] * KILLS + ["succeeded"]
        assert site.call("runs").stdout.count("interrupted") == KILLS
        journal = site.console.journal()
        assert set(created_keys(journal).values()) == {1}
        assert sum(entry["path"].endswith("/token") for entry in journal) == 1
        site.assert_agreement()
