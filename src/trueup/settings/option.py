"""What a setting is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trueup.settings.values import Parse


@dataclass(frozen=True, slots=True)
class Option:
    """One setting; `name` is its attribute of `Settings`; without `env` only the file has it."""

    name: str
    key: str
    env: str
    parse: Parse
    default: Any
    meaning: str
    secret: bool = False
