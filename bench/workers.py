"""Workers that die, freeze, leave and lose their database: `python -m bench.workers`.

Prints a table for docs/workers.md; ends with 1 when a promise is broken. `--rounds 3` is quick.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

import psycopg  # noqa: E402 (the lines above are not needed for it, those below are)

from support.agreement import a_catalogue_row, created_keys, there, wanted, writes  # noqa: E402
from support.crew import Crew, Hand, open_crew  # noqa: E402
from support.site import Site, open_site  # noqa: E402
from trueup.domain.jobs import Ending, Job, JobState  # noqa: E402
from trueup.postgres.embedded import EmbeddedPostgres  # noqa: E402
from trueup.postgres.embedded_debris import live_pid  # noqa: E402
from trueup.postgres.embedded_paths import Layout  # noqa: E402
from trueup.postgres.migrate import upgrade  # noqa: E402

PRODUCTS = 20
REPRICED = 10  # more at once would wait for a person
SLOW = 0.15  # seconds that Billing takes for a write, so that a run has a middle
ONE_BY_ONE = {"TRUEUP_CONCURRENCY": "1"}
SHORT = {"TRUEUP_LEASE": "2"}
USUAL = {"TRUEUP_LEASE": "30"}
NEVER = {"TRUEUP_SCHEDULE": "0 0 1 1 *"}
_LONGEST_DELAY = 2.5  # seconds from asking to the blow: before, in the middle of, or after the run


@dataclass
class Tale:
    """What was seen of one kind of trouble."""

    name: str
    rounds: int = 0
    in_the_middle: int = 0  # the job was begun, and not over
    seconds: list[float] = field(default_factory=list)  # from the blow to the next attempt
    attempts: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A line of the table."""
        took = "-"
        if self.seconds:
            took = f"{median(self.seconds):.1f} s / {max(self.seconds):.1f} s"
        counts = ", ".join(f"{many} at attempt {n}" for n, many in sorted(self.attempts.items()))
        told = "none" if not self.broken else "; ".join(self.broken)
        return (
            f"| {self.name} | {self.rounds} | {self.in_the_middle} | {took} | {counts} | {told} |"
        )


@dataclass
class Yard:
    """A site with its crew, and the chance that decides when the blow falls."""

    site: Site
    crew: Crew
    chance: random.Random
    price: int = 0

    def ask(self) -> tuple[Job, int]:
        """Give some products another price, and ask for it to be carried over."""
        self.price += 1
        numbers = range(1, REPRICED + 1)
        self.site.fill([a_catalogue_row(n, monthly=500 + n + self.price) for n in numbers])
        return self.crew.ask(), len(self.site.console.journal())

    def live(self) -> list[Hand]:
        """The workers that still live."""
        return [hand for hand in self.crew.hands if hand.process.poll() is None]

    def judge(self, tale: Tale, job: Job, since: int) -> None:
        """See how the job ended, and that nothing was written twice."""
        [done] = self.crew.until_over(job)
        tale.rounds += 1
        tale.attempts[done.attempt] += 1
        if done.ending is not Ending.SUCCEEDED:
            tale.broken.append(f"job {done.job_id} ended {done.ending}: {done.message}")
        if wanted(self.site.rows) != there(self.site.console.records):
            tale.broken.append(f"job {done.job_id}: no agreement")
        sent = writes(self.site.console.journal())
        changes = Counter(
            (e["path"], str(e["body"]))
            for e in sent
            if e["method"] == "PUT" and e["number"] > since
        )
        again = [path for (path, _), many in changes.items() if many > 1]
        if again:
            tale.broken.append(f"job {done.job_id}: written twice: {again}")
        if set(created_keys(sent).values()) - {1}:
            tale.broken.append("a record was created twice")

    def wait_for_next(self, tale: Tale, job: Job, blow: float) -> None:
        """Count the time until another attempt begins, if there has to be one."""
        before = self.crew.job(job.job_id)
        if before.state is not JobState.RUNNING:
            return
        tale.in_the_middle += 1
        attempt = before.attempt

        def moved() -> bool:
            now = self.crew.job(job.job_id)
            return now.attempt > attempt or now.state is JobState.DONE

        self.crew.until(moved, "the next attempt")
        if self.crew.job(job.job_id).attempt > attempt:
            tale.seconds.append(time.monotonic() - blow)


@contextmanager
def a_yard(url: str, workers: int, **env: str) -> Iterator[Yard]:
    """A site with so many workers in a database of its own, agreeing."""
    name = f"bench_{time.monotonic_ns()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    database = url.replace("/trueup?", f"/{name}?")
    with psycopg.connect(database, autocommit=True) as connection:
        upgrade(connection)
    with (
        open_site(database, products=PRODUCTS, **ONE_BY_ONE, **env) as site,
        open_crew(site) as crew,
    ):
        crew.at_work(*(crew.hire() for _ in range(workers)))
        crew.until_over(crew.ask())
        match = {"service": "billing", "method": "PUT", "every": 1}
        site.console.weather({"match": match, "do": "slow", "seconds": SLOW})
        yield Yard(site, crew, random.Random(20261122))


def killed(url: str, name: str, rounds: int, **env: str) -> Tale:
    """kill -9 at a random instant, of the worker that has the job."""
    tale = Tale(name)
    with a_yard(url, 3, **env, **NEVER) as yard:
        for _ in range(rounds):
            job, since = yard.ask()
            time.sleep(yard.chance.uniform(0, _LONGEST_DELAY))
            found = yard.crew.job(job.job_id)
            victims = [hand for hand in yard.live() if hand.has(found)]
            (victims or yard.live())[0].end(signal.SIGKILL)
            yard.wait_for_next(tale, job, time.monotonic())
            yard.crew.at_work(yard.crew.hire())
            yard.judge(tale, job, since)
    return tale


def frozen(url: str, rounds: int) -> Tale:
    """SIGSTOP in the middle, SIGCONT when the job is over elsewhere."""
    tale = Tale("frozen (SIGSTOP), thawed when the job was over")
    with a_yard(url, 3, **SHORT, **NEVER) as yard:
        for _ in range(rounds):
            job, since = yard.ask()
            yard.crew.until(lambda job=job: bool(yard.crew.job(job.job_id).run_id), "a run")
            time.sleep(yard.chance.uniform(0, 1))
            hand = yard.crew.who_has(job.job_id)
            hand.tell(signal.SIGSTOP)
            yard.wait_for_next(tale, job, time.monotonic())
            [done] = yard.crew.until_over(job)
            hand.tell(signal.SIGCONT)
            time.sleep(1)
            if yard.crew.job(job.job_id) != done:
                tale.broken.append(f"job {job.job_id} was changed by who thawed")
            yard.judge(tale, job, since)
    return tale


def stopped(url: str, rounds: int) -> Tale:
    """SIGTERM at a random instant: exit code 0, and the job is another's at once."""
    tale = Tale("stopped (SIGTERM)")
    with a_yard(url, 3, **USUAL, **NEVER) as yard:
        for _ in range(rounds):
            job, since = yard.ask()
            yard.crew.until(lambda job=job: bool(yard.crew.job(job.job_id).worker), "a worker")
            time.sleep(yard.chance.uniform(0, _LONGEST_DELAY / 2))
            hand = yard.crew.who_has(job.job_id)
            blow = time.monotonic()
            hand.tell(signal.SIGTERM)
            yard.wait_for_next(tale, job, blow)
            if hand.process.wait(60) != 0:
                tale.broken.append("a worker did not end with 0")
            yard.crew.at_work(yard.crew.hire())
            yard.judge(tale, job, since)
    return tale


def restarted(
    server: EmbeddedPostgres, folder: Path, name: str, number: signal.Signals, rounds: int
) -> Tale:
    """The server of the database ends in the middle of a run and is started again."""
    tale = Tale(name)
    with a_yard(server.url, 3, **USUAL, **NEVER) as yard:
        for _ in range(rounds):
            job, since = yard.ask()
            yard.crew.until(lambda job=job: bool(yard.crew.job(job.job_id).run_id), "a run")
            time.sleep(yard.chance.uniform(0, 1))
            tale.in_the_middle += yard.crew.job(job.job_id).state is JobState.RUNNING
            pid = live_pid(Layout.of(folder))
            assert pid is not None
            attempt, blow = yard.crew.job(job.job_id).attempt, time.monotonic()
            os.kill(pid, number)
            while live_pid(Layout.of(folder)) == pid:
                time.sleep(0.05)
            server.start()
            [done] = yard.crew.until_over(job)
            if done.attempt > attempt:
                tale.seconds.append(time.monotonic() - blow)
            yard.judge(tale, job, since)
    return tale


def ticks(url: str, nights: int) -> Tale:
    """Four workers, each with its own scheduler, on one clock that races through the nights."""
    tale = Tale("four schedulers, one night every second")
    now = datetime.now(UTC)
    clock = f"86400@2026-03-01T12:00:00+00:00@{now.isoformat()}"
    with a_yard(url, 4, TRUEUP_CLOCK=clock, **SHORT) as yard:
        time.sleep(nights)
        asked = yard.site.sql("select slot, count(*) from trueup.job where schedule = 'nightly'"
                              " group by slot")  # fmt: skip
        runs = yard.site.sql("select count(*) from trueup.run where trigger = 'schedule'")
        tale.rounds = len(asked)
        tale.attempts[1] = len(asked)
        tale.broken = [f"{slot} was asked for {many} times" for slot, many in asked if many > 1]
        if runs[0][0] > len(asked) + 1:
            tale.broken.append(f"{runs[0][0]} runs for {len(asked)} slots")
    return tale


def main() -> int:
    """Live through all of it."""
    rounds = _rounds()
    began, load = datetime.now(UTC), os.getloadavg()[0]
    tales: list[Tale] = []
    with tempfile.TemporaryDirectory(prefix="trueup-workers-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder, settings={"max_connections": "200"}) as server:
            url, few = server.url, max(1, rounds // 4)
            work: list[Callable[[], Tale]] = [
                lambda: killed(url, "kill -9, lock of 2 s", rounds, **SHORT),
                lambda: killed(url, "kill -9, lock of 30 s (default)", few, **USUAL),
                lambda: frozen(url, few),
                lambda: stopped(url, few),
                lambda: restarted(server, folder, "Postgres restarted", signal.SIGINT, few),
                lambda: restarted(server, folder, "Postgres killed (-9)", signal.SIGKILL, few),
                lambda: ticks(url, rounds),
            ]
            for one in work:
                tales.append(one())
                print(tales[-1].row(), flush=True)
    print(f"{began:%Y-%m-%d}, {os.cpu_count()} cores, load before the start {load:.1f}")
    return 1 if any(tale.broken for tale in tales) else 0


def _rounds() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="kills; a fourth of it for the rest")
    return int(parser.parse_args().rounds)


if __name__ == "__main__":
    sys.exit(main())
