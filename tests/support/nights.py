"""Many nights in one process: an emulator and a program that share one clock, which tests turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import psycopg

from support.agreement import Row, there, wanted, writes
from support.emulator import EmulatorTransport
from trueup.bootstrap import App, open_app
from trueup.domain.plan import Plan
from trueup.domain.runs import Run, RunState, Trigger
from trueup.planner.due import Look
from trueup.ports import Decision
from trueup.postgres.importing import import_rows
from trueup.reconcile.applying import Brake
from trueup.reconcile.orders import Approval, Order
from trueup.reconcile.running import Report, run
from trueup.reconcile.scope import Scope
from trueup.reconcile.survey import survey
from trueup.settings import Settings, load
from zoho_emulator.__main__ import variables
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.limits import DAY
from zoho_emulator.oauth.options import OAuthOptions
from zoho_emulator.options import LimitOptions, Options

# The token store and the budget go by the database's clock, which nobody turns.
_LONG_LIVED = OAuthOptions(expires_in=int(100 * DAY))


@dataclass(frozen=True)
class SharedClock:
    """The emulator's clock as the program's: to sleep is to turn it."""

    turned: ManualClock

    def now(self) -> datetime:
        return self.turned.now()

    def monotonic(self) -> float:
        return self.turned.monotonic()

    def sleep(self, seconds: float) -> None:
        self.turned.advance(max(0.0, seconds))


@dataclass
class Nights:
    """One catalogue and one organisation, night after night."""

    database: str
    settings: Settings
    emulator: Emulator
    clock: SharedClock
    rows: dict[str, Row] = field(default_factory=dict)

    def fill(self, rows: Iterable[Row]) -> None:
        """Rows of the catalogue, new or changed."""
        new = {row["id"]: row for row in rows}
        with psycopg.connect(self.database, autocommit=True) as connection:
            import_rows(connection, list(new.values()))
        self.rows |= new

    def change(self, row: Row, **columns: Any) -> None:
        """Other columns in one row."""
        self.fill([row | columns])

    def fall(self, hours: float = 24) -> None:
        """Let time pass."""
        self.clock.sleep(hours * 3600)

    def weather(self, *rules: Mapping[str, Any]) -> None:
        """Arm faults."""
        self.emulator.add_faults(list(rules))

    def run(self, look: Look = Look.DUE) -> Report:
        """One run by a process of its own, as far as its memory goes."""
        with self._app() as app:
            order = Order(Scope(look=look), Trigger.CRON, bounded=False)
            return run(app.workshop(), order, Brake())

    def approve(self) -> Report:
        """A person lets pass whatever the guards hold, and it is done at once."""
        with self._app() as app:
            seen = survey(app.workshop(), Scope(look=Look.EVERYTHING), "a-look")
            shown = seen.plan(batch_size=20, rate=1.5)
            approval = Approval(shown.fingerprint, Decision("finance@shop.example", "as agreed"))
            scope = Scope(look=Look.EVERYTHING)
            order = Order(scope, Trigger.APPROVAL, bounded=False, approval=approval)
            return run(app.workshop(), order, Brake())

    def plan(self, look: Look = Look.EVERYTHING) -> Plan:
        """What a run would do."""
        with self._app() as app:
            seen = survey(app.workshop(), Scope(look=look), "a-look")
        assert seen.stopped == {}
        return seen.plan(batch_size=20, rate=1.5)

    @contextmanager
    def _app(self) -> Iterator[App]:
        """The program's parts on the shared clock, the budget of requests included."""
        transport = EmulatorTransport(self.emulator, self.clock.sleep)
        with open_app(self.settings, clock=self.clock, transport=transport) as app:
            app.budget = replace(app.budget, now=self.clock.now, monotonic=self.clock.monotonic)
            yield app

    def converge(self, most: int) -> list[Run]:
        """Run until all is in agreement, at most so many times; the clock turns past back-off."""
        runs: list[Run] = []
        while not runs or runs[-1].state is not RunState.SUCCEEDED:
            assert len(runs) < most, [(run.state, run.error, run.summary) for run in runs]
            runs.append(self.run().run)
            self.fall(25)
        return runs

    def there(self) -> Any:
        """The records at both targets."""
        return there(self.emulator.records)

    def assert_agreement(self) -> None:
        """Each record that the rows want is there once, and looking again finds nothing to do."""
        assert wanted(self.rows.values()) == self.there()
        self.assert_nothing_left()

    def assert_nothing_left(self, state: RunState = RunState.SUCCEEDED) -> None:
        """Looking at everything again finds nothing to do, and running again ends in `state`."""
        assert self.plan().changes == ()
        before = len(writes(self.emulator.journal()))
        assert self.run(Look.EVERYTHING).run.state is state
        assert len(writes(self.emulator.journal())) == before


@contextmanager
def some_nights(
    database: str,
    folder: Path,
    rows: Iterable[Row] = (),
    *,
    batch_size: int = 20,
    price_changes: Literal["version", "update", "hold"] = "update",
    **options: Any,
) -> Iterator[Nights]:
    """Nights over a migrated database; `options` are the emulator's.

    Most of them are about something else than plan versions: prices change in place.
    """
    chosen = Options(limits=LimitOptions.unlimited(), oauth=_LONG_LIVED)
    chosen = replace(chosen, **options)
    emulator = Emulator(chosen, turned := ManualClock())
    environment = variables("http://127.0.0.1:1", chosen) | {
        "DATABASE_URL": database,
        "TRUEUP_RATE_LIMIT": "100000",
        "TRUEUP_SECRET_KEY": "invented-key-of-the-tests",
        "TRUEUP_DATA_DIR": str(folder),
        "TRUEUP_BATCH_SIZE": str(batch_size),
    }
    settings = replace(load(environment=environment, use_file=False), price_changes=price_changes)
    nights = Nights(database, settings, emulator, SharedClock(turned))
    nights.fill(rows)
    yield nights
