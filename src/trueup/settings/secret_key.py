"""The key that encrypts what is stored: configured, or made once in the data directory."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from trueup.domain.errors import UsageError
from trueup.settings.load import Settings


def secret_key(settings: Settings) -> str:
    """The configured key, else the one in the data directory, which is made when it is missing."""
    if settings.secret_key:
        return settings.secret_key
    file = settings.data_dir / "secret.key"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _make_key(file)
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UsageError(
            f"the key {file} cannot be read or made: {error.strerror}",
            "make the data directory writable, or set TRUEUP_SECRET_KEY",
        ) from None


def _make_key(file: Path) -> None:
    """Made beside and then linked, so that another process never reads a half-written key."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
    with suppress(FileExistsError):
        file.hardlink_to(draft)
    draft.unlink()
