"""Readiness: never slow, however slow the database is, and looked at once for all who ask."""

from __future__ import annotations

import asyncio
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from trueup.web import health
from trueup.web.health import Readiness

WELL = [{"name": "database", "ok": True, "message": "reachable"}]


class Looks:
    """Stands for the look at the database: counted, and as slow as it is told to be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number, self.now = 0, 0.0
        self.go = Event()
        self.go.set()
        monkeypatch.setattr(health, "_look", self)
        clock = SimpleNamespace(monotonic=lambda: self.now)
        parts: Any = SimpleNamespace(deployment=SimpleNamespace(clock=clock))
        self.readiness = Readiness(parts)

    def __call__(self, _parts: object) -> list[dict[str, Any]]:
        self.number += 1
        assert self.go.wait(60)
        return WELL


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def test_a_look_is_good_for_a_second(looks: Looks) -> None:
    async def ask() -> None:
        for _ in range(5):
            assert await looks.readiness.checks() == WELL
        assert looks.number == 1
        looks.now += 1.1
        assert await looks.readiness.checks() == WELL
        assert looks.number == 2

    asyncio.run(ask())


def test_many_who_ask_at_once_wait_for_one_look(looks: Looks) -> None:
    async def ask() -> None:
        found = await asyncio.gather(*(looks.readiness.checks() for _ in range(50)))
        assert found == [WELL] * 50

    asyncio.run(ask())
    assert looks.number == 1


def test_a_database_that_does_not_answer_keeps_nobody_waiting(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is not asked again before it has."""
    monkeypatch.setattr(health, "_LIMIT", 0.01)
    looks.go.clear()

    async def ask() -> None:
        for _ in range(3):
            looks.now += 10
            [check] = await looks.readiness.checks()
            assert (check["ok"], "no answer within" in check["message"]) == (False, True)
        assert looks.number == 1
        looks.go.set()
        monkeypatch.setattr(health, "_LIMIT", 60)
        assert await looks.readiness.checks() == WELL

    asyncio.run(ask())
