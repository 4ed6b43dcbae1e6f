"""What must hold for every file that is committed."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LONGEST = 350
# Spelled in parts, so that this file does not find itself.
FORBIDDEN = {
    "a path of somebody's machine": r"/(?:home|Users)/\w+/|/ro" r"ot/|/work/(?:main|shared)\b",
    "a package registry": r"py" r"pi\.org|pythonhosted\.org|registry\.npm",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE " r"KEY-----",
    "a cloud key": r"\bAKIA[0-9A-Z]{16}\b",
    "a Zoho token that looks real": r"\b1000\.(?!(..)\1{15})[0-9a-f]{32}\.[0-9a-f]{32}\b",
    "a token of a code host": r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git knows; without git (an unpacked archive) there is nothing to guard."""
    try:
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = listed.stdout.strip("\0").split("\0")
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if (match := pattern.search(_text(path))) is not None
    ]
    assert found == []


def test_no_product_file_is_long() -> None:
    sources = [p for p in tracked() if p.suffix == ".py" and (ROOT / "src") in p.parents]
    long = {str(p.relative_to(ROOT)): n for p in sources if (n := _text(p).count("\n")) > LONGEST}
    assert long == {}


def test_nothing_made_by_tools_is_committed() -> None:
    made = re.compile(r"__pycache__|\.egg-info|(^|/)\.(venv|mypy_cache|ruff_cache|hypothesis)/")
    assert [str(p) for p in tracked() if made.search(str(p.relative_to(ROOT)))] == []


def test_the_lock_file_is_in_step_with_the_project() -> None:
    """Everything that the project asks for is locked, in a version that it allows, with hashes."""
    project = tomllib.loads(_text(ROOT / "pyproject.toml"))
    extras = chain.from_iterable(project["project"]["optional-dependencies"].values())
    asked = [
        *project["project"]["dependencies"],
        *(one for one in extras if not one.startswith("trueup[")),
        *project["build-system"]["requires"],
    ]
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", _lock(), re.MULTILINE))
    wrong = []
    for requirement in map(Requirement, asked):
        version = locked.get(requirement.name.lower().replace("_", "-"))
        if version is None or version not in requirement.specifier:
            wrong.append(f"{requirement}: locked is {version}; run ./dev lock")
    assert wrong == []


def test_every_locked_package_has_hashes() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", _lock().split("\n", 2)[2])
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_file_names_no_host() -> None:
    assert "://" not in _lock()


def _lock() -> str:
    return _text(ROOT / "requirements.lock")


def test_the_launcher_and_ci_can_be_started() -> None:
    for name in ("dev", ".ci/run"):
        assert (ROOT / name).stat().st_mode & 0o111
        assert _text(ROOT / name).startswith("#!/usr/bin/env ")
