"""`trueup emulator`: the Zoho emulator as a process.

The program never imports the emulator: it starts the other package and becomes it, so that
signals, output and the exit code are the emulator's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trueup.cli.selectors import whole
from trueup.domain.errors import UsageError

_PACKAGE = "zoho_emulator"
_HIGHEST_PORT = 65_535


def _a_port(_: object, value: int) -> None:
    if not 0 <= value <= _HIGHEST_PORT:
        raise ValueError(f"must be from 0 to {_HIGHEST_PORT}")


def _above_zero(_: object, value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise ValueError("must be above 0")


def _a_file(_: object, value: Path | None) -> None:
    if value is not None and not value.is_file():
        raise ValueError("there is no such file")


def emulator(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(converter=whole, validator=_a_port, help="Port; 0 takes a free one.")
    ] = 8025,
    seed: Annotated[
        int | None,
        Parameter(converter=whole, help="Ids, tokens and weather follow from this number."),
    ] = None,
    faults: Annotated[
        Path | None, Parameter(validator=_a_file, help="Fault script: a JSON list of rules.")
    ] = None,
    options: Annotated[
        Path | None, Parameter(validator=_a_file, help="What the organisation is like, as JSON.")
    ] = None,
    state: Annotated[
        Path | None, Parameter(help="Go on from this file, and write it at the end.")
    ] = None,
    time_scale: Annotated[
        float | None, Parameter(validator=_above_zero, help="Emulated seconds per second.")
    ] = None,
    json: Annotated[
        bool,
        Parameter(
            name="--json", negative="", show_default=False, help="Print the variables as JSON."
        ),
    ] = False,
) -> int:
    """Start the Zoho emulator: accounts, CRM and Billing on one port.

    It prints the variables that point Trueup at it, and runs until Ctrl-C.
    Its console at /_emulator/ shows requests, counts and state.

    For example:
      trueup emulator
      trueup emulator --port 0 --time-scale 60 --faults storm.json
    """
    if find_spec(_PACKAGE) is None:
        raise UsageError(f"the package {_PACKAGE} is not installed", "install Trueup as a whole")
    given: Mapping[str, object] = {
        "--host": host,
        "--port": port,
        "--seed": seed,
        "--faults": faults,
        "--options": options,
        "--state": state,
        "--time-scale": time_scale,
    }
    chosen = [f"{name}={value}" for name, value in given.items() if value is not None]
    sys.stdout.flush()
    # -P: a folder of that name in the working directory must not stand in for the package.
    command = [sys.executable, "-P", "-m", _PACKAGE, *chosen, *(["--json"] if json else [])]
    os.execv(sys.executable, command)  # noqa: S606 (becoming the emulator is the point)
