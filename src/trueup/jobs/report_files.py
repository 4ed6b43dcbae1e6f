"""A verification as a document and as cells: the same rows, whichever file they are in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO
from zoneinfo import ZoneInfo

from trueup import __version__
from trueup.domain.cells import harmless
from trueup.domain.records import TargetName
from trueup.domain.verification import Document, Link, Verification

# The columns of a CSV report, and the parts of a page's rows.
COLUMNS = (
    "sku", "name", "status", "verdict", "currency", "price", "active",
    "crm", "crm_price", "crm_active", "billing", "billing_price", "billing_active",
    "plan", "items", "items_same", "waiting", "why", "id",
)  # fmt: skip
HEAD = ("at", "products", "agreeing", "totals", "rows_hash", "previous", "hash")
ABOUT = ("number", "targets", "skus", "unread", "spare_devices", "time_zone", "version")
_WORDS = {True: "yes", False: "no", None: ""}
_MEANING = {"yes": True, "no": False, "": None}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and its place in the chain; `skus` were asked for, none means all."""

    found: Verification
    link: Link
    skus: tuple[str, ...]
    zone: ZoneInfo


def verdict(found: Verification) -> str:
    """The one line."""
    names = " and ".join(target.value for target in found.targets)
    where = "everywhere" if len(found.targets) == len(TargetName) else f"in {names}"
    return f"{found.agreeing:,}/{len(found.rows):,} products say the same {where}."


def report_as_json(report: Report) -> Document:
    """The document of `trueup verify --json`; `rows` are in the order of their digest."""
    found, link = report.found, report.link
    return {
        **link.head.as_json(),
        "previous": link.previous or None,
        "hash": link.hash,
        "number": link.number,
        "targets": [target.value for target in found.targets],
        "skus": list(report.skus),
        "unread": {target.value: error.message for target, error in found.unread.items()},
        "spare_devices": found.spare_devices,
        "time_zone": report.zone.key,
        "version": __version__,
        "rows": [row.as_json() for row in found.rows],
    }


def head_cells(report: Document) -> dict[str, str]:
    """What a report says of itself, as texts."""
    totals = json.dumps(report["totals"], sort_keys=True)
    cells = {**report, "totals": totals, "previous": report["previous"] or ""}
    return {name: str(cells[name]) for name in HEAD}


def cells_of(row: Document) -> dict[str, str]:
    """A row of the document as texts; what is not known is an empty one."""
    texts = {name: row[name] or "" for name in ("price", "plan", "waiting")}
    texts |= {name: row[name] for name in ("id", "sku", "name", "status", "verdict", "why")}
    texts |= {"currency": row["currency"], "active": _WORDS[row["active"]]}
    for target in TargetName:
        side = row[target.value] or {"verdict": "", "price": None, "active": None}
        texts[target.value] = side["verdict"]
        texts[f"{target.value}_price"] = side["price"] or ""
        texts[f"{target.value}_active"] = _WORDS[side["active"]]
    items = {"items": str(row["items"]["wanted"]), "items_same": str(row["items"]["same"])}
    return texts | items


def row_of(cells: Mapping[str, str]) -> Document:
    """The row of the document that these cells say.

    Raises KeyError or ValueError for cells that no report has.
    """
    return {
        **{name: cells[name] for name in ("id", "sku", "name", "status", "verdict")},
        "currency": cells["currency"],
        "price": cells["price"] or None,
        "active": _MEANING[cells["active"]],
        **{target.value: _side_of(cells, target.value) for target in TargetName},
        "plan": cells["plan"] or None,
        "items": {"wanted": int(cells["items"]), "same": int(cells["items_same"])},
        "waiting": cells["waiting"] or None,
        "why": cells["why"],
    }


def _side_of(cells: Mapping[str, str], name: str) -> Document | None:
    if not cells[name]:
        return None
    return {
        "verdict": cells[name],
        "price": cells[f"{name}_price"] or None,
        "active": _MEANING[cells[f"{name}_active"]],
    }


def write_csv(report: Document, file: TextIO) -> None:
    """A line per product; below an empty line what the report says of itself."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in report["rows"]:
        cells = cells_of(row)
        writer.writerow([harmless(cells[name]) for name in COLUMNS])
    writer.writerow([])
    for pair in head_cells(report).items():
        writer.writerow(pair)


def read_csv(lines: Iterator[str]) -> tuple[list[Document], dict[str, str]]:
    """The rows of such a file and what it says of itself.

    Raises LookupError, ValueError or csv.Error for what is no report.
    """
    reader = csv.reader(lines)
    columns = next(reader, [])
    rows: list[Document] = []
    for line in reader:
        if not line:
            break
        texts = (text.removeprefix("'") for text in line)
        rows.append(row_of(dict(zip(columns, texts, strict=True))))
    return rows, {line[0]: line[1] for line in reader}
