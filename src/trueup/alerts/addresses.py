"""Addresses of people: which way a message takes, and how one is shown without its secret."""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import SplitResult, urlsplit

# Chats that take a message of their own form at an https address; Apprise knows each form.
_CHATS: Final = (
    "hooks.slack.com",
    "hooks.slack-gov.com",
    "discord.com",
    "discordapp.com",
    "webhook.office.com",
    "outlook.office.com",
    "logic.azure.com",
    "chat.googleapis.com",
)
# Where the part after `://` is a server. Elsewhere it may be the secret itself (slack://TOKEN/…).
_SERVERS: Final = frozenset(
    {
        "form",
        "forms",
        "gotify",
        "gotifys",
        "http",
        "https",
        "json",
        "jsons",
        "mailto",
        "mailtos",
        "ntfys",
        "xml",
        "xmls",
    }
)


def is_webhook(address: str) -> bool:
    """Whether it takes our own JSON: http(s), but not a chat that wants its own form."""
    parts = _split(address)
    if parts is None or parts.scheme not in ("http", "https"):
        return False
    host = parts.hostname or ""
    return not any(host == chat or host.endswith(f".{chat}") for chat in _CHATS)


def masked(address: str) -> str:
    """Scheme and server, nothing that is worth stealing."""
    parts = _split(address)
    if parts is None:
        return "…"
    if parts.scheme not in _SERVERS or not parts.hostname:
        return f"{parts.scheme}://…"
    return f"{parts.scheme}://{parts.hostname}"


def mark(address: str) -> str:
    """A name under which the database remembers what was told there; not the address itself.

    Without its password: it cannot be guessed from the mark, and a new one tells nothing twice.
    """
    parts = _split(address)
    password = parts.password if parts else None
    bare = address.replace(f":{password}@", "@", 1) if password else address
    return hashlib.sha256(bare.encode()).hexdigest()[:16]


def without_secrets(text: str, address: str) -> str:
    """What somebody said about a failure; nothing of it when it repeats a part of the address."""
    parts = _split(address)
    if parts is None:
        return ""
    pieces = [parts.username, parts.password, *parts.path.split("/"), *parts.query.split("&")]
    pieces += [piece.partition("=")[2] for piece in parts.query.split("&")]
    if parts.scheme not in _SERVERS:
        pieces.append(parts.netloc)
    told = any(piece and len(piece) > 2 and piece in text for piece in pieces)  # noqa: PLR2004
    return "" if told else text


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None
