"""A long run does not fill the emulator's memory: what it remembers of requests is bounded."""

from __future__ import annotations

import pytest

from emulator.crm_support import PRODUCTS, CrmAccount
from support.emulator import Caller
from zoho_emulator import journal
from zoho_emulator.app import Emulator
from zoho_emulator.clock import ManualClock
from zoho_emulator.crm import paging
from zoho_emulator.journal import FORGOTTEN, Journal
from zoho_emulator.options import LimitOptions, Options


def written(entries: int, body: str) -> Journal:
    found = Journal()
    for _ in range(entries):
        arrived = "2026-01-05T00:00:00.000"
        facts = {"at": arrived, "service": "crm", "method": "PUT", "path": PRODUCTS, "query": {}}
        found.close(found.open(body=body, token="", **facts))
    return found


def test_the_oldest_bodies_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_TEXT", 50)
    kept = written(12, "x" * 10)
    assert [entry.body for entry in kept.entries] == [FORGOTTEN] * 7 + ["x" * 10] * 5
    assert kept.table() == [{"service": "crm", "method": "PUT", "status": 0, "count": 12}]


def test_entries_that_have_left_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small bodies of requests long gone take no room from those that are there."""
    monkeypatch.setattr(journal, "MOST_TEXT", (journal.MOST_ENTRIES + 1) * 2)
    kept = written(journal.MOST_ENTRIES * 2, "xx")
    assert {entry.body for entry in kept.entries} == {"xx"}


def test_page_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are good; one that has been pushed out is unknown."""
    monkeypatch.setattr(paging, "_KEPT_TOKENS", 3)
    account = CrmAccount()
    for _ in range(2):
        account.created()
    asked = {"fields": "id", "per_page": "1"}
    for _ in range(9):
        account.get(PRODUCTS, **asked)
    tokens = list(account.store.page_tokens)
    assert len(tokens) == 3
    assert account.get(PRODUCTS, **asked, page_token=tokens[0]).status == 200


def test_asking_for_what_is_not_there_leaves_no_trace() -> None:
    emulator = Emulator(Options(limits=LimitOptions.unlimited()), ManualClock())
    caller = Caller(emulator)
    for number in range(50):
        assert caller("GET", f"/billing/v1/plans/F-{number}")[0] == 404
    caller("POST", "/billing/v1/products", {"name": "Fibre"})
    emulator.delete("billing", "products", emulator.records("billing", "products")[0]["id"])
    tables = emulator.world.billing._tables
    assert [len(table.index) for table in tables.values()] == [0, 0, 0, 0]
