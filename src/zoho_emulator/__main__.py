"""`python -m zoho_emulator`: serve the emulator and print how to point Trueup at it."""

from __future__ import annotations

import argparse
import errno
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoho_emulator.app import Emulator
from zoho_emulator.faults import FaultScriptError
from zoho_emulator.options import Options, OptionsError
from zoho_emulator.organisations import Organisations
from zoho_emulator.server import base_url, listen, serve
from zoho_emulator.state import StateError, restore, save

_NOT_WRITTEN = 1
_WRONG_USAGE = 2
_MINUTE = 60


class UsageError(Exception):
    """The command line cannot be followed; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 after a clean stop, 1 for a lost state, 2 for wrong usage."""
    parsed = _parser().parse_args(arguments)
    try:
        emulator = _emulator(parsed)
        bound = _listen(parsed.host, parsed.port)
    except (UsageError, FaultScriptError, OptionsError, StateError, ValueError) as error:
        sys.stderr.write(f"zoho_emulator: {error}\n")
        return _WRONG_USAGE
    with bound:
        address = base_url(bound)
        serve(bound, emulator, lambda: _announce(address, emulator.options, as_json=parsed.json))
    if parsed.state is None or isinstance(emulator, Organisations):
        return 0
    return _write_state(parsed.state, emulator)


def variables(address: str, options: Options) -> dict[str, str]:
    """The environment that points Trueup at an emulator served at `address`."""
    found = {
        "ZOHO_ACCOUNTS_URL": address,
        "ZOHO_API_URL": address,
        "ZOHO_CLIENT_ID": options.client_id,
        "ZOHO_CLIENT_SECRET": options.client_secret,
        "ZOHO_REFRESH_TOKEN": options.refresh_token,
        "ZOHO_ORG_ID": options.org_id,
        "ZOHO_REGION": options.region,
    }
    if options.time_scale != 1:
        found["TRUEUP_RATE_WINDOW"] = f"{_MINUTE / options.time_scale:g}"
    return found


def _announce(address: str, options: Options, *, as_json: bool) -> None:
    found = variables(address, options)
    lines = [json.dumps(found)] if as_json else [f"export {k}='{v}'" for k, v in found.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    sys.stderr.write(f"Zoho emulator at {address}, state at {address}/_emulator/state\n")
    sys.stderr.flush()


def _emulator(parsed: argparse.Namespace) -> Emulator | Organisations:
    options = Options.from_json(_read(parsed.options, {}))
    if parsed.seed is not None:
        options = replace(options, seed=parsed.seed)
    if parsed.time_scale is not None:
        options = replace(options, time_scale=parsed.time_scale)
    if options.organisations:
        if parsed.state is not None:
            raise UsageError("--state keeps one organisation, not several")
        several = Organisations(options)
        several.add_faults(_read(parsed.faults, []))
        return several
    emulator = Emulator(options)
    emulator.add_faults(_read(parsed.faults, []))
    if parsed.state is not None and not parsed.state.parent.is_dir():
        raise UsageError(f"cannot write {parsed.state}: there is no such folder")
    if parsed.state is not None and parsed.state.exists():
        restore(emulator.world, _read(parsed.state, {}))
    return emulator


def _write_state(path: Path, emulator: Emulator) -> int:
    """Replace the state file as a whole: a crash leaves the old one. 1 when it cannot be."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_text(json.dumps(save(emulator.world)))
        fresh.replace(path)
    except OSError as error:
        sys.stderr.write(f"zoho_emulator: the state is lost: {path}: {error.strerror}\n")
        return _NOT_WRITTEN
    return 0


def _read(path: Path | None, default: Any) -> Any:
    """A JSON file, or the default where no file is named."""
    if path is None:
        return default
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from error


def _listen(host: str, port: int) -> Any:
    try:
        return listen(host, port)
    except OSError as error:
        reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise UsageError(f"cannot listen on {host}:{port}: {reason}; try --port 0") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zoho_emulator",
        description="Emulates the parts of Zoho that a product catalogue lives in.",
        epilog="Example: python -m zoho_emulator --port 8025 --time-scale 60",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8025, help="0 takes a free one")
    parser.add_argument("--seed", type=int, help="ids, tokens and weather follow from it")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="fault script, a JSON list")
    parser.add_argument("--options", type=Path, metavar="FILE", help="options, a JSON object")
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="go on from it, write it at exit"
    )
    parser.add_argument("--time-scale", type=float, help="emulated seconds per second")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
