"""The chain of verification reports: each carries the digest of the one before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Final

import psycopg
from psycopg import sql

from trueup.domain.verification import Head, Link
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("verifications")

Connection = psycopg.Connection[Any]


def append(connection: Connection, head: Head) -> Link:
    """Add a report to the chain, whoever else adds one at this moment."""
    with connection.transaction():
        connection.execute(_SQL["lock"])
        previous = _one(connection, "last")
        link = Link(head, previous, head.hash_after(previous))
        given = {
            "at": head.at,
            "products": head.products,
            "agreeing": head.agreeing,
            "totals": json.dumps(head.totals),
            "rows_hash": head.rows_hash,
            "previous": previous,
            "hash": link.hash,
        }
        connection.execute(_SQL["append"], given)
        return Link(head, previous, link.hash, int(_one(connection, "number")))


def chain(connection: Connection) -> Iterator[Link]:
    """Every report in the chain, the oldest first, numbered from 1."""
    for number, row in enumerate(connection.execute(_SQL["chain"]), start=1):
        at, products, agreeing, totals, rows_hash, previous, digest = row
        head = Head(at.astimezone(UTC), products, agreeing, json.loads(totals), rows_hash)
        yield Link(head, previous, digest, number)


def _one(connection: Connection, name: str) -> Any:
    row = connection.execute(_SQL[name]).fetchone()
    if row is None:
        raise AssertionError("an aggregate returns a row")
    return row[0]
