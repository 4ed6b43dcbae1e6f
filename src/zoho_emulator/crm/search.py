"""Search: late, fuzzy and capped; not to be trusted with identity (zoho-facts §2.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.errors import NO_CONTENT, refusal
from zoho_emulator.crm.paging import MOST_PER_PAGE, number
from zoho_emulator.crm.search_criteria import Criterion, parse_criteria, text_of, words
from zoho_emulator.crm.shapes import column, shown
from zoho_emulator.crm.store import Record
from zoho_emulator.wire import Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World

MOST_RESULTS = 2_000
_SHORTEST_WORD = 2
_PARAMETERS = ("criteria", "email", "phone", "word")


def search(world: World, request: Request) -> Response:
    """`GET /Products/search`: 204 when nothing is found, also for what is not indexed yet."""
    store = world.crm
    per_page = number(request, "per_page", MOST_PER_PAGE, MOST_PER_PAGE)
    page = number(request, "page", 1)
    if page * per_page > MOST_RESULTS:
        text = "maximum response iteration limit reached"
        raise refusal(400, "LIMIT_REACHED", text, limit=str(MOST_RESULTS))
    found = found_ids(store, request)
    ids = found[(page - 1) * per_page : page * per_page]
    if not ids:
        return NO_CONTENT
    named = [name for name in request.query.get("fields", "").split(",") if name]
    info = {
        "per_page": per_page,
        "count": len(ids),
        "page": page,
        "more_records": page * per_page < len(found),
        "sort_by": "id",
        "sort_order": "desc",
    }
    rows = [shown(store, store.records[record_id], named or None) for record_id in ids]
    return Response.json(200, {"data": rows, "info": info})


def count(world: World, request: Request) -> Response:
    """`GET /Products/actions/count`: all, or those a search would find (zoho-facts §2.7)."""
    if any(name in request.query for name in _PARAMETERS):
        return Response.json(200, {"count": len(found_ids(world.crm, request))})
    return Response.json(200, {"count": len(world.crm.records)})


def found_ids(store: CrmStore, request: Request) -> list[str]:
    """Ids that match the first of criteria, email, phone and word, as the index knows them.

    A record that is gone but still indexed is left out: there is nothing to show of it.
    """
    given = next((name for name in _PARAMETERS if request.query.get(name)), None)
    if given is None:
        text = "One of the expected parameter is missing"
        raise refusal(400, "EXPECTED_PARAM_MISSING", text, param_names=list(_PARAMETERS))
    known = store.search.known(store.clock.monotonic())
    wanted = request.query[given]
    if given == "criteria":
        criteria = parse_criteria(store, wanted)
        matching = [i for i in known if i in store.records and _meets(store, i, known, criteria)]
    elif given == "word":
        if len(wanted) < _SHORTEST_WORD:
            raise refusal(400, "INVALID_DATA", "invalid data", param_name="word", minimum_length=2)
        matching = [i for i in known if i in store.records and _has_word(store, known[i], wanted)]
    else:
        matching = []  # Products has neither e-mail addresses nor telephone numbers
    return sorted(matching, reverse=True)


def _meets(
    store: CrmStore, record_id: str, known: Mapping[str, Mapping[str, Any]], criteria: Criterion
) -> bool:
    """Whether the record as indexed meets the criteria; system fields are always fresh."""
    record: Record = store.records[record_id]
    values = known[record_id]

    def cell(name: str) -> Any:
        custom = not store.fields[name].read_only
        return values.get(name) if custom else column(store, record, name)

    return criteria(cell)


def _has_word(store: CrmStore, values: Mapping[str, Any], word: str) -> bool:
    texts = (text_of(value) for name, value in values.items() if _is_text(store, name))
    return any(words(word) in text for text in texts)


def _is_text(store: CrmStore, name: str) -> bool:
    return store.fields[name].data_type in {"text", "textarea", "picklist"}
