"""The program `trueup` for tests: in-process, quick, or as the process that a person starts.

No test sees the settings of the machine: the environment holds nothing of Trueup's but what the
test gives, and the working directory is an empty one unless the test names its own.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from trueup.cli.main import main

SOURCE = Path(__file__).parents[2] / "src"
_OURS = ("ZOHO_", "TRUEUP_", "CRON_SECRET", "DATABASE_URL")
_START = "from trueup.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Result:
    """How a call of the program ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.stdout)

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def run_cli(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str = ""
) -> Result:
    """Call the program in this process.

    `env` holds every variable of ours that is set; without TRUEUP_DATA_DIR it is `data` in the
    working directory. `cwd` is where `trueup.toml` would be looked for.
    """
    out, err = io.StringIO(), io.StringIO()
    typed = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    with (
        _place(cwd) as folder,
        chdir(folder),
        patch.dict(os.environ, environment(env, folder), clear=True),
        patch.object(sys, "stdin", typed),
        patch.object(os, "execv", _refuse_to_become),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        else:
            raise AssertionError("the program returned without an exit code")
    return Result(code, out.getvalue(), err.getvalue())


def run_program(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    seconds: float = 60,
) -> Result:
    """Call the program as a process of its own, and wait for its end."""
    with _place(cwd) as folder:
        done = subprocess.run(
            command(*arguments),
            cwd=folder,
            env=environment(env, folder),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=seconds,
            check=False,
        )
    return Result(done.returncode, done.stdout, done.stderr)


@contextmanager
def program(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The program as a running process with pipes; killed at the end if it still lives."""
    with (
        _place(cwd) as folder,
        subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment(env, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def command(*arguments: str) -> list[str]:
    """What starts the program with these arguments."""
    return [sys.executable, "-c", _START, *arguments]


def environment(env: Mapping[str, str] | None, folder: Path) -> dict[str, str]:
    """This process's environment without anything of ours, then `env`."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
    return inherited | {
        "TRUEUP_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(SOURCE),
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        **(env or {}),
    }


def _refuse_to_become(program: str, arguments: list[str]) -> None:
    """The test's own process must not turn into another program."""
    raise AssertionError(f"would become {program} {arguments}: use `program` or `run_program`")


@contextmanager
def _place(cwd: Path | None) -> Iterator[Path]:
    if cwd is not None:
        yield cwd
        return
    with TemporaryDirectory() as name:
        yield Path(name)
