"""The effective settings, where each comes from, and the effective mapping; secrets masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trueup.settings.options import OPTIONS

if TYPE_CHECKING:
    from trueup.planner.mapping import FieldRule
    from trueup.settings import Settings
    from trueup.settings.option import Option

SET, NOT_SET = "set", "not set"  # all that is ever shown of a secret


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting; `plain` is its value for programs, `shown` for people."""

    key: str
    env: str
    plain: Any
    shown: str
    origin: str
    meaning: str
    secret: bool

    @property
    def chosen(self) -> bool:
        """Whether somebody set it."""
        return self.origin != "default"


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where one field of a record comes from, and who keeps it: the policy."""

    field: str
    source: str
    policy: str


def effective(settings: Settings) -> Sequence[Effective]:
    """Every setting of a workspace."""
    return [_one(settings, option) for option in OPTIONS]


def mapping(settings: Settings) -> Mapping[str, Sequence[Mapped]]:
    """By kind of record, which field comes from where."""
    return {
        kind.value: [Mapped(rule.field, source_of(rule), rule.policy.value) for rule in rules]
        for kind, rules in settings.mapping.rules.items()
    }


def source_of(rule: FieldRule) -> str:
    """What a field is filled from."""
    if rule.source:
        return rule.source
    return "-" if rule.value is None else f"always {rule.value!s}"


def _one(settings: Settings, option: Option) -> Effective:
    value = getattr(settings, option.name)
    return Effective(
        option.key,
        option.env,
        _plain(option, value),
        _shown(option, value),
        settings.origin[option.name],
        option.meaning,
        option.secret,
    )


def _plain(option: Option, value: Any) -> Any:
    if option.secret:
        return _masked(value)
    return value if isinstance(value, int | float | str) or value is None else str(value)


def _shown(option: Option, value: Any) -> str:
    if option.secret:
        return _masked(value)
    if value is None or value in ("", ()):
        return "-"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _masked(value: object) -> str:
    return SET if value else NOT_SET
