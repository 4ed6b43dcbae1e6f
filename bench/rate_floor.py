"""A run that the rate limit holds back: its wall clock against what the limit makes necessary."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure, Section
from bench.lab import FREE, Lab, reconcile

_LIMIT = 90
_GOAL = 1.03  # spec §8
_MINUTE = 60.0


def measure(lab: Lab) -> Section:
    """Wall clock over requests / rate, with a window that is shorter than a minute."""
    scale, products = (30, 100) if lab.quick else (6, 300)
    return Section(
        "rate",
        "Wall clock against the rate floor",
        f"A first sync at {_LIMIT} requests in a window of {_MINUTE / scale:g} s (a minute that"
        f" passes {scale} times as fast, at the emulator too). The emulator's own latency is"
        " included: it does not shrink with the minute.",
        tuple(_figures(lab, scale, products)),
    )


def _figures(lab: Lab, scale: int, products: int) -> Iterator[Figure]:
    window = _MINUTE / scale
    options = {"limits": {**FREE["limits"], "total_per_minute": 100}}
    rate = {"TRUEUP_RATE_LIMIT": str(_LIMIT), "TRUEUP_RATE_WINDOW": f"{window:g}"}
    with (
        lab.zoho(options, time_scale=scale) as zoho,
        lab.app(products, zoho, **rate) as app,
    ):
        began = time.monotonic()
        reconcile(app)
        wall = time.monotonic() - began
        state = zoho.state()
    requests = state["requests"]["total"]
    floor = requests * window / _LIMIT
    refused = sum(r["count"] for r in state["requests"]["by_status"] if r["status"] == 429)
    note = f"{requests:,} requests in {wall:.1f} s, {refused} refused"
    label = f"wall / floor, {requests:,} requests"
    yield Figure("rate.ratio", label, wall / floor, "", _GOAL, note)
    largest = state["largest_windows"]["total"]
    yield Figure("rate.window", "most requests in any window", largest, "requests", _LIMIT)
