"""A run that is stopped: by its deadline, by signals, by readers that go away."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

import pytest

from support.agreement import created_keys
from support.program import Result, command, environment, program
from support.site import Site, open_site

PRODUCTS = 8
SECOND_BILLING_CREATE = {"service": "billing", "method": "POST", "nth": 2}


def wait_until_slow(site: Site, process: subprocess.Popen[str]) -> None:
    """Until the request that the fault delays is in flight."""
    site.console.wait_for(lambda: site.console.fired() > 0, "the slow request", alive=process)


def assert_goes_on(site: Site) -> None:
    """The next run does the rest; no create was sent twice on the way."""
    rest = site.call("run", "--json")
    assert (rest.code, rest.document["state"]) == (0, "succeeded"), str(rest)
    assert set(created_keys(site.console.journal()).values()) == {1}
    site.assert_agreement()


def test_a_deadline_ends_a_run_cleanly(database_url: str) -> None:
    """What it did not reach is deferred; the next run does it."""
    with open_site(database_url, products=30, options={"latency": 0.06}) as site:
        stopped = site.call("run", "--json", "--deadline", "1s")
        assert (stopped.code, stopped.document["state"]) == (1, "partial"), str(stopped)
        # Where it strikes while a request waits for its turn, the target is named before that.
        assert stopped.document["error"].endswith("the run's deadline was reached")
        assert stopped.document["summary"]["deferred"] > 0
        assert stopped.document["summary"]["billingFailed"] == 0
        assert_goes_on(site)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGINT, "stopped by a person"), (signal.SIGTERM, "stopped by a signal")],
)
def test_a_first_signal_finishes_what_is_in_flight(
    database_url: str, number: int, reason: str
) -> None:
    """The run says why it ended and how to continue."""
    with open_site(database_url, products=PRODUCTS, TRUEUP_CONCURRENCY="2") as site:
        site.console.weather({"match": SECOND_BILLING_CREATE, "do": "slow", "seconds": 1})
        with program("run", env=site.env, cwd=site.folder) as process:
            wait_until_slow(site, process)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 1, out + err
        assert reason in out
        assert "left for the next run: `trueup run`" in out
        assert "once more stops at once" in err
        assert site.run_states() == ["partial"]
        assert site.sql("select count(*) from trueup.intent") == [(0,)]
        assert_goes_on(site)


def test_a_second_signal_stops_at_once(database_url: str) -> None:
    """Also while an answer is still awaited for a minute."""
    with open_site(database_url, products=PRODUCTS, TRUEUP_LEASE="2") as site:
        site.console.weather({"match": SECOND_BILLING_CREATE, "do": "slow", "seconds": 60})
        with program("run", env=site.env, cwd=site.folder) as process:
            wait_until_slow(site, process)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            while "once more" not in (line := process.stderr.readline()):
                assert line, "the first signal was not answered"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
        assert process.returncode == 1
        assert "nothing is lost" in err
        site.console.good_weather()
        site.await_free_lock()
        assert_goes_on(site)


def through_a_shell(site: Site, script: str, arguments: Sequence[str]) -> Result:
    """The program with its ends wired by a shell; `"$@"` in the script is the program."""
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command(*arguments)],
        cwd=site.folder,
        env=environment(site.env, site.folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "script", ['exec "$@" <&-', 'exec "$@" <&- >&- 2>&-'], ids=["stdin", "all"]
)
def test_closed_ends_do_not_matter(database_url: str, script: str) -> None:
    """As a scheduler may start it."""
    with open_site(database_url, products=1) as site:
        done = through_a_shell(site, script, ["run"])
        assert (done.code, site.run_states()) == (0, ["succeeded"]), str(done)
        site.assert_agreement()


@pytest.mark.parametrize("arguments", [["run"], ["run", "-v"]], ids=str)
def test_readers_that_go_away_do_not_matter(database_url: str, arguments: list[str]) -> None:
    """A broken pipe on stdout and stderr is no reason to stop, nor to fail."""
    with open_site(database_url, products=2) as site:
        reader, writer = os.pipe()
        os.close(reader)
        with subprocess.Popen(
            command(*arguments),
            cwd=site.folder,
            env=environment(site.env, site.folder),
            stdout=writer,
            stderr=writer,
        ) as process:
            os.close(writer)
            assert process.wait(timeout=60) == 0
        assert site.run_states() == ["succeeded"]
        site.assert_agreement()


def test_a_database_that_drops_every_connection(database_url: str) -> None:
    """In the middle of a write: whatever becomes of the run, nothing is lost or doubled."""
    with open_site(database_url, products=PRODUCTS, TRUEUP_LEASE="2") as site:
        site.console.weather({"match": SECOND_BILLING_CREATE, "do": "slow", "seconds": 1})
        with program("run", "--json", env=site.env, cwd=site.folder) as process:
            wait_until_slow(site, process)
            site.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            out, err = process.communicate(timeout=60)
        assert process.returncode in (0, 1, 2), out + err
        assert "Traceback" not in err
        site.await_free_lock()
        assert_goes_on(site)
