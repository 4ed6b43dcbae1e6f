"""`trueup serve` as a process of its own, for measurements over HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_PATIENCE = 60  # seconds
_LOOK = 0.05  # seconds between two looks at whether it serves


@contextmanager
def served(folder: Path, **variables: str) -> Iterator[tuple[str, int]]:
    """The address and the number of the process; `variables` are its settings."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("ZOHO_")}
    env |= {"TRUEUP_DATA_DIR": str(folder), "PYTHONPATH": str(_ROOT / "src"), **variables}
    command = [sys.executable, "-c", "from trueup.cli.main import main; main()"]
    log = folder / "log"
    with (
        log.open("w") as lines,
        subprocess.Popen([*command, "serve", "--port", "0"], env=env, stderr=lines) as process,
    ):
        try:
            until = time.monotonic() + _PATIENCE
            while not (found := re.search(r"http://[0-9.:]+", _address(log))):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(log.read_text())
                time.sleep(_LOOK)
            yield found.group(), process.pid
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def memory(pid: int) -> float:
    """What a process has in memory, MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024


def _address(log: Path) -> str:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return next((str(line["address"]) for line in lines if line["event"] == "serving"), "")
