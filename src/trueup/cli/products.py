"""`trueup products`: the products as their page lists them, or one of them on all its sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from trueup.cli import output
from trueup.cli.reading import Limit, open_desk
from trueup.cli.selectors import Json
from trueup.domain.errors import UsageError
from trueup.domain.records import TargetName
from trueup.domain.states import Standing

if TYPE_CHECKING:
    from trueup.postgres.product_lists import After
    from trueup.views.product import Sheet
    from trueup.views.products import Line
    from trueup.views.times import BusinessTime

Search = Annotated[
    str, Parameter(name="--search", help="Part of a SKU or a name.", show_default=False)
]
Stands = Annotated[
    Standing | None, Parameter(name="--standing", help="At either target; ok: at both.")
]
Family = Annotated[
    str, Parameter(name="--family", help="A service type or a category.", show_default=False)
]
Reason = Annotated[
    Literal["quarantined", "backing_off", "decision", "refused", "never", "gone"] | None,
    Parameter(name="--why", help="Why it needs somebody."),
]

products = App(name="products", help_format="plaintext", result_action="return_value")


@products.default
def listed(
    *,
    search: Search = "",
    standing: Stands = None,
    family: Family = "",
    why: Reason = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """The products by SKU; the help of `trueup products` is with the program's."""
    from trueup.postgres import product_lists
    from trueup.views.product_documents import line_as_json
    from trueup.views.products import listing

    reason = product_lists.Why(why) if why else None
    asked = product_lists.Search(search.strip(), standing, family=family, why=reason)
    with open_desk() as desk:
        found = listing(desk, asked, limit)
        currency = desk.app.settings.currency
    if json:
        lines = [line_as_json(line, currency, desk.time) for line in found.lines]
        output.print_json({"products": lines})
        return
    rows = [_row(line, currency) for line in found.lines]
    columns = ("SKU", "name", "#price", "CRM", "Billing", "trouble")
    output.table(columns, rows, empty="no product is like that")
    _say_rest(found.after, limit)


@products.command(name="show")
def show_product(
    sku: Annotated[str, Parameter(help="The product.")], /, *, json: Json = False
) -> None:
    """One product: what is wanted, what we wrote, what was read there last, field by field.

    Nothing is sent to Zoho.

    For example:
      trueup products show FIB-100
      trueup products show FIB-100 --json | jq '.records[].fields[] | select(.differs)'
    """
    from trueup.views.product import gather, with_sku
    from trueup.views.product_documents import sheet_as_json

    with open_desk() as desk:
        known = with_sku(desk, sku.strip())
        found = gather(desk, known[0]) if known else None
        if found is None:
            raise UsageError(
                f"there is no product with the SKU {sku!r}", "`trueup products --search` finds it"
            )
        currency = desk.app.settings.currency
    if json:
        output.print_json(sheet_as_json(found, currency, desk.time))
    else:
        _show(found, currency, desk.time)


def _row(line: Line, currency: str) -> tuple[object, ...]:
    price = None if line.price is None else f"{currency} {line.price:,.2f}"
    stands = (line.stands[target].word for target in TargetName)
    return (line.sku or "(no SKU)", line.name, price, *stands, line.trouble or "-")


def _say_rest(after: After | None, limit: int) -> None:
    if after is not None:
        output.say(f"… and more; --limit {2 * limit} shows more", "dim")


def _show(one: Sheet, currency: str, time: BusinessTime) -> None:
    output.say(f"{one.sku}  {one.name}", "bold")
    facts: dict[str, object] = {
        "price": None if one.price is None else f"{currency} {one.price:,.2f}",
        "wanted": one.wish,
    }
    for target, stand in one.stands.items():
        facts[target.value] = f"{stand.word} {time.at(stand.since)}"
    output.facts(facts)
    for trouble in one.troubles:
        output.say(f"{trouble.target.value}: {trouble.stand.error}", "red")
        output.say(f"  → {trouble.remedy}", "cyan")
    for record in one.records:
        output.heading(f"{record.key} ({record.remote_id or 'not there'})")
        rows = [
            (f"{'! ' if line.differs else ''}{line.name}", line.wanted, line.written, line.there)
            for line in record.lines
        ]
        output.table(("field", "wanted", "written", "there"), rows)
