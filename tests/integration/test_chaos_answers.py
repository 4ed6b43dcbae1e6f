"""Answers that are lost, wrong or nonsense: no duplicate, and agreement within a few runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.agreement import created_keys, some_rows
from support.nights import some_nights
from trueup.domain.runs import RunState

CREATES = "*/products", "*/plans", "*/items", "*/Products"
EVERY_CREATE = [{"method": "POST", "path": path} for path in CREATES]


def test_the_answer_to_every_create_is_lost(database_url: str, tmp_path: Path) -> None:
    """Each record is made once although not one create was ever confirmed."""
    with some_nights(database_url, tmp_path, some_rows(8)) as nights:
        nights.weather(*({"match": match, "do": "reset_after"} for match in EVERY_CREATE))
        runs = nights.converge(most=12)
        journal = nights.emulator.journal()
        creates = created_keys(journal)
        assert creates.total() == 4 * 8
        assert set(creates.values()) == {1}
        assert all(e["fault"] for e in journal if e["status"] == 201)
        assert all(run.state in (RunState.PARTIAL, RunState.FAILED) for run in runs[:-1])
        nights.emulator.clear_faults()
        nights.assert_agreement()


@pytest.mark.parametrize(
    "rule",
    [
        {"do": "hang"},
        {"do": "hang", "carried_out": False},
        {"do": "truncate"},
        {"do": "html_200"},
        {"do": "html_200", "carried_out": True},
        {"do": "empty_204"},
        {"do": "server_error"},
        {"do": "server_error", "carried_out": True},
        {"do": "error_html"},
        {"do": "reset_before"},
    ],
    ids=lambda rule: rule["do"] + ("" if rule.get("carried_out") is None else "-odd"),
)
def test_every_third_request_is_in_bad_weather(
    database_url: str, tmp_path: Path, rule: dict[str, Any]
) -> None:
    """Reads and writes alike, tokens excepted; the first good night ends it."""
    with some_nights(database_url, tmp_path, some_rows(6)) as nights:
        for service in ("crm", "billing"):
            nights.weather({"match": {"service": service, "every": 3}} | rule)
        for _ in range(4):
            state = nights.run().run.state
            assert state in (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED)
            nights.fall(25)
        assert max(nights.there().values()) == 1
        nights.emulator.clear_faults()
        nights.converge(most=2)
        nights.assert_agreement()


def test_a_batch_that_succeeds_in_part(database_url: str, tmp_path: Path) -> None:
    """Only what was refused is sent again."""
    with some_nights(database_url, tmp_path, some_rows(9)) as nights:
        nights.weather({"match": {"service": "crm", "method": "POST", "times": 2}, "do": "partial"})
        nights.converge(most=4)
        nights.assert_agreement()


def test_a_token_that_expires_on_the_way_costs_one_more(database_url: str, tmp_path: Path) -> None:
    """The run goes on with a new token and fails nothing."""
    with some_nights(database_url, tmp_path, some_rows(6)) as nights:
        nights.weather({"match": {"service": "billing", "nth": 7}, "do": "expire_token"})
        report = nights.run()
        assert (report.run.state, report.run.requests["oauth"]) == (RunState.SUCCEEDED, 2)
        nights.assert_agreement()
