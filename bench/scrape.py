"""`python -m bench.scrape`: what `/metrics` costs beside a large catalogue and a year of runs.

Builds the database of `bench.large` and measures a whole page without its cache, and each statement
behind it. Prints Markdown.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from psycopg import sql

from bench import large
from trueup.bootstrap import WORKSPACE
from trueup.deployment import open_deployment
from trueup.postgres.gauges import Connection, glance
from trueup.postgres.queries import load_queries
from trueup.settings import load_all
from trueup.web.metrics import FRESH, Scrapes

_GIVEN = {"key": WORKSPACE, "window": 60.0, "allowed": 3, "alive": 30.0}


def main() -> int:
    """Build, measure, print."""
    with large.year(__doc__, times=11) as (lab, url, times):
        pages = _pages(url, lab.folder, times)
        large.show("The page", pages, ("what", "median ms"))
        large.show("Its statements", _statements(url, times), ("statement", "median ms"))
    return 0


def _pages(url: str, folder: Path, times: int) -> Iterator[tuple[str, str]]:
    env = {"DATABASE_URL": url, "TRUEUP_DATA_DIR": str(folder / "data")}
    home, workspaces = load_all(environment=env, use_file=False)
    with open_deployment(home, workspaces) as deployment:
        now = [0.0]
        scrapes = Scrapes(deployment, lambda: now[0], patience=60)

        def read_anew() -> None:
            now[0] += 2 * FRESH
            scrapes.page()

        read_anew()
        yield "the page, read anew", _median(read_anew, times)
        yield "the page, from its cache", _median(scrapes.page, times)
        yield "size of the page", f"{len(scrapes.page()):,} bytes"


def _statements(url: str, times: int) -> Iterator[tuple[str, str]]:
    with glance(url) as connection:
        [now] = connection.execute("select now()").fetchone() or (None,)
        for name, statement in load_queries("gauges").items():
            read = partial(_read, connection, statement, _GIVEN | {"now": now})
            yield f"`{name}`", _median(read, times)


def _read(connection: Connection, statement: sql.SQL, given: Mapping[str, object]) -> object:
    return connection.execute(statement, given).fetchall()


def _median(act: Callable[[], object], times: int) -> str:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(taken):,.1f}"


if __name__ == "__main__":
    sys.exit(main())
