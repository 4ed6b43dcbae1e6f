"""The settings of a command that calls Zoho, with logs that show no secret of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueup.settings import Settings


def load_logged(*, verbose: bool) -> Settings:
    """Load the settings and set up logs; raises `CredentialsError` naming what is not set."""
    from trueup import logs
    from trueup.bootstrap import require_credentials
    from trueup.settings import load
    from trueup.settings.hidden import hidden_values

    settings = load()
    logs.set_up(verbose=verbose, log_format=settings.log_format, secrets=hidden_values(settings))
    require_credentials(settings)
    return settings
