"""One row of a bulk write: what it means and what becomes of it (zoho-facts §2.12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from zoho_emulator.crm.errors import refusal
from zoho_emulator.crm.records import insert_one, update_one
from zoho_emulator.crm.store import Record
from zoho_emulator.wire import JsonDocument

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore


@dataclass(frozen=True, slots=True)
class Mapped:
    """A column of the file and the field it fills; `date_format` in Java's letters."""

    api_name: str
    index: int
    date_format: str = "MM/dd/yyyy"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job does with each row."""

    operation: Literal["insert", "update", "upsert"]
    file_id: str
    mappings: tuple[Mapped, ...]
    find_by: str | None
    ignore_empty: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row."""

    status: Literal["ADDED", "UPDATED", "SKIPPED"]
    record_id: str = ""
    error: str = ""


def plan_of(store: CrmStore, body: Mapping[str, Any]) -> Plan:
    """The job that a request describes; raises `ServiceError` for what it lacks."""
    operation = body.get("operation")
    if operation not in {"insert", "update", "upsert"}:
        raise _missing("operation")
    resources = body.get("resource")
    if not isinstance(resources, list) or len(resources) != 1:
        raise _missing("resource")
    resource = resources[0]
    if (resource.get("module") or {}).get("api_name") != "Products":
        text = "Requested module is not available."
        raise refusal(400, "MODULE_NOT_AVAILABLE", text)
    mappings = tuple(_mapped(store, one) for one in resource.get("field_mappings") or ())
    named = next(
        (m.get("find_by") for m in resource.get("field_mappings") or () if m.get("find_by")), None
    )
    find_by = resource.get("find_by") or named
    if operation != "insert" and find_by is None:
        raise refusal(400, "MISSING_REQUIRED_KEY", "Required key find_by is not available")
    if find_by is not None and not _findable(store, find_by):
        raise refusal(400, "INVALID_DATA", "find_by is not a unique field", api_name=find_by)
    mapped = {mapping.api_name for mapping in mappings}
    lacking = [
        f.api_name for f in store.fields.values() if f.mandatory and f.api_name not in mapped
    ]
    if operation == "insert" and lacking:
        text = "All mandatory fields are not mapped for the layout"
        raise refusal(400, "MANDATORY_FIELDS_NOT_MAPPED", text)
    ignore = bool(resource.get("ignore_empty", body.get("ignore_empty", False)))
    return Plan(operation, str(resource.get("file_id")), mappings, find_by, ignore)


def write_row(store: CrmStore, plan: Plan, row: list[str]) -> Outcome:
    """Carry out one row; its own trouble is an outcome."""
    given: dict[str, Any] = {}
    for mapping in plan.mappings:
        cell = row[mapping.index] if mapping.index < len(row) else ""
        if cell == "" and plan.ignore_empty:
            continue
        given[mapping.api_name] = _value(store, mapping, cell)
    existing = _existing(store, plan, given)
    given.pop("id", None)
    if plan.operation == "insert" and existing is not None:
        return Outcome("SKIPPED", existing.id, "DUPLICATE_DATA")
    if plan.operation == "update" and existing is None:
        return Outcome("SKIPPED", "", "RECORD_NOT_FOUND")
    if existing is None:
        return _outcome("ADDED", insert_one(store, given, "$"))
    return _outcome("UPDATED", update_one(store, existing, given, "$"))


def _outcome(status: Literal["ADDED", "UPDATED"], result: JsonDocument) -> Outcome:
    if result["status"] == "error":
        return Outcome("SKIPPED", "", f"{result['code']}:{result['details'].get('api_name', '')}")
    return Outcome(status, result["details"]["id"])


def _existing(store: CrmStore, plan: Plan, given: Mapping[str, Any]) -> Record | None:
    if plan.find_by is None:
        return None
    key = given.get(plan.find_by)
    if plan.find_by == "id":
        return store.records.get(str(key))
    held = store.index.holders(store.fields[plan.find_by], key)
    return store.records[held[0]] if held else None


def _mapped(store: CrmStore, mapping: Mapping[str, Any]) -> Mapped:
    name, index = mapping.get("api_name"), mapping.get("index")
    if name not in store.fields:
        text = f"invalid mapping. invalid api_name {name}."
        raise refusal(400, "INVALID_FIELD", text)
    if not isinstance(index, int):
        text = f"required key index for field {name} is not found in request body."
        raise refusal(400, "COLUMN_INDEX_NOT_FOUND", text)
    return Mapped(str(name), index, mapping.get("format") or "MM/dd/yyyy")


def _findable(store: CrmStore, name: str) -> bool:
    """`find_by` takes the id or a unique field."""
    return name == "id" or (name in store.fields and store.fields[name].enforced)


def _value(store: CrmStore, mapping: Mapped, cell: str) -> Any:
    """A cell as JSON; text that does not fit its type stays text and is refused later."""
    kind = store.fields[mapping.api_name].data_type
    if cell == "":
        return None
    if kind.endswith("lookup"):
        return {"id": cell}
    with suppress(ValueError, KeyError):
        return _READERS[kind](cell, mapping.date_format)
    return cell


def _date(cell: str, date_format: str) -> str:
    """A date in the mapping's format as Zoho keeps it."""
    moment = datetime.strptime(cell, _strptime(date_format)).replace(tzinfo=UTC)
    return moment.date().isoformat()


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "boolean": lambda cell, _: {"true": True, "false": False}[cell.lower()],
    "date": _date,
    "integer": lambda cell, _: int(cell),
    "double": lambda cell, _: float(cell),
    "currency": lambda cell, _: float(cell),
}


def _strptime(java: str) -> str:
    """`MM/dd/yyyy` as `%m/%d/%Y`."""
    letters = {"yyyy": "%Y", "MM": "%m", "dd": "%d"}
    return re.sub("yyyy|MM|dd", lambda match: letters[match[0]], java)


def _missing(key: str) -> Exception:
    text = f"required key {key} is not found in request body."
    return refusal(400, "MANDATORY_NOT_FOUND", text, api_name=key)
