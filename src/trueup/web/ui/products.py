"""Products: a list to search, filter, sort and export, that turns its pages at any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from threading import Lock
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.requests import Request

from trueup.domain.records import TargetName
from trueup.domain.states import Standing
from trueup.postgres.product_lists import After, Order, Search, Why, families
from trueup.views.desk import Desk
from trueup.views.product import near, with_sku
from trueup.views.products import csv_pieces, listing, source_of
from trueup.views.words import STANDINGS
from trueup.web.ui.access import House, Seat
from trueup.web.ui.session import see_other

_PAGE: Final = 50  # products
_LONGEST: Final = 200  # characters of a search
_FRESH: Final = 60.0  # seconds for which the list of families is good
_WHY: Final[Mapping[Why, str]] = {
    Why.QUARANTINED: "quarantined",
    Why.BACKING_OFF: "failed, tried again later",
    Why.DECISION: "waits for a decision",
    Why.REFUSED: "the row is refused",
    Why.NEVER: "never compared",
    Why.GONE: "left the catalogue",
}
_FILTERS: Final = ("q", "status", "crm", "billing", "family", "why", "error")
Word = TypeVar("Word", Standing, Why, Order)


@dataclass
class _Families:
    """The service types and categories of each workspace, read once a minute."""

    monotonic: Callable[[], float]
    _known: dict[str, tuple[float, list[str]]] = field(default_factory=dict)
    _guard: Lock = field(default_factory=Lock)

    def of(self, workspace: str, desk: Desk) -> list[str]:
        """What there is to choose from."""
        now = self.monotonic()
        with self._guard:
            known = self._known.get(workspace)
        if known is not None and now - known[0] < _FRESH:
            return known[1]
        found = families(desk.connection, source_of(desk.app.settings))
        with self._guard:
            self._known[workspace] = (now, found)
        return found


def router(house: House) -> APIRouter:
    """The list, the same as CSV, and the way from a SKU to its product."""
    found = APIRouter(include_in_schema=False)
    known = _Families(house.parts.deployment.clock.monotonic)

    @found.get("/w/{workspace}/products")
    def products(request: Request, workspace: str) -> Response:
        """A page of the list; with `?sku=` the product; with `?part=rows` its rows alone."""
        seat = house.seat(request, workspace)
        if "sku" in request.query_params:
            return _product_with(seat, request.query_params["sku"])
        search = search_of(request.query_params)
        with seat.desk() as desk:
            context = _shown(desk, search, request.query_params)
            if request.query_params.get("part") == "rows":
                return seat.show("products_rows.html", desk, **context)
            context |= {"families": known.of(workspace, desk), "whys": _WHY}
            return seat.show(
                "products.html", desk, **context, standings=list(STANDINGS), words=STANDINGS
            )

    @found.get("/w/{workspace}/products.csv")
    def export(request: Request, workspace: str) -> StreamingResponse:
        """The whole filtered list; read while it is sent."""
        seat = house.seat(request, workspace)
        search = search_of(request.query_params)
        name = f"products-{workspace}.csv".encode("ascii", "replace").decode().replace('"', "")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(
            _exported(seat, search), HTTPStatus.OK, headers, media_type="text/csv; charset=utf-8"
        )

    return found


def by_sku(house: House) -> APIRouter:
    """`/products/{sku}`, for people who type addresses; after every other address below it."""
    found = APIRouter(include_in_schema=False)

    @found.get("/w/{workspace}/products/{sku:path}")
    def product(request: Request, workspace: str, sku: str) -> Response:
        """The product with this SKU, whatever signs are in it."""
        return _product_with(house.seat(request, workspace), sku)

    return found


def search_of(given: Mapping[str, str]) -> Search:
    """The search of an address; a word that we never wrote does not narrow."""
    at = {t: s for t in TargetName if (s := _word(Standing, given.get(t.value, ""))) is not None}
    key, last = given.get("after"), given.get("id", "")
    return Search(
        text=_text(given, "q"),
        standing=_word(Standing, given.get("status", "")),
        at=at,
        family=_text(given, "family"),
        why=_word(Why, given.get("why", "")),
        error=_text(given, "error"),
        order=_word(Order, given.get("sort", "")) or Order.SKU,
        descending=given.get("down") == "1",
        after=After(key, last) if key is not None and _continues(key, last, given) else None,
    )


def unknown(seat: Seat, desk: Desk, sku: str) -> HTMLResponse:
    """A page that says which products somebody may have meant."""
    context = {"sku": sku, "near": near(desk, sku)}
    return seat.show("product_unknown.html", desk, HTTPStatus.NOT_FOUND, **context)


def _product_with(seat: Seat, sku: str) -> Response:
    """The one product with this SKU; the list where there are several; near ones for none."""
    wanted = sku.strip().replace("\x00", "")
    with seat.desk() as desk:
        found = with_sku(desk, wanted)
        if not found:
            return unknown(seat, desk, wanted)
    base = f"/w/{seat.workspace}/products"
    if len(found) == 1:
        return see_other(f"{base}/id/{found[0]}")
    return see_other(f"{base}?{urlencode({'q': wanted})}")


def _shown(desk: Desk, search: Search, given: Mapping[str, str]) -> dict[str, Any]:
    filters = {name: text for name in _FILTERS if (text := _text(given, name))}
    order = {"sort": search.order.value} | ({"down": "1"} if search.descending else {})
    found = listing(desk, search, _PAGE)
    more = found.after
    following = {} if more is None else {"after": more.key, "id": more.offering_id}
    return {
        "lines": found.lines,
        "filters": filters,
        "order": order,
        "first": search.after is None,
        "query": urlencode(filters | order),
        "next": urlencode(filters | order | following) if more is not None else "",
        "sorts": {one.value: _sorted_by(one, search, filters) for one in Order},
    }


def _sorted_by(order: Order, search: Search, filters: Mapping[str, str]) -> str:
    """The query that sorts by this; once more turns it round."""
    turn = search.order is order and not search.descending
    return urlencode({**filters, "sort": order.value} | ({"down": "1"} if turn else {}))


def _exported(seat: Seat, search: Search) -> Iterator[str]:
    with seat.desk() as desk:
        yield from map(seat.house.parts.hiding.page, csv_pieces(desk, search))


def _text(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "").strip().replace("\x00", "")[:_LONGEST]


def _word(words: type[Word], text: str) -> Word | None:
    known: Sequence[Word] = list(words)
    return next((one for one in known if one.value == text), None)


def _continues(key: str, last: str, given: Mapping[str, str]) -> bool:
    """Whether these can be where a page ended: the id of a product, and an amount for prices."""
    try:
        UUID(last)
        return given.get("sort") != Order.PRICE or Decimal(key).is_finite()
    except (ValueError, InvalidOperation):
        return False
