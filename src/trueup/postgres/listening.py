"""Hearing of changes: LISTEN on a connection of its own, come back after it was lost.

A notification is a hint only; whoever listens also looks by itself now and then (a pooler in
transaction mode passes none on, and what was said while nobody listened is gone).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from trueup.domain.errors import DatabaseUnavailableError
from trueup.postgres.pool import connect


class Listener:
    """Waits for notifications on some channels of one database."""

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self._url = url
        self._channels = channels
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        """What was said, as (channel, payload), as soon as there is something; else nothing.

        Raises `DatabaseUnavailableError` when there is no connection to be had; calling again
        tries again.
        """
        try:
            connection = self._connected()
            heard = list(connection.notifies(timeout=seconds, stop_after=1))
            heard += list(connection.notifies(timeout=0))
        except psycopg.Error as error:
            self.close()
            raise DatabaseUnavailableError(
                f"the connection that listens was lost: {error}", "it is opened again"
            ) from error
        return [(one.channel, one.payload) for one in heard]

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            connection = connect(self._url)
            for channel in self._channels:
                connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            self._connection = connection
        return self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
