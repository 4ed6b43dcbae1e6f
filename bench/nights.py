"""A month left alone: `python -m bench.nights --nights 30`. It passes or fails, with a table.

`trueup serve` runs on a fresh machine (embedded database, emulator) at an accelerated clock, with
edits and faults, killed once and restarted once. It must end in agreement, with a correct log.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.emulator import emulator_process  # noqa: E402 (found through the lines above)
from support.month import NO_LIMITS, Night, judge, open_month  # noqa: E402
from support.site import Console  # noqa: E402

_COLUMNS = "{:<11} {:>5} {:>7}  {:<13} {:>6}  {:<10} {:<12} {:<9} {:>8}"


def main() -> int:
    """Live through the nights, print one line for each, and judge."""
    given = _parser().parse_args()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="trueup-nights-") as folder,
        emulator_process(options={"limits": NO_LIMITS}) as variables,
    ):
        console = Console(variables["ZOHO_API_URL"])
        with open_month(
            console,
            variables,
            Path(folder),
            products=given.products,
            nights=given.nights,
            seconds=given.seconds,
        ) as month:
            interruptions = {9: "killed", 19: "restarted"} if given.nights > 19 else {}
            nights = month.live(interruptions)
            wrong = judge(nights)
            _show(nights)
            month.assert_agreement()
    missed = sum(not night.runs for night in nights)
    took = time.monotonic() - began
    print(f"{len(nights)} nights ({missed} caught up for) in {took:.0f} s; agreement at the end")
    for line in wrong:
        print(f"WRONG {line}")
    return 1 if wrong else 0


def _show(nights: list[Night]) -> None:
    heads = ("night", "edits", "by hand", "weather", "struck", "ended", "interruption", "log")
    print(_COLUMNS.format(*heads, "requests"))
    for night in nights:
        last = night.runs[-1] if night.runs else {"log": "", "requests": {}}
        spent = sum(sum((run["requests"] or {}).values()) for run in night.runs)
        print(
            _COLUMNS.format(
                str(night.day),
                night.edits,
                night.by_hand,
                night.weather,
                night.struck,
                night.ended,
                night.interruption,
                str(last["log"]),
                spent,
            )
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--products", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a day takes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
