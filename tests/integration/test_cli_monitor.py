"""`status` and `errors` on a database that real runs have filled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.ledgers import PostgresBench, a_result, a_run
from support.monitored import FAILING, FIRST, GOOD, LAST_NIGHT, SECOND, two_nights
from support.program import command, environment, run_cli
from trueup.domain.records import TargetName
from trueup.domain.runs import ProductStatus
from trueup.ports import Fence
from trueup.postgres.pool import open_pool

SAST = timedelta(hours=2)


@pytest.fixture
def env(database_url: str) -> Mapping[str, str]:
    return {"DATABASE_URL": database_url}


@pytest.fixture
def bench(database_url: str) -> Iterator[PostgresBench]:
    with open_pool(database_url, 4) as pool:
        yield PostgresBench(pool)


@pytest.fixture
def fence(bench: PostgresBench) -> Fence:
    return two_nights(bench)


def local(instant: datetime) -> str:
    return f"{instant + SAST:%Y-%m-%d %H:%M:%S} +02:00"


class TestStatus:
    @pytest.mark.usefixtures("fence")
    def test_the_verdict_comes_first(self, env: Mapping[str, str]) -> None:
        """Then when it last went well, the last run, and the counts by standing."""
        said = run_cli("status", env=env)
        assert said.code == 0, said
        lines = said.stdout.splitlines()
        assert lines[0] == "1 of 5 products agree in both targets."
        assert lines[1].startswith("last success    ")
        assert "last run        partial, " + local(LAST_NIGHT) in said.stdout
        assert "took 3 min 20 s, 2 failed, 1 held" in said.stdout
        assert "running now     no" in said.stdout
        assert "never compared  1 product" in said.stdout
        assert "CRM     Billing ok  Billing failed  Billing held  Billing skipped" in lines
        assert "ok               1               -             -                1" in lines

    @pytest.mark.usefixtures("fence")
    def test_what_needs_a_person_is_named_with_its_remedy(self, env: Mapping[str, str]) -> None:
        """Held rows by reason, refused rows, quarantine, missing credentials."""
        said = run_cli("status", env=env).stdout
        for line in (
            "credentials: not set: ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN,",
            "1 held: the monthly price is 0 (at billing and crm)",
            "1 refused: a finding about the row",
            "1 quarantined: refused by the target",
            "`trueup errors` lists products",
        ):
            assert line in said

    def test_products_that_go_on_failing_are_counted(
        self, env: Mapping[str, str], bench: PostgresBench, fence: Fence
    ) -> None:
        """From the fourth failure in a row on."""
        again = a_result(
            FAILING, ProductStatus.FAILED, error="no such tax", targets=[TargetName.BILLING]
        )
        for _ in range(3):
            bench.ledger.settle([again], SECOND, fence, LAST_NIGHT)
        assert "1 failing: failed more than 3 times in a row" in run_cli("status", env=env).stdout

    @pytest.mark.usefixtures("fence")
    def test_a_pause_and_a_cooldown_are_said(
        self, env: Mapping[str, str], bench: PostgresBench
    ) -> None:
        """With the time when they end."""
        bench.sql(
            "insert into trueup.call_gate (workspace, target, closed_until)"
            " values ('default', 'crm', now() + interval '10 min')"
        )
        bench.sql(
            "insert into trueup.token (workspace, purpose, cooldown_until, cooldown_reason)"
            " values ('default', 'api', now() + interval '5 min', 'too many token requests')"
        )
        said = run_cli("status", env=env).stdout
        assert "paused: crm is left alone until " in said
        assert "token cooldown: too many token requests; no token is asked for until " in said

    def test_a_running_run_is_told_from_a_dead_one(
        self, env: Mapping[str, str], bench: PostgresBench, fence: Fence
    ) -> None:
        """By who holds the lease."""
        bench.ledger.begin(a_run("cli-three", started_at=LAST_NIGHT + timedelta(hours=1)), fence)
        assert "last run: its process died" in run_cli("status", env=env).stdout
        bench.sql("select trueup.take_lease('default/run', 'o', 300, 'cli-three', 'host-1', 41)")
        said = run_cli("status", env=env)
        assert "its process died" not in said.stdout
        assert "running now     cli-three since " in said.stdout
        running = run_cli("status", "--json", env=env).document["running"]
        assert (running["run_id"], running["host"], running["pid"]) == ("cli-three", "host-1", 41)

    @pytest.mark.usefixtures("fence")
    def test_json(self, env: Mapping[str, str]) -> None:
        """One document, its keys stable, its times with an offset."""
        found = run_cli("status", "--json", env=env).document
        assert set(found) == {
            "now",
            "time_zone",
            "products",
            "standings",
            "oldest_verification",
            "running",
            "last_success",
            "last_run",
            "attention",
        }
        assert found["products"] == {
            "total": 5,
            "agreeing": 1,
            "never_compared": 1,
            "quarantined": 1,
            "failing_repeatedly": 0,
        }
        assert {"crm": "ok", "billing": "ok", "products": 1} in found["standings"]
        assert found["running"] is None
        assert (found["last_success"]["run_id"], found["last_run"]["run_id"]) == (FIRST, SECOND)
        assert found["last_run"]["started_at"].endswith("+02:00")
        assert datetime.fromisoformat(found["last_run"]["started_at"]) == LAST_NIGHT
        assert all(set(a) == {"what", "products", "why", "remedy"} for a in found["attention"])

    def test_before_the_first_run_and_with_an_empty_catalogue(self, env: Mapping[str, str]) -> None:
        """Says so, and what comes next."""
        said = run_cli("status", env=env)
        assert said.code == 0, said
        assert said.stdout.startswith("The catalogue is empty: nothing to agree on.\n")
        assert "last success  never\nlast run      none yet\n" in said.stdout
        assert "→ `trueup check`, then `trueup plan` shows" in said.stdout
        found = run_cli("status", "--json", env=env).document
        assert (found["last_run"], found["standings"], found["products"]["total"]) == (None, [], 0)

    def test_when_all_is_well_there_is_nothing_for_a_person(
        self, env: Mapping[str, str], bench: PostgresBench
    ) -> None:
        """With credentials and one product that agrees."""
        bench.add_products(GOOD)
        bench.ledger.settle([a_result(GOOD, ProductStatus.OK)], "r", bench.take_over(), LAST_NIGHT)
        names = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", "ORG_ID")
        said = run_cli("status", env={**env, **{f"ZOHO_{name}": "x" for name in names}}).stdout
        assert said.startswith("1 of 1 product agrees in both targets.\n")
        assert "Needs a person\nnothing\n" in said

    def test_a_catalogue_elsewhere_that_is_missing_is_named(
        self, env: Mapping[str, str], tmp_path: Path
    ) -> None:
        """As the error of the configuration that it is."""
        (tmp_path / "trueup.toml").write_text('[catalogue]\ntable = "goods"\n', encoding="utf-8")
        said = run_cli("status", env=env, cwd=tmp_path)
        assert said.code != 0
        assert "the catalogue table goods does not exist" in said.stderr


class TestErrors:
    @pytest.mark.usefixtures("fence")
    def test_each_failure_says_why_since_when_and_what_next(self, env: Mapping[str, str]) -> None:
        """And held or refused rows have a part of their own."""
        said = run_cli("errors", env=env)
        assert said.code == 0, said
        for line in (
            "Failing (2)",
            "SKU-0002  billing  Line",
            "  error     no such tax",
            "  attempts  1",
            "  next try  quarantined",
            "  next try  next run",
            "  remedy    `trueup resync SKU-0002`",
            "Held or refused (3)",
            "SKU-0004  billing  refused  -            a space in the code",
        ):
            assert line in said.stdout.splitlines(), said

    @pytest.mark.usefixtures("fence")
    def test_by_target_and_with_a_limit(self, env: Mapping[str, str]) -> None:
        """What is left out is said."""
        crm = run_cli("errors", "--target", "crm", env=env).stdout
        assert "picklist" in crm
        assert "no such tax" not in crm
        short = run_cli("errors", "--limit", "1", env=env).stdout
        assert "… and 1 more; --limit 2 shows all" in short
        assert "… and 2 more; --limit 3 shows all" in short
        assert run_cli("errors", "--limit", "0", env=env).code == 2

    @pytest.mark.usefixtures("fence")
    def test_json(self, env: Mapping[str, str]) -> None:
        """The same as one document."""
        found = run_cli("errors", "--json", env=env).document
        assert found["counts"] == {"failing": 2, "held": 2, "refused": 1}
        [billing] = [f for f in found["failing"] if f["target"] == "billing"]
        assert set(billing) == {
            "offering_id",
            "sku",
            "name",
            "target",
            "error",
            "failing_since",
            "attempts",
            "last_attempt_at",
            "next_attempt_at",
            "quarantined",
            "last_success_at",
            "remedy",
        }
        due = datetime.fromisoformat(billing["next_attempt_at"])
        assert due == LAST_NIGHT + timedelta(minutes=5)
        assert {w["status"] for w in found["waiting"]} == {"held", "refused"}

    def test_nothing_wrong(self, env: Mapping[str, str]) -> None:
        """Is a good answer."""
        said = run_cli("errors", env=env)
        assert (said.code, said.stdout) == (
            0,
            "Nothing fails, nothing is held, nothing is refused.\n",
        )
        assert run_cli("errors", "--json", env=env).document["failing"] == []


@pytest.mark.parametrize(
    "command", ["status", "errors", "runs", "runs show", "history", "limits", "trends"]
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """Without a database."""
    said = run_cli(*command.split(), "--help")
    assert said.code == 0
    assert f"\n  trueup {command.partition(' show')[0]}" in said.stdout


def test_a_database_that_is_not_migrated_is_named(empty_database_url: str) -> None:
    """With what to do about it."""
    said = run_cli("status", env={"DATABASE_URL": empty_database_url})
    assert said.code == 2
    assert "trueup db upgrade" in said.stderr


def test_status_loads_no_more_than_it_needs(env: Mapping[str, str], tmp_path: Path) -> None:
    """It is what people call first and often."""
    asked = subprocess.run(
        [sys.executable, "-X", "importtime", *command("status")[1:]],
        env=environment(env, tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in asked.stderr.split("\n")
    }
    assert {"psycopg", "trueup"} <= loaded
    assert loaded.isdisjoint({"cryptography", "httpx2", "structlog", "rich", "uvicorn"})
