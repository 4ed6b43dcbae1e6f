"""What the watch has noted, as whoever looks after it reads it: one connection per catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from trueup.postgres.catalogue_source import CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.pool import connect, unavailable
from trueup.postgres.queries import load_queries
from trueup.postgres.watch import NAMED, standing

CHANNEL: Final = "trueup_touched"
PROGRAM: Final = "trueup-watch"  # as the server lists its connections
_MOST: Final = 10_000  # rows in one look
_SQL: Final[Mapping[str, sql.SQL]] = load_queries("watch")


@dataclass(frozen=True, slots=True)
class Touched:
    """What was changed: products by SKU; without any it cannot be said, or is not worth it."""

    skus: tuple[str, ...] = ()
    more: bool = False  # there is more than one look takes


class TouchedCatalogue:
    """Hears of the changes of one catalogue, and reads them. Not for several threads."""

    def __init__(self, connection: psycopg.Connection[Any], source: CatalogueSource) -> None:
        self._connection = connection
        self._source = source

    @classmethod
    def open(cls, url: str, source: CatalogueSource, dated: DatedSource) -> Self | None:
        """Connect and listen; None where no watch is installed.

        Raises `DatabaseUnavailableError` when there is no connection to be had.
        """
        connection = connect(make_conninfo(url, application_name=PROGRAM))
        with _lost(connection):
            if standing(connection, source, dated).tables:
                connection.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL)))
                return cls(connection, source)
        connection.close()
        return None

    def fileno(self) -> int:
        """To wait for: readable when something was said, or the connection was lost."""
        return self._connection.fileno()

    def heard(self) -> bool:
        """Whether somebody changed something since this was asked last; waits for nothing.

        Raises `DatabaseUnavailableError` when the connection was lost.
        """
        with _lost(self._connection):
            return bool(list(self._connection.notifies(timeout=0)))

    def waits(self) -> bool:
        """Whether anything was noted, also what a writer keeps for itself until it commits."""
        with _lost(self._connection):
            row = self._connection.execute(_SQL["any"]).fetchone()
        return bool(row and row[0])

    @contextmanager
    def take(self) -> Iterator[Touched | None]:
        """What waits, to be forgotten at the end of the block unless that fails; or None.

        What is written down in the block is so before it is forgotten here: a crash between the
        two doubles it, which is harmless.
        """
        with _lost(self._connection), self._connection.transaction():
            rows = self._connection.execute(_SQL["take"], {"most": _MOST}).fetchall()
            if not rows:
                yield None
                return
            more = len(rows) == _MOST
            yield Touched(self._named({touched_id for _, touched_id in rows}), more)
            numbers = [number for number, _ in rows]
            self._connection.execute(_SQL["forget"], {"numbers": numbers})

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _named(self, ids: set[str]) -> tuple[str, ...]:
        """Their SKUs, if every one of them has one; a row that is gone has none."""
        known = [i for i in ids if _is_uuid(i)]
        if len(ids) > NAMED or len(known) < len(ids):
            return ()
        query = _SQL["skus"].format(
            sku=self._source.expression("sku"),
            table=self._source.name,
            id=self._source.expression("id"),
        )
        rows = self._connection.execute(query, {"ids": known}).fetchall()
        named = {(sku or "").strip() for (sku,) in rows}
        return () if len(rows) < len(ids) or "" in named else tuple(sorted(named))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@contextmanager
def _lost(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A connection that is no good any more is closed, and said to be so."""
    try:
        yield
    except psycopg.Error as error:
        connection.close()
        raise unavailable(error) from error
