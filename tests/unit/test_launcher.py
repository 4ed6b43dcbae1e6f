"""`./dev`: what it does before and after there is an environment. It installs nothing here."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _dev(venv: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "dev"), *arguments],
        env=os.environ | {"TRUEUP_VENV": str(venv), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """An environment that is as new as the checkout, with a program that tells its arguments."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    (programs / "trueup").write_text('#!/bin/sh\necho "trueup $*"\nexit 3\n')
    (programs / "trueup").chmod(0o755)
    sources = [ROOT / "pyproject.toml", ROOT / "requirements.lock"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    (tmp_path / "trueup.stamp").write_text(f"{ROOT}\n{digest}\n")
    return tmp_path


def test_alone_it_tells_what_it_can_do(tmp_path: Path) -> None:
    told = _dev(tmp_path / "none")
    assert told.returncode == 0
    for command in ("demo", "test", "check", "bench", "run", "lock"):
        assert f"./dev {command}" in told.stdout
    assert not (tmp_path / "none").exists()


def test_an_unknown_command_is_wrong_usage(tmp_path: Path) -> None:
    told = _dev(tmp_path / "none", "frobnicate")
    assert told.returncode == 2
    assert not (tmp_path / "none").exists()


def test_it_becomes_the_program(ready: Path) -> None:
    """Arguments go through, the exit code comes back, and nothing else is said."""
    told = _dev(ready, "run", "plan", "--json")
    assert (told.stdout, told.stderr, told.returncode) == ("trueup plan --json\n", "", 3)
    assert _dev(ready, "demo").stdout == "trueup demo\n"


def test_it_empties_no_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear reader")
    told = _dev(tmp_path, "run")
    assert told.returncode == 1
    assert "holds something else" in told.stderr
    assert (tmp_path / "letters.txt").exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = _dev(tmp_path / "file" / "venv", "run")
    assert told.returncode == 1
    assert "TRUEUP_VENV can name a folder that you can write" in told.stderr
    assert "Traceback" not in told.stderr
