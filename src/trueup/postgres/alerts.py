"""Alerts of a workspace: what is wrong, and what each address was told of it.

Looks are one at a time, under an advisory lock. An address is locked by whoever sends there, from
the question what is news until it is written down as told: nobody is told twice, and a sender that
dies in between leaves the news to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from trueup.domain.alert_facts import Ended
from trueup.domain.alerts import Alert, Condition, Kind, Severity, Told
from trueup.domain.jobs import Ending, JobKind
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("alerts")


@dataclass(frozen=True, slots=True)
class Book:
    """All alerts, while nobody else looks."""

    connection: Connection[Any]

    def note(self, kind: JobKind, ended: Ended) -> None:
        """How a job over everything ended; one that a person cut short says nothing."""
        if ended.ending is Ending.CANCELLED:
            self.connection.execute(_SQL["note_cancelled"], {"run_id": ended.run_id})
            return
        given = {
            "kind": kind.value,
            "ending": ended.ending.value,
            "exit_code": ended.exit_code,
            "message": ended.message,
            "run_id": ended.run_id,
            "at": ended.at,
        }
        self.connection.execute(_SQL["note_job"], given)

    def known(self) -> dict[str, Alert]:
        """What is remembered, by key: what stands first, then what ended last."""
        return known(self.connection)

    def keep(self, alerts: Mapping[str, Alert]) -> None:
        """Remember exactly these."""
        self.connection.execute(_SQL["forget"], {"keys": list(alerts)})
        with self.connection.cursor() as cursor:
            cursor.executemany(_SQL["keep"], [_values(alert) for alert in alerts.values()])


@contextmanager
def open_book(pool: ConnectionPool[Any]) -> Iterator[Book]:
    """One look: a transaction that waits for the looks of others."""
    with pool.connection() as connection, connection.transaction():
        connection.execute(_SQL["lock"])
        yield Book(connection)


@dataclass(frozen=True, slots=True)
class Reader:
    """An address that this process may send to; what it was told, and what there is to tell."""

    connection: Connection[Any]
    address: str
    since: datetime
    sent_at: datetime | None
    alerts: Sequence[Alert]
    told: Mapping[str, Told]

    def delivered(self, told: Mapping[str, Told], now: datetime) -> None:
        """It took a message, and knows this now."""
        for key, one in told.items():
            self.connection.execute(_SQL["tell"], _told_values(self.address, key, one, now))
        self.connection.execute(_SQL["sent"], {"address": self.address, "now": now})

    def failed(self, trouble: str, now: datetime) -> None:
        """It took nothing: the same is news at the next look."""
        given = {"address": self.address, "trouble": trouble, "now": now}
        self.connection.execute(_SQL["failed"], given)

    def lower(self, told: Mapping[str, Told]) -> None:
        """Fewer things are wrong than it was told of."""
        for key, one in told.items():
            given = {"address": self.address, "key": key, "count": one.count}
            self.connection.execute(_SQL["lower"], given)


@contextmanager
def open_reader(
    pool: ConnectionPool[Any], address: str, shown: str, now: datetime
) -> Iterator[Reader | None]:
    """An address by its mark, until the end of the block; None while somebody else sends there."""
    with pool.connection() as connection:
        connection.execute(_SQL["meet"], {"address": address, "shown": shown, "now": now})
        with connection.transaction():
            row = connection.execute(_SQL["claim"], {"address": address}).fetchone()
            if row is None:
                yield None
                return
            since, sent_at = row
            alerts = list(known(connection).values())
            told = _told(connection, address)
            yield Reader(connection, address, since, sent_at, alerts, told)


@dataclass(frozen=True, slots=True)
class Listed:
    """An address as people see it, and how the last message to it went."""

    mark: str
    shown: str
    sent_at: datetime | None
    failed_at: datetime | None
    trouble: str


def known(connection: Connection[Any]) -> dict[str, Alert]:
    """What is remembered, by key: what stands first, then what ended last."""
    found = {}
    for row in connection.execute(_SQL["known"]):
        key, kind, severity, title, text, count, since, *rest = row
        what = Condition(key, Kind(kind), Severity(severity), title, text, since, count)
        found[key] = Alert(what, *rest)
    return found


def announced(connection: Connection[Any]) -> dict[str, datetime]:
    """When the episode that is remembered was first told to anybody, by key."""
    return dict(connection.execute(_SQL["announced"]).fetchall())


def addresses(connection: Connection[Any]) -> list[Listed]:
    """Every address that was ever told anything, or should have been."""
    rows = connection.execute(_SQL["addresses"]).fetchall()
    return [Listed(*row) for row in rows]


def _told(connection: Connection[Any], address: str) -> dict[str, Told]:
    rows = connection.execute(_SQL["told"], {"address": address})
    return {
        key: Told(episode, Kind(kind), Severity(severity), count, ended)
        for key, episode, kind, severity, count, ended in rows
    }


def _values(alert: Alert) -> dict[str, Any]:
    one = alert.condition
    return {
        "key": one.key,
        "kind": one.kind.value,
        "severity": one.severity.value,
        "title": one.title,
        "text": one.text,
        "count": one.count,
        "since": one.since,
        "raised_at": alert.raised_at,
        "seen_at": alert.seen_at,
        "gone_at": alert.gone_at,
        "closed_at": alert.closed_at,
        "episode": alert.episode,
        "returns": alert.returns,
    }


def _told_values(address: str, key: str, one: Told, now: datetime) -> dict[str, Any]:
    return {
        "address": address,
        "key": key,
        "episode": one.episode,
        "kind": one.kind.value,
        "severity": one.severity.value,
        "count": one.count,
        "ended": one.ended,
        "now": now,
    }
