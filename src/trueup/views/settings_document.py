"""The effective settings and the mapping as a document, secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.views.effective import effective
from trueup.zoho.regions import Hosts, region

if TYPE_CHECKING:
    from trueup.planner.mapping import FieldRule
    from trueup.settings import Settings


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """The document of `trueup config --json`."""
    hosts = Hosts(region(settings.region), settings.accounts_url, settings.api_url)
    return {
        "workspace": settings.workspace,
        "file": None if settings.file is None else str(settings.file),
        "settings": [
            {
                "key": one.key,
                "env": one.env or None,
                "value": one.plain,
                "origin": one.origin,
                "meaning": one.meaning,
                "secret": one.secret,
            }
            for one in effective(settings)
        ],
        "hosts": {"accounts": hosts.accounts, "api": hosts.api()},
        "mapping": [
            {
                "kind": kind.value,
                "field": rule.field,
                **_origin_of(rule),
                "policy": rule.policy.value,
            }
            for kind, rules in settings.mapping.rules.items()
            for rule in rules
        ],
        "columns": dict(settings.columns),
        "dated_columns": dict(settings.dated_columns),
    }


def _origin_of(rule: FieldRule) -> dict[str, Any]:
    if rule.source:
        return {"source": rule.source, "value": None}
    value = rule.value
    return {"source": None, "value": value if isinstance(value, bool | int | str) else str(value)}
