"""`python -m bench.large`: a large catalogue and a year of runs, and how long people wait then.

Builds one database with so many products, nights and changes, and measures: every command that
people look with, as whole processes; the queries of other people's screens; the first
`trueup db prune`; and what the watch costs those who write to the catalogue. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg import sql

from bench.lab import Lab
from bench.machine import describe
from bench.statements import STATEMENTS
from trueup.postgres import watch
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource

_TEXT = (Path(__file__).parent / "large.sql").read_text(encoding="utf-8")
_PARTS = re.split(r"^-- name: (\w+)\n", _TEXT, flags=re.MULTILINE)[1:]
_YEAR = {n: sql.SQL(body) for n, body in zip(_PARTS[0::2], _PARTS[1::2], strict=True)}
_START = "from trueup.cli.main import main; main()"
_COMMANDS: Sequence[Sequence[str]] = (
    ("--help",),
    ("status",),
    ("errors",),
    ("runs",),
    ("runs", "show", "schedule-60"),
    ("history", "FIB-0000007"),
    ("held",),
    ("limits",),
    ("trends",),
    ("db", "status"),
    ("db", "prune", "--dry-run"),
)
_QUERIES = {
    "run log (predecessor)": "select job_name, status, execution_time_ms, result_summary,"
    " error_message, created_at from cron_execution_log where job_name = 'zoho-sync'"
    " order by created_at desc limit 5",
    "standings (predecessor)": "select zoho_crm_sync_status, zoho_billing_sync_status, count(*)"
    " from product_integrations group by zoho_crm_sync_status, zoho_billing_sync_status",
    "failures (predecessor)": "select sp.sku, sp.name, pi.zoho_crm_last_sync_error from"
    " product_integrations pi join service_packages sp on sp.id = pi.service_package_id where"
    " pi.zoho_crm_sync_status = 'failed' or pi.zoho_billing_sync_status = 'failed'"
    " order by pi.updated_at desc",
    "rate limits (predecessor)": "select sp.sku, pi.last_rate_limit_at, pi.rate_limit_hits from"
    " product_integrations pi join service_packages sp on sp.id = pi.service_package_id where"
    " pi.last_rate_limit_at is not null order by pi.last_rate_limit_at desc limit 10",
    "get_sync_candidates(100)": "select * from get_sync_candidates(100)",
}
_MAIN = {
    "plain": "update service_packages set price = price + 1",
    "few": "update service_packages set price = price + 1 where sku = 'FIB-' || lpad(%s, 7, '0')",
}
Connection = psycopg.Connection[Any]


def main() -> int:
    """Build, measure, print."""
    with year(__doc__, times=7) as (lab, url, times):
        commands = list(_commands(lab, url, times))
        show("Commands, whole processes", commands, ("command", "median ms", "best ms"))
        queries = list(_queries(url, times))
        show("Queries", queries, ("query", "median ms", "best ms"))
        show("Writing to the catalogue", _writers(url), ("write", "without", "with"))
        began = time.perf_counter()
        pruned = _call(lab, url, "db", "prune")
        print(f"\nThe first `trueup db prune`: {time.perf_counter() - began:.1f} s\n")
        print(pruned)
    return 0


@contextmanager
def year(description: str | None, *, times: int) -> Iterator[tuple[Lab, str, int]]:
    """A database with a large catalogue and a year in it, as the command line asks for.

    Yields the laboratory, the database's address and how often to measure; both are described
    before.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument("--times", type=int, default=times)
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="trueup-bench-") as name:
        lab = Lab(Path(name), quick=False)
        try:
            facts = describe(lab)
            with lab.database() as url:
                show("What it was measured on", facts.items(), ("", ""))
                show("The database", build(url, asked.products, asked.nights), ("table", "rows"))
                yield lab, url, asked.times
        finally:
            lab.close()


def fill(url: str, products: int, nights: int) -> None:
    """Fill an upgraded database."""
    given = {"products": products, "nights": nights}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STATEMENTS["catalogue"], {"count": products})
        for statement in _YEAR.values():
            connection.execute(statement, given)


def build(url: str, products: int, nights: int) -> list[tuple[str, str]]:
    """Fill one and tidy up; the tables that have more than a thousand rows then."""
    fill(url, products, nights)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        found = connection.execute(
            "select schemaname || '.' || relname, n_live_tup,"
            " pg_size_pretty(pg_total_relation_size(relid))"
            " from pg_stat_user_tables where n_live_tup > 1000 order by n_live_tup desc"
        ).fetchall()
    return [(f"`{table}`", f"{rows:,} ({size})") for table, rows, size in found]


def _commands(lab: Lab, url: str, times: int) -> Iterator[tuple[str, str, str]]:
    for command in _COMMANDS:
        _call(lab, url, *command)  # the first one compiles
        taken = [_timed(partial(_call, lab, url, *command)) for _ in range(times)]
        yield f"`trueup {' '.join(command)}`", *_figures(taken)


def _queries(url: str, times: int) -> Iterator[tuple[str, str, str]]:
    with psycopg.connect(url, autocommit=True) as connection:
        for name, query in _QUERIES.items():
            ask = partial(connection.execute, query.encode())
            taken = [_timed(lambda ask=ask: ask().fetchall()) for _ in range(times)]  # type: ignore[misc]
            yield name, *_figures(taken)


def _writers(url: str) -> list[tuple[str, str, str]]:
    """What the same write takes without the watch and with it; the median of three each."""
    source, dated = CatalogueSource(), DatedSource()
    figures: dict[str, list[str]] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for installed in (False, True):
            if installed:
                watch.install(connection, source, dated)
            whole = [_timed(lambda: connection.execute(_MAIN["plain"].encode())) for _ in range(3)]
            connection.execute("vacuum service_packages")
            single = [_timed(lambda: _one_by_one(connection, 1_000)) for _ in range(3)]
            figures.setdefault("one statement over all products, s", []).append(
                f"{statistics.median(whole) / 1000:.2f}"
            )
            figures.setdefault("one product a statement, ms each", []).append(
                f"{statistics.median(single) / 1000:.3f}"
            )
        watch.remove(connection)
    return [(name, *found) for name, found in figures.items()]  # type: ignore[misc]


def _one_by_one(connection: Connection, count: int) -> None:
    with _committing_later(connection):
        for number in range(1, count + 1):
            connection.execute(_MAIN["few"].encode(), [str(number)])


@contextmanager
def _committing_later(connection: Connection) -> Iterator[None]:
    """Without waiting for the disk: the statements are the subject."""
    connection.execute("set synchronous_commit = off")
    yield
    connection.execute("reset synchronous_commit")


def _call(lab: Lab, url: str, *command: str) -> str:
    apart = ("TRUEUP_", "ZOHO_", "PYTHONDONTWRITEBYTECODE")
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(apart)}
    ours = {
        "DATABASE_URL": url,
        "TRUEUP_DATA_DIR": str(lab.folder / "data"),
        "PYTHONPYCACHEPREFIX": str(lab.folder / "bytecode"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _START, *command],
        capture_output=True,
        check=False,
        env=inherited | ours,
        text=True,
        cwd=lab.folder,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    return done.stdout


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _figures(taken: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(taken):,.0f}", f"{min(taken):,.0f}"


def show(title: str, rows: Iterable[Sequence[str]], columns: Sequence[str]) -> None:
    """One table, as Markdown."""
    print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
