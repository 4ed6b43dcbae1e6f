"""The benchmarks run, count what they should, and find the goals for requests met."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNTED = ("requests.", "trueup.ok", "trueup.tokens", "trueup.duplicates", "rate.window")


def test_the_quick_benchmarks_meet_every_goal_that_is_no_time(tmp_path: Path) -> None:
    """Every measurement gives its figures; what is counted, not timed, is as promised."""
    told = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(told)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = {figure["key"]: figure for figure in json.loads(told.read_text())["figures"]}
    assert {
        "requests.20.first",
        "requests.20.same",
        "requests.20.edited",
        "predecessor.requests.first",
        "predecessor.ok",
        "predecessor.duplicates",
        "trueup.ok",
        "trueup.duplicates",
        "sdk.requests.first",
        "rate.ratio",
        "rate.window",
        "overhead.best",
        "planning.20.crm.seconds",
        "planning.20.both.memory",
        "startup.help.best",
        "startup.status.median",
    } <= figures.keys()
    counted = [figure for key, figure in figures.items() if key.startswith(COUNTED)]
    assert [figure for figure in counted if figure["verdict"] == "missed"] == []
    assert figures["trueup.ok"]["measured"] == 20
    assert "20 products, no change" in done.stdout
