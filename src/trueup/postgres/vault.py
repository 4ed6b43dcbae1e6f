"""Secrets at rest: encrypted with a key that is derived from the configured passphrase."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trueup.domain.errors import TrueupError, UsageError

# Both name the use of the key, so that the same passphrase may also sign sessions; changing
# either makes every stored secret unreadable.
_SALT: Final = b"trueup.vault.1"
_PURPOSE: Final = b"stored tokens"


class VaultKeyError(TrueupError):
    """A stored secret was encrypted with another key, or is damaged."""


class Vault:
    """Encrypts what is stored and reads it back.

    Any passphrase will do, but it is not stretched: a generated one of 32 bytes is meant.
    Raises `UsageError` for an empty one.
    """

    __slots__ = ("_fernet",)

    def __init__(self, secret_key: str) -> None:
        if not secret_key:
            raise UsageError(
                "the secret key is empty", remedy="set TRUEUP_SECRET_KEY, or unset it altogether"
            )
        derived = HKDF(algorithm=SHA256(), length=32, salt=_SALT, info=_PURPOSE).derive(
            secret_key.encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def __repr__(self) -> str:
        return "Vault(***)"

    def encrypt(self, secret: str) -> bytes:
        """The secret, readable only with this key."""
        return self._fernet.encrypt(secret.encode())

    def decrypt(self, ciphertext: bytes) -> str:
        """The secret again; raises `VaultKeyError` when another key wrote it."""
        try:
            return self._fernet.decrypt(ciphertext).decode()
        except InvalidToken as error:
            raise VaultKeyError(
                "a stored secret cannot be read with this secret key",
                remedy="give every process the same TRUEUP_SECRET_KEY",
            ) from error


def credentials_digest(client_id: str, refresh_token: str) -> str:
    """Tells credentials apart without keeping them: a stored token belongs to one digest."""
    return hashlib.sha256(f"{client_id}\0{refresh_token}".encode()).hexdigest()
