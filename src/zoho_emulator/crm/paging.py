"""Pages by number for the first records and by token for all of them (zoho-facts §2.7)."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from zoho_emulator.crm.errors import invalid_parameter, refusal
from zoho_emulator.wire import Request

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore

MOST_PER_PAGE = 200
_KEPT_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class PageToken:
    """Where a listing goes on: after the record with `key`, as page number `page`.

    A place, not an offset: records written between two pages neither repeat nor hide others.
    """

    bound_to: str
    key: tuple[float, str]
    page: int
    served: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """How a listing is sorted."""

    sort_by: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Start:
    """The first record of a page, as a position in the ordered ids."""

    position: int
    page: int
    served: int


def number(request: Request, name: str, default: int, most: int | None = None) -> int:
    """A whole-number parameter from 1 up to `most`; refuses anything else."""
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise invalid_parameter(name, expected_data_type="integer")
    if most is not None and int(text) > most:
        raise invalid_parameter(name, maximum_length=most)
    return int(text)


def start_by_number(store: CrmStore, request: Request, per_page: int) -> Start:
    """Page numbers reach the first 2,000 records only (zoho-facts §2.7)."""
    page = number(request, "page", 1)
    if page * per_page > store.options.page_limit:
        text = "page number based pagination ends here; use page_token"
        limit = store.options.page_limit
        raise refusal(400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", text, limit=limit)
    served = (page - 1) * per_page
    return Start(served, page, served)


def start_by_token(
    store: CrmStore, request: Request, ordered: Sequence[str], order: Order
) -> Start:
    """Go on where a token points: it expires, and is bound to the other parameters (§2.7)."""
    if "page" in request.query:
        text = "page and page_token exclude each other"
        both = [{"param_name": "page"}, {"param_name": "page_token"}]
        raise refusal(400, "AMBIGUITY_DURING_PROCESSING", text, ambiguity_due_to=both)
    token = store.page_tokens.get(request.query["page_token"])
    if token is None:
        raise invalid_parameter("page_token")
    if store.now() >= token.expires:
        raise refusal(400, "EXPIRED_VALUE", "Page token expired", param_name="page_token")
    if token.bound_to != binding(request):
        text = "the page token was issued for other parameters"
        raise refusal(400, "TOKEN_BOUND_DATA_MISMATCH", text, param_name="page_token")
    if token.served >= store.options.token_limit:
        limit = store.options.token_limit
        raise refusal(400, "PAGINATION_LIMIT_EXCEEDED", "pagination limit exceeded", limit=limit)
    return Start(_after(store, ordered, order, token.key), token.page, token.served)


def issue_token(
    store: CrmStore, request: Request, order: Order, start: Start, page: Sequence[str]
) -> tuple[str, str]:
    """A token for what follows `page`, and its expiry as Zoho writes it."""
    expires = store.now() + timedelta(seconds=store.options.page_token_life)
    name = hashlib.sha256(store.ids.next().encode()).hexdigest()
    if len(store.page_tokens) >= _KEPT_TOKENS:  # a long run must not fill the memory
        del store.page_tokens[next(iter(store.page_tokens))]
    store.page_tokens[name] = PageToken(
        bound_to=binding(request),
        key=store.sort_key(page[-1], order.sort_by),
        page=start.page + 1,
        served=start.served + len(page),
        expires=expires,
    )
    return name, store.stamp(expires)


def binding(request: Request) -> str:
    """What a token is bound to: every parameter but the place itself."""
    bound: Mapping[str, str] = {
        name: value for name, value in request.query.items() if name not in {"page", "page_token"}
    }
    return json.dumps(bound, sort_keys=True)


def _after(store: CrmStore, ordered: Sequence[str], order: Order, key: tuple[float, str]) -> int:
    """The position of the first record behind `key`, which itself may be gone by now."""
    if not order.descending:
        return bisect_right(ordered, key, key=lambda i: store.sort_key(i, order.sort_by))
    # bisect wants ascending keys: look from the other end.
    most = len(ordered)
    found = bisect_left(
        range(most), key, key=lambda p: store.sort_key(ordered[most - 1 - p], order.sort_by)
    )
    return most - found
