"""Many workspaces at once: `python -m bench.workspaces`. It passes or fails, with a table.

Fifty organisations, each with a database of its own, are due at the same moment; three workers
share them. No budget may be exceeded, each must end in agreement, and none may wait for one whose
Zoho is slow. `--write-docs` puts the table into docs/workspaces.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support import postgres  # noqa: E402 (found through the lines above)
from support.agency import Agency, open_agency  # noqa: E402
from support.fleet import Done, await_night, night_in, working, written, wrong_with  # noqa: E402
from trueup.postgres.embedded import EmbeddedPostgres  # noqa: E402

_PAGE = ROOT / "docs" / "workspaces.md"
_START, _END = "<!-- measured by bench/workspaces.py -->\n", "<!-- end -->"
_MINUTE = 60.0
_CONNECTIONS = "select count(*) from pg_stat_activity where backend_type = 'client backend'"


def main() -> int:
    """Let the night come, judge it, let it come again, and show."""
    given = _parser().parse_args()
    names = [f"client-{number:02}" for number in range(1, given.workspaces + 1)]
    slow = names[: given.slow]
    load = os.getloadavg()[0]
    limits = {"total_per_minute": given.limit, "billing_per_minute": given.limit}
    with (
        tempfile.TemporaryDirectory(prefix="trueup-workspaces-") as folder,
        EmbeddedPostgres(Path(folder)) as server,
        open_agency(
            server.url,
            postgres.make_template(server.url),
            names,
            products=given.products,
            options={"limits": limits, "oauth": {"expires_in": 360_000}},
            each=[{"latency": given.latency} if name in slow else {} for name in names],
            time_scale=_MINUTE / given.window,
            TRUEUP_RATE_LIMIT=str(given.limit),
            TRUEUP_RATE_WINDOW=str(given.window),
        ) as agency,
    ):
        wrong, rows = _nights(agency, slow, given, server.url)
    rows = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {load:.1f} processes waiting or running before",
        **rows,
    }
    table = _table(rows)
    print(table)
    for line in wrong:
        print(f"WRONG {line}")
    if given.write_docs and not wrong:
        _write(table)
    return 1 if wrong else 0


def _nights(
    agency: Agency, slow: Sequence[str], given: argparse.Namespace, server: str
) -> tuple[list[str], dict[str, Any]]:
    """A night with everything to do, and one with nothing; what is wrong, and the figures."""
    connections: list[int] = []
    with psycopg.connect(server, autocommit=True) as watching:

        def look() -> None:
            with suppress(psycopg.Error):
                connections.extend(row[0] for row in watching.execute(_CONNECTIONS))

        night = night_in(given.lead)
        with working(agency, given.workers, night) as workers:
            done = await_night(agency, night, workers, seconds=3600, meanwhile=look)
        wrong = wrong_with(agency, done, limit=given.limit)
        before, sent = written(agency), _sent(agency)
        began = time.monotonic()
        for site in agency.sites.values():
            again = site.call("run", "--json")
            if again.code != 0:
                wrong.append(f"{again}")
        second = time.monotonic() - began
    if written(agency) != before:
        wrong.append("the second night wrote something")
    more = _sent(agency) - sent
    return wrong, _figures(agency, done, slow, given, sent) | {
        "connections to the server, at most": max(connections),
        "run again, one after the other": f"0 writes, {more} requests, {second:.0f} s",
    }


def _figures(
    agency: Agency, done: list[Done], slow: Sequence[str], given: argparse.Namespace, sent: int
) -> dict[str, Any]:
    usual = [one for one in done if one.workspace not in slow]
    windows = [s.console.state()["largest_windows"]["total"] for s in agency.sites.values()]
    shares = [sum(one.worker == name for one in done) for name in {one.worker for one in done}]
    seats = given.workers * 4
    last = max(one.finished for one in usual)
    return {
        "workspaces": f"{len(done)}, each with {given.products} products and an empty Zoho",
        "workers": f"{given.workers} processes with 4 jobs each; jobs done by each: "
        + ", ".join(map(str, sorted(shares))),
        "requests": f"{sent:,}",
        "limit of each organisation": f"{given.limit} requests in {given.window:g} s",
        "largest window of any organisation": f"{max(windows)} requests",
        "refused for too many requests": 0,
        "access tokens fetched": f"{len(done)}, one for each",
        "all due at once, the first began after": f"{min(o.waited for o in done):.1f} s",
        f"the last of them began (place {len(done)} for {seats} seats)": (
            f"{max(o.waited for o in done):.1f} s"
        ),
        "a job took (fastest, median, slowest)": ", ".join(
            f"{value:.1f} s"
            for value in (
                min(o.lasted for o in usual),
                median(o.lasted for o in usual),
                max(o.lasted for o in usual),
            )
        ),
        f"the {len(slow)} whose Zoho takes {given.latency:g} s for an answer": ", ".join(
            f"{o.lasted:.1f} s" for o in done if o.workspace in slow
        ),
        "all others done after": f"{last:.1f} s",
        "all done after": f"{max(o.finished for o in done):.1f} s",
        "in agreement": f"{len(done)} of {len(done)}",
    }


def _sent(agency: Agency) -> int:
    return sum(site.console.sent() for site in agency.sites.values())


def _table(rows: dict[str, Any]) -> str:
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| figure | measured |", "|---|---|", *lines]) + "\n"


def _write(table: str) -> None:
    before, _, rest = _PAGE.read_text(encoding="utf-8").partition(_START)
    page = f"{before}{_START}\n{table}\n{_END}{rest.partition(_END)[2]}"
    _PAGE.write_text(page, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=50)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--products", type=int, default=12)
    parser.add_argument("--slow", type=int, default=3)
    parser.add_argument("--latency", type=float, default=2.0, help="seconds, of the slow ones")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--window", type=float, default=5.0, help="seconds")
    parser.add_argument("--lead", type=float, default=20.0, help="seconds until it is due")
    parser.add_argument("--write-docs", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
