"""`trueup verify --check FILE`: whether a report is still what was written, and in the chain."""

from __future__ import annotations

import csv
import json as json_text
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from trueup import __version__
from trueup.cli import output
from trueup.cli.reading import open_desk
from trueup.cli.verify_page import PageText
from trueup.domain.errors import UsageError
from trueup.domain.verification import Document, Head, Link, digest_rows
from trueup.jobs.report_files import HEAD, read_csv, row_of
from trueup.jobs.report_page import page
from trueup.views.times import BusinessTime

_REMEDY = "name a file that `trueup verify` wrote with --json, --csv or --html"


@dataclass(frozen=True, slots=True)
class Copy:
    """What a file says: its rows, and what it says of itself.

    `redrawn` tells whether a page is what this program makes of its figures; None where that
    cannot be compared, because it is none, or was `drawn_by` another version of the program.
    """

    rows: list[Document]
    link: Link
    redrawn: bool | None = None
    drawn_by: str = ""

    @property
    def altered(self) -> list[str]:
        """What does not fit together, in words; none in a file as it was written."""
        found = []
        head = self.link.head
        if digest_rows(self.rows) != head.rows_hash:
            found.append("its rows are not those that were written: their digest is another one")
        agreeing = sum(1 for row in self.rows if row["verdict"] == "same")
        if (len(self.rows), agreeing) != (head.products, head.agreeing):
            found.append(f"it counts {head.agreeing}/{head.products}; its rows say otherwise")
        if not self.link.sound:
            found.append("its date, counts, totals or digests are not those that were written")
        if self.redrawn is False:
            found.append("the page around its figures is not the one that was written")
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a report is in the chain, and how the chain is; None is nowhere."""

    link: Link | None
    reports: int
    broken_at: int | None


def check_file(file: Path, *, json: bool) -> int:
    """Compare a report with its own digests and with the chain; 0 when all is as it was."""
    copy = read_copy(file)
    altered = copy.altered
    with open_desk() as desk:
        from trueup.postgres.verifications import chain

        place = _place(copy.link, list(chain(desk.connection)))
        time = desk.time
    verdict = "altered" if altered else "untouched" if place.link else "unknown"
    sound = verdict == "untouched" and place.broken_at is None
    if json:
        output.print_json(_document(file, verdict, copy, place))
    else:
        _show(file, copy, altered, place, time)
    return 0 if sound else 1


def read_copy(file: Path) -> Copy:
    """Read a report in any of its formats; raises `UsageError` when it is none."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", _REMEDY) from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not a report: it is not UTF-8 text", _REMEDY) from None
    try:
        return _copy(*_parsed(text))
    except (LookupError, ValueError, TypeError, csv.Error) as error:
        raise UsageError(f"{file} is not a report, or a damaged one: {error}", _REMEDY) from None


def _parsed(text: str) -> tuple[list[Document], dict[str, Any]]:
    begin = text.lstrip()[:1]
    if begin == "{":
        document = json_text.loads(text)
        return document["rows"], document
    if begin == "<":
        return _page_parsed(text)
    rows, head = read_csv(StringIO(text, newline=""))
    return rows, {**head, "totals": json_text.loads(head["totals"])}


def _page_parsed(text: str) -> tuple[list[Document], dict[str, Any]]:
    """What a page shows; `redrawn` tells whether the page is what its figures make."""
    shown = PageText()
    shown.feed(text)
    shown.close()
    rows = sorted((row_of(cells) for cells in shown.rows), key=_place_of)
    head = shown.head
    counts = {name: int(head[name]) for name in ("products", "agreeing")}
    said = {**head, **counts, "previous": head["previous"] or None}
    if said["version"] != __version__:
        return rows, {**said, "drawn_by": said["version"]}
    return rows, {**said, "redrawn": page({**said, "rows": rows}) == text}


def _place_of(row: Document) -> tuple[str, str]:
    return row["sku"], row["id"]


def _copy(rows: list[Document], said: dict[str, Any]) -> Copy:
    missing = [name for name in HEAD if name not in said]
    if missing:
        raise ValueError(f"it does not say {', '.join(missing)}")
    at = datetime.fromisoformat(said["at"])
    counts = int(said["products"]), int(said["agreeing"])
    head = Head(at, *counts, said["totals"], said["rows_hash"])
    rows.sort(key=_place_of)
    link = Link(head, said["previous"] or "", said["hash"])
    return Copy(rows, link, said.get("redrawn"), said.get("drawn_by", ""))


def _place(link: Link, links: list[Link]) -> Place:
    """Find a report in the chain, and the first report at which the chain does not hold."""
    previous, broken_at = "", None
    for one in links:
        if broken_at is None and (one.previous != previous or not one.sound):
            broken_at = one.number
        previous = one.hash
    found = next((one for one in links if one.hash == link.hash), None)
    return Place(found, len(links), broken_at)


def _document(file: Path, verdict: str, copy: Copy, place: Place) -> Document:
    return {
        "file": str(file),
        "verdict": verdict,
        "altered": copy.altered,
        "redrawn": copy.redrawn,
        "number": place.link.number if place.link else None,
        "chain": {"reports": place.reports, "broken_at": place.broken_at},
    }


def _show(file: Path, copy: Copy, altered: list[str], place: Place, time: BusinessTime) -> None:
    if altered:
        output.say(f"{file} was altered.", "bold red")
        for why in altered:
            output.say(f"  {why}")
    elif place.link is None:
        output.say(f"{file} fits together, but this database does not know it.", "bold yellow")
        output.say(
            "  it was not recorded (--sku, --target, --no-record), or made elsewhere, or anew"
        )
    else:
        output.say(f"{file} is untouched.", "bold green")
    if (link := place.link) is not None:
        head = link.head
        known = f"report {link.number} of {place.reports}, {time.at(head.at)}"
        output.say(f"  {known}: {head.agreeing}/{head.products} said the same")
        output.say(f"  {link.hash}", "dim")
    elif not altered:
        output.say(f"  {copy.link.hash}", "dim")
    if copy.drawn_by:
        text = f"only its figures were checked: version {copy.drawn_by} drew the page around them"
        output.say(f"  {text}", "yellow")
    if place.broken_at is not None:
        output.say(f"The chain itself is broken at report {place.broken_at}.", "bold red")
