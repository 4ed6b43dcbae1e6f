"""docs/json.md names every key that the monitoring commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.ledgers import PostgresBench
from support.monitored import FAILING, SECOND, two_nights
from support.program import run_cli
from trueup.postgres.pool import open_pool

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
# Their keys are names of fields, counts and targets, not ours.
OPEN = frozenset({"deltas", "requests", "summary", "targets"})
COMMANDS = {
    "status": ["status"],
    "errors": ["errors"],
    "runs": ["runs"],
    "runs show": ["runs", "show", SECOND],
    "history": ["history", "SKU-0001"],
    "limits": ["limits"],
    "trends": ["trends"],
}


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_names_every_key(name: str, text: str, database_url: str) -> None:
    """In the command's own part, or in the one that it refers to."""
    with open_pool(database_url, 4) as pool:
        bench = PostgresBench(pool)
        two_nights(bench)
        bench.sql("select record_rate_limit_hit(%s, 'crm', 'too many')", FAILING)
    said = run_cli(*COMMANDS[name], "--json", env={"DATABASE_URL": database_url})
    parts = dict(re.findall(r"### `([\w ]+)`\n(.*?)(?=\n##)", text, re.DOTALL))
    told = parts[name] + parts["runs"] + (parts["runs show"] if name == "history" else "")
    assert {key for key in keys(said.document) if f"`{key}`" not in told} == set()


def keys(document: Any) -> Iterator[str]:
    """Every key of a document, however deep."""
    if isinstance(document, list):
        for part in document:
            yield from keys(part)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            if key not in OPEN:
                yield from keys(value)
