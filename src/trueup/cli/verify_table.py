"""A verification on a terminal: the verdict first, then what differs, then the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from trueup.cli import output
from trueup.domain.records import TargetName
from trueup.domain.verification import Accord, Document, Row, Side, Stand, Verification
from trueup.jobs.report_files import Report, verdict
from trueup.views.times import BusinessTime

_SHOWN = 40  # rows written out on a terminal; a pipe and a file get all
_COLUMNS = (
    "sku", "verdict", "#catalogue", "#crm", "#billing", "on sale", "plan", "items", "why",
)  # fmt: skip
_STANDS = {
    Stand.ACTIVE: "on sale",
    Stand.RETIRED: "retired",
    Stand.DORMANT: "not on sale yet",
    Stand.GONE: "gone from the catalogue",
    Stand.REFUSED: "refused",
}
_MARKS = {True: "yes", False: "no", None: "-"}


def show(report: Report, *, everything: bool) -> None:
    """The whole report."""
    found = report.found
    output.say(verdict(found), "bold green" if found.whole else "bold yellow")
    output.say(f"  {_stands(found)}", "dim")
    for target, error in found.unread.items():
        output.say(f"  {target.value} could not be read: {error.message}", "red")
    if found.spare_devices:
        text = "shared devices are on sale in Billing that no product includes"
        output.say(f"  {found.spare_devices:,} {text}", "yellow")
    _show_rows(found, everything=everything)
    for currency, sides in found.totals().items():
        output.heading(f"Monthly list prices, {currency}")
        columns = ("side", "#products on sale", "#sum", "#difference")
        output.table(columns, _totals(sides, found))
    output.say()
    _show_link(report)


def _stands(found: Verification) -> str:
    counts = Counter(row.stand for row in found.rows)
    return ", ".join(f"{counts[s]:,} {text}" for s, text in _STANDS.items() if counts[s])


def _show_rows(found: Verification, *, everything: bool) -> None:
    chosen = [row for row in found.rows if everything or row.accord is not Accord.SAME]
    if not chosen:
        return
    output.heading("All products" if everything else "What differs")
    cut = output.on_terminal() and not everything
    shown = chosen[:_SHOWN] if cut else chosen
    output.table(_COLUMNS, [_cells(row) for row in shown])
    if len(shown) < len(chosen):
        output.say(f"… and {len(chosen) - len(shown):,} more; --all or a pipe shows them", "dim")


def _cells(row: Row) -> Sequence[object]:
    crm, billing = row.sides.get(TargetName.CRM), row.sides.get(TargetName.BILLING)
    on_sale = [row.active, *(side.active if side else None for side in (crm, billing))]
    return (
        row.sku or "(none)",
        row.accord.value,
        row.price,
        _price(crm),
        _price(billing),
        "/".join(_MARKS[one] for one in on_sale),
        row.plan or None,
        f"{row.items_same}/{row.items}" if row.items else None,
        row.why,
    )


def _price(side: Side | None) -> Decimal | None:
    return side.price if side else None


def _totals(
    sides: Mapping[str, Document | None], found: Verification
) -> Iterator[Sequence[object]]:
    for side, figures in sides.items():
        if figures is not None:
            total = [f"{Decimal(figures[n]):,}" for n in ("sum", "difference") if n in figures]
            yield (side, figures["products"], *total, *[None] * (2 - len(total)))
        elif side in found.unread:
            yield (side, "could not be read", None, None)


def _show_link(report: Report) -> None:
    link, time = report.link, BusinessTime(report.zone, report.found.at)
    number = f"{link.number}, {time.at(link.head.at)}" if link.number else "not recorded"
    output.facts(
        {
            "report": number,
            "rows": link.head.rows_hash,
            **({"previous": link.previous} if link.previous else {}),
            "hash": link.hash,
        }
    )
