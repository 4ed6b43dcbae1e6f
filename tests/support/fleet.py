"""Workers as processes for an agency, and what came of a night on which all its jobs were due."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from support.agency import Agency
from support.agreement import there, wanted, writes
from support.program import command, environment
from trueup.deployment import open_deployment

_LOOK = 0.1  # seconds between two looks at the jobs
_STOP = 20.0  # seconds for workers to end
_ENDED = """
    select workspace, ending, message, attempt, worker,
           extract(epoch from started_at - %(due)s::timestamptz)::float8,
           extract(epoch from finished_at - started_at)::float8
    from trueup.job where schedule = %(schedule)s and slot = %(slot)s and state = 'done'
    order by started_at"""


@dataclass(frozen=True, slots=True)
class Moment:
    """The night that comes: the simulated slot, the variables, the real instant of it."""

    slot: str
    at: datetime
    before: datetime
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """How one workspace fared; seconds after the moment it was due, and seconds of work."""

    workspace: str
    ending: str
    message: str
    attempts: int
    worker: str
    waited: float
    lasted: float

    @property
    def finished(self) -> float:
        """Seconds from being due to being done."""
        return self.waited + self.lasted


def night_in(seconds: float) -> Moment:
    """02:00 in Johannesburg so many seconds from now, by a clock that is wrong but not faster."""
    now = datetime.now(UTC)
    two = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
    start = two - timedelta(seconds=seconds)
    shown = f"1@{start.isoformat()}@{now.isoformat()}"
    at = now + timedelta(seconds=seconds)
    return Moment("2026-03-02T02:00", at, start - timedelta(hours=1), {"TRUEUP_CLOCK": shown})


def _expect(agency: Agency, night: Moment) -> None:
    """The schedules have been watched since before it: who starts late makes up for it."""
    with open_deployment(*agency.settings(**night.variables)) as deployment:
        for name, settings in deployment.workspaces.items():
            for one in settings.schedules:
                deployment.queue.since(name, one.name, one.cron, one.zone, night.before)


@contextmanager
def working(agency: Agency, count: int, night: Moment) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many workers; what they log is in `worker-N.log` of the agency's folder."""
    _expect(agency, night)
    with ExitStack() as stack:
        workers = []
        for number in range(count):
            log = stack.enter_context((agency.folder / f"worker-{number}.log").open("wb"))
            worker = subprocess.Popen(
                command("worker"),
                cwd=agency.folder,
                env=environment(agency.env | night.variables, agency.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            workers.append(worker)
        try:
            yield workers
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                try:
                    worker.wait(_STOP)
                except subprocess.TimeoutExpired:
                    worker.kill()
                    worker.wait()


def await_night(
    agency: Agency,
    night: Moment,
    workers: list[subprocess.Popen[bytes]],
    *,
    seconds: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Done]:
    """Wait until every workspace's job of that slot is done; fails when a worker ends first."""
    until = time.monotonic() + seconds
    given = {"due": night.at, "schedule": "nightly", "slot": night.slot}
    with psycopg.connect(agency.home, autocommit=True) as home:
        while True:
            rows = home.execute(_ENDED, given).fetchall()
            if len(rows) >= len(agency.sites):
                return [Done(*row) for row in rows]
            dead = [worker.args for worker in workers if worker.poll() is not None]
            assert not dead, _logs(agency)
            assert time.monotonic() < until, f"{len(rows)} done\n{_logs(agency)}"
            meanwhile()
            time.sleep(_LOOK)


def wrong_with(agency: Agency, done: list[Done], *, limit: int) -> list[str]:
    """Whatever is not as it should be after such a night."""
    found = [
        f"{one.workspace}: {one.ending} {one.message}" for one in done if one.ending != "succeeded"
    ]
    found += [f"{one.workspace}: {one.attempts} attempts" for one in done if one.attempts != 1]
    found += [
        f"{name} is not among the jobs"
        for name in agency.sites.keys() - {d.workspace for d in done}
    ]
    for name, site in agency.sites.items():
        state = site.console.state()
        windows, tokens = state["largest_windows"], state["tokens"]
        if windows["total"] > limit:
            found.append(f"{name}: {windows['total']} requests in a window of {limit}")
        if tokens["minted"] != 1:
            found.append(f"{name}: {tokens['minted']} tokens")
        refused = sum(
            row["count"] for row in state["requests"]["by_status"] if row["status"] == 429
        )
        if refused:
            found.append(f"{name}: {refused} requests refused")
        if there(site.console.records) != wanted(site.rows):
            found.append(f"{name} does not agree")
        if site.run_states() != ["succeeded"]:
            found.append(f"{name}: runs {site.run_states()}")
    return found


def written(agency: Agency) -> dict[str, int]:
    """How many requests that write each organisation has seen."""
    return {name: len(writes(site.console.journal())) for name, site in agency.sites.items()}


def _logs(agency: Agency) -> str:
    return "\n".join(log.read_text()[-3000:] for log in sorted(agency.folder.glob("worker-*.log")))
