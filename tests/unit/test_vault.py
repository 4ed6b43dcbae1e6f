"""Secrets at rest."""

from __future__ import annotations

import pytest

from trueup.domain.errors import UsageError
from trueup.postgres.vault import Vault, VaultKeyError, credentials_digest


@pytest.mark.parametrize("secret", ["", "1000.invented", "ünïcode \N{SNOWMAN}", "x" * 5000])
def test_what_is_encrypted_can_be_read_again(secret: str) -> None:
    """Any two vaults with one key read each other's writing, and never write the same twice."""
    ciphertext = Vault("any passphrase").encrypt(secret)
    assert Vault("any passphrase").decrypt(ciphertext) == secret
    assert Vault("any passphrase").encrypt(secret) != ciphertext
    assert not secret or secret.encode() not in ciphertext


def test_another_key_is_a_clear_error() -> None:
    """The message names the remedy and shows neither key nor secret."""
    ciphertext = Vault("first").encrypt("1000.invented")
    with pytest.raises(VaultKeyError) as error:
        Vault("second").decrypt(ciphertext)
    assert "TRUEUP_SECRET_KEY" in error.value.remedy
    assert "second" not in f"{error.value} {error.value.remedy}"


def test_a_damaged_secret_is_the_same_error() -> None:
    """A cut or changed ciphertext is never read as something else."""
    ciphertext = Vault("key").encrypt("1000.invented")
    for damaged in (b"", ciphertext[:-5], ciphertext[:20] + b"A" + ciphertext[21:]):
        with pytest.raises(VaultKeyError):
            Vault("key").decrypt(damaged)


def test_an_empty_key_is_refused() -> None:
    """An unset variable must not become a key that everybody knows."""
    with pytest.raises(UsageError):
        Vault("")


def test_it_prints_nothing_of_its_key() -> None:
    """Reprs end up in logs."""
    assert repr(Vault("a passphrase")) == "Vault(***)"


def test_the_digest_tells_credentials_apart() -> None:
    """Either part makes a difference, and their border cannot be moved."""
    digests = {
        credentials_digest(*pair) for pair in [("a", "b"), ("a", "c"), ("ab", ""), ("", "ab")]
    }
    assert len(digests) == 4
