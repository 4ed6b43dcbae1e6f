"""A verification as one page to print: no script, no request, every text escaped.

The page is made from the report's document alone. Its figures carry marks (`data-cell`,
`data-total`, `data-head`), by which `--check` reads the document back, makes the page anew and
compares: nothing that a person sees can be changed without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from importlib.resources import files
from string import Template
from zoneinfo import ZoneInfo

from trueup.domain.records import TargetName
from trueup.domain.verification import Document
from trueup.jobs.report_files import ABOUT, cells_of, head_cells

_SIDES = {"catalogue": "Catalogue", "crm": "CRM", "billing": "Billing"}
_TONES = {"same": "good", "differs": "bad", "missing": "bad", "": ""}
_SAME = "same"


def page(report: Document) -> str:
    """The whole page of a report's document."""
    zone, at = ZoneInfo(report["time_zone"]), datetime.fromisoformat(report["at"])
    time = _local(at, zone)
    number = f"Report {report['number']}" if report["number"] else "Not recorded"
    whole = report["products"] == report["agreeing"] and not report["unread"]
    totals = report["totals"].items()
    parts: dict[str, object] = {
        **{name: _text(text) for name, text in head_cells(report).items()},
        "about": _text(json.dumps({name: report[name] for name in ABOUT}, sort_keys=True)),
        "title": f"Price verification {time[:10]}",
        "heading": "Price verification",
        "when": _text(f"{number}, {time} ({at:%Y-%m-%d %H:%M:%S} UTC), time zone {zone.key}"),
        "sides": _all_of(report),
        "tone": "good" if whole else "bad",
        "notes": "\n".join(_notes(report)),
        "totals": "\n".join(_totals(c, sides, report["unread"]) for c, sides in totals),
        "tables": "\n".join(_tables(report["rows"])),
        "chained": _chained(report),
    }
    template = files("trueup.jobs").joinpath("report_page.html").read_text(encoding="utf-8")
    return Template(template).substitute(parts)


def _all_of(report: Document) -> str:
    """The sides that were compared, in words."""
    *first, last = ["the catalogue", *(_SIDES[target] for target in report["targets"])]
    return f"{', '.join(first)} and {last}"


def _notes(report: Document) -> Iterator[str]:
    for target, why in report["unread"].items():
        text = f"{_SIDES[target]} could not be read, so nothing is known of it: {why}"
        yield f'<p class="bad">{_text(text)}</p>'
    if report["skus"]:
        yield f'<p class="warn">Only these products: {_text(", ".join(report["skus"]))}</p>'
    if len(report["targets"]) < len(TargetName):
        names = ", ".join(_SIDES[target] for target in report["targets"])
        yield f'<p class="warn">Only at {names}</p>'
    if report["spare_devices"]:
        text = "shared devices are on sale in Billing that no product includes"
        yield f'<p class="warn">{int(report["spare_devices"])} {text}.</p>'


def _chained(report: Document) -> str:
    if not report["number"]:
        return "This report was not recorded: its digest is in no chain."
    if not report["previous"]:
        return "This is the first report of its chain."
    return f"This is report {int(report['number'])} of its chain."


def _totals(currency: str, sides: Mapping[str, Document | None], unread: Mapping[str, str]) -> str:
    lines = []
    for side, figures in sides.items():
        cells = "".join(_figures(f"{currency}/{side}", side, figures, unread))
        lines.append(f'<tr><th scope="row">{_SIDES[side]}</th>{cells}</tr>')
    head = (
        '<th>Side</th><th class="n">On sale</th><th class="n">Sum</th><th class="n">Difference</th>'
    )
    return (
        f'<table class="totals"><caption>{_text(currency)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _figures(
    place: str, side: str, figures: Document | None, unread: Mapping[str, str]
) -> Iterator[str]:
    if figures is None:
        why = "could not be read" if side in unread else "not asked for"
        yield f'<td class="n" colspan="3" data-total="{_text(place)}/none">{why}</td>'
        return
    for name in ("products", "sum", "difference"):
        if name not in figures:
            yield '<td class="n"></td>'
            continue
        figure = Decimal(figures[name])
        tone = " bad" if name == "difference" and figure else ""
        mark = f'data-total="{_text(place)}/{name}"'
        yield f'<td class="n{tone}" {mark}>{figure:,}</td>'


def _tables(rows: Sequence[Document]) -> Iterator[str]:
    differing = [row for row in rows if row["verdict"] != _SAME]
    agreeing = [row for row in rows if row["verdict"] == _SAME]
    if differing:
        yield _table(f"What differs ({len(differing):,})", differing)
    if agreeing:
        yield _table(f"What says the same ({len(agreeing):,})", agreeing)


def _table(title: str, rows: Sequence[Document]) -> str:
    names = ("Product", "Verdict", "Catalogue", "CRM", "Billing", "Plan and items", "Why")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "\n".join(_row(row) for row in rows)
    return (
        f'<section><h2>{title}</h2><div class="scroll"><table class="rows">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div></section>"
    )


def _row(row: Document) -> str:
    cells = cells_of(row)

    def part(name: str, style: str = "") -> str:
        shown = f' class="{style}"' if style else ""
        return f'<b{shown} data-cell="{name}">{_text(cells[name])}</b>'

    def side(name: str) -> str:
        accord, on_sale = part(name, _tone(cells[name])), part(f"{name}_active")
        return (
            f'<p class="n">{part(f"{name}_price")}</p><p class="s">{accord}, on sale: {on_sale}</p>'
        )

    listed = f"{part('currency')}, on sale: {part('active')}"
    verdict = part("verdict", f"word {_tone(row['verdict'])}")
    columns = (
        f'<p>{part("sku", "word")}</p><p>{part("name")}</p><p class="s">{part("id")}</p>',
        f'<p>{verdict}</p><p class="s">{part("status")} {part("waiting", "warn")}</p>',
        f'<p class="n">{part("price")}</p><p class="s">{listed}</p>',
        side("crm"),
        side("billing"),
        f'<p>{part("plan")}</p><p class="s">items {part("items_same")}/{part("items")}</p>',
        part("why"),
    )
    return f"<tr data-row>{''.join(f'<td>{column}</td>' for column in columns)}</tr>"


def _tone(accord: str) -> str:
    return _TONES.get(accord, "warn")


def _text(text: object) -> str:
    """Escaped for text and attributes; line ends that a parser would change are kept."""
    return escape(str(text)).replace("\r", "&#13;").replace("\n", "&#10;")


def _local(at: datetime, zone: ZoneInfo) -> str:
    """`2026-03-02 02:00:05 +02:00`."""
    there = at.astimezone(zone)
    offset = f"{there:%z}"
    return f"{there:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"
