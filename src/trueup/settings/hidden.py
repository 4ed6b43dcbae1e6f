"""The values that must never be shown, from the settings and the key in the data directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from trueup.settings.load import Settings
from trueup.settings.options import OPTIONS

_PASSWORD = re.compile(r"password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))")
_KEY = re.compile(r"(?=.*[0-9A-Z]).{8,}|.{16,}")  # a part of an address that is no mere word


def hidden_values(settings: Settings) -> Iterator[str]:
    """Every secret, whole and in the parts that a message of somebody else's might repeat."""
    for option in OPTIONS:
        given = getattr(settings, option.name)
        if option.secret and given:
            for one in (given,) if isinstance(given, str) else given:
                yield one
                yield from _parts(one)
    yield from _parts(settings.otel_endpoint)
    with suppress(OSError, UnicodeDecodeError):
        yield (settings.data_dir / "secret.key").read_text(encoding="ascii").strip()


def _parts(address: str) -> Iterator[str]:
    """The password of an address or of a connection string, and long parts of its path."""
    for quoted, plain in _PASSWORD.findall(address):
        yield quoted or plain
    try:
        parts = urlsplit(address)
        password = parts.password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
    if not parts.scheme.startswith("postgres"):
        words = [*parts.path.split("/"), *re.split("[&=]", parts.query), parts.username or ""]
        yield from (word for word in words if _KEY.fullmatch(word))
