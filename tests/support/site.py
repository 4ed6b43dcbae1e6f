"""A whole site for tests: a catalogue, an emulated organisation in a process of its own, and the
program between them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import psycopg

from support.agreement import Row, some_rows, there, wanted, writes
from support.emulator import emulator_process
from support.program import Result, run_cli, run_program
from trueup.postgres.importing import import_rows

NO_LIMITS: dict[str, Any] = {
    "total_per_minute": None,
    "crm_per_minute": None,
    "billing_per_minute": None,
    "crm_credits_per_day": None,
    "billing_per_day": None,
    "concurrency": None,
    "crm_sub_concurrency": None,
}
UNHURRIED = {"TRUEUP_RATE_LIMIT": "100000", "TRUEUP_SECRET_KEY": "invented-key-of-the-tests"}
_PATIENCE = 30.0  # seconds that a test waits for something that should happen
_LOOK = 0.01  # seconds between two looks

Rule = Mapping[str, Any]
Living = subprocess.Popen[str]


class Console:
    """The emulator's console over its socket."""

    def __init__(self, address: str) -> None:
        self._http = httpx2.Client(base_url=f"{address}/_emulator", timeout=10)

    def close(self) -> None:
        self._http.close()

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", "state")
        return found

    def sent(self) -> int:
        """How many requests have arrived so far."""
        return int(self.state()["requests"]["total"])

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", f"journal?since={since}")
        return found

    def records(self, service: str, resource: str = "products") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", f"records/{service}/{resource}")
        return found

    def weather(self, *rules: Rule) -> None:
        """Arm faults, after those already armed."""
        self._call("POST", "faults", list(rules))

    def good_weather(self) -> None:
        self._call("DELETE", "faults")

    def fired(self) -> int:
        """How often the armed faults struck."""
        return sum(rule["fired"] for rule in self.state()["faults"])

    def edit(self, service: str, resource: str, key: str, **fields: Any) -> None:
        where = {"service": service, "resource": resource}
        self._call("POST", "edit", where | {"id": key, "fields": fields})

    def delete(self, service: str, resource: str, key: str) -> None:
        self._call("POST", "delete", {"service": service, "resource": resource, "id": key})

    def add(self, service: str, resource: str, **fields: Any) -> None:
        where = {"service": service, "resource": resource}
        self._call("POST", "add", where | {"fields": fields})

    def advance(self, seconds: float) -> None:
        """Let emulated seconds pass."""
        self._call("POST", "clock", {"advance": seconds})

    def wait_until_sent(self, number: int, *, alive: Living | None = None) -> None:
        """Wait for the n-th request."""
        self.wait_for(lambda: self.sent() >= number, f"request {number}", alive=alive)

    def wait_for(
        self, happened: Callable[[], bool], what: str, *, alive: Living | None = None
    ) -> None:
        """Wait for something; fails when `alive` ends before it."""
        until = time.monotonic() + _PATIENCE
        while not happened():
            if alive is not None and alive.poll() is not None:
                raise AssertionError(f"it ended before {what}: {alive.communicate()}")
            assert time.monotonic() < until, f"{what} did not come"
            time.sleep(_LOOK)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, f"/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass
class Site:
    """A database, an organisation, and the variables that join them."""

    database: str
    console: Console
    env: dict[str, str]
    folder: Path
    rows: list[Row] = field(default_factory=list)

    def call(self, *arguments: str, stdin: str = "", **env: str) -> Result:
        """The program in this process, which is quicker."""
        return run_cli(*arguments, env=self.env | env, cwd=self.folder, stdin=stdin)

    def start(self, *arguments: str, **env: str) -> Result:
        """The program as a process of its own, to its end."""
        return run_program(*arguments, env=self.env | env, cwd=self.folder)

    def fill(self, rows: Sequence[Row]) -> None:
        """Rows of the catalogue, new or changed."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            import_rows(connection, rows)
        known = {row["id"] for row in rows}
        self.rows = [row for row in self.rows if row["id"] not in known] + list(rows)

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """A statement, and its rows if it has any."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def run_states(self) -> list[str]:
        """How the runs ended, oldest first."""
        return [state for (state,) in self.sql("select state from trueup.run order by started_at")]

    def await_free_lock(self) -> None:
        """A dead owner's lease runs out by itself."""
        self.sql(
            "select pg_sleep(greatest(0, extract(epoch from max(expires_at) - clock_timestamp())))"
            " from trueup.lease"
        )

    def assert_agreement(self) -> None:
        """Both targets hold what the rows on sale say, each once, and the next plan is empty."""
        assert wanted(self.rows) == there(self.console.records)
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        """Looking at everything again finds nothing to do, and so does running again."""
        before = [entry["number"] for entry in writes(self.console.journal())]
        drift = self.call("drift", "--json")
        assert (drift.code, drift.document["changes"]) == (0, []), str(drift)
        again = self.call("run", "--json")
        assert again.code in (0, 3), str(again)
        assert [entry["number"] for entry in writes(self.console.journal())] == before


@contextmanager
def open_site(
    database: str,
    *,
    products: int = 0,
    options: Mapping[str, Any] | None = None,
    time_scale: float = 1,
    **env: str,
) -> Iterator[Site]:
    """A site with so many products in its catalogue and an organisation without any.

    `options` are the emulator's; without `limits` among them it has none.
    """
    chosen = {"limits": NO_LIMITS} | dict(options or {})
    with (
        TemporaryDirectory() as name,
        emulator_process(options=chosen, time_scale=time_scale) as variables,
    ):
        console = Console(variables["ZOHO_API_URL"])
        known = variables | UNHURRIED | {"DATABASE_URL": database} | env
        site = Site(database, console, known, Path(name))
        try:
            if products:
                site.fill(some_rows(products))
            yield site
        finally:
            console.close()
