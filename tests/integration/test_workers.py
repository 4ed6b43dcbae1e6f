"""Workers as processes: one job is one run, whoever dies, freezes, leaves or is told to stop."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from support.agreement import a_catalogue_row, created_keys, there, wanted, writes
from support.crew import Crew, a_request, open_crew
from support.program import program
from support.site import Site, open_site
from trueup.domain.jobs import Ending, JobState, Priority

# Quick to find a dead worker, and nothing to do but what a test asks for.
_QUICK = {
    "TRUEUP_LEASE": "2",
    "TRUEUP_BATCH_SIZE": "5",
    "TRUEUP_CONCURRENCY": "1",
    "TRUEUP_SCHEDULE": "0 0 1 1 *",
}
_FOREVER = 60.0
_LONG = 4.0  # seconds: longer than a worker may be silent
_WORDY = 0.6  # seconds that each request takes while somebody has a word with a run


@contextmanager
def open_works(database: str, products: int) -> Iterator[tuple[Site, Crew]]:
    with open_site(database, products=products, **_QUICK) as site, open_crew(site) as crew:
        yield site, crew


def hold(site: Site, method: str, nth: int, seconds: float) -> None:
    """Billing carries the n-th such request out, and is slow to say so."""
    site.console.good_weather()
    match = {"service": "billing", "method": method, "nth": nth}
    site.console.weather({"match": match, "do": "slow", "seconds": seconds})


def slow_down(site: Site, method: str) -> None:
    """Until good weather every such request takes its time, so that a run has a middle."""
    site.console.good_weather()
    match = {"service": "billing", "method": method, "every": 1}
    site.console.weather({"match": match, "do": "slow", "seconds": _WORDY})


def await_held(site: Site) -> None:
    site.console.wait_for(lambda: site.console.fired() > 0, "the request that is held")


def reprice(site: Site, products: int, by: int) -> None:
    site.fill([a_catalogue_row(n, monthly=500 + n + by) for n in range(1, products + 1)])


def updates(site: Site) -> Counter[tuple[str, str]]:
    """How often each record of Billing was changed, to what."""
    sent = [entry for entry in writes(site.console.journal()) if entry["method"] == "PUT"]
    return Counter((e["path"], str(e["body"])) for e in sent if e["service"] == "billing")


def test_another_goes_on_when_one_freezes_or_dies(database_url: str) -> None:
    """Four ask for one slot: one run. Its worker is frozen in the middle, then the next is killed.

    Each time the other goes on. Nothing is written twice, and who thaws changes nothing.
    """
    with open_works(database_url, 8) as (site, crew):
        crew.at_work(crew.hire(), crew.hire())
        hold(site, "POST", 4, _LONG)
        slot = a_request(schedule="nightly", slot="2026-03-02T02:00")
        with ThreadPoolExecutor(4) as askers:
            asked = [job for job in askers.map(crew.queue.ask, [slot] * 4) if job]
        [job] = asked
        await_held(site)
        frozen = crew.who_has(job.job_id)
        frozen.tell(signal.SIGSTOP)
        [done] = crew.until_over(job)
        assert (done.ending, done.attempt) == (Ending.SUCCEEDED, 2)
        assert not frozen.has(done)
        before = writes(site.console.journal())
        frozen.tell(signal.SIGCONT)
        crew.until(lambda: frozen.said("job_lost"), "what the frozen one hears")
        assert crew.job(job.job_id) == done
        assert writes(site.console.journal()) == before

        reprice(site, 8, 10)
        hold(site, "PUT", 3, _FOREVER)
        job = crew.ask()
        await_held(site)
        crew.who_has(job.job_id).end(signal.SIGKILL)
        site.console.good_weather()
        [done] = crew.until_over(job)
        assert (done.ending, done.attempt) == (Ending.SUCCEEDED, 2)
        assert set(updates(site).values()) == {1}
        assert set(created_keys(site.console.journal()).values()) == {1}
        assert site.run_states() == ["interrupted", "succeeded"] * 2
        assert_agreement(site, crew)


def test_a_person_goes_first_and_who_leaves_hands_over(database_url: str) -> None:
    """The nightly run gives way to a resync and goes on after it; SIGTERM loses nothing."""
    with open_works(database_url, 6) as (site, crew):
        first = crew.hire()
        slow_down(site, "POST")
        nightly = crew.ask()
        await_held(site)
        resync = crew.ask(Priority.PERSON, skus=("FIB-0006",))
        crew.until(lambda: crew.job(resync.job_id).attempt > 0, "the resync")
        site.console.good_weather()
        nightly, resync = crew.until_over(nightly, resync)
        assert (nightly.ending, resync.ending) == (Ending.SUCCEEDED, Ending.SUCCEEDED)
        assert (nightly.attempt, resync.attempt) == (2, 1)
        assert resync.finished_at < nightly.finished_at
        assert site.run_states() == ["interrupted", "succeeded", "succeeded"]
        [(resumed,)] = site.sql("select resumes from trueup.run order by started_at desc limit 1")
        [(given_way,)] = site.sql("select run_id from trueup.run order by started_at limit 1")
        assert resumed == given_way

        reprice(site, 6, 10)
        slow_down(site, "PUT")
        job = crew.ask()
        await_held(site)
        assert first.end() == 0
        site.console.good_weather()
        assert "Traceback" not in first.log.read_text()
        left = crew.job(job.job_id)
        assert (left.state, left.message) == (
            JobState.WAITING,
            "the worker was stopped by SIGTERM",
        )
        hand = crew.hire()
        [done] = crew.until_over(job)
        assert (done.ending, done.attempt) == (Ending.SUCCEEDED, 2)
        assert set(updates(site).values()) == {1}
        assert_agreement(site, crew)

        stop_a_job_and_a_run(site, crew)
        lose_all_connections(site, crew)
        assert_agreement(site, crew)
        assert hand.end() == 0
        assert site.sql("select name from trueup.worker") == []


def stop_a_job_and_a_run(site: Site, crew: Crew) -> None:
    """Both end as partial, and say who wanted it."""
    reprice(site, 6, 20)
    slow_down(site, "PUT")
    job = crew.ask()
    await_held(site)
    said = site.call("cancel", str(job.job_id), "--by", "Ann Example", "--json")
    assert said.document == {
        "job_id": job.job_id,
        "ended": False,
        "cancelled_by": "Ann Example",
    }
    [done] = crew.until_over(job)
    assert (done.ending, done.message) == (Ending.CANCELLED, "cancelled by Ann Example")
    run = site.call("runs", "show", done.run_id, "--json").document
    assert (run["state"], run["error"]) == ("partial", "cancelled by Ann Example")

    slow_down(site, "PUT")
    with program("run", "--json", env=site.env, cwd=site.folder) as process:
        await_held(site)
        [(run_id,)] = site.sql("select run_id from trueup.run where state = 'running'")
        assert site.call("cancel", run_id, "--by", "Ben Example").code == 0
        assert process.wait(60) == 1
    run = site.call("runs", "show", run_id, "--json").document
    assert (run["state"], run["error"]) == ("partial", "cancelled by Ben Example")
    assert site.call("cancel", run_id).code == 2


def lose_all_connections(site: Site, crew: Crew) -> None:
    """The database going away ends no job: it goes on, or is begun again."""
    reprice(site, 6, 30)
    hold(site, "PUT", 2, _WORDY)
    job = crew.ask()
    await_held(site)
    site.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    [done] = crew.until_over(job)
    assert done.ending is Ending.SUCCEEDED, crew.logs()


def assert_agreement(site: Site, crew: Crew) -> None:
    """Both targets hold what the catalogue says, each record once; another job finds nothing."""
    assert wanted(site.rows) == there(site.console.records)
    before = len(writes(site.console.journal()))
    [again] = crew.until_over(crew.ask(force=True))
    assert again.ending is Ending.SUCCEEDED
    assert len(writes(site.console.journal())) == before
