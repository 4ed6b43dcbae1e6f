"""A process that holds a lease and does what it is told, one word per line.

Usage: lease_holder.py URL NAME SECONDS
Answers `held EPOCH` or `locked`, then to `write`: `written` or `refused`; to `check`: `ok` or
`lost`; to `begin`: `open`, with a transaction left open that relies on the lease.
"""

from __future__ import annotations

import os
import sys
import time

from psycopg_pool import ConnectionPool

from trueup.domain.errors import LeaseLostError, LockedError
from trueup.postgres.heartbeat import Heartbeat
from trueup.postgres.lease import PostgresLease

_WRITE = """
    insert into public.lease_test select %(owner)s
    where trueup.holds_lease(%(name)s, %(epoch)s)"""
_RELY = "select trueup.holds_lease(%s, %s)"


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201 - its answer


def obey(pool: ConnectionPool, held: Heartbeat, word: str) -> None:
    fence = held.fence
    if word == "check":
        try:
            held.check()
        except LeaseLostError:
            say("lost")
        else:
            say("ok")
    elif word == "write":
        given = {"owner": str(os.getpid()), "name": fence.name, "epoch": fence.epoch}
        with pool.connection() as connection:
            say("written" if connection.execute(_WRITE, given).rowcount else "refused")
    elif word == "begin":
        with pool.connection() as connection, connection.transaction():
            connection.execute(_RELY, [fence.name, fence.epoch])
            say("open")
            time.sleep(60)


def main(url: str, name: str, seconds: float) -> None:
    with ConnectionPool(url, min_size=1, max_size=3, kwargs={"autocommit": True}) as pool:
        lease = PostgresLease(pool, name, owner=str(os.getpid()), seconds=seconds)
        try:
            with lease.hold("a-run") as held:
                say(f"held {held.fence.epoch}")
                for line in sys.stdin:
                    obey(pool, held, line.strip())
        except LockedError:
            say("locked")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
