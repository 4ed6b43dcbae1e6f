"""Every way but the plain webhook: e-mail, Slack, Teams, PagerDuty and more, through Apprise."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from threading import local
from types import ModuleType
from typing import Final

from trueup.domain.alerts import Message, Severity

INSTALL: Final = 'this way needs Apprise: pip install "trueup[alerts]"'
_TYPES: Final = {
    Severity.INFO: "info",
    Severity.RECOVERED: "success",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}


class _Ear(logging.Handler):
    """Hears what Apprise says went wrong, each thread for itself, and lets nothing into the logs.

    Apprise answers only yes or no; its log lines may repeat addresses.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._heard = local()

    def listen(self) -> list[str]:
        """A new list, filled by what is said in this thread."""
        heard: list[str] = []
        self._heard.lines = heard
        return heard

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        lines: list[str] | None = getattr(self._heard, "lines", None)
        if lines is not None:
            lines.append(record.getMessage())


_EAR: Final = _Ear()


def notify(address: str, message: Message) -> str:
    """Send through Apprise; what went wrong, or nothing."""
    try:
        apprise = _load()
    except ImportError:
        return INSTALL
    heard = _EAR.listen()
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
    )
    return "" if sent else (heard[0] if heard else "it was not delivered")


@cache
def _load() -> ModuleType:
    """Apprise with all its ways, which it loads at the first address that it is given."""
    with warnings.catch_warnings():
        # It looks for a module of the standard library that goes away with Python 3.13.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    log = logging.getLogger("apprise")
    log.propagate = False
    log.addHandler(_EAR)
    return apprise
