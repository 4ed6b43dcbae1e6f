"""The tokens of one organisation: refresh tokens, grant codes, live access tokens."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from zoho_emulator.clock import Clock
from zoho_emulator.ids import Ids
from zoho_emulator.limits import SlidingWindow
from zoho_emulator.oauth.options import OAuthOptions


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A minted access token; `expires_at` on the emulated monotonic clock."""

    value: str
    scope: str
    refresh_token: str
    expires_at: float


@dataclass(slots=True)
class RefreshToken:
    """A refresh token with the access tokens that live on it, oldest first."""

    value: str
    scope: str
    mints: SlidingWindow
    live: list[AccessToken] = field(default_factory=list)


class ThrottledError(Exception):
    """Too many access tokens, or grant codes, within ten minutes (zoho-facts §1.4)."""


class TokenTable:
    """Mints, checks and revokes tokens."""

    def __init__(self, options: OAuthOptions, clock: Clock, ids: Ids, refresh_token: str) -> None:
        self._options = options
        self._clock = clock
        self._ids = ids
        self._refresh: dict[str, RefreshToken] = {}
        self._codes: dict[str, tuple[str, float]] = {}
        self._code_mints = SlidingWindow(options.refresh_window, options.codes)
        self.minted = 0
        self.refused = 0
        self.add_refresh_token(refresh_token, options.scope)

    def add_refresh_token(self, value: str, scope: str) -> RefreshToken:
        """Register a refresh token; the one beyond the 20th pushes out the oldest (§1.4)."""
        while len(self._refresh) >= self._options.refresh_tokens:
            del self._refresh[next(iter(self._refresh))]
        mints = SlidingWindow(self._options.refresh_window, self._options.refreshes)
        self._refresh[value] = RefreshToken(value, scope, mints)
        return self._refresh[value]

    def refresh_token(self, value: str) -> RefreshToken | None:
        """The refresh token of this value, when it is known and not revoked."""
        return self._refresh.get(value)

    def refresh_tokens(self) -> dict[str, str]:
        """All refresh tokens with their scopes, oldest first."""
        return {value: refresh.scope for value, refresh in self._refresh.items()}

    def mint(self, refresh: RefreshToken) -> AccessToken:
        """A new access token. Raises `ThrottledError` after 10 in 10 minutes.

        The 16th live token silently ends the oldest one (§1.4).
        """
        at = self._clock.monotonic()
        if not self._may_mint(refresh.mints, at):
            self.refused += 1
            raise ThrottledError
        token = AccessToken(
            self._ids.token(), refresh.scope, refresh.value, at + self._options.expires_in
        )
        live = [held for held in refresh.live if held.expires_at > at]
        refresh.live = [*live, token][-self._options.live_tokens :]
        self.minted += 1
        return token

    def check(self, value: str) -> AccessToken | None:
        """The access token of this value while it lives."""
        at = self._clock.monotonic()
        for refresh in self._refresh.values():
            for token in refresh.live:
                if token.value == value and token.expires_at > at:
                    return token
        return None

    def issued(self, value: str) -> bool:
        """Whether it is a refresh token, a code, or an access token of ours, expired or not."""
        live = (token.value for refresh in self._refresh.values() for token in refresh.live)
        return value in self._refresh or value in self._codes or value in live

    def expire(self, value: str | None = None) -> int:
        """End one access token, or all of them; tells how many lived."""
        ended = 0
        for refresh in self._refresh.values():
            kept = [token for token in refresh.live if value is not None and token.value != value]
            ended += len(refresh.live) - len(kept)
            refresh.live = kept
        return ended

    def revoke(self, value: str) -> bool:
        """Revoke a refresh token with its access tokens, or a single access token (§1.2)."""
        if self._refresh.pop(value, None) is not None:
            return True
        return self.expire(value) > 0

    def mint_code(self, scope: str | None = None) -> str:
        """A grant code, as the self-client page of the console makes one (§1.3).

        Raises `ThrottledError` after 10 in 10 minutes (§1.4).
        """
        if not self._may_mint(self._code_mints, self._clock.monotonic()):
            raise ThrottledError
        code = self._ids.token()
        expires = self._clock.monotonic() + self._options.code_life
        self._codes[code] = (scope or self._options.scope, expires)
        return code

    def take_code(self, code: str) -> RefreshToken | None:
        """A new refresh token for a grant code, once and within its life."""
        scope, expires = self._codes.pop(code, ("", 0.0))
        if not scope or expires <= self._clock.monotonic():
            return None
        return self.add_refresh_token(self._ids.token(), scope)

    def counts(self) -> dict[str, Any]:
        """Numbers for the console."""
        at = self._clock.monotonic()
        live = sum(t.expires_at > at for r in self._refresh.values() for t in r.live)
        return {
            "minted": self.minted,
            "refused": self.refused,
            "live": live,
            "refresh_tokens": len(self._refresh),
        }

    def _may_mint(self, mints: SlidingWindow, at: float) -> bool:
        full = mints.limit is not None and mints.used(at) >= mints.limit
        if full and not self._options.refused_counts:
            return False
        return mints.arrive(at)


def fingerprint(token: str) -> str:
    """A short digest that tells tokens apart without showing them."""
    return hashlib.sha256(token.encode()).hexdigest()[:12] if token else ""
