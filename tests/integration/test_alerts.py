"""Alerts on a real database: what is found, who is told, by how many workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from support.postgres import fresh_database
from support.program import run_cli
from support.receivers import Inbox, http_receiver
from support.troubles import AWAY, TROUBLES, Place, a_job, a_place, keys
from trueup.deployment import Deployment
from trueup.domain.jobs import (
    Ending,
    JobOutcome,
    Terms,
)
from trueup.jobs.alerting import Reviewed, after, review_all


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with http_receiver() as opened:
        yield opened


def test_everything_that_can_be_wrong_is_found_told_once_and_told_to_be_over(
    database_url: str, inbox: Inbox
) -> None:
    """Each by what the ledger says; one message for all of them, and one when all are mended."""
    with a_place(database_url, inbox.address) as place:
        assert place.look() == Reviewed(0, 0, ())
        for wrong, _ in TROUBLES.values():
            place.sql(wrong)
        assert place.look().standing == len(TROUBLES)
        assert place.look(minutes=20).sent == 0
        for _, mended in TROUBLES.values():
            place.sql(mended)
        assert place.look(minutes=20) == Reviewed(0, 1, ())
        assert place.look(minutes=20) == Reviewed(0, 0, ())
    told, over = inbox.documents
    assert keys(told) == dict.fromkeys(TROUBLES, "raised")
    assert keys(over) == dict.fromkeys(TROUBLES, "recovered")
    assert (told["severity"], over["severity"]) == ("critical", "recovered")
    for detail in ("crm: unreachable", "SKU-1: 4 times", "2 of 10 products", "too many"):
        assert detail in told["body"]


def test_runs_over_some_products_say_nothing_about_the_whole(
    database_url: str, inbox: Inbox
) -> None:
    """Nor do jobs that only show, that are handed over, or that somebody stopped."""
    with a_place(database_url, inbox.address) as place:
        place.sql(TROUBLES["run"][0])
        assert place.look().sent == 1
        place.sql(
            "insert into trueup.run (run_id, trigger, state, started_at, finished_at) values"
            " ('resync-1', 'resync', 'succeeded', '2026-03-02 12:10Z', '2026-03-02 12:10Z')"
        )
        place.clock.advance(minutes=20)
        good = JobOutcome(Ending.SUCCEEDED)
        after(place.deployment, a_job(terms=Terms(skus=("SKU-1",))), good)
        after(place.deployment, a_job(terms=Terms(dry_run=True)), good)
        after(place.deployment, a_job(), JobOutcome(Ending.CANCELLED, "another"))
        after(place.deployment, a_job(), JobOutcome(None))
        assert len(inbox.documents) == 1
        after(place.deployment, a_job(), good)
        place.sql(
            "update trueup.run set started_at = '2026-03-02 13:00Z',"
            " finished_at = '2026-03-02 13:00Z' where run_id = 'schedule-9'"
        )
        after(place.deployment, a_job(), JobOutcome(Ending.CANCELLED, "schedule-9"))
    assert [keys(one) for one in inbox.documents[1:]] == [{"run": "recovered"}]


def test_two_workers_that_look_at_once_tell_once(database_url: str, inbox: Inbox) -> None:
    """While one is sending, the others neither wait nor send; nor at the very same moment."""
    inbox.gate = threading.Event()
    with a_place(database_url, inbox.address) as place, ThreadPoolExecutor(4) as pool:
        place.sql(TROUBLES["held"][0])
        first = pool.submit(place.look)
        assert inbox.arrived.wait(30)
        others = [pool.submit(place.look) for _ in range(3)]
        assert [one.result(30).sent for one in others] == [0, 0, 0]
        inbox.gate.set()
        assert first.result(30).sent == 1

        place.clock.advance(minutes=20)
        place.sql(TROUBLES["run"][0])
        together = threading.Barrier(4)

        def look() -> int:
            together.wait(30)
            return place.look().sent

        assert sum(one.result(30) for one in [pool.submit(look) for _ in range(4)]) == 1
    assert [keys(one) for one in inbox.documents] == [{"held": "raised"}, {"run": "raised"}]


def test_an_address_that_is_down_gets_everything_later_and_the_others_nothing_twice(
    database_url: str, inbox: Inbox
) -> None:
    with http_receiver() as weak, a_place(database_url, inbox.address, weak.address) as place:
        weak.answers = [500, 503]
        place.sql(TROUBLES["held"][0])
        place.sql(TROUBLES["token"][0])
        assert (place.look().sent, len(place.look().troubles)) == (1, 1)
        said = run_cli("alert", "list", env={"DATABASE_URL": database_url})
        assert "it answered 503 Service Unavailable" in said.stdout
        place.sql(TROUBLES["token"][1])
        assert place.look(minutes=20).sent == 2
        assert place.look(minutes=20).sent == 0
    assert [keys(one) for one in inbox.documents] == [
        {"held": "raised", "token": "raised"},
        {"token": "recovered"},
    ]
    assert keys(weak.documents[-1]) == {"held": "raised", "token": "passed"}


def test_who_dies_after_the_delivery_leaves_the_news_to_the_next(
    database_url: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather twice than never; and the address is free at once."""
    with a_place(database_url, inbox.address) as place:
        place.sql(TROUBLES["held"][0])
        with monkeypatch.context() as patched:
            patched.setattr("trueup.postgres.alerts.Reader.delivered", _die)
            with pytest.raises(KeyboardInterrupt):
                place.look()
        assert place.look().sent == 1
        assert place.look(minutes=20).sent == 0
    assert [keys(one) for one in inbox.documents] == [{"held": "raised"}] * 2


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_workspaces_have_alerts_of_their_own(
    database_url: str, postgres_server: str, template: str, inbox: Inbox
) -> None:
    """In databases of their own; one that is away keeps none of the others from being looked at."""
    with (
        fresh_database(postgres_server, template) as other,
        http_receiver() as agency,
        a_place(database_url, inbox.address) as place,
    ):
        home = place.deployment.home.settings
        acme = replace(home, database_url=other, alerts=(agency.address,), workspace="acme")
        away = replace(home, database_url=AWAY)
        all_of_them = {"away": away, "acme": acme, "default": home}
        several = Deployment(place.deployment.home, all_of_them)
        place.sql(TROUBLES["held"][0])
        Place(several, place.clock, other).sql(TROUBLES["drift"][0])
        for _ in range(2):
            review_all(several)
    assert [keys(one) for one in inbox.documents] == [{"held": "raised"}]
    assert [keys(one) for one in agency.documents] == [{"drift": "raised"}]
    assert [one["workspace"] for one in agency.documents] == ["acme"]
