"""One writer: the lease is taken once, dies with its owner, and fences off the thawed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.errors import LeaseLostError, LockedError
from trueup.ports import Fence
from trueup.postgres.heartbeat import Heartbeat
from trueup.postgres.lease import PostgresLease

HOLDER = Path(__file__).parents[1] / "support" / "lease_holder.py"
SOURCES = Path(__file__).parents[2] / "src"
NAME = "default/run"


class Holder:
    """A process that holds the lease."""

    def __init__(self, url: str, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HOLDER), url, NAME, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(SOURCES)},
        )

    def hears(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def asked_to(self, word: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self.hears()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Close its input, which ends it in peace, and wait."""
        with self._process:
            return_code: int | None = self._process.poll()
        return self._process.returncode if return_code is None else return_code


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(database_url, min_size=1, max_size=8, kwargs={"autocommit": True}) as pool:
        with pool.connection() as connection:
            connection.execute("create table public.lease_test (owner text)")
        yield pool


@pytest.fixture
def start(database_url: str, pool: ConnectionPool) -> Iterator[Callable[[float], Holder]]:
    started: list[Holder] = []

    def start_holder(seconds: float) -> Holder:
        started.append(Holder(database_url, seconds))
        return started[-1]

    yield start_holder
    for holder in started:
        holder.signal(signal.SIGKILL)
        holder.end()


@pytest.fixture
def cut_off(database_url: str, pool: ConnectionPool) -> Iterator[Callable[..., None]]:
    """Ends the sessions of the database; for good: it also takes no new ones."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    elsewhere = psycopg.conninfo.make_conninfo(database_url, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as admin:

        def allow_connections(allowed: bool) -> None:
            admin.execute(
                sql.SQL("alter database {} allow_connections {}").format(
                    sql.Identifier(str(name)), sql.Literal(allowed)
                )
            )

        def cut(*, for_good: bool) -> None:
            allow_connections(not for_good)
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
            )

        yield cut
        allow_connections(True)


def a_lease(pool: ConnectionPool, seconds: float = 30.0, owner: str = "test") -> PostgresLease:
    return PostgresLease(pool, NAME, owner=owner, seconds=seconds)


def acquired_within(lease: PostgresLease, seconds: float) -> Fence:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        if fence := lease.try_acquire():
            return fence
        time.sleep(0.02)
    raise AssertionError("the lease did not become free")


def holds(pool: ConnectionPool, fence: Fence) -> bool:
    with pool.connection() as connection:
        [answer] = connection.execute(
            "select trueup.holds_lease(%s, %s)", [fence.name, fence.epoch]
        ).fetchone() or [False]
    return bool(answer)


def test_twenty_starts_at_once_are_one_run(pool: ConnectionPool) -> None:
    """Exactly one gets the lease, the others learn who holds it."""
    start_together = threading.Barrier(20)

    def try_it(number: int) -> Fence | None:
        start_together.wait()
        return a_lease(pool, owner=f"owner {number}").try_acquire(f"run-{number}")

    with ThreadPoolExecutor(20) as threads:
        fences = [fence for fence in threads.map(try_it, range(20)) if fence]
    assert fences == [Fence(NAME, 1)]

    holder = a_lease(pool).holder()
    assert holder is not None
    assert holder.owner.removeprefix("owner ") == (holder.run_id or "").removeprefix("run-")
    assert (holder.pid, holder.epoch) == (os.getpid(), 1)


def test_a_released_lease_is_free_and_the_epoch_grows(pool: ConnectionPool) -> None:
    """The next holder has another number; the old one can do nothing with its own."""
    lease = a_lease(pool)
    first = lease.try_acquire()
    assert first is not None
    assert lease.renew(first)
    assert lease.try_acquire() is None

    lease.release(first)
    assert lease.holder() is None
    second = lease.try_acquire()
    assert second == Fence(NAME, 2)
    lease.release(first)
    assert not lease.renew(first)
    assert (holds(pool, first), holds(pool, second)) == (False, True)


def test_names_do_not_know_each_other(pool: ConnectionPool) -> None:
    """Two workspaces run at once."""
    other = PostgresLease(pool, "second/run", owner="test")
    assert a_lease(pool).try_acquire()
    assert other.try_acquire() == Fence("second/run", 1)


def test_an_expired_lease_is_lost_also_when_nobody_took_it(pool: ConnectionPool) -> None:
    """A renewal that comes too late does not bring it back."""
    lease = a_lease(pool, seconds=0.1)
    fence = lease.try_acquire()
    assert fence is not None
    time.sleep(0.15)
    assert not lease.renew(fence)
    assert not holds(pool, fence)


def test_holding_renews_and_leaving_releases(pool: ConnectionPool) -> None:
    """A block may last much longer than the lease; afterwards the lease is free at once."""
    lease = a_lease(pool, seconds=0.6)
    with lease.hold("a-run") as held:
        time.sleep(1.5)
        held.check()
        with pytest.raises(LockedError, match="run a-run holds the lock"), lease.hold():
            pass
    assert lease.holder() is None
    assert not held.lost.is_set()


def test_a_killed_owners_lease_is_free_within_seconds(
    pool: ConnectionPool, start: Callable[[float], Holder]
) -> None:
    """kill -9: nobody has to clean up."""
    holder = start(1.5)
    assert holder.hears() == "held 1"
    assert holder.asked_to("write") == "written"
    holder.signal(signal.SIGKILL)
    assert acquired_within(a_lease(pool), 3.0).epoch == 2


def test_a_thawed_owner_notices_and_is_fenced_off(
    pool: ConnectionPool, start: Callable[[float], Holder]
) -> None:
    """SIGSTOP for longer than the lease: another takes over, the first cannot write any more."""
    frozen = start(1.0)
    assert frozen.hears() == "held 1"
    frozen.signal(signal.SIGSTOP)
    successor = acquired_within(a_lease(pool), 3.0)

    frozen.signal(signal.SIGCONT)
    assert frozen.asked_to("check") == "lost"
    assert frozen.asked_to("write") == "refused"
    assert frozen.end() == 0
    assert holds(pool, successor)


def test_an_owner_stopped_in_mid_write_does_not_block_its_successor_for_long(
    pool: ConnectionPool, start: Callable[[float], Holder]
) -> None:
    """Its open transaction is ended by the server, and what it wrote is undone."""
    frozen = start(1.0)
    assert frozen.hears() == "held 1"
    assert frozen.asked_to("begin") == "open"
    frozen.signal(signal.SIGSTOP)
    assert acquired_within(a_lease(pool), 15.0).epoch == 2


def test_a_write_and_a_takeover_do_not_overlap(database_url: str, pool: ConnectionPool) -> None:
    """A successor waits for the transaction that was still entitled to write."""
    fence = a_lease(pool, seconds=0.3).try_acquire()
    assert fence is not None
    with psycopg.connect(database_url) as writing, ThreadPoolExecutor(1) as thread:
        writing.execute("select trueup.holds_lease(%s, %s)", [fence.name, fence.epoch])
        writing.execute("insert into public.lease_test values ('first')")
        time.sleep(0.4)
        taking = thread.submit(a_lease(pool).try_acquire)
        time.sleep(0.2)
        assert not taking.done()
        writing.commit()
        assert taking.result(timeout=5) == Fence(NAME, 2)


def test_a_cut_connection_does_not_lose_the_lease(
    pool: ConnectionPool, cut_off: Callable[..., None]
) -> None:
    """A heartbeat that fails is repeated well before the deadline."""
    with a_lease(pool, seconds=1.5).hold() as held:
        for _ in range(4):
            cut_off(for_good=False)
            time.sleep(0.6)
        held.check()


def test_a_database_that_is_away_loses_the_lease_in_time(
    pool: ConnectionPool, cut_off: Callable[..., None]
) -> None:
    """When no renewal arrives, `lost` is set before the lease can have expired."""
    with a_lease(pool, seconds=1.5).hold() as held:
        cut_off(for_good=True)
        cut_at = time.monotonic()
        assert held.lost.wait(5)
        assert time.monotonic() - cut_at < 1.5


def test_a_database_that_hangs_loses_the_lease_in_time() -> None:
    """A renewal that never returns does not keep the watch from noticing."""
    back = threading.Event()
    taken_at = time.monotonic()
    held = Heartbeat(
        Fence(NAME, 1),
        lambda _: back.wait(10),
        seconds=1.0,
        since=taken_at,
        monotonic=time.monotonic,
    )
    held.start()
    held.check()
    assert held.lost.wait(5)
    assert 0.8 < time.monotonic() - taken_at < 1.0
    with pytest.raises(LeaseLostError):
        held.check()
    back.set()
    held.stop()


def test_a_taken_over_lease_is_noticed_at_the_next_heartbeat() -> None:
    """A renewal that finds another's epoch sets `lost` at once."""
    held = Heartbeat(
        Fence(NAME, 1), lambda _: False, seconds=0.6, since=10.0, monotonic=lambda: 10.0
    )
    held.start()
    assert held.lost.wait(2)
    held.stop()


def test_check_does_not_wait_for_the_watch() -> None:
    """A process that was suspended asks the clock itself, before any thread has woken up."""
    now = 0.0
    held = Heartbeat(Fence(NAME, 1), lambda _: True, seconds=30, since=0.0, monotonic=lambda: now)
    held.check()
    now = 28.0
    with pytest.raises(LeaseLostError):
        held.check()
    assert held.lost.is_set()
