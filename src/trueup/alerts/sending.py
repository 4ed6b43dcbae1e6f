"""Send a message to people: a webhook by ourselves, everything else through Apprise.

Nothing here retries: whoever decides what is said asks again at its next review. No address is
ever logged or returned with its secret.
"""

from __future__ import annotations

from collections.abc import Sequence

from trueup.alerts import apprise_way, webhook
from trueup.alerts.addresses import is_webhook, masked, without_secrets
from trueup.domain.alerts import Message


def send(addresses: Sequence[str], message: Message) -> list[str]:
    """Send to every address; the troubles, one line each, none when all of them took it."""
    troubles = ((address, send_to(address, message)) for address in addresses)
    return [f"{masked(address)}: {trouble}" for address, trouble in troubles if trouble]


def send_to(address: str, message: Message) -> str:
    """Send to one address; what went wrong, or nothing. It raises for no failed delivery."""
    way = webhook.post if is_webhook(address) else apprise_way.notify
    try:
        trouble = way(address, message)
    except Exception as error:  # noqa: BLE001 (a way of Apprise may fail in any manner of its own)
        trouble = type(error).__name__
    return trouble and (without_secrets(trouble, address) or "it was not delivered")
