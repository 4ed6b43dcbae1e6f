"""`python -m bench.watching`: from a commit in the catalogue to the new price at Zoho.

A worker with the watch beside an emulator; one product is changed at a time, then a great many in
one statement. Prints seconds, requests and jobs as Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import psycopg

from bench.lab import UNBOUND, Lab, Zoho, reconcile
from trueup.bootstrap import App
from trueup.deployment import open_deployment
from trueup.postgres import watch
from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.worker.main import Worker

_ONE = """
    update service_packages
    set price = price + 1, base_price_zar = price + 1,
        pricing = jsonb_set(pricing, '{monthly}', to_jsonb(price + 1))
    where sku = %s returning price"""
_ALL = "update service_packages set description = description || ' From March.'"
_PATIENCE, _LOOK = 120.0, 0.05  # seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1_000)
    parser.add_argument("--edits", type=int, default=7)
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="trueup-bench-") as name:
        lab = Lab(Path(name), quick=False)
        try:
            with lab.zoho() as zoho, lab.app(asked.products, zoho) as app:
                reconcile(app)
                with app.pool.connection() as connection:
                    watch.install(connection, CatalogueSource(), DatedSource())
                _measure(app, zoho, asked.edits)
        finally:
            lab.close()
    return 0


def _measure(app: App, zoho: Zoho, edits: int) -> None:
    home = app.settings
    url = app.database_url
    with (
        open_deployment(home, {home.workspace: home}) as deployment,
        Worker(deployment, scheduler=False),
        psycopg.connect(url, autocommit=True) as shop,
    ):
        taken, requests = [], []
        for number in range(1, edits + 1):
            sku, before = f"FIB-{number:07d}", sum(zoho.requests().values())
            row = shop.execute(_ONE, [sku]).fetchone()
            began, price = time.monotonic(), float(row[0]) if row else 0.0
            _await(lambda sku=sku, price=price: _prices(zoho)[sku] == price)  # type: ignore[misc]
            taken.append(time.monotonic() - began)
            _await(lambda number=number: _ended(shop) == number)  # type: ignore[misc]
            requests.append(sum(zoho.requests().values()) - before)
        before = sum(zoho.requests().values())
        shop.execute(_ALL)
        _await(lambda: _ended(shop) > edits and not deployment.queue.open_jobs())
        print(f"delay {home.watch_delay:g} s; settings {UNBOUND}")
        print("| what | |\n|---|---|")
        print(f"| commit to new price in CRM, median | {statistics.median(taken):.1f} s |")
        print(f"| the slowest of {edits} | {max(taken):.1f} s |")
        print(f"| requests for one product | {statistics.median(requests):g} |")
        print(f"| all products in one statement: jobs | {_ended(shop) - edits} |")
        print(f"| its requests | {sum(zoho.requests().values()) - before} |")


def _prices(zoho: Zoho) -> dict[str, float]:
    return {r["Product_Code"]: r["Unit_Price"] for r in zoho.records("crm", "products")}


def _ended(shop: psycopg.Connection[tuple[int]]) -> int:
    row = shop.execute("select count(*) from trueup.job where state = 'done'").fetchone()
    return row[0] if row else 0


def _await(happened: Callable[[], bool]) -> None:
    until, pause = time.monotonic() + _PATIENCE, Event()
    while not happened():
        if time.monotonic() > until:
            raise TimeoutError("it did not happen")
        pause.wait(_LOOK)


if __name__ == "__main__":
    sys.exit(main())
