"""Products: a list that is searched and filtered, and one of them on all its sides."""

from __future__ import annotations

import base64
import json
import re
from http import HTTPStatus
from typing import Final
from uuid import UUID

from trueup.domain.deeds import Did
from trueup.domain.people import Role
from trueup.domain.records import TargetName
from trueup.domain.states import Standing
from trueup.postgres import reports
from trueup.postgres.product_lists import After, Order, Search, Why
from trueup.views.desk import Desk
from trueup.views.documents import change_as_json
from trueup.views.product import gather, sku_of
from trueup.views.product_documents import line_as_json, sheet_as_json
from trueup.views.products import listing, stand_of
from trueup.web.api import answers
from trueup.web.api.asked import LIMIT, Asked, word, words_of
from trueup.web.api.callers import Caller
from trueup.web.api.endpoints import WORKSPACE, Api, Described, Document, Reply
from trueup.web.api.looking import no_such_page
from trueup.web.refusals import Refusal

_ONE = f"{WORKSPACE}/products/{{product_id}}"
_AMOUNT: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")
_SEARCH: Final = (
    words_of("search", "Part of a SKU or a name, whatever its case."),
    word("standing", "At either target; `ok`: at both.", Standing),
    word("crm", "At CRM.", Standing),
    word("billing", "At Billing.", Standing),
    words_of("family", "A service type or a category."),
    word("why", "Why it needs somebody.", Why),
    words_of("error", "Part of what a target or a finding said."),
    word("order", "What the list is sorted by; sku by itself.", Order),
    word("descending", "Whether it is sorted downwards.", ("true", "false")),
    words_of("after", "`next` of the page before."),
    LIMIT,
)


def add(api: Api) -> None:
    """The endpoints."""
    _add_release(api)

    @api.reads(
        Described(
            f"{WORKSPACE}/products",
            "v1_products",
            answers.ProductsDocument,
            "Products",
            parameters=_SEARCH,
        )
    )
    def products(caller: Caller, asked: Asked) -> Document:
        """How they stand at both targets; all filters must fit."""
        with caller.desk() as desk:
            found = listing(desk, _search(asked), asked["limit"])
            currency = desk.app.settings.currency
            lines = [line_as_json(line, currency, desk.time) for line in found.lines]
        return {"products": lines, "next": None if found.after is None else _cursor(found.after)}

    @api.reads(Described(_ONE, "v1_product", answers.ProductDocument, "One product"))
    def product(caller: Caller, _: Asked) -> Document:
        """Field by field: wanted, written, and what was read there last. Zoho is not asked."""
        with caller.desk() as desk:
            return _sheet(desk, _offering_id(caller))

    @api.reads(
        Described(
            f"{_ONE}/history",
            "v1_product_history",
            answers.HistoryDocument,
            "What was changed for a product",
            parameters=[LIMIT],
        )
    )
    def history(caller: Caller, asked: Asked) -> Document:
        """As `trueup history SKU --json`."""
        with caller.desk() as desk:
            sku = _sku(desk, _offering_id(caller))
            found = reports.history(desk.connection, sku, limit=asked["limit"]) if sku else []
            return {"sku": sku, "changes": [change_as_json(one, desk.time) for one in found]}


def _add_release(api: Api) -> None:
    @api.does(
        Described(
            f"{_ONE}/release",
            "v1_release_product",
            answers.ProductDocument,
            "Release a product from quarantine",
            role=Role.OPERATOR,
        )
    )
    def release(caller: Caller, _: None) -> Reply:
        """Its quarantine and back-off end, at both targets: the next run looks at it again."""
        offering_id = _offering_id(caller)
        with caller.desk() as desk:
            sku = _sku(desk, offering_id)
            states = desk.app.ledger.states([offering_id]).get(offering_id, {})
            before = {target.value: stand_of(one).word for target, one in states.items()}
            desk.app.ledger.release([offering_id], tuple(TargetName))
            caller.note(Did.RELEASED, sku or offering_id, before=before)
            return Reply(_sheet(desk, offering_id))


def _sheet(desk: Desk, offering_id: str) -> Document:
    found = gather(desk, offering_id)
    if found is None:
        raise _no_such_product()
    return sheet_as_json(found, desk.app.settings.currency, desk.time)


def _sku(desk: Desk, offering_id: str) -> str:
    sku = sku_of(desk, offering_id)
    if sku is None:
        raise _no_such_product()
    return sku


def _offering_id(caller: Caller) -> str:
    """The id in the address; what is no UUID is no product's."""
    try:
        return str(UUID(caller.path("product_id")))
    except ValueError:
        raise _no_such_product() from None


def _no_such_product() -> Refusal:
    return Refusal(
        HTTPStatus.NOT_FOUND, "there is no such product", "GET …/products?search=SKU finds its id"
    )


def _search(asked: Asked) -> Search:
    order = Order(asked["order"] or Order.SKU)
    return Search(
        text=(asked["search"] or "").strip(),
        standing=Standing(asked["standing"]) if asked["standing"] else None,
        at={t: Standing(asked[t.value]) for t in TargetName if asked[t.value]},
        family=asked["family"] or "",
        why=Why(asked["why"]) if asked["why"] else None,
        error=asked["error"] or "",
        order=order,
        descending=asked["descending"] == "true",
        after=_after(asked["after"], order),
    )


def _cursor(after: After) -> str:
    """Where the next page begins, as one word: a name may hold anything."""
    return base64.urlsafe_b64encode(json.dumps([after.key, after.offering_id]).encode()).decode()


def _after(text: str | None, order: Order) -> After | None:
    """The inverse; raises `Refusal` (404) for what was not given out for this order."""
    if text is None:
        return None
    try:
        key, offering_id = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        return After(_sorted_by(key, order), str(UUID(offering_id)))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise no_such_page() from None


def _sendable(text: str) -> bool:
    """Whether a database can be sent it: half a character is none."""
    return text.encode(errors="replace").decode() == text


def _sorted_by(key: object, order: Order) -> str:
    """What a list of this order can be sorted by, as text; raises ValueError for anything else."""
    if not isinstance(key, str) or "\x00" in key or not _sendable(key):
        raise ValueError("expected a text")
    if order is Order.PRICE and not _AMOUNT.fullmatch(key):
        raise ValueError("expected an amount")
    return key
