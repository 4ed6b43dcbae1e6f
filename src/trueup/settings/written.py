"""Where settings are given: variables, a file or a part of it; and words about mistakes there."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from trueup.domain.errors import UsageError
from trueup.settings.option import Option
from trueup.settings.options import BY_KEY
from trueup.settings.values import suggestion

# Read by their own rules, each line of them.
SECTIONS = ("mapping", "catalogue.columns", "catalogue.dated_columns", "schedules", "workspaces")
FOLDER = "workspaces.folder"


class Source(Protocol):
    """A place where a setting may be given."""

    def find(self, option: Option) -> tuple[Any, str] | None:
        """The value, and the words for where it comes from; None where it is not given."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The environment; with a suffix, what it gives to one workspace alone."""

    environment: Mapping[str, str]
    suffix: str = ""

    def find(self, option: Option) -> tuple[Any, str] | None:
        """A blank variable gives nothing."""
        name = f"{option.env}{self.suffix}"
        given = self.environment.get(name, "") if option.env else ""
        return (_parsed(option, given, lambda: name), name) if given.strip() else None


@dataclass(frozen=True)
class Written:
    """A file, or the part of it below `prefix` (`workspaces.acme.`); keys are told without it."""

    source: Path | None
    lines: Sequence[str]
    document: Mapping[str, Any]
    prefix: str = ""

    @classmethod
    def read(cls, source: Path | None) -> Written:
        """A whole file; raises `UsageError` for one that is not TOML. None: an empty one."""
        if source is None:
            return cls(None, (), {})
        try:
            content = source.read_text(encoding="utf-8")
            return cls(source, content.splitlines(), tomllib.loads(content, parse_float=Decimal))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"{source} cannot be read: {error}") from None

    def part(self, key: str) -> Written:
        """The table at a key, read as a file of its own."""
        return Written(self.source, self.lines, self.section(key), f"{self.prefix}{key}.")

    @property
    def name(self) -> str:
        """`trueup.toml`, or `trueup.toml [workspaces.acme]`."""
        return f"{self.source} [{self.prefix[:-1]}]" if self.prefix else f"{self.source}"

    def find(self, option: Option) -> tuple[Any, str] | None:
        """What is written under the option's key."""
        if option.key not in self.values:
            return None
        place = partial(self.place, option.key)
        return _parsed(option, self.values[option.key], place), self.name

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """Values by key, but for the sections that have rules of their own."""
        folder = self._at(FOLDER)
        beside = {} if folder is None else {FOLDER: folder}
        return dict(_flatten(self.document)) | beside

    def section(self, key: str) -> Mapping[str, Any]:
        """The table at a key, empty where there is none; raises `UsageError` for anything else."""
        found = self._at(key)
        if found is not None and not isinstance(found, Mapping):
            raise self.refuse(key, "expected a table")
        return found or {}

    def refuse_unknown(self) -> None:
        """Raise `UsageError` for a key that is no setting."""
        for key in self.values:
            if key not in BY_KEY:
                hint = suggestion(key, list(BY_KEY))
                raise UsageError(
                    f"{self.place(key)}: there is no setting {key!r}{hint}",
                    "`trueup config` lists every setting",
                )

    def refuse(self, key: str, message: str) -> UsageError:
        """The error for a key, with the line where it is written."""
        return UsageError(f"{self.place(key)}: {message}")

    def place(self, key: str) -> str:
        """`trueup.toml, line 3`: where a key is written, else the table that holds it."""
        number = self.line(key)
        where = key if number is None else f"line {number}"
        return f"{self.source}, {where}" if where else f"{self.source}"

    def line(self, key: str) -> int | None:
        """The number of that line, as far as it can be found."""
        parts = f"{self.prefix}{key}".split(".")
        places = dict(reversed(list(self._keys())))
        shortest = max(1, self.prefix.count("."))
        for length in range(len(parts), shortest - 1, -1):
            if (found := places.get(".".join(parts[:length]))) is not None:
                return found
        return None

    def _keys(self) -> Iterator[tuple[str, int]]:
        """Every key at the start of a line, in full, with its number."""
        section = ""
        for number, line in enumerate(self.lines, start=1):
            stripped = line.strip()
            if stripped.startswith("["):
                section = _plain(stripped.split("#")[0].strip("[] "))
                yield section, number
            elif "=" in stripped:
                key = _plain(stripped.split("=")[0])
                yield f"{section}.{key}" if section else key, number

    def _at(self, key: str) -> Any:
        found: Any = self.document
        for name in key.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


def _parsed(option: Option, value: Any, place: Callable[[], str]) -> Any:
    """The value as the program uses it; raises `UsageError` saying what is expected, and where."""
    try:
        return option.parse(value)
    except ValueError as error:
        shown = "" if option.secret else f" {value!r}"
        raise UsageError(f"{place()}: expected {error}, not{shown or ' this'}") from None


def _flatten(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in SECTIONS:
            yield from _flatten(value, f"{key}.")
        elif key not in SECTIONS:
            yield key, value


def _plain(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))
