"""What people look at is found along an index, however large the tables become.

Small tables are read whole, and that is right: here reading whole is forbidden, so that only what
an index cannot answer at all would show. bench/large.py has the times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from support.postgres import fresh_database
from trueup.postgres.queries import load_queries

SKU, RUN = "fib-1", "r"
QUERIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "product_state_trouble": ("reports", "trouble_counts", {"targets": ["crm"]}),
    "change_history_by_run": ("reports", "outcomes", {"run_id": RUN}),
    "change_history_by_sku": ("reports", "history", {"sku_key": SKU, "limit": 10}),
    "run_by_start": ("reports", "runs", {"limit": 10}),
    "change_history_failures": ("reports", "most_failing", {"since": "2026-01-01", "limit": 5}),
    "change_history_drifted": (
        *("second_writers", "second_writers"),
        {"since": "2026-01-01", "flips": 3},
    ),
    "job_finished": ("gauges", "jobs_done", {}),
}


@pytest.fixture(scope="module")
def connection(postgres_server: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    with (
        fresh_database(postgres_server, template) as url,
        psycopg.connect(url, autocommit=True) as found,
    ):
        found.execute("set enable_seqscan = off")
        yield found


@pytest.mark.parametrize("index", QUERIES)
def test_it_is_found_along(index: str, connection: psycopg.Connection[Any]) -> None:
    file, name, given = QUERIES[index]
    query = sql.SQL("explain {}").format(load_queries(file)[name])
    plan = [line for (line,) in connection.execute(query, given)]
    assert any(index in line for line in plan), "\n".join(plan)


def test_trends_are_counted_run_by_run(connection: psycopg.Connection[Any]) -> None:
    query = sql.SQL("explain {}").format(load_queries("reports")["trends"])
    plan = "\n".join(line for (line,) in connection.execute(query, {"since": "2026-01-01"}))
    assert "change_history_outcomes" in plan
