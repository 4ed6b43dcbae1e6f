"""COQL: exact, immediate queries, the read-after-write path that search is not (zoho-facts §2.10).

Comparison of text is exact but for case (zoho-facts §2.10 [U]); a null matches nothing but
`is null`, as in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.batch import body_of
from zoho_emulator.crm.coql_compare import invalid_column, predicate
from zoho_emulator.crm.coql_parse import (
    DEFAULT_LIMIT,
    Comparison,
    Criteria,
    Query,
    over_limit,
    parse,
)
from zoho_emulator.crm.errors import NO_CONTENT, refusal
from zoho_emulator.crm.field_documents import field_document
from zoho_emulator.crm.shapes import column, shown
from zoho_emulator.crm.store import Record
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

MOST_ROWS = 2_000
MOST_OFFSET = 100_000
_LIMIT = re.compile(r"\blimit\s+(\d+)(?:\s*,\s*(\d+))?", re.IGNORECASE)
_CREDIT_STEPS = (200, 1_000)  # 1 credit, 2 credits, beyond them 3
_LOOKUPS = frozenset({"ownerlookup", "userlookup", "lookup"})


def query(world: World, request: Request) -> Response:
    """`POST /coql`."""
    store, body = world.crm, body_of(request)
    text = body.get("select_query")
    if not isinstance(text, str):
        message = "required field not found"
        raise refusal(400, "MANDATORY_NOT_FOUND", message, api_name="select_query")
    parsed = parse(text, bracket_pairs=store.options.coql_bracket_pairs)
    _check(store, parsed)
    found = _matching(store, parsed)
    page = found[parsed.offset : parsed.offset + parsed.limit]
    if not page:
        return NO_CONTENT
    more = len(found) > parsed.offset + parsed.limit
    answer: JsonDocument = {
        "data": [_row(store, record, parsed.columns) for record in page],
        "info": {"count": len(page), "more_records": more},
    }
    if body.get("include_meta") == ["fields"]:
        answer["fields"] = {name: field_document(store, name) for name in parsed.columns}
    return Response.json(200, answer)


def credits_of(request: Request) -> int:
    """1 credit up to 200 rows, 2 up to 1,000, 3 up to 2,000 (zoho-facts §2.10)."""
    match = _LIMIT.search(request.body.decode(errors="replace"))
    rows = int(match[2] or match[1]) if match else DEFAULT_LIMIT
    return 1 + sum(rows > step for step in _CREDIT_STEPS)


def _check(store: CrmStore, parsed: Query) -> None:
    if parsed.module != "Products":
        raise refusal(400, "INVALID_MODULE", "invalid module", module=parsed.module)
    if parsed.limit > MOST_ROWS:
        raise over_limit(MOST_ROWS, "limit")
    if parsed.offset + parsed.limit > MOST_OFFSET + MOST_ROWS:
        raise over_limit(MOST_OFFSET, "offset")
    for name in parsed.columns:
        if name not in store.fields:
            raise invalid_column(name)
        long_text = store.fields[name].data_type == "textarea"
        if long_text and store.options.coql_refuses_long_text:
            raise invalid_column(name)
    ordered = [name for name, _ in parsed.order_by]
    for name in ordered:
        if name not in store.fields:
            raise invalid_column(name)
        if ordered.count(name) > 1:
            raise refusal(400, "DUPLICATE_DATA", "duplicate column", column_name=name)


def _matching(store: CrmStore, parsed: Query) -> list[Record]:
    test = predicate(store, parsed.where)
    found = [record for record in _candidates(store, parsed.where) if test(record)]
    found.sort(key=lambda record: record.id)
    for name, descending in reversed(parsed.order_by):
        found.sort(key=_ranking(store, name), reverse=descending)
    return found


def _candidates(store: CrmStore, where: Criteria) -> Iterable[Record]:
    """The records worth testing: those of an index where one criterion must hold exactly."""
    for criterion in _required(where):
        field = store.fields[criterion.column]
        if field.api_name == "id":
            ids = [operand.text.strip("'") for operand in criterion.operands]
        elif field.data_type == "text" and not field.case_sensitive:
            store.index_on(field)
            values = {operand.value().casefold() for operand in criterion.operands}
            ids = [held for value in values for held in store.index.holders(field, value)]
        else:
            continue
        return [store.records[i] for i in dict.fromkeys(ids) if i in store.records]
    return store.records.values()


def _required(where: Criteria) -> list[Comparison]:
    """Criteria for equality without which nothing matches."""
    if isinstance(where, Comparison):
        return [where] if where.operator in {"=", "in"} else []
    if where.connective == "and":
        return [found for part in where.parts for found in _required(part)]
    return []


def _row(store: CrmStore, record: Record, columns: Iterable[str]) -> JsonDocument:
    """A row; lookups come as their id alone."""
    row = shown(store, record, columns)
    for name, value in row.items():
        if store.fields[name].data_type in _LOOKUPS and value is not None:
            row[name] = {"id": value["id"]}
    return row


def _ranking(store: CrmStore, name: str) -> Callable[[Record], tuple[bool, Any]]:
    """Sort key of a column: nulls first, text without regard to case."""

    def rank(record: Record) -> tuple[bool, Any]:
        value = column(store, record, name)
        if value is None or isinstance(value, list):
            return (False, "")
        return (True, value.casefold() if isinstance(value, str) else value)

    return rank
