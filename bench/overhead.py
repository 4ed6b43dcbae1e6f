"""What one request costs on our side of the wire: budget, token, intent, outcome, all durable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from bench.figures import Figure, Section
from bench.lab import UNBOUND, Lab, fill, reconcile
from bench.timed import TimedTransport
from trueup.bootstrap import open_app
from trueup.domain.plan import Plan
from trueup.reconcile.scope import Silence

_GOAL = 5.0  # milliseconds (spec §8)


class Planned(Silence):
    """Notes when the plan was made: applying begins there."""

    def __init__(self, transport: TimedTransport) -> None:
        self._transport = transport
        self.at = self.outside = 0.0
        self.requests = 0

    def planned(self, plan: Plan, writes: int) -> None:
        """Applying begins."""
        super().planned(plan, writes)
        self.at, self.outside = time.perf_counter(), self._transport.seconds
        self.requests = self._transport.requests


def measure(lab: Lab) -> Section:
    """The time between requests, one request at a time, without a rate to wait for."""
    rounds = [_round(lab, 10 if lab.quick else 100) for _ in range(1 if lab.quick else 5)]
    return Section(
        "overhead",
        "Own overhead per request",
        "A first sync with one request at a time and a rate that is never reached, on a Postgres"
        " that waits for its disk. Measured is the time in which no request was under way, divided"
        " by the requests.",
        tuple(_figures(rounds)),
    )


def _figures(rounds: list[float]) -> Iterator[Figure]:
    note = f"{len(rounds)} rounds: " + ", ".join(f"{each:.1f}" for each in rounds)
    yield Figure("overhead.best", "best round", min(rounds), "ms", _GOAL, note)
    yield Figure("overhead.median", "median round", median(rounds), "ms", _GOAL)


def _round(lab: Lab, products: int) -> float:
    transport = TimedTransport()
    with lab.zoho() as zoho, lab.database() as url:
        fill(url, products)
        settings = lab.settings(url, zoho, **UNBOUND, TRUEUP_CONCURRENCY="1")
        planned = Planned(transport)
        with open_app(settings, transport=transport, watcher=planned) as app:
            reconcile(app)
            ended = time.perf_counter()
    ours = ended - planned.at - (transport.seconds - planned.outside)
    return 1000 * ours / (transport.requests - planned.requests)
