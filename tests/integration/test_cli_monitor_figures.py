"""`limits` and `trends` on a database that real runs have filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from support.ledgers import PostgresBench
from support.monitored import FAILING, LAST_NIGHT, NIGHT_BEFORE, SECOND, two_nights
from support.program import run_cli
from trueup.ports import Fence
from trueup.postgres.budget import PostgresBudget
from trueup.postgres.pool import open_pool

ZONE = ZoneInfo("Africa/Johannesburg")


@pytest.fixture
def env(database_url: str) -> Mapping[str, str]:
    return {"DATABASE_URL": database_url, "TRUEUP_RATE_LIMIT": "10", "TRUEUP_SECRET_KEY": "k" * 32}


@pytest.fixture
def bench(database_url: str) -> Iterator[PostgresBench]:
    with open_pool(database_url, 4) as pool:
        yield PostgresBench(pool)


@pytest.fixture
def fence(bench: PostgresBench) -> Fence:
    return two_nights(bench)


@pytest.fixture
def spent(bench: PostgresBench) -> None:
    """Five requests, one of them still under way, and a 429 from CRM."""

    def no_sleep(_: float) -> None:
        raise AssertionError("there is room")

    budget = PostgresBudget(bench.pool, limit=10, window=60, concurrency=4, sleep=no_sleep)
    for target in ("oauth", "billing", "billing", "billing"):
        budget.release(budget.acquire(target, patience=0))
    budget.acquire("crm", patience=0)
    budget.throttled("crm", 30)


@pytest.mark.usefixtures("spent")
def test_limits_show_windows_pauses_and_refusals(env: Mapping[str, str], fence: Fence) -> None:
    """With bars for people."""
    said = run_cli("limits", env={**env, "TRUEUP_DAILY_BUDGET": "50", "TRUEUP_DAILY_RESERVE": "5"})
    assert said.code == 0, said
    for line in (
        f"last 60 s  {'█' * 15}{'░' * 15}  5 of 10 requests",
        "in flight  1 of 4",
        f"last 24 h  {'█' * 3}{'░' * 27}  5 of 50 requests, 5 of them kept for people",
        "state  none yet; the first request fetches one",
    ):
        assert line in said.stdout.splitlines(), said
    crm = next(line for line in said.stdout.splitlines() if line.startswith("crm"))
    assert crm.split()[1:3] == ["1", "50%"]
    assert crm.count("+02:00") == 2
    assert "crm     throttled         30.0" in said.stdout
    assert f"{SECOND}" in said.stdout


@pytest.mark.usefixtures("spent")
def test_limits_as_json(env: Mapping[str, str], bench: PostgresBench, fence: Fence) -> None:
    """The same, and the products that met the limit."""
    bench.sql("select record_rate_limit_hit(%s, 'crm', 'too many')", FAILING)
    found = run_cli("limits", "--json", env=env).document
    assert set(found) == {
        "now",
        "window",
        "in_flight",
        "day",
        "targets",
        "token",
        "throttles",
        "products",
        "runs",
    }
    assert found["window"] == {"seconds": 60.0, "limit": 10, "used": 5}
    assert found["in_flight"] == {"limit": 4, "used": 1}
    assert found["day"] == {"budget": None, "reserve": 0, "used": 5}
    assert found["targets"]["billing"]["factor"] == 1
    assert found["targets"]["crm"]["closed_until"].endswith("+02:00")
    assert [(t["target"], t["retry_after"]) for t in found["throttles"]] == [("crm", 30.0)]
    assert [(p["sku"], p["hits"]) for p in found["products"]] == [("SKU-0002", 1)]
    assert found["runs"][0]["requests"] == {"oauth": 1, "crm": 3, "billing": 9}


def test_the_age_of_the_token_and_its_cooldown(
    env: Mapping[str, str], bench: PostgresBench
) -> None:
    """Not the token."""
    bench.sql(
        "insert into trueup.token (workspace, purpose, ciphertext, issued_at, refresh_at,"
        " expires_at, generation, cooldown_until, cooldown_reason) values ('default', 'api', 'x',"
        " now() - interval '10 min', now() + interval '38 min', now() + interval '50 min', 3,"
        " now() + interval '5 min', 'too many token requests')"
    )
    said = run_cli("limits", env=env).stdout
    assert "(10 min 00 s ago)" in said
    assert "refreshed from" in said
    assert ": too many token requests" in said
    token = run_cli("limits", "--json", env=env).document["token"]
    assert token["ever_issued"] == 3
    assert datetime.fromisoformat(token["expires_at"]) > datetime.now(UTC)


def test_limits_before_the_first_request(env: Mapping[str, str]) -> None:
    """Nothing used, nothing paused."""
    said = run_cli("limits", env=env)
    assert said.code == 0, said
    assert f"last 60 s  {'░' * 30}  0 of 10 requests" in said.stdout
    assert "No request was sent yet." in said.stdout
    assert "(no daily budget is set)" in said.stdout


def test_trends_by_local_day(env: Mapping[str, str], fence: Fence) -> None:
    """Also today, which had no run; and the products that fail most."""
    said = run_cli("trends", env=env)
    assert said.code == 0, said
    head, before, last, *rest = said.stdout.splitlines()
    assert head == "day         runs    duration  changes  failures  429s  requests"
    days = [f"{night.astimezone(ZONE):%Y-%m-%d}" for night in (NIGHT_BEFORE, LAST_NIGHT)]
    assert before.split() == [days[0], "1", "40", "s", "1", "0", "0", "8"]
    assert last.split() == [days[1], "1", "3", "min", "20", "s", "1", "1", "0", "13"]
    assert any(line.startswith("failures  ▁█▁") for line in rest)
    assert any(line.startswith("SKU-0002 ") and "no such tax" in line for line in rest)


def test_trends_as_json(env: Mapping[str, str], fence: Fence) -> None:
    """Only as many days as asked for."""
    found = run_cli("trends", "--days", "2", "--json", env=env).document
    assert found["time_zone"] == "Africa/Johannesburg"
    assert found["days"][0] == {
        "day": f"{LAST_NIGHT.astimezone(ZONE):%Y-%m-%d}",
        "runs": 1,
        "duration_ms": 200_000,
        "changes": 1,
        "failures": 1,
        "rate_limit_hits": 0,
        "requests": 13,
    }
    [worst] = found["most_failing"]
    assert (worst["sku"], worst["failures"], worst["last_error"]) == ("SKU-0002", 1, "no such tax")


def test_trends_of_days_without_a_run(env: Mapping[str, str]) -> None:
    """Say so."""
    said = run_cli("trends", "--days", "7", env=env)
    assert (said.code, said.stdout) == (
        0,
        "No run in the last 7 days: `trueup run` starts one.\n",
    )
    assert run_cli("trends", "--json", env=env).document["days"] == []
    assert run_cli("trends", "--days", "0", env=env).code == 2
