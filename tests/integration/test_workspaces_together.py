"""Five workspaces that are due at one moment, and two workers for them all."""

from __future__ import annotations

from support.agency import open_agency
from support.fleet import await_night, night_in, working, written, wrong_with

LIMIT = 10  # requests in a window, which is an emulated minute
SCALE = 60.0  # so that it takes a second


def test_all_are_done_within_their_own_budgets(postgres_server: str, template: str) -> None:
    """Each once, none above its limit, each with one token, and all in agreement."""
    names = [f"client-{number}" for number in range(1, 6)]
    limits = {"limits": {"total_per_minute": LIMIT}, "oauth": {"expires_in": 360_000}}
    with open_agency(
        postgres_server,
        template,
        names,
        products=2,
        options=limits,
        time_scale=SCALE,
        TRUEUP_RATE_LIMIT=str(LIMIT),
        TRUEUP_RATE_WINDOW=str(60 / SCALE),
        TRUEUP_WORKER_JOBS="2",
    ) as agency:
        night = night_in(0)
        with working(agency, 2, night) as workers:
            done = await_night(agency, night, workers, seconds=150)
        assert wrong_with(agency, done, limit=LIMIT) == []
        before = written(agency)
        assert min(before.values()) > 4
        again = agency.call("run", "--workspace", names[-1])
        assert again.code == 0, again
        assert written(agency) == before
