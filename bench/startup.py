"""How long a person waits for a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bench.figures import Figure, Section
from bench.lab import Lab

_HELP, _STATUS = 300.0, 500.0  # milliseconds (spec §8)
_START = "from trueup.cli.main import main; main()"


def measure(lab: Lab) -> Section:
    """Whole processes, from starting Python to its end."""
    times = 2 if lab.quick else 15
    with lab.database() as url:
        outside = {
            "DATABASE_URL": url,
            "TRUEUP_DATA_DIR": str(lab.folder / "data"),
            "PYTHONPYCACHEPREFIX": str(lab.folder / "bytecode"),
        }
        figures = (
            *_figures("python", "an empty Python, for scale", ["-c", ""], {}, None, times),
            *_figures("help", "trueup --help", ["-c", _START, "--help"], outside, _HELP, times),
            *_figures("status", "trueup status", ["-c", _START, "status"], outside, _STATUS, times),
        )
    return Section(
        "startup",
        "Start-up of the command line",
        f"{times} processes each, one after the other; the database is the embedded server, already"
        " running, and the modules are compiled. The best is what the program needs; the median"
        " also holds what else the machine did.",
        figures,
    )


def _figures(
    key: str,
    text: str,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    goal: float | None,
    times: int,
) -> Iterator[Figure]:
    _call(arguments, variables)  # the first one compiles, as an installation does
    taken = [_call(arguments, variables) for _ in range(times)]
    yield Figure(f"startup.{key}.best", f"{text}, best", min(taken), "ms", goal)
    yield Figure(f"startup.{key}.median", f"{text}, median", median(taken), "ms", goal)


def _call(arguments: Sequence[str], variables: Mapping[str, str]) -> float:
    not_ours = ("TRUEUP_", "ZOHO_", "PYTHONDONTWRITEBYTECODE")
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(not_ours)}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        env=inherited | dict(variables),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return 1000 * (time.perf_counter() - began)
