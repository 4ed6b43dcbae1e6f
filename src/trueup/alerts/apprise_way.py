"""Every way but the plain webhook: e-mail, Slack, Teams, PagerDuty and more, through Apprise."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from types import ModuleType
from typing import Final

from trueup.domain.alerts import Message, Severity

INSTALL: Final = 'this way needs Apprise: pip install "trueup[alerts]"'
_PATIENCE: Final = 30.0  # seconds for one message, whatever the way
_TYPES: Final = {
    Severity.INFO: "info",
    Severity.RECOVERED: "success",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}


def notify(address: str, message: Message) -> str:
    """Send through Apprise; what went wrong, or nothing."""
    try:
        apprise = _load()
    except ImportError:
        return INSTALL
    way = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Trueup", async_mode=False))
    if not way.add(address):
        return "Apprise does not know such an address, or a part of it is missing"
    files = [str(path) for path in message.attachments]
    sent = way.notify(
        body=message.body,
        title=message.title,
        notify_type=apprise.NotifyType(_TYPES[message.severity]),
        body_format=apprise.NotifyFormat.TEXT,
        attach=apprise.AppriseAttachment(files) if files else None,
        timeout=_PATIENCE,
    )
    if sent:
        return ""
    said = [entry.message for entry in sent.logs()]
    return said[-1] if said else "it was not delivered"


@cache
def _load() -> ModuleType:
    """Apprise with all its ways, which it loads at the first address that it is given.

    Its own logs stay silent, and the lines of every request: they may repeat addresses.
    """
    with warnings.catch_warnings():
        # It looks for a module of the standard library that goes away with Python 3.13.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    logging.getLogger("apprise").propagate = False
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    return apprise
