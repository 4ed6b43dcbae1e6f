"""How long planning takes and how much memory, once both sides lie in Postgres."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from math import ceil
from typing import Any

import psycopg

from bench.figures import Figure, Section
from bench.lab import Lab, fill
from bench.planning_child import READING, catalogue_of
from bench.statements import STATEMENTS
from trueup.domain.records import TargetName
from trueup.postgres.pool import open_pool

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (20,)
_THE_GOAL = 1_000_000  # products for which spec §8 names seconds and megabytes
_SECONDS, _MEGABYTES = 60.0, 500.0
_KINDS = ("crm", "billing_product", "billing_plan", "billing_item")


def measure(lab: Lab) -> Section:
    """Seconds and peak memory for every size, for CRM alone and for both targets."""
    sizes = QUICK_SIZES if lab.quick else SIZES
    return Section(
        "planning",
        "Planning",
        "An ordinary night: every product was verified a day ago and is due again, all are bound,"
        " the price of one in a hundred has changed since. The catalogue and what was read at the"
        " targets (one CRM record and three Billing records a product) lie in Postgres already."
        " Each plan is made in a process of its own; its memory is the most that this process had"
        " resident, Postgres not included. The best of the rounds counts.",
        tuple(figure for products in sizes for figure in _plans(lab, products)),
    )


def _plans(lab: Lab, products: int) -> Iterator[Figure]:
    with lab.database() as url:
        prepare(url, products)
        for targets, text in (("crm", "CRM"), ("crm,billing", "both")):
            rounds = [_plan(url, targets) for _ in range(1 if lab.quick else 2)]
            best = min(rounds, key=lambda told: told["seconds"])
            expected = ceil(products / 100)
            if best["edited"] != expected:
                raise AssertionError(f"{best['edited']} products differ, not {expected}")
            aimed = products == _THE_GOAL
            key = f"planning.{products}.{text.lower()}"
            note = (
                f"{best['changes']:,} changes; {best['cpu']:.1f} s of it at work itself; rounds: "
                + ", ".join(f"{told['seconds']:.1f}" for told in rounds)
            )
            label = f"{products:,} products, {text}"
            goals = (_SECONDS, _MEGABYTES) if aimed else (None, None)
            yield Figure(f"{key}.seconds", label, best["seconds"], "s", goals[0], note)
            memory = max(told["megabytes"] for told in rounds)
            yield Figure(f"{key}.memory", f"{label}, memory", memory, "MB", goals[1])


def prepare(url: str, products: int) -> None:
    """A catalogue, a ledger that remembers a night, and a reading of both targets."""
    fill(url, products)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        row = connection.execute(STATEMENTS["reading"], {"reading": READING}).fetchone()
        given = {"id": row[0] if row else None}
        for kind in _KINDS:
            connection.execute(STATEMENTS[f"observed_{kind}"], given)
        connection.execute("analyze trueup.observed")
        connection.execute(STATEMENTS["bindings"], given)
        _remember(url, connection)
        connection.execute(STATEMENTS["edit"], {"count": ceil(products / 100)})
        connection.execute("vacuum analyze")


def _remember(url: str, connection: psycopg.Connection) -> None:
    """Every product was found in order a day ago, at both targets."""
    pool = open_pool(url, 2)
    copy_in = (
        "copy trueup.product_state (offering_id, target, sku, status, row_revision) from stdin"
    )
    try:
        with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            for entry in catalogue_of(pool).entries():
                for target in TargetName:
                    row = (entry.row.id, target.value, entry.row.sku, "ok", entry.revision)
                    copy.write_row(row)
    finally:
        pool.close()
    connection.execute("update trueup.product_state set verified_at = now() - interval '1 day'")


def _plan(url: str, targets: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.planning_child", url, targets]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told
