"""The access token that all processes share, kept encrypted in Postgres (spec law 7).

One token serves everybody for its hour; at 80 % of its life one process fetches the next while
the others keep using the old one. Tokens are scarce: ten in ten minutes, and the sixteenth that
is alive ends the first (zoho-facts §1.4). Who does what is decided in SQL
(`migrations/0002_budget_tokens_lease.sql`), by the database's clock.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from trueup.domain.errors import PausedError, TrueupError
from trueup.ports import AccessToken, MintedToken
from trueup.postgres.vault import Vault, VaultKeyError

REFRESH_SHARE: Final = 0.8
# Who waits for somebody else's refresh looks this often, in seconds.
POLL: Final = 0.1
# After a failed attempt the next one waits, whoever makes it; longer while the old token lives.
PAUSE_AFTER_FAILURE: Final = 1.0
PAUSE_WITH_OLD_TOKEN: Final = 30.0

_CLAIM: Final = """
    select verdict, usable, until_at, (token).ciphertext, (token).api_domain, (token).generation,
           (token).expires_at
    from trueup.claim_token(
        %(workspace)s, %(purpose)s, %(digest)s, %(claimant)s, %(refresh_lease)s::float8)"""
_STORE: Final = """
    select generation, expires_at from trueup.store_token(
        %(workspace)s, %(purpose)s, %(claimant)s, %(ciphertext)s, %(api_domain)s, %(scope)s,
        %(expires_in)s::float8, %(refresh_share)s::float8)"""
_ABANDON: Final = """
    select trueup.abandon_token(
        %(workspace)s, %(purpose)s, %(claimant)s, %(pause)s::float8)"""
_INVALIDATE: Final = """
    update trueup.token set ciphertext = null
    where workspace = %(workspace)s and purpose = %(purpose)s and generation = %(generation)s
      and ciphertext is not null"""
_COOL_DOWN: Final = """
    insert into trueup.token as stored
        (workspace, purpose, credentials_digest, cooldown_until, cooldown_reason)
    values (%(workspace)s, %(purpose)s, %(digest)s,
            clock_timestamp() + make_interval(secs => %(seconds)s::float8), %(reason)s)
    on conflict (workspace, purpose) do update
    set cooldown_until = greatest(stored.cooldown_until, excluded.cooldown_until),
        cooldown_reason = excluded.cooldown_reason"""
_STATUS: Final = """
    select case when ciphertext is not null then issued_at end as issued_at,
           case when ciphertext is not null then expires_at end as expires_at,
           case when ciphertext is not null then refresh_at end as refresh_at,
           coalesce(api_domain, '') as api_domain, coalesce(scope, '') as scope,
           case when cooldown_until > clock_timestamp() then cooldown_until end as cooldown_until,
           case when cooldown_until > clock_timestamp() then cooldown_reason end
               as cooldown_reason,
           generation
    from trueup.token where workspace = %(workspace)s and purpose = %(purpose)s"""


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """How the shared token stands; without one the times are None."""

    issued_at: datetime | None = None
    expires_at: datetime | None = None
    refresh_at: datetime | None = None
    api_domain: str = ""
    scope: str = ""
    cooldown_until: datetime | None = None
    cooldown_reason: str | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class _Claim:
    """What `claim_token` decided."""

    verdict: Literal["use", "mint", "wait", "cooling"]
    usable: bool
    until_at: datetime | None
    ciphertext: bytes | None
    api_domain: str | None
    generation: int | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class PostgresTokenStore:
    """The `TokenStore` of every process that shares one database and workspace.

    `credentials_digest` (see `vault.credentials_digest`) ties the token to the credentials: with
    others, the stored one is discarded. `cooldown_seconds` is the silence after a refusal. A
    process that died while minting frees its turn after `refresh_lease` seconds, so a `mint`
    should be done by then; a late one is still used once, but may not have been the only one.
    """

    pool: ConnectionPool
    vault: Vault
    _: KW_ONLY
    workspace: str = "default"
    purpose: str = "api"
    credentials_digest: str = ""
    sleep: Callable[[float], None]
    cooldown_seconds: float = 300.0
    refresh_lease: float = 60.0
    monotonic: Callable[[], float] = time.monotonic

    def get(self, mint: Callable[[], MintedToken], *, patience: float) -> AccessToken:
        """A token that is valid now, minted by this caller when it is its turn.

        Raises `PausedError` during a cooldown, or when another process's refresh takes longer
        than `patience` seconds; whatever `mint` raises passes through, unless the old token is
        still good.
        """
        deadline = self.monotonic() + patience
        while True:
            claimant = uuid.uuid4().hex
            claim = self._claim(claimant)
            token = self._read(claim) if claim.usable else None
            if claim.verdict == "mint":
                token = self._mint(mint, claimant, token)
            elif claim.verdict == "cooling":
                raise _paused("the token endpoint asked for silence", claim.until_at)
            elif claim.verdict == "wait":
                if self.monotonic() >= deadline:
                    raise _paused("another process is fetching the token", claim.until_at)
                self.sleep(POLL)
            if token is not None:
                return token

    def invalidate(self, token: AccessToken) -> None:
        """The token was refused before its time: the next `get` mints another.

        Only the first of many callers has an effect; a newer token is left alone.
        """
        self._execute(_INVALIDATE, generation=token.generation)

    def cool_down(self, reason: str, seconds: float | None = None) -> None:
        """No process asks for a token for that long; further tries would prolong the refusal."""
        self._execute(
            _COOL_DOWN,
            reason=reason,
            seconds=self.cooldown_seconds if seconds is None else seconds,
        )

    def status(self) -> TokenStatus:
        """How the token stands, without the token."""
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(TokenStatus))
            return cursor.execute(_STATUS, self._given()).fetchone() or TokenStatus()

    def _claim(self, claimant: str) -> _Claim:
        given = self._given(claimant=claimant, refresh_lease=self.refresh_lease)
        with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(_Claim))
            [claim] = cursor.execute(_CLAIM, given).fetchall()
        return claim

    def _read(self, claim: _Claim) -> AccessToken | None:
        """The stored token; one that this key cannot read is given up, and None."""
        if claim.ciphertext is None or claim.generation is None or claim.expires_at is None:
            return None
        try:
            value = self.vault.decrypt(claim.ciphertext)
        except VaultKeyError:
            self._execute(_INVALIDATE, generation=claim.generation)
            return None
        return AccessToken(value, claim.api_domain or "", claim.generation, claim.expires_at)

    def _mint(
        self, mint: Callable[[], MintedToken], claimant: str, old: AccessToken | None
    ) -> AccessToken | None:
        """Fetch and keep a token; None when it was fetched too late and another one counts."""
        try:
            minted = mint()
        except BaseException as error:
            pause = PAUSE_AFTER_FAILURE if old is None else PAUSE_WITH_OLD_TOKEN
            self._execute(_ABANDON, claimant=claimant, pause=pause)
            if old is not None and isinstance(error, TrueupError):
                return old
            raise
        given = self._given(
            claimant=claimant,
            ciphertext=self.vault.encrypt(minted.value),
            api_domain=minted.api_domain,
            scope=minted.scope,
            expires_in=minted.expires_in,
            refresh_share=REFRESH_SHARE,
        )
        with self.pool.connection() as connection:
            kept = connection.execute(_STORE, given).fetchone()
        return AccessToken(minted.value, minted.api_domain, *kept) if kept else None

    def _execute(self, statement: str, **more: Any) -> None:
        with self.pool.connection() as connection:
            connection.execute(statement, self._given(**more))

    def _given(self, **more: Any) -> dict[str, Any]:
        return {
            "workspace": self.workspace,
            "purpose": self.purpose,
            "digest": self.credentials_digest,
            **more,
        }


def _paused(message: str, until: datetime | None) -> PausedError:
    return PausedError(
        f"{message}, until {until:%Y-%m-%d %H:%M:%S %Z}" if until else message, until
    )
