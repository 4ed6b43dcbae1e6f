"""What the organisations at Zoho count in, remembered between processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.records import TargetName
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("currencies")


class PostgresCurrencies:
    """The currency of each target of one organisation."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]], org_id: str) -> None:
        self._pool = pool
        self._org_id = org_id

    def known(self, target: TargetName) -> str:
        """The currency that a target stated before; empty when it was never asked."""
        with self._pool.connection() as connection:
            given = {"org_id": self._org_id, "target": target.value}
            row = connection.execute(_SQL["known"], given).fetchone()
        return str(row[0]) if row else ""

    def keep(self, target: TargetName, code: str) -> None:
        """Remember what a target states."""
        with self._pool.connection() as connection:
            given = {"org_id": self._org_id, "target": target.value, "code": code}
            connection.execute(_SQL["keep"], given)
