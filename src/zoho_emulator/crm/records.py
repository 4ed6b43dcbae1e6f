"""Insert, update and delete, one record or a hundred (zoho-facts §2.4, §2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.batch import (
    MOST_RECORDS,
    body_of,
    external_field,
    moment_header,
    records_in,
    write_each,
)
from zoho_emulator.crm.errors import failure, refusal
from zoho_emulator.crm.fields import Field
from zoho_emulator.crm.store import Record
from zoho_emulator.crm.validate import duplicate, judge, mandatory
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World


def insert(world: World, request: Request) -> Response:
    """`POST /Products`. A repeated call inserts again: no idempotency (zoho-facts §2.4)."""
    records = records_in(world.crm, body_of(request))
    external = external_field(world.crm, request)

    def write(given: Mapping[str, Any], path: str) -> JsonDocument:
        return insert_one(world.crm, given, path, external)

    return write_each(world, records, 201, write)


def update(world: World, request: Request) -> Response:
    """`PUT /Products`: each record names its id, or its external value under X-EXTERNAL."""
    records = records_in(world.crm, body_of(request))
    external = external_field(world.crm, request)
    since = moment_header(request, "If-Unmodified-Since")

    def write(given: Mapping[str, Any], path: str) -> JsonDocument:
        record, fault = locate(world.crm, given, path, external)
        if record is None:
            return fault
        return update_one(world.crm, record, given, path, since=since, external=external)

    return write_each(world, records, 200, write)


def update_by_id(world: World, request: Request, record_id: str) -> Response:
    """`PUT /Products/{id}`; with X-EXTERNAL the path holds the external value (zoho-facts §2.6)."""
    records = records_in(world.crm, body_of(request))[:1]
    external = external_field(world.crm, request)
    since = moment_header(request, "If-Unmodified-Since")
    record = by_key(world.crm, record_id, external)

    def write(given: Mapping[str, Any], path: str) -> JsonDocument:
        if record is None:
            return unknown_id(record_id, path)
        return update_one(world.crm, record, given, path, since=since, external=external)

    return write_each(world, records, 200, write)


def delete_by_id(world: World, request: Request, record_id: str) -> Response:
    """`DELETE /Products/{id}`, or by external value under X-EXTERNAL."""
    return _delete(world, request, [record_id])


def delete_many(world: World, request: Request) -> Response:
    """`DELETE /Products?ids=a,b`, at most 100."""
    keys = [key for key in request.query.get("ids", "").split(",") if key]
    if not keys:
        text = "One of the expected parameter is missing"
        raise refusal(400, "REQUIRED_PARAM_MISSING", text, param_name="ids")
    if len(keys) > MOST_RECORDS:
        raise refusal(400, "LIMIT_EXCEEDED", "limit exceeded", limit=MOST_RECORDS, param_name="ids")
    return _delete(world, request, keys)


def insert_one(
    store: CrmStore, given: Mapping[str, Any], path: str, external: Field | None = None
) -> JsonDocument:
    """Insert one record; the result says `record added` or what is wrong with it."""
    verdict = judge(store, given, path, creates=True)
    error = verdict.error() or duplicate(store, verdict.values, path, None)
    return error or success(store, store.insert(verdict.values), "record added", external)


def update_one(
    store: CrmStore,
    record: Record,
    given: Mapping[str, Any],
    path: str,
    *,
    since: datetime | None = None,
    external: Field | None = None,
) -> JsonDocument:
    """Change one record, unless somebody did after `since` (zoho-facts §2.4)."""
    if since is not None and record.modified_at > since:
        text = "The record was modified after the time specified"
        return failure("ALREADY_MODIFIED", text, _details(store, record))
    verdict = judge(store, given, path, creates=False)
    error = verdict.error() or duplicate(store, verdict.values, path, record.id)
    if error is not None:
        return error
    return success(store, store.update(record.id, verdict.values), "record updated", external)


def locate(
    store: CrmStore, given: Mapping[str, Any], path: str, external: Field | None
) -> tuple[Record | None, JsonDocument]:
    """The record that a batch update means, or the fault: the external value wins over the id."""
    if external is not None and given.get(external.api_name) is not None:
        value = given[external.api_name]
        found = store.index.holders(external, value)
        if found:
            return store.records[found[0]], {}
        details = {"api_name": external.api_name, "json_path": f"{path}.{external.api_name}"}
        return None, failure("INVALID_DATA", "The value of the external field is invalid.", details)
    if given.get("id") is None:
        return None, mandatory("id", f"{path}.id")
    # The official SDK sends the id as a JSON number; both are understood.
    record_id = str(given["id"])
    return store.records.get(record_id), unknown_id(record_id, path)


def by_key(store: CrmStore, key: str, external: Field | None) -> Record | None:
    """The record behind a path segment: an id, or an external value."""
    if external is None:
        return store.records.get(key)
    found = store.index.holders(external, key)
    return store.records[found[0]] if found else None


def unknown_id(record_id: str, path: str) -> JsonDocument:
    """No such record; there is no RECORD_NOT_FOUND code (zoho-facts §2.4)."""
    details = {"id": record_id, "api_name": "id", "json_path": f"{path}.id"}
    return failure("INVALID_DATA", "the id given seems to be invalid", details)


def success(
    store: CrmStore, record: Record, message: str, external: Field | None = None
) -> JsonDocument:
    """A record's good result; under X-EXTERNAL it echoes the external value (zoho-facts §2.6)."""
    details = _details(store, record) | {"$approval_state": "approved"}
    if external is not None:
        details[external.api_name] = record.values.get(external.api_name)
    return {"code": "SUCCESS", "details": details, "message": message, "status": "success"}


def _details(store: CrmStore, record: Record) -> JsonDocument:
    return {
        "Modified_Time": store.stamp(record.modified_at),
        "Modified_By": record.modified_by.signature(),
        "Created_Time": store.stamp(record.created_at),
        "id": record.id,
        "Created_By": record.created_by.signature(),
    }


def _delete(world: World, request: Request, keys: list[str]) -> Response:
    external = external_field(world.crm, request)

    def write(given: Mapping[str, Any], _path: str) -> JsonDocument:
        record = by_key(world.crm, given["key"], external)
        if record is None:
            return failure("INVALID_DATA", "record not deleted", {"id": given["key"]})
        world.crm.delete(record.id)
        details = {"id": record.id}
        if external is not None:
            details[external.api_name] = given["key"]
        return {
            "code": "SUCCESS",
            "details": details,
            "message": "record deleted",
            "status": "success",
        }

    return write_each(world, [{"key": key} for key in keys], 200, write)
