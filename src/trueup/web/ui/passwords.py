"""Passwords: Argon2id with the library's recommended parameters."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from trueup.web.parts import threaded

SHORTEST: Final = 12
LONGEST: Final = 200  # a longer one only costs time
_HASHER: Final = PasswordHasher()
# Somebody without an account costs as much time as somebody with one.
_NOBODY: Final = _HASHER.hash("nobody signs in with this")
_AT_ONCE: Final = 2  # each takes a core and 64 MiB for some hundredths of a second


class Hashing:
    """Few at once, however many ask: others wait without keeping a thread."""

    def __init__(self) -> None:
        self._seats = asyncio.Semaphore(_AT_ONCE)

    async def hashed(self, password: str) -> str:
        """What is kept of a password."""
        async with self._seats:
            return await threaded(hashed, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password; takes as long when there is none to compare with."""
        async with self._seats:
            return await threaded(matches, password_hash, password)


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; takes as long when there is none to compare with."""
    try:
        _HASHER.verify(password_hash or _NOBODY, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def why_not(password: str, login: str) -> str:
    """Why a new password is not taken; empty when it is."""
    if len(password) < SHORTEST:
        return f"use at least {SHORTEST} characters; a few words make a good one"
    if len(password) > LONGEST:
        return f"use at most {LONGEST} characters"
    guessed = login.casefold() in password.casefold() and len(password) < SHORTEST + len(login)
    if guessed or len(set(password)) < SHORTEST // 2:
        return "that is guessed at once; a few words make a good one"
    return ""
