"""The lease that makes one run the only writer, on one machine or on ten (spec law 8).

A row says who holds it and until when, by the database's clock; a heartbeat prolongs it. The
epoch fences off a holder that was stopped and thawed: every durable outcome asks
`trueup.holds_lease(name, epoch)` in its own transaction, see docs/decisions/0004.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from trueup.domain.errors import LockedError
from trueup.ports import Fence
from trueup.postgres.heartbeat import Heartbeat, since_boot

_TAKE: Final = """
    select trueup.take_lease(
        %(name)s, %(owner)s, %(seconds)s::float8, %(run_id)s, %(host)s, %(pid)s)"""
_RENEW: Final = """
    update trueup.lease
    set expires_at = clock_timestamp() + make_interval(secs => %(seconds)s::float8)
    where name = %(name)s and epoch = %(epoch)s and expires_at > clock_timestamp()"""
_RELEASE: Final = """
    update trueup.lease set expires_at = clock_timestamp()
    where name = %(name)s and epoch = %(epoch)s and expires_at > clock_timestamp()"""
_HOLDER: Final = """
    select owner, epoch, acquired_at, expires_at, run_id, host, pid from trueup.lease
    where name = %(name)s and expires_at > clock_timestamp()"""


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who holds a lease now."""

    owner: str
    epoch: int
    acquired_at: datetime
    expires_at: datetime
    run_id: str | None
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class PostgresLease:
    """The lease `name`, as one owner sees it; put the workspace into the name.

    `seconds` is its life without a heartbeat: a dead owner's lease is free after it.
    `monotonic` should go on while the machine is suspended.
    """

    pool: ConnectionPool
    name: str
    _: KW_ONLY
    owner: str
    seconds: float = 30.0
    monotonic: Callable[[], float] = since_boot

    def try_acquire(self, run_id: str | None = None) -> Fence | None:
        """Take the lease if it is free or has expired; None while another holder lives."""
        given = self._given(
            seconds=self.seconds,
            owner=self.owner,
            run_id=run_id,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        with self.pool.connection() as connection:
            [epoch] = connection.execute(_TAKE, given).fetchone() or [None]
        return None if epoch is None else Fence(self.name, epoch)

    def renew(self, fence: Fence) -> bool:
        """Prolong the lease; False when it has expired or is another's: then it is lost."""
        given = self._given(seconds=self.seconds, epoch=fence.epoch)
        with self.pool.connection(timeout=self.seconds / 3) as connection:
            return connection.execute(_RENEW, given).rowcount == 1

    def release(self, fence: Fence) -> None:
        """Free the lease, if it is still this holder's."""
        with self.pool.connection(timeout=self.seconds / 3) as connection:
            connection.execute(_RELEASE, self._given(epoch=fence.epoch))

    def holder(self) -> LeaseHolder | None:
        """Who holds it now, for people to read."""
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(LeaseHolder))
            return cursor.execute(_HOLDER, self._given()).fetchone()

    @contextmanager
    def hold(self, run_id: str | None = None) -> Iterator[Heartbeat]:
        """Hold the lease, with its heartbeat, for the length of a block.

        Raises `LockedError`, naming the holder, when it is not free. A lease that is lost in the
        block sets `lost` and makes `check` raise; leaving the block frees it.
        """
        asked = self.monotonic()
        fence = self.try_acquire(run_id)
        if fence is None:
            raise self._locked()
        held = Heartbeat(
            fence, self.renew, seconds=self.seconds, since=asked, monotonic=self.monotonic
        )
        held.start()
        try:
            yield held
        finally:
            held.stop()
            # What cannot be released expires by itself.
            if not held.lost.is_set():
                with suppress(psycopg.Error):
                    self.release(fence)

    def _locked(self) -> LockedError:
        holder = self.holder()
        if holder is None:
            return LockedError("another run held the lock a moment ago", remedy="try again")
        run = f"run {holder.run_id}" if holder.run_id else "another run"
        return LockedError(
            f"{run} holds the lock ({holder.owner} on {holder.host}, process {holder.pid}, "
            f"since {holder.acquired_at:%Y-%m-%d %H:%M:%S %Z})",
            remedy="wait for it; a dead owner's lock is free after its lease",
        )

    def _given(self, **more: Any) -> dict[str, Any]:
        return {"name": self.name, **more}
