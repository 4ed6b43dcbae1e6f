"""Lists by page, with their `page_context` (zoho-facts §3.8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from zoho_emulator.billing.dialect import refuse_value
from zoho_emulator.billing.store import BillingStore, Record
from zoho_emulator.wire import JsonDocument, Request

MOST_PER_PAGE = 200
_MOST_DIGITS = 9
_KEPT_LISTINGS = 16

Row = TypeVar("Row")


def page_number(request: Request, name: str, default: int) -> int:
    """A positive whole number of the query; anything else is refused."""
    text = request.query.get(name, str(default))
    if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) < 1:
        refuse_value(name)
    return int(text)


def cut_page(
    request: Request, rows: Sequence[Row], context: JsonDocument
) -> tuple[Sequence[Row], JsonDocument]:
    """One page of `rows` and its page context; more than 200 a page are quietly cut to 200."""
    page = page_number(request, "page", 1)
    size = min(page_number(request, "per_page", MOST_PER_PAGE), MOST_PER_PAGE)
    start = (page - 1) * size
    more = len(rows) > start + size
    return rows[start : start + size], {
        "page": page,
        "per_page": size,
        "has_more_page": more,
        **context,
    }


def kept_listing(
    store: BillingStore, key: tuple[object, ...], build: Callable[[], list[Record]]
) -> list[Record]:
    """The filtered and ordered rows, built once per state of the resource.

    A client reads a listing page by page, and sorting a hundred thousand rows anew for each page
    would make the emulator the slow part of a measurement.
    """
    resource = str(key[0])
    full_key = (*key, store.version(resource))
    if full_key not in store.listings:
        if len(store.listings) >= _KEPT_LISTINGS:
            store.listings.clear()
        store.listings[full_key] = build()
    return store.listings[full_key]
