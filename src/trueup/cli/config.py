"""`trueup config`: the effective settings, where each comes from, and the effective mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trueup.cli import output
from trueup.cli.selectors import Json

if TYPE_CHECKING:
    from trueup.planner.mapping import FieldRule
    from trueup.settings import Settings
    from trueup.zoho.regions import Hosts


def config(*, json: Json = False) -> int:
    """Show every setting: its value, where that comes from, and what it means.

    The environment wins over trueup.toml, trueup.toml over the defaults; what
    is said of one workspace wins over what is said of all. Of secrets is shown
    only whether they are set. Durations are in seconds. Below the settings
    stands which field of which record comes from where.

    For example:
      trueup config
      TRUEUP_CONFIG=/etc/trueup.toml trueup config
      trueup config --workspace acme
      trueup config --json | jq '.settings[] | select(.origin != "default")'
    """
    from trueup.settings import load
    from trueup.zoho.regions import Hosts, region

    settings = load()
    hosts = Hosts(region(settings.region), settings.accounts_url, settings.api_url)
    if json:
        from trueup.views.settings_document import settings_as_json

        output.print_json(settings_as_json(settings))
    else:
        _show(settings, hosts)
    return 0


def _show(settings: Settings, hosts: Hosts) -> None:
    from trueup.views.effective import effective, mapping

    output.facts(
        {
            "workspace": settings.workspace,
            "file": settings.file or "none; trueup.toml in this directory, or TRUEUP_CONFIG",
            "accounts server": hosts.accounts,
            "API host": f"{hosts.api()}{_api_note(settings)}",
        }
    )
    output.heading("Settings")
    rows = [(o.key, o.env, o.shown, o.origin, o.meaning) for o in effective(settings)]
    output.table(("key", "variable", "value", "from", "meaning"), rows)
    for kind, mapped in mapping(settings).items():
        output.heading(f"Mapping of {kind}")
        lines = [(one.field, one.source, one.policy) for one in mapped]
        output.table(("field", "source", "policy"), lines)
    for title, columns in (
        ("Catalogue columns", settings.columns),
        ("Columns of dated prices", settings.dated_columns),
    ):
        if columns:
            output.heading(title)
            output.table(("column", "read from"), list(columns.items()))


def _api_note(settings: Settings) -> str:
    return "" if settings.api_url else " (unless the token's answer names another)"


def _rules(settings: Settings) -> Mapping[str, tuple[FieldRule, ...]]:
    return {kind.value: rules for kind, rules in settings.mapping.rules.items()}
