"""One access token for all: minted once, refreshed early by one, silent after a refusal."""

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
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from trueup.domain.errors import CredentialsError, PausedError
from trueup.ports import AccessToken, MintedToken
from trueup.postgres.tokens import PostgresTokenStore, TokenStatus
from trueup.postgres.vault import Vault

CALLER = Path(__file__).parents[1] / "support" / "token_caller.py"
SOURCES = Path(__file__).parents[2] / "src"
KEY = "an invented passphrase"


class Mint:
    """A token endpoint that counts."""

    def __init__(self, seconds: float = 0.0, *, expires_in: float = 3600) -> None:
        self.calls = 0
        self.seconds = seconds
        self.expires_in = expires_in
        self.refusal: Exception | None = None
        self._lock = threading.Lock()

    def __call__(self) -> MintedToken:
        with self._lock:
            self.calls += 1
            value = f"1000.clear-text-{self.calls}"
        time.sleep(self.seconds)
        if self.refusal:
            raise self.refusal
        return MintedToken(value, self.expires_in, "https://api.example", "Products.ALL")


NewStore = Callable[..., PostgresTokenStore]


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(database_url, min_size=1, max_size=8, kwargs={"autocommit": True}) as pool:
        yield pool


@pytest.fixture
def new_store(pool: ConnectionPool) -> NewStore:
    def new(key: str = KEY, **rules: Any) -> PostgresTokenStore:
        return PostgresTokenStore(pool, Vault(key), sleep=time.sleep, **rules)

    return new


def start_caller(url: str, log: Path, mint_seconds: float, lease: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CALLER), url, str(log), str(mint_seconds), str(lease)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
    )


def make_due(pool: ConnectionPool) -> None:
    """The token reaches 80 % of its life."""
    with pool.connection() as connection:
        connection.execute("update trueup.token set refresh_at = clock_timestamp()")


def expire(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        connection.execute(
            "update trueup.token set refresh_at = clock_timestamp(), expires_at = clock_timestamp()"
        )


def test_eight_threads_mint_once(new_store: NewStore) -> None:
    """The others wait for the one that mints and get its token."""
    mint = Mint(0.3)
    store = new_store()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(store.get, mint, patience=10) for _ in range(8)]
        values = {answer.result().value for answer in asked}
    assert (mint.calls, values) == (1, {"1000.clear-text-1"})


def test_four_processes_mint_once(database_url: str, tmp_path: Path) -> None:
    """The same across processes."""
    log = tmp_path / "mints"
    callers = [start_caller(database_url, log, 0.5, 30) for _ in range(4)]
    values = {caller.communicate(timeout=30)[0] for caller in callers}
    assert len(values) == 1
    assert len(log.read_text().splitlines()) == 1


def test_a_refresher_killed_in_mid_mint_frees_its_turn(
    database_url: str, tmp_path: Path, new_store: NewStore
) -> None:
    """After kill -9 the next caller mints when the dead one's turn has run out."""
    log = tmp_path / "mints"
    doomed = start_caller(database_url, log, 60, 1.0)
    while not log.exists():
        time.sleep(0.01)
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate(timeout=10)

    killed_at = time.monotonic()
    assert new_store().get(Mint(), patience=10).value == "1000.clear-text-1"
    assert time.monotonic() - killed_at < 2


def test_five_hundred_gets_are_one_mint(new_store: NewStore) -> None:
    """500 products cost one refresh."""
    mint = Mint()
    store = new_store()
    generations = {store.get(mint, patience=1).generation for _ in range(500)}
    assert (mint.calls, generations) == (1, {1})


def test_it_is_refreshed_at_four_fifths_of_its_life(
    new_store: NewStore, pool: ConnectionPool
) -> None:
    """One refreshes; the others use the old token meanwhile and do not wait."""
    mint = Mint()
    store = new_store()
    first = store.get(mint, patience=1)
    status = store.status()
    assert status.issued_at is not None
    assert status.refresh_at is not None
    assert (status.refresh_at - status.issued_at).total_seconds() == pytest.approx(2880)

    make_due(pool)
    mint.seconds = 0.5
    with ThreadPoolExecutor(1) as thread:
        refreshing = thread.submit(store.get, mint, patience=1)
        while mint.calls < 2:
            time.sleep(0.01)
        assert store.get(mint, patience=0).value == first.value
        assert refreshing.result().value == "1000.clear-text-2"
    assert store.get(mint, patience=0).generation == 2
    assert mint.calls == 2


def test_a_failed_refresh_does_not_spoil_a_good_token(
    new_store: NewStore, pool: ConnectionPool
) -> None:
    """While the old token lives, trouble at the token endpoint disturbs nobody."""
    mint = Mint()
    store = new_store()
    first = store.get(mint, patience=1)
    make_due(pool)
    mint.refusal = CredentialsError("refused")
    assert {store.get(mint, patience=1).value for _ in range(20)} == {first.value}
    assert mint.calls == 2

    expire(pool)
    with pytest.raises(PausedError):
        store.get(mint, patience=0)


def test_a_failed_mint_says_why(new_store: NewStore) -> None:
    """Without an old token the minter's error is the answer, and the next caller may try."""
    mint = Mint()
    mint.refusal = CredentialsError("invalid_code")
    store = new_store()
    with pytest.raises(CredentialsError, match="invalid_code"):
        store.get(mint, patience=1)
    mint.refusal = None
    assert store.get(mint, patience=5).generation == 1


def test_a_refusal_silences_everybody(new_store: NewStore) -> None:
    """The cooldown holds for every process, and for as long as it was set, no longer."""
    ours, theirs = new_store(cooldown_seconds=1.0), new_store()
    mint = Mint()

    def refused() -> MintedToken:
        ours.cool_down("Access Denied")
        raise PausedError("too many requests")

    with pytest.raises(PausedError):
        ours.get(refused, patience=1)
    for store in (ours, theirs):
        with pytest.raises(PausedError) as paused:
            store.get(mint, patience=10)
        assert paused.value.until == store.status().cooldown_until is not None
    assert (mint.calls, theirs.status().cooldown_reason) == (0, "Access Denied")

    while theirs.status().cooldown_until:
        time.sleep(0.05)
    assert theirs.get(mint, patience=5).generation == 1
    assert theirs.status().cooldown_reason is None


def test_a_good_token_is_used_during_a_cooldown(new_store: NewStore, pool: ConnectionPool) -> None:
    """Silence towards the token endpoint is no reason to stop working."""
    mint = Mint()
    store = new_store()
    store.get(mint, patience=1)
    store.cool_down("Access Denied", 60)
    make_due(pool)
    assert store.get(mint, patience=0).generation == 1
    assert mint.calls == 1


def test_many_invalidate_and_one_mints(new_store: NewStore) -> None:
    """Eight callers with the same refused token cause one new one; a newer token is kept."""
    mint = Mint(0.1)
    store = new_store()
    refused = store.get(mint, patience=1)

    def meet_a_refusal() -> AccessToken:
        store.invalidate(refused)
        return store.get(mint, patience=10)

    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(meet_a_refusal) for _ in range(8)]
        generations = {answer.result().generation for answer in answers}
    assert (mint.calls, generations) == (2, {2})

    store.invalidate(refused)
    assert store.get(mint, patience=1).generation == 2


def test_the_database_holds_no_clear_text(new_store: NewStore, pool: ConnectionPool) -> None:
    """A dump of the table, and what Python prints of it, tells nothing."""
    store = new_store()
    token = store.get(Mint(), patience=1)
    with pool.connection() as connection:
        rows = connection.execute(
            "select token::text, encode(ciphertext, 'escape') from trueup.token token"
        ).fetchall()
    shown = f"{rows} {token!r} {store!r} {store.status()!r}"
    assert "clear-text" not in shown
    assert KEY not in shown


def test_other_credentials_discard_the_token(new_store: NewStore) -> None:
    """The token, and the cooldown, of other credentials count for nothing."""
    mint = Mint()
    old, new = new_store(credentials_digest="a"), new_store(credentials_digest="b")
    old.get(mint, patience=1)
    old.cool_down("Access Denied")
    assert new.get(mint, patience=1).generation == 2
    assert mint.calls == 2


def test_another_secret_key_mints_anew(new_store: NewStore) -> None:
    """A token that cannot be read is replaced, nobody has to clear a table."""
    mint = Mint()
    new_store().get(mint, patience=1)
    assert new_store("another passphrase").get(mint, patience=1).value == "1000.clear-text-2"


def test_waiting_has_an_end(new_store: NewStore) -> None:
    """Who is not patient enough for another's mint learns until when its turn lasts."""
    store = new_store(refresh_lease=30.0)
    slow = Mint(1.0)
    with ThreadPoolExecutor(1) as thread:
        minting = thread.submit(store.get, slow, patience=1)
        while not slow.calls:
            time.sleep(0.01)
        with pytest.raises(PausedError) as paused:
            store.get(Mint(), patience=0.2)
        minting.result()
    assert paused.value.until is not None


def test_the_status_of_no_token(new_store: NewStore) -> None:
    """Before the first mint there is nothing to say."""
    assert new_store().status() == TokenStatus()
