"""`GET /metrics`: what every replica reads from the databases, and what this process has counted.

The truth lies in the databases, so any replica tells all of it. A workspace whose database is down
is `trueup_up 0`; the others are read all the same, and nobody waits for it longer than `PATIENCE`.
What was read shortly before stands in for a reading that takes longer: slow is not down.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Any, Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from trueup import logs
from trueup.bootstrap import WORKSPACE
from trueup.deployment import Deployment
from trueup.jobs import counted
from trueup.postgres import gauges
from trueup.postgres.gauges import LedgerFigures, QueueFigures
from trueup.postgres.migrate import migrations
from trueup.settings import Settings
from trueup.web.families import Families

PATIENCE: Final = 4.0  # seconds for one reading; Prometheus gives up after ten
STANDS_IN: Final = 60.0  # seconds for which the reading before is told in place of a late one
FRESH: Final = 5.0  # seconds for which a reading is good enough for whoever else asks
_READERS: Final = 8  # databases that are read at a time
_QUEUE: Final = ""  # no workspace is named so


def router(deployment: Deployment) -> APIRouter:
    """The endpoint. It is open, as `/healthz` is: it tells no secret and no organisation."""
    routes, scrapes = APIRouter(), Scrapes(deployment)

    @routes.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(scrapes.page(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


class Scrapes:
    """Reads the databases when somebody asks, not more often than every `FRESH` seconds."""

    def __init__(
        self,
        deployment: Deployment,
        monotonic: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._deployment, self._monotonic, self._patience = deployment, monotonic, patience
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="metrics")
        self._under_way: dict[str, Future[Any]] = {}
        self._before: dict[str, tuple[float, Any]] = {}
        self._troubled: set[str] = set()
        self._guard = Lock()
        self._page, self._good_until = b"", float("-inf")

    def page(self) -> bytes:
        """The page in Prometheus' text format; one reading serves all who ask meanwhile."""
        with self._guard:
            if self._monotonic() >= self._good_until:
                self._page = generate_latest(self._read())
                self._good_until = self._monotonic() + FRESH
            return self._page + generate_latest(counted.SHOWN)

    def _read(self) -> Families:
        began = self._monotonic()
        workspaces = self._deployment.workspaces
        asked = {name: self._ask(name, self._ledger, s) for name, s in workspaces.items()}
        asked[_QUEUE] = self._ask(_QUEUE, self._queue)
        wait(asked.values(), self._patience)
        found = {name: self._answer(name, future) for name, future in asked.items()}
        page = Families()
        page.add("schema_expected_version", max(known.version for known in migrations()))
        for name, settings in workspaces.items():
            page.add_ledger(settings, found[name])
        page.add_queue(workspaces, found[_QUEUE])
        page.add("scrape_seconds", self._monotonic() - began)
        return page

    def _ask(self, name: str, read: Callable[..., Any], *given: Any) -> Future[Any]:
        """Begin to read, unless the reading before has not come back yet: then wait for that."""
        before = self._under_way.get(name)
        if before is None or before.done():
            self._under_way[name] = self._readers.submit(self._noted, name, read, *given)
        return self._under_way[name]

    def _noted(self, name: str, read: Callable[..., Any], *given: Any) -> Any:
        """Read, and keep what was read, also when nobody waits for it any more."""
        found = read(*given)
        self._before[name] = (self._monotonic(), found)
        return found

    def _answer(self, name: str, future: Future[Any]) -> Any:
        """What was read; None when it failed, or takes too long. Says so when that is news."""
        at, before = self._before.get(name, (float("-inf"), None))
        late = not future.done()
        if late and self._monotonic() - at < STANDS_IN:
            return before
        error = TimeoutError("it takes too long") if late else future.exception()
        if error is None:
            self._troubled.discard(name)
            return future.result()
        if name not in self._troubled:
            self._troubled.add(name)
            said = {"workspace": name or None, "error": str(error) or type(error).__name__}
            logs.logger().warning("metrics_unreadable", **said)
        return None

    def _ledger(self, settings: Settings) -> LedgerFigures:
        deployment = self._deployment
        now = deployment.clock.now()
        asked = gauges.Asked(WORKSPACE, settings.rate_window, now, settings.failures_allowed)
        if _same_database(settings, deployment.home.settings):
            with gauges.borrowed(deployment.home.bare_pool) as connection:
                return gauges.read_ledger(connection, asked)
        with (
            deployment.open(settings) as app,
            gauges.glance(app.database_url) as connection,
        ):
            return gauges.read_ledger(connection, asked)

    def _queue(self) -> QueueFigures:
        with gauges.borrowed(self._deployment.home.bare_pool) as connection:
            return gauges.read_queue(connection)


def _same_database(one: Settings, other: Settings) -> bool:
    """Whether two settings mean one database; the embedded one is named after its workspace."""
    if one.database_url or other.database_url:
        return one.database_url == other.database_url
    return one.workspace == other.workspace
