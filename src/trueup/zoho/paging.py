"""Listings, page by page: every record once, or an error; never a shorter list (spec §2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trueup.domain.errors import TargetDownError
from trueup.domain.records import TargetName
from trueup.zoho.codec import flag, identifier
from trueup.zoho.http import Answer, Door
from trueup.zoho.refusals import reading

PER_PAGE = 200
# CRM counts pages up to record 2,000; further on it wants the token of the page before.
LAST_NUMBERED_PAGE = 10
# Far beyond any organisation; it ends a listing that always promises more.
_MOST_PAGES = 20_000

Row = Mapping[str, Any]


def crm_rows(door: Door, path: str, params: Mapping[str, str]) -> Iterator[Row]:
    """Every record of a CRM listing (zoho-facts §2.7).

    The page token is used from the second page on where CRM gives one: it marks a place, so
    records that come or go meanwhile do not shift the pages. Without one, pages are counted.
    Raises `TargetDownError` when the listing is refused or cannot be completed.
    """
    seen: set[str] = set()
    place: dict[str, str] = {"page": "1"}
    for page in range(1, _MOST_PAGES):
        answer = _page(door, TargetName.CRM, path, {**params, "per_page": str(PER_PAGE), **place})
        if answer.document is None:  # 204: nothing found, which is how CRM says "none"
            if page > 1:
                raise _broken(path, "more records were promised, and none came")
            return
        yield from _fresh(rows_of(answer.document, "data", path), "id", seen, path)
        info = _object(answer.document.get("info"))
        if not flag(info.get("more_records")):
            return
        token = info.get("next_page_token")
        if token:
            if place.get("page_token") == token:
                raise _broken(path, "the same page is offered twice")
            place = {"page_token": str(token)}
        elif page < LAST_NUMBERED_PAGE and "page" in place:
            place = {"page": str(page + 1)}
        else:
            raise _broken(path, "more records are promised, and no way to them")
    raise _broken(path, "it does not end")


def billing_rows(
    door: Door,
    path: str,
    name: str,
    id_name: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
) -> Iterator[Row]:
    """Every record of a Billing listing; `name` is the list's member (zoho-facts §3.8)."""
    seen: set[str] = set()
    for page in range(1, _MOST_PAGES):
        paged = {**params, "page": str(page), "per_page": str(PER_PAGE)}
        answer = _page(door, TargetName.BILLING, path, paged, headers)
        if answer.document is None:
            raise _broken(path, "the answer is empty")
        rows = rows_of(answer.document, name, path)
        yield from _fresh(rows, id_name, seen, path)
        if not flag(_context(answer.document.get("page_context")).get("has_more_page")):
            return
        if not rows:
            raise _broken(path, "an empty page promises more")
    raise _broken(path, "it does not end")


def _page(
    door: Door,
    target: TargetName,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One page. "Nothing there" is asked twice: believed wrongly, it would create all anew."""
    with reading(path):
        answer = door.send(target, "GET", path, params=params, headers=headers)
        if answer.document is None:
            answer = door.send(target, "GET", path, params=params, headers=headers)
        return answer


def rows_of(document: Any, name: str, path: str) -> list[Row]:
    """The rows of a listing; raises `TargetDownError` when the answer holds no such list."""
    rows = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise _broken(path, f"the answer holds no list {name}")
    return rows


def _fresh(rows: list[Row], id_name: str, seen: set[str], path: str) -> Iterator[Row]:
    """The rows not seen before: a record that moved to a later page appears there again."""
    for row in rows:
        row_id = identifier(row.get(id_name))
        if not row_id:
            raise _broken(path, f"a record has no {id_name}")
        if row_id not in seen:
            seen.add(row_id)
            yield row


def _context(value: Any) -> Row:
    """`page_context` is an object, though one specification calls it a list (zoho-facts §3.8)."""
    return _object(value[0] if isinstance(value, list) and value else value)


def _object(value: Any) -> Row:
    return value if isinstance(value, Mapping) else {}


def _broken(path: str, why: str) -> TargetDownError:
    return TargetDownError(f"the listing {path} cannot be completed: {why}", "Try again later")
