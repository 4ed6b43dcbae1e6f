"""Reading records: the list, one by id, the deleted ones, the count (zoho-facts §2.7, §2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from zoho_emulator.crm.batch import MOST_RECORDS, external_field, moment_header
from zoho_emulator.crm.errors import NO_CONTENT, NOT_MODIFIED, invalid_parameter, refusal
from zoho_emulator.crm.paging import (
    MOST_PER_PAGE,
    Order,
    issue_token,
    number,
    start_by_number,
    start_by_token,
)
from zoho_emulator.crm.records import by_key
from zoho_emulator.crm.shapes import shown
from zoho_emulator.crm.store import Deletion
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

MOST_FIELDS = 50
SORTABLE = ("id", "Created_Time", "Modified_Time")


def list_records(world: World, request: Request) -> Response:
    """`GET /Products`: `fields` is mandatory, 204 when nothing is found (zoho-facts §2.7)."""
    store = world.crm
    names = requested_fields(request)
    order = _order(request)
    per_page = number(request, "per_page", MOST_PER_PAGE, MOST_PER_PAGE)
    since = moment_header(request, "If-Modified-Since")
    candidates = _candidates(store, request, order, since)
    if "page_token" in request.query:
        start = start_by_token(store, request, candidates, order)
    else:
        start = start_by_number(store, request, per_page)
    page = candidates[start.position : start.position + per_page]
    if not page:
        return NOT_MODIFIED if since is not None and not candidates else NO_CONTENT
    more = start.position + len(page) < len(candidates)
    token, expiry = None, None
    if more:
        token, expiry = issue_token(store, request, order, start, page)
    info = {
        "per_page": per_page,
        "count": len(page),
        "page": start.page,
        "more_records": more,
        "sort_by": order.sort_by,
        "sort_order": "desc" if order.descending else "asc",
        "next_page_token": token,
        "previous_page_token": None,
        "page_token_expiry": expiry,
    }
    rows = [shown(store, store.records[record_id], names) for record_id in page]
    return Response.json(200, {"data": rows, "info": info})


def get_record(world: World, request: Request, record_id: str) -> Response:
    """`GET /Products/{id}`: unknown is 204 with no body, not 404 (zoho-facts §2.7)."""
    external = external_field(world.crm, request)
    if external is None and not record_id.isdecimal():
        # 400 or 404 for what cannot be an id: zoho-facts §2.7 [U].
        text = "the id given seems to be invalid"
        raise refusal(400, "INVALID_DATA", text, api_name="id", id=record_id)
    record = by_key(world.crm, record_id, external)
    if record is None:
        return NO_CONTENT
    names = requested_fields(request) if request.query.get("fields") else None
    since = moment_header(request, "If-Modified-Since")
    if since is not None and record.modified_at <= since:
        return NOT_MODIFIED
    return Response.json(200, {"data": [shown(world.crm, record, names)]})


def list_deleted(world: World, request: Request) -> Response:
    """`GET /Products/deleted`: the recycle bin and what has left it (zoho-facts §2.8)."""
    store = world.crm
    kind = request.query.get("type", "all")
    if kind not in {"all", "recycle", "permanent"}:
        raise invalid_parameter("type", supported_values=["all", "recycle", "permanent"])
    per_page = number(request, "per_page", MOST_PER_PAGE, MOST_PER_PAGE)
    page = number(request, "page", 1)
    since = moment_header(request, "If-Modified-Since")
    rows = [
        _deleted_row(store, deletion, permanent=permanent)
        for deletion, permanent in store.bin_contents()
        if kind in {"all", "permanent" if permanent else "recycle"}
        and (since is None or deletion.at > since)
    ]
    shown_rows = rows[(page - 1) * per_page : page * per_page]
    if not shown_rows:
        return NO_CONTENT
    info = {
        "per_page": per_page,
        "count": len(shown_rows),
        "page": page,
        "more_records": page * per_page < len(rows),
    }
    return Response.json(200, {"data": shown_rows, "info": info})


def requested_fields(request: Request) -> list[str]:
    """The `fields` parameter, 1 to 50 names; refuses its absence (zoho-facts §2.7)."""
    names = [name.strip() for name in request.query.get("fields", "").split(",") if name.strip()]
    if not names:
        text = "One of the expected parameter is missing"
        raise refusal(400, "REQUIRED_PARAM_MISSING", text, param_name="fields")
    if len(names) > MOST_FIELDS:
        raise refusal(400, "LIMIT_EXCEEDED", "limit exceeded", limit=50, param_name="fields")
    return names


def _order(request: Request) -> Order:
    sort_by = request.query.get("sort_by", "id")
    direction = request.query.get("sort_order", "desc")
    if sort_by not in SORTABLE:
        raise invalid_parameter("sort_by", supported_values=list(SORTABLE))
    if direction not in {"asc", "desc"}:
        raise invalid_parameter("sort_order", supported_values=["asc", "desc"])
    if "cvid" in request.query:
        raise invalid_parameter("cvid")  # the organisation has no custom views
    return Order(sort_by, descending=direction == "desc")


def _candidates(
    store: CrmStore, request: Request, order: Order, since: datetime | None
) -> Sequence[str]:
    """The ids that the listing runs over, in order."""
    ordered: Sequence[str] = store.ordered(order.sort_by, descending=order.descending)
    if request.query.get("ids"):
        keys = request.query["ids"].split(",")
        if len(keys) > MOST_RECORDS:
            text = "limit exceeded"
            raise refusal(400, "LIMIT_EXCEEDED", text, limit=MOST_RECORDS, param_name="ids")
        external = external_field(store, request)
        found = (by_key(store, key.strip(), external) for key in keys)
        wanted = {record.id for record in found if record is not None}
        ordered = sorted(
            wanted, key=lambda i: store.sort_key(i, order.sort_by), reverse=order.descending
        )
    if since is not None:
        ordered = [i for i in ordered if store.records[i].modified_at > since]
    return ordered


def _deleted_row(store: CrmStore, deletion: Deletion, *, permanent: bool) -> JsonDocument:
    """One deletion; what has left the bin has lost its name and its people."""
    record = deletion.record
    return {
        "deleted_by": None if permanent else deletion.by.signature(),
        "id": record.id,
        "display_name": None if permanent else record.values.get("Product_Name"),
        "type": "permanent" if permanent else "recycle",
        "created_by": None if permanent else record.created_by.signature(),
        "deleted_time": store.stamp(deletion.at),
    }
