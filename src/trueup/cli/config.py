"""`trueup config`: the effective settings, where each comes from, and the effective mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trueup.cli import output
from trueup.cli.selectors import Json

if TYPE_CHECKING:
    from trueup.planner.mapping import FieldRule
    from trueup.settings import Settings
    from trueup.settings.option import Option
    from trueup.zoho.regions import Hosts

_SET, _NOT_SET = "set", "not set"  # all that is ever shown of a secret


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
        output.print_json(_document(settings, hosts))
    else:
        _show(settings, hosts)
    return 0


def _document(settings: Settings, hosts: Hosts) -> dict[str, Any]:
    return {
        "workspace": settings.workspace,
        "file": None if settings.file is None else str(settings.file),
        "settings": [_setting(settings, option) for option in _options()],
        "hosts": {"accounts": hosts.accounts, "api": hosts.api()},
        "mapping": [
            {"kind": kind, "field": rule.field, **_origin_of(rule), "policy": rule.policy.value}
            for kind, rules in _rules(settings).items()
            for rule in rules
        ],
        "columns": dict(settings.columns),
        "dated_columns": dict(settings.dated_columns),
    }


def _setting(settings: Settings, option: Option) -> dict[str, Any]:
    value = getattr(settings, option.name)
    plain = isinstance(value, int | float | str) or value is None
    return {
        "key": option.key,
        "env": option.env or None,
        "value": _masked(value) if option.secret else value if plain else str(value),
        "origin": settings.origin[option.name],
        "meaning": option.meaning,
        "secret": option.secret,
    }


def _origin_of(rule: FieldRule) -> dict[str, Any]:
    if rule.source:
        return {"source": rule.source, "value": None}
    value = rule.value
    return {"source": None, "value": value if isinstance(value, bool | int | str) else str(value)}


def _show(settings: Settings, hosts: Hosts) -> None:
    output.facts(
        {
            "workspace": settings.workspace,
            "file": settings.file or "none; trueup.toml in this directory, or TRUEUP_CONFIG",
            "accounts server": hosts.accounts,
            "API host": f"{hosts.api()}{_api_note(settings)}",
        }
    )
    output.heading("Settings")
    rows = [
        (o.key, o.env, _shown(settings, o), settings.origin[o.name], o.meaning) for o in _options()
    ]
    output.table(("key", "variable", "value", "from", "meaning"), rows)
    for kind, rules in _rules(settings).items():
        output.heading(f"Mapping of {kind}")
        lines = [(rule.field, _source(rule), rule.policy.value) for rule in rules]
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


def _shown(settings: Settings, option: Option) -> str:
    value = getattr(settings, option.name)
    if option.secret:
        return _masked(value)
    if value is None or value == "":
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _masked(value: object) -> str:
    return _SET if value else _NOT_SET


def _source(rule: FieldRule) -> str:
    if rule.source:
        return rule.source
    return "-" if rule.value is None else f"always {rule.value!s}"


def _rules(settings: Settings) -> Mapping[str, tuple[FieldRule, ...]]:
    return {kind.value: rules for kind, rules in settings.mapping.rules.items()}


def _options() -> tuple[Option, ...]:
    from trueup.settings.options import OPTIONS

    return OPTIONS
