"""Requests to Zoho as this process counts them, for `/metrics`.

Counters that only grow, as Prometheus wants them: each process has its own, and a sum over all
processes is what was sent. What must be one truth for all processes is read from the database
instead (`web/metrics.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
)

_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Requests:
    """Counts of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter(
            "trueup_zoho_requests",
            "Requests to Zoho that this process has sent, by what their answer meant.",
            ("workspace", "target", "verdict"),
            registry=registry,
        )
        self.seconds = Histogram(
            "trueup_zoho_request_duration_seconds",
            "Time from sending a request to Zoho to its answer, in this process.",
            ("target",),
            buckets=_BUCKETS,
            registry=registry,
        )

    def count(self, workspace: str, target: str, verdict: str, seconds: float) -> None:
        """One request was answered, or given up."""
        self.sent.labels(workspace, target, verdict).inc()
        self.seconds.labels(target).observe(seconds)


# When a counter began tells nobody anything here, and would be a second metric for each of them.
_without_beginnings: Callable[[], None] = disable_created_metrics
_without_beginnings()
SHOWN: Final = REGISTRY  # with what the library itself tells of the process
REQUESTS: Final = Requests(SHOWN)


def count_request(workspace: str, target: str, verdict: str, seconds: float) -> None:
    """Count a request of this process."""
    REQUESTS.count(workspace, target, verdict, seconds)
