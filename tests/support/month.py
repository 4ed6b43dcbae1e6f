"""A company's month, seen from outside: `trueup serve` left alone on a simulated clock.

The program is a process with its own embedded Postgres, Zoho an emulator beside it. By day people
change the catalogue, and sometimes records at Zoho by hand; some nights have bad weather; the
program is killed in one and restarted in another, as a supervisor does it. Nobody types a command
before the month is over.
"""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import time as clock
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from support.agreement import Row, a_catalogue_row, on_sale, some_rows, there, wanted
from support.program import command, environment, run_program
from support.site import NO_LIMITS, UNHURRIED, Console, Site
from trueup.postgres.embedded import EmbeddedPostgres

ZONE = ZoneInfo("Africa/Johannesburg")
FIRST_DAY = date(2026, 3, 1)
_LOOK = 0.02
_PATIENCE = 120.0  # real seconds for something that should happen

# What may go wrong in a night. A refusal is not among it: that product waits for a person.
WEATHER: tuple[dict[str, Any], ...] = (
    {"match": {"every": 3, "times": 2}, "do": "server_error"},
    {"match": {"service": "billing", "method": "POST", "nth": 1}, "do": "reset_after"},
    {"match": {"service": "crm", "method": "PUT", "nth": 1}, "do": "reset_before"},
    {"match": {"nth": 3}, "do": "expire_token"},
    {"match": {"service": "billing", "nth": 2}, "do": "error_html"},
    {"match": {"service": "crm", "nth": 2}, "do": "html_200"},
    {
        "match": {"service": "billing", "method": "PUT", "nth": 1},
        "do": "throttle",
        "retry_after": 2,
    },
)


@dataclass(slots=True)
class Night:
    """What was to be expected of one night, and what its log says."""

    day: date
    edits: int = 0
    by_hand: int = 0
    weather: str = ""
    struck: int = 0
    interruption: str = ""
    quiet: bool = False  # nothing happened before it: the night before was still going on
    runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ended(self) -> str:
        """How the night's last run ended."""
        return str(self.runs[-1]["state"]) if self.runs else "missing"


@dataclass
class Month:
    """So many nights at `seconds` real seconds each, with seeded events."""

    site: Site
    seconds: float
    nights: int
    stack: ExitStack
    rng: random.Random = field(default_factory=lambda: random.Random(20260301))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    process: subprocess.Popen[str] | None = None
    starts: int = 0
    products: int = 0

    def __post_init__(self) -> None:
        """The clock of all processes: it shows noon of the day before the first one now."""
        noon = datetime.combine(FIRST_DAY - timedelta(days=1), time(12), ZONE)
        self.noon = noon.astimezone(UTC)
        speed = 86_400 / self.seconds
        self.site.env["TRUEUP_CLOCK"] = f"{speed}@{self.noon.isoformat()}@{self.began.isoformat()}"

    def live(self, interruptions: dict[int, str]) -> list[Night]:
        """Let the month pass; `interruptions` names nights in which the program ends.

        What happens by day happens at noon, before the night that has to find it: after a night
        that took longer than a simulated day, the next noon is the one that counts. The nights
        passed over are told too: they ran, or the latest of them caught up for the others.
        """
        self.start()
        self._await(self._watched, "a look at the schedule")
        found: list[Night] = []
        for number in range(self.nights):
            noon = self._next_noon()
            night = Night(noon.date() + timedelta(days=1))
            found.extend(_between(found, night))
            self._await_instant(noon)
            self._day(night, number)
            self._night(night, interruptions.get(number, ""))
            found.append(night)
        self.stop()
        for night in found:
            night.runs = self._runs_of(night.day)
        return found

    def _watched(self) -> bool:
        return bool(self.site.sql("select 1 from trueup.timetable where schedule = 'nightly'"))

    def _now(self) -> datetime:
        """What the simulated clock shows."""
        passed = (datetime.now(UTC) - self.began).total_seconds()
        return self.noon + timedelta(seconds=passed * 86_400 / self.seconds)

    def _next_noon(self) -> datetime:
        now = self._now().astimezone(ZONE)
        noon = _local(now.date(), 12)
        return noon if now < noon else noon + timedelta(days=1)

    def start(self) -> None:
        """`trueup serve`, as on a fresh machine; what it says goes to a file."""
        self.starts += 1
        log = self.stack.enter_context((self.site.folder / f"serve-{self.starts}.log").open("wb"))
        self.process = subprocess.Popen(
            command("serve", "--port", "0"),
            cwd=self.site.folder,
            env=environment(self.site.env, self.site.folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
        self.stack.callback(_see_off, self.process)

    def stop(self) -> None:
        """As a supervisor stops it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self._said()

    def _said(self) -> str:
        """The end of what the program said."""
        log = self.site.folder / f"serve-{self.starts}.log"
        return log.read_text(encoding="utf-8")[-4000:]

    def _await(self, happened: Callable[[], bool], what: str) -> None:
        until = clock.monotonic() + _PATIENCE
        while not happened():
            assert self.process is not None
            assert self.process.poll() is None, f"serve ended before {what}: {self._said()}"
            assert clock.monotonic() < until, f"{what} did not come: {self._said()}"
            clock.sleep(_LOOK)

    # --- what happens by day ---------------------------------------------------------------

    def _day(self, night: Night, number: int) -> None:
        self.site.console.good_weather()
        night.edits = self._edit()
        if number % 3 == 2:
            night.by_hand = self._tamper()
        if number % 2 == 1 and number < self.nights - 1:
            rule = WEATHER[(number // 2) % len(WEATHER)]
            night.weather = str(rule["do"])
            self.site.console.weather(rule)

    def _edit(self) -> int:
        """A few ordinary changes: texts, small price steps, a new product, one that goes."""
        rows = {row["id"]: row for row in self.site.rows}
        chosen = self.rng.sample(sorted(rows), 3)
        changed = []
        for row_id in chosen:
            row = rows[row_id]
            price = row["price"] + self.rng.randint(1, 9)
            changed.append(self._priced(row, price))
        changed[0] = changed[0] | {"description": f"Line {self.rng.randint(1, 999)}"}
        if self.rng.random() < 0.5:
            self.products += 1
            changed.append(a_catalogue_row(self.products))
        elif self.rng.random() < 0.4:
            changed[-1] = changed[-1] | {"status": "archived"}
        self.site.fill(changed)
        return len(changed)

    def _priced(self, row: Row, price: int) -> Row:
        pricing = row["pricing"] | {"monthly": price}
        return row | {"price": price, "base_price_zar": price, "pricing": pricing}

    def _tamper(self) -> int:
        """Somebody types into a CRM record, somebody else deletes another one there."""
        records = self.site.console.records("crm", "products")
        typed, deleted = self.rng.sample(records, 2)
        self.site.console.edit("crm", "products", typed["id"], Description="typed by hand")
        self.site.console.delete("crm", "products", deleted["id"])
        return 2

    # --- the night -------------------------------------------------------------------------

    def _night(self, night: Night, interruption: str) -> None:
        if interruption:
            night.interruption = interruption
            before = self.site.console.sent()
            self.site.console.good_weather()
            self.site.console.weather({"match": {"nth": 3}, "do": "slow", "seconds": 2})
            self._await(lambda: self.site.console.sent() >= before + 3, "a request")
            self._interrupt(interruption)
        self._await(lambda: self._ended(night.day), f"the end of night {night.day}")
        night.struck = self.site.console.fired()

    def _ended(self, day: date) -> bool:
        slot = f"{day}T02:00"
        return bool(
            self.site.sql("select 1 from trueup.job where slot = %s and state = 'done'", slot)
        )

    def _interrupt(self, how: str) -> None:
        assert self.process is not None
        if how == "killed":
            self.process.kill()
            self.process.wait(30)
        else:
            self.stop()
        self.start()

    def _await_instant(self, instant: datetime) -> None:
        """Until the simulated clock shows an instant."""
        self._await(lambda: self._now() >= instant, f"{instant}")

    def _runs_of(self, day: date) -> list[dict[str, Any]]:
        """The run that ended the night's job, after those that it resumed."""
        columns = ("run_id", "state", "ending", "log", "requests", "resumes")
        rows = self.site.sql(
            "with recursive told as ("
            "  select r.*, j.ending, 0 as back from trueup.job j"
            "  join trueup.run r on r.run_id = j.run_id"
            "  where j.schedule = 'nightly' and j.slot = %s"
            "  union all"
            "  select r.*, told.ending, back + 1 from told"
            "  join trueup.run r on r.run_id = told.resumes)"
            " select told.run_id, told.state, ending, log.status, requests, resumes from told"
            " left join public.cron_execution_log log"
            "   on log.result_summary ->> 'run_id' = told.run_id"
            " order by back desc",
            f"{day}T02:00",
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def assert_agreement(self) -> None:
        """What is on sale is there, once, nothing else is on sale, and nothing is left to do.

        What is retired keeps the price that it had, and is not made again when somebody deletes it.
        Small steps of a price become a new version of its plan when they add up.
        """
        wished, found = wanted(self.site.rows), there(self.site.console.records)
        sold = Counter(_first_version(key) for key in on_sale(found).elements())
        lacking, spare = on_sale(wished) - sold, sold - on_sale(wished)
        assert (lacking, spare) == (Counter(), Counter()), f"lacking {lacking}, spare {spare}"
        assert [
            key for key, n in Counter(key[:2] for key in found.elements()).items() if n > 1
        ] == []
        assert self.odd_runs() == []
        self.site.assert_nothing_left()

    def odd_runs(self) -> list[str]:
        """Runs of the schedule that belong to no night."""
        return [
            run_id
            for (run_id,) in self.site.sql(
                "select run_id from trueup.run where trigger = 'schedule'"
                " and run_id not in (select run_id from trueup.job)"
                " and run_id not in (select resumes from trueup.run)"
            )
        ]


def _between(lived: Sequence[Night], coming: Night) -> list[Night]:
    """The nights that passed while the last one was still going on."""
    since = lived[-1].day if lived else coming.day - timedelta(days=1)
    days = range(1, (coming.day - since).days)
    return [Night(since + timedelta(days=number), quiet=True) for number in days]


def _first_version(key: tuple[str, ...]) -> tuple[str, ...]:
    """A plan under the code of its first version."""
    return (key[0], re.sub(r"-V\d+$", "", key[1]), *key[2:]) if key[0] == "plan" else key


def _see_off(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _local(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZONE)


@contextmanager
def open_month(
    console: Console,
    variables: dict[str, str],
    folder: Path,
    *,
    products: int,
    nights: int,
    seconds: float,
    database: str = "",
) -> Iterator[Month]:
    """A fresh machine: nothing but the variables and an empty data directory.

    `database` replaces the embedded one, which takes a while to make.
    """
    data = folder / "data"
    env = variables | UNHURRIED | {"TRUEUP_DATA_DIR": str(data), "TRUEUP_LEASE": "3"}
    env["TRUEUP_STALE_AFTER"] = "12h"  # a night may take hours of this clock
    with ExitStack() as stack:
        if database:
            env["DATABASE_URL"] = database
        else:
            assert run_program("db", "upgrade", env=env, cwd=folder).code == 0
            database = stack.enter_context(EmbeddedPostgres(data)).url
        site = Site(database, console, env, folder)
        site.fill(some_rows(products))
        yield Month(site, seconds, nights, stack, products=products)


def judge(nights: Sequence[Night]) -> list[str]:
    """What is wrong with the log of these nights, if anything."""
    wrong = []
    for night in nights:
        if night.quiet and not night.runs:
            continue
        whole = [run for run in night.runs if run["state"] != "interrupted"]
        if len(whole) != 1 or len(night.runs) != 1 + bool(night.interruption):
            wrong.append(f"{night.day}: runs {json.dumps(night.runs, default=str)}")
            continue
        [run] = whole
        if not night.struck and not night.interruption and run["state"] != "succeeded":
            wrong.append(f"{night.day}: a calm night ended {run['state']}")
        told = {"succeeded": "success"}.get(run["state"], run["state"])
        if run["log"] != told or run["ending"] != run["state"]:
            wrong.append(f"{night.day}: the log says {run['log']}, the run {run['state']}")
    return wrong


__all__ = ["NO_LIMITS", "WEATHER", "Month", "Night", "judge", "open_month"]
