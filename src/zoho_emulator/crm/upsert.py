"""Upsert: which record is meant, and what may name it (zoho-facts §2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.batch import body_of, external_field, records_in, write_each
from zoho_emulator.crm.errors import refusal
from zoho_emulator.crm.fields import Field
from zoho_emulator.crm.records import insert_one, locate, unknown_id, update_one
from zoho_emulator.crm.store import Record
from zoho_emulator.crm.values import ValueFaultError, accepted
from zoho_emulator.wire import JsonDocument, Request, Response

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore
    from zoho_emulator.world import World


def upsert(world: World, request: Request) -> Response:
    """`POST /Products/upsert`: results add `action`, `duplicate_field` (zoho-facts §2.4)."""
    store, body = world.crm, body_of(request)
    records = records_in(store, body)
    checks = checked_fields(store, body.get("duplicate_check_fields"))
    external = external_field(store, request)

    def write(given: Mapping[str, Any], path: str) -> JsonDocument:
        record, by, fault = _meant(store, given, path, checks, external)
        if fault is not None:
            return fault
        if record is None:
            action, result = "insert", insert_one(store, given, path, external)
        else:
            action, result = "update", update_one(store, record, given, path, external=external)
        if result["status"] == "error":
            return result
        return result | {"action": action, "duplicate_field": by}

    return write_each(world, records, 200, write)


def checked_fields(store: CrmStore, named: object) -> Sequence[Field]:
    """The fields to match on, in order: those named, then every other unique one.

    The system-defined field (Product_Name) counts only when nothing is named, or when it is named
    itself. A field that is neither system-defined nor unique is refused; the body of that refusal
    was never captured (zoho-facts §2.5 [U]).
    """
    unique = [field for field in store.fields.values() if field.enforced]
    if named is None or named == []:
        return [field for field in store.fields.values() if field.duplicate_check] + unique
    if not isinstance(named, list):
        raise _bad_check("$.duplicate_check_fields", expected_data_type="jsonarray")
    chosen = []
    for position, name in enumerate(named):
        field = store.fields.get(str(name))
        if field is None or not (field.matchable or field.enforced):
            path = f"$.duplicate_check_fields[{position}]"
            supported = [f.api_name for f in store.fields.values() if f.matchable or f.enforced]
            raise _bad_check(path, supported_values=supported)
        chosen.append(field)
    return chosen + [field for field in unique if field not in chosen]


def match(
    store: CrmStore, given: Mapping[str, Any], checks: Sequence[Field]
) -> tuple[Record | None, str | None]:
    """The first record that shares a checked value, and the field it shares.

    Of several records with one name the oldest is taken; Zoho does not say which.
    """
    for field in checks:
        try:
            value = accepted(store, field, given.get(field.api_name))
        except ValueFaultError:
            continue  # the value is refused later, with its own error
        holders = store.index.holders(field, value)
        if holders:
            return store.records[holders[0]], field.api_name
    return None, None


def _meant(
    store: CrmStore,
    given: Mapping[str, Any],
    path: str,
    checks: Sequence[Field],
    external: Field | None,
) -> tuple[Record | None, str | None, JsonDocument | None]:
    """The record to update and by what it was found; a fault only for an id that nobody has."""
    if external is not None and given.get(external.api_name) is not None:
        record, _ = locate(store, given, path, external)
        return record, external.api_name if record else None, None
    if given.get("id") is not None:
        record = store.records.get(str(given["id"]))
        return record, "id", None if record else unknown_id(str(given["id"]), path)
    record, by = match(store, given, checks)
    return record, by, None


def _bad_check(path: str, **details: Any) -> Exception:
    return refusal(
        400,
        "INVALID_DATA",
        "invalid data",
        api_name="duplicate_check_fields",
        json_path=path,
        **details,
    )
