"""Whose a remote id is: our bindings, and what the predecessor stored in `product_integrations`.

The predecessor's ids are hints. They are asked for only where a record is ambiguous, so that a
million rows without rivals never meet this table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import psycopg
from psycopg.sql import SQL
from psycopg_pool import ConnectionPool

from trueup.domain.records import Binding, Kind, Slot
from trueup.domain.stored import StoredId
from trueup.postgres.jsonfields import dump
from trueup.postgres.ledger_rows import to_binding
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("stored_ids")


class PostgresRememberedIds:
    """The ids that the database remembers."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def stored(self, owners: Collection[str]) -> list[StoredId]:
        """The predecessor's ids for these products."""
        if not owners:
            return []
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["stored"], {"owners": dump(list(owners))}).fetchall()
        return [StoredId(Kind(kind), Slot(slot), *rest) for kind, slot, *rest in rows]

    def holder(self, kind: Kind, remote_id: str) -> Binding | None:
        """The binding of a remote record; None when nobody has it."""
        given = {"kind": kind.value, "remote_id": remote_id}
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["holder"], given).fetchone()
        return None if row is None else to_binding(row)

    def residents(self, reading: str, products: Collection[str]) -> dict[str, list[str]]:
        """The plans on sale that lie in these Billing products, by product."""
        found: dict[str, list[str]] = {}
        if not products:
            return found
        given = {"reading": reading, "products": list(products)}
        with self._pool.connection() as connection:
            for product, plan in connection.execute(_SQL["residents"], given).fetchall():
                found.setdefault(product, []).append(plan)
        return found
