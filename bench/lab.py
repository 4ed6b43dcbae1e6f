"""What every measurement needs: a real Postgres, the emulator as a process, a catalogue, an app."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from bench.statements import STATEMENTS
from trueup.bootstrap import App, open_app
from trueup.domain.runs import Trigger
from trueup.planner.due import Look
from trueup.postgres.embedded import EmbeddedPostgres
from trueup.postgres.migrate import upgrade
from trueup.reconcile.applying import Brake
from trueup.reconcile.orders import Order
from trueup.reconcile.running import Report
from trueup.reconcile.running import run as carry_out
from trueup.reconcile.scope import Scope
from trueup.settings.load import Settings, load

STOP_SECONDS = 5.0
# Everything that Zoho would refuse for coming too often: lifted where the rate is not the subject.
FREE: Mapping[str, Any] = {
    "limits": dict.fromkeys(
        (
            "total_per_minute",
            "crm_per_minute",
            "billing_per_minute",
            "crm_credits_per_day",
            "billing_per_day",
            "concurrency",
            "crm_sub_concurrency",
        )
    )
}
# A rate that nothing here reaches, so that only the work itself takes time.
UNBOUND = {"TRUEUP_RATE_LIMIT": "100000", "TRUEUP_RATE_WINDOW": "1", "TRUEUP_BATCH_SIZE": "100"}


@dataclass(frozen=True, slots=True)
class Zoho:
    """A running emulator."""

    variables: Mapping[str, str]

    def state(self) -> Any:
        """Counts of records and requests, the largest windows."""
        return self._console("state")

    def requests(self) -> dict[str, int]:
        """Requests so far, by service."""
        found: dict[str, int] = self.state()["requests"]["by_service"]
        return {name: found.get(name, 0) for name in ("oauth", "crm", "billing")}

    def writes(self) -> dict[str, int]:
        """Requests so far that write, by service; token requests are none."""
        counts = {"crm": 0, "billing": 0}
        for row in self.state()["requests"]["by_status"]:
            if row["service"] in counts and row["method"] != "GET":
                counts[row["service"]] += row["count"]
        return counts

    def records(self, service: str, resource: str) -> list[dict[str, Any]]:
        """The records as stored."""
        found: list[dict[str, Any]] = self._console(f"records/{service}/{resource}")
        return found

    def _console(self, path: str) -> Any:
        url = f"{self.variables['ZOHO_API_URL']}/_emulator/{path}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 (loopback)
            return json.loads(answer.read())


class Lab:
    """One run of the benchmarks; `quick` makes every measurement small."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self.quick = quick
        self._made = 0
        # The settings that Trueup gives its embedded server, durable ones included.
        self._server = EmbeddedPostgres(folder / "server")

    @cached_property
    def server(self) -> str:
        """The URL of the server's own database."""
        return self._server.start()

    def close(self) -> None:
        """Stop the server."""
        self._server.stop()

    @property
    def data_dir(self) -> Path:
        """The data directory that the server lives in."""
        return self.folder / "server"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh database with our schema, dropped at the end."""
        self._made += 1
        name = f"bench_{self._made}"
        url = urlunsplit(urlsplit(self.server)._replace(path=f"/{name}"))
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"create database {name}")
            try:
                with psycopg.connect(url, autocommit=True) as fresh:
                    upgrade(fresh)
                yield url
            finally:
                connection.execute(f"drop database {name} with (force)")

    @contextmanager
    def zoho(
        self,
        options: Mapping[str, Any] = FREE,
        *,
        time_scale: float = 1.0,
        faults: Sequence[Mapping[str, Any]] = (),
    ) -> Iterator[Zoho]:
        """The emulator as a process of its own on a free port."""
        command = [sys.executable, "-m", "zoho_emulator", "--port", "0", "--json", "--seed", "7"]
        command += ["--time-scale", f"{time_scale:g}"]
        for name, content in (("options", options), ("faults", list(faults))):
            file = self.folder / f"emulator-{name}.json"
            file.write_text(json.dumps(content))
            command += [f"--{name}", str(file)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                first = process.stdout.readline() if process.stdout else ""
                yield Zoho(json.loads(first))
            finally:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()

    def settings(self, url: str, zoho: Zoho, **more: str) -> Settings:
        """Settings for a database and an emulator; `more` are environment variables."""
        environment = {
            **zoho.variables,
            "DATABASE_URL": url,
            "TRUEUP_DATA_DIR": str(self.folder / "data"),
            **more,
        }
        return load(environment=environment, use_file=False)

    @contextmanager
    def app(self, products: int, zoho: Zoho, **more: str) -> Iterator[App]:
        """An app over a fresh database with so many products; variables as for `settings`."""
        with self.database() as url:
            fill(url, products)
            with open_app(self.settings(url, zoho, **(UNBOUND | more))) as app:
                yield app


def fill(url: str, products: int) -> None:
    """Put so many invented products into the catalogue."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute(STATEMENTS["catalogue"], {"count": products})
        connection.execute("analyze service_packages")


def edit(app: App, products: int) -> None:
    """Give the first so many products a new price."""
    with app.pool.connection() as connection:
        connection.execute(STATEMENTS["edit"], {"count": products})


def reconcile(app: App) -> Report:
    """One run over everything, as `trueup backfill all` makes it."""
    order = Order(Scope(look=Look.EVERYTHING), Trigger.BACKFILL, bounded=False)
    report = carry_out(app.workshop(), order, Brake())
    if report.error is not None:
        raise report.error
    return report
