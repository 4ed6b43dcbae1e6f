"""A verification as one page to print: no script, no request, every text escaped.

The figures carry marks (`data-cell`, `data-total`, `data-head`), by which `--check` reads back what
the page shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from html import escape
from importlib.resources import files
from string import Template

from trueup.cli.reading import BusinessTime
from trueup.cli.verify_files import Report, cells_of, head_cells
from trueup.domain.records import TargetName
from trueup.domain.verification import Accord, Document, Row, Verification

_SIDES = {"catalogue": "Catalogue", "crm": "CRM", "billing": "Billing"}
_TONES = {"same": "good", "differs": "bad", "missing": "bad", "": ""}
_FULL = len(TargetName)


def page(report: Report) -> str:
    """The whole page."""
    found, link = report.found, report.link
    head = head_cells(link)
    time = BusinessTime(report.zone, found.at)
    written = f"{time.at(found.at)} ({found.at:%Y-%m-%d %H:%M:%S} UTC)"
    number = f"Report {link.number}" if link.number else "Not recorded"
    parts: dict[str, object] = {
        **{name: _text(text) for name, text in head.items()},
        "title": f"Price verification {time.at(found.at)[:10]}",
        "heading": "Price verification",
        "when": _text(f"{number}, {written}, time zone {report.zone.key}"),
        "sides": _all_of(found),
        "tone": "good" if found.whole else "bad",
        "notes": "\n".join(_notes(report)),
        "totals": "\n".join(_totals(c, sides, found) for c, sides in found.totals().items()),
        "tables": "\n".join(_tables(found)),
        "chained": _chained(report),
    }
    template = files("trueup.cli").joinpath("verify_page.html").read_text(encoding="utf-8")
    return Template(template).substitute(parts)


def _all_of(found: Verification) -> str:
    """The sides that were compared, in words."""
    *first, last = ["the catalogue", *(_SIDES[target.value] for target in found.targets)]
    return f"{', '.join(first)} and {last}"


def _notes(report: Report) -> Iterator[str]:
    found = report.found
    for target, error in found.unread.items():
        text = f"{_SIDES[target.value]} could not be read, so nothing is known of it: {error}"
        yield f'<p class="bad">{_text(text)}</p>'
    if report.skus:
        yield f'<p class="warn">Only these products: {_text(", ".join(report.skus))}</p>'
    if len(found.targets) < _FULL:
        names = ", ".join(_SIDES[target.value] for target in found.targets)
        yield f'<p class="warn">Only at {names}</p>'
    if found.spare_devices:
        text = "shared devices are on sale in Billing that no product includes"
        yield f'<p class="warn">{found.spare_devices} {text}.</p>'


def _chained(report: Report) -> str:
    if report.link.number is None:
        return "This report was not recorded: its digest is in no chain."
    if not report.link.previous:
        return "This is the first report of its chain."
    return f"This is report {report.link.number} of its chain."


def _totals(currency: str, sides: Mapping[str, Document | None], found: Verification) -> str:
    lines = []
    for side, figures in sides.items():
        cells = "".join(_figures(f"{currency}/{side}", side, figures, found))
        lines.append(f'<tr><th scope="row">{_SIDES[side]}</th>{cells}</tr>')
    head = (
        '<th>Side</th><th class="n">On sale</th><th class="n">Sum</th><th class="n">Difference</th>'
    )
    return (
        f'<table class="totals"><caption>{_text(currency)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _figures(place: str, side: str, figures: Document | None, found: Verification) -> Iterator[str]:
    if figures is None:
        why = "could not be read" if side in found.unread else "not asked for"
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


def _tables(found: Verification) -> Iterator[str]:
    differing = [row for row in found.rows if row.accord is not Accord.SAME]
    agreeing = [row for row in found.rows if row.accord is Accord.SAME]
    if differing:
        yield _table(f"What differs ({len(differing):,})", differing)
    if agreeing:
        yield _table(f"What says the same ({len(agreeing):,})", agreeing)


def _table(title: str, rows: Sequence[Row]) -> str:
    names = ("Product", "Verdict", "Catalogue", "CRM", "Billing", "Plan and items", "Why")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "\n".join(_row(row) for row in rows)
    return (
        f'<section><h2>{title}</h2><div class="scroll"><table class="rows">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div></section>"
    )


def _row(row: Row) -> str:
    cells = cells_of(row.as_json())

    def part(name: str, style: str = "") -> str:
        shown = f' class="{style}"' if style else ""
        return f'<b{shown} data-cell="{name}">{_text(cells[name])}</b>'

    def side(name: str) -> str:
        accord, on_sale = part(name, _tone(cells[name])), part(f"{name}_active")
        return (
            f'<p class="n">{part(f"{name}_price")}</p><p class="s">{accord}, on sale: {on_sale}</p>'
        )

    listed = f"{part('currency')}, on sale: {part('active')}"
    verdict = part("verdict", f"word {_tone(row.accord)}")
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
