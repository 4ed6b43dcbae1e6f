"""A flood of wrong secrets: `python -m bench.endpoint --seconds 30`. It passes or fails.

`trueup serve` runs as a process of its own on the embedded database. 200 requests a second guess at
the secret, first from one address, then each from another one (told by a proxy that is trusted).
Every guess must be answered with 401 or 429, the right secret must pass all the while, and the
memory of the process must stay where it is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from bench.serving import memory, served

CRON = "/api/cron/zoho-sync"
SECRET = "an-invented-secret-of-the-bench"
RATE = 200  # requests a second
GROWTH = 24.0  # MB that a flood may cost: 10,000 remembered clients, and what Python keeps
_COLUMNS = "| {:<34} | {:>9} | {:>6} | {:>7} | {:>6} | {:>9} | {:>8} | {:>14} | {:>15} |"


@dataclass
class Flood:
    """What one flood met; latencies in milliseconds, memory in MB."""

    name: str
    network: int = 0  # of the addresses that guess; 0: all come from one
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    refused: int = 0  # answers that the right secret should not have had
    seconds: float = 0.0
    before: float = 0.0
    after: float = 0.0

    def row(self) -> str:
        known = sorted(self.latencies)
        return _COLUMNS.format(
            self.name,
            f"{sum(self.statuses.values()) / self.seconds:.0f}",
            self.statuses[401],
            self.statuses[429],
            sum(n for status, n in self.statuses.items() if status not in (401, 429)),
            f"{statistics.median(known):.1f} ms",
            f"{known[int(len(known) * 0.99)]:.0f} ms",
            f"{statistics.median(self.right):.1f} ms, {self.refused} no",
            f"{self.before:.1f} → {self.after:.1f} MB",
        )

    @property
    def wrong(self) -> list[str]:
        found = []
        if set(self.statuses) - {401, 429}:
            found.append(f"{self.name}: other answers than 401 and 429: {dict(self.statuses)}")
        if self.refused:
            found.append(f"{self.name}: the right secret was refused {self.refused} times")
        if self.after - self.before > GROWTH:
            found.append(f"{self.name}: it grew by {self.after - self.before:.1f} MB")
        return found


def main() -> int:
    """Flood twice, print the table, and judge."""
    given = _parser().parse_args()
    heads = ("answers/s", "401", "429", "others", "median", "99 %", "right secret", "memory")
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as folder, _serving(folder) as served:
        address, pid = served
        floods = [
            asyncio.run(_flood(Flood("a warm-up of 5 s"), address, pid, 5)),
            asyncio.run(_flood(Flood("from one address"), address, pid, given.seconds)),
            asyncio.run(_flood(Flood("each from another", 1), address, pid, given.seconds)),
            asyncio.run(_flood(Flood("each from yet another", 2), address, pid, given.seconds)),
        ]
    print(_COLUMNS.format("200 wrong secrets a second", *heads))
    print("|---" * 9 + "|")
    for flood in floods:
        print(flood.row())
    wrong = [line for flood in floods[1:] for line in flood.wrong]
    for line in wrong:
        print(f"WRONG {line}")
    return 1 if wrong else 0


async def _flood(flood: Flood, address: str, pid: int, seconds: float) -> Flood:
    """Send at an even rate, whatever the answers do; ask with the right secret once a second."""
    flood.before = memory(pid)
    # Less than the server keeps an idle one: it must not be closed while it is taken up again.
    limits = httpx2.Limits(max_connections=64, keepalive_expiry=2)
    began = time.perf_counter()
    async with httpx2.AsyncClient(base_url=address, timeout=30, limits=limits) as client:
        sent: set[asyncio.Task[None]] = set()
        for number in range(int(RATE * seconds)):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            sent.add(asyncio.create_task(_guess(client, flood, number)))
            if number % RATE == 0:
                sent.add(asyncio.create_task(_know(client, flood)))
        await asyncio.gather(*sent)
    flood.seconds = time.perf_counter() - began
    flood.after = memory(pid)
    return flood


async def _guess(client: httpx2.AsyncClient, flood: Flood, number: int) -> None:
    headers = {"Authorization": f"Bearer guess-{number}"}
    if flood.network:
        headers["X-Forwarded-For"] = f"10.{flood.network}.{number >> 8 & 255}.{number & 255}"
    began = time.perf_counter()
    answer = await client.get(CRON, headers=headers)
    flood.latencies.append((time.perf_counter() - began) * 1000)
    flood.statuses[answer.status_code] += 1


async def _know(client: httpx2.AsyncClient, flood: Flood) -> None:
    began = time.perf_counter()
    answer = await client.get("/api/jobs/1", headers={"Authorization": f"Bearer {SECRET}"})
    flood.right.append((time.perf_counter() - began) * 1000)
    flood.refused += answer.status_code != 404  # it was let in: there is no such job


def _serving(folder: str) -> AbstractContextManager[tuple[str, int]]:
    """The address and the number of the process."""
    return served(Path(folder), CRON_SECRET=SECRET, TRUEUP_PROXIES="127.0.0.1")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each flood")
    return parser


if __name__ == "__main__":
    sys.exit(main())
