"""`docs/benchmarks.md`: made from measurements, never by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.figures import Section

_HEAD = """# Benchmarks

Made by `./dev bench --write-docs` from the figures of that one run; do not edit. Nothing here is
estimated: what was not measured is not in a table. To repeat it, run `./dev bench` (all of it),
`./dev bench --only startup` (one measurement) or `./dev bench --quick` (small sizes, to see that it
works). It needs no network, no account and no server: Zoho is the emulator in a process of its own,
Postgres the embedded one.

Counts of requests are exact and repeat on any machine. Times are those of one run on one machine
that may have done other things beside: trust the order of magnitude and the ratios within a table,
not the last digit. Where rounds are listed, the best one is nearest to what the program itself
needs.
"""


def write_docs(file: Path, sections: Sequence[Section], machine: Mapping[str, str]) -> None:
    """Write the page."""
    file.write_text("\n".join(_lines(sections, machine)) + "\n", encoding="utf-8")


def _lines(sections: Sequence[Section], machine: Mapping[str, str]) -> Iterator[str]:
    yield _HEAD
    yield "| measured on | |"
    yield "|---|---|"
    for name, text in machine.items():
        yield f"| {name} | {text} |"
    for section in sections:
        yield ""
        yield f"## {section.title}"
        yield ""
        yield f"{section.about} Took {section.seconds:.0f} s."
        yield ""
        yield "| figure | measured | goal | verdict | in detail |"
        yield "|---|---:|---:|---|---|"
        for figure in section.figures:
            yield f"| {' | '.join((*figure.cells, figure.note))} |"
