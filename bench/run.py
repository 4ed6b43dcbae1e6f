"""The command: measure, print one table, write the page."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench import comparison, overhead, planning, rate_floor, request_counts, startup
from bench.document import write_docs
from bench.figures import Section, show
from bench.lab import Lab
from bench.machine import describe

MEASUREMENTS: dict[str, Callable[[Lab], Section]] = {
    "requests": request_counts.measure,
    "comparison": comparison.measure,
    "rate": rate_floor.measure,
    "overhead": overhead.measure,
    "planning": planning.measure,
    "startup": startup.measure,
}
DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurements that were asked for. A missed goal is a figure, not a failure."""
    given = _parser().parse_args(arguments)
    names = given.only or list(MEASUREMENTS)
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as folder:
        lab = Lab(Path(folder), quick=given.quick)
        try:
            machine = describe(lab)
            sections = [_measured(lab, name) for name in names]
        finally:
            lab.close()
    show(sections)
    figures = [figure for section in sections for figure in section.figures]
    if given.json:
        document = {"machine": machine, "figures": [figure.as_json() for figure in figures]}
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if given.write_docs:
        write_docs(DOCS, sections, machine)
    return 0


def _measured(lab: Lab, name: str) -> Section:
    print(f"measuring: {name}", file=sys.stderr, flush=True)
    began = time.monotonic()
    section = MEASUREMENTS[name](lab)
    return replace(section, seconds=time.monotonic() - began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measures Trueup beside what it is meant to reach, on an emulated Zoho.",
        epilog="Example: ./dev bench --only startup --only overhead",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: does it all work?")
    parser.add_argument(
        "--only", action="append", choices=list(MEASUREMENTS), help="this measurement (repeatable)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--write-docs", action="store_true", help=f"write {DOCS.name} again")
    return parser
