"""One row of a bulk write: what it means and what becomes of it (zoho-facts §2.12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from zoho_emulator.crm.batch import list_in, object_in
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
    if operation not in ("insert", "update", "upsert"):
        raise _missing("operation")
    resources = list_in(body, "resource")
    if len(resources) != 1 or not isinstance(resources[0], dict):
        raise _missing("resource")
    resource = resources[0]
    if object_in(resource, "module").get("api_name") != "Products":
        text = "Requested module is not available."
        raise refusal(400, "MODULE_NOT_AVAILABLE", text)
    mappings = list_in(resource, "field_mappings")
    mapped = tuple(_mapped(store, mapping) for mapping in mappings)
    if operation == "insert" and not _names_mandatory(store, mapped):
        text = "All mandatory fields are not mapped for the layout"
        raise refusal(400, "MANDATORY_FIELDS_NOT_MAPPED", text)
    return Plan(
        operation,
        str(resource.get("file_id")),
        mapped,
        _find_by(store, operation, [resource, *mappings]),
        bool(resource.get("ignore_empty", body.get("ignore_empty", False))),
    )


def _find_by(store: CrmStore, operation: str, described: Sequence[Mapping[str, Any]]) -> str | None:
    """The key named by the resource or by one of its mappings; only an insert can do without."""
    find_by = next((str(one["find_by"]) for one in described if one.get("find_by")), None)
    if operation != "insert" and find_by is None:
        raise refusal(400, "MISSING_REQUIRED_KEY", "Required key find_by is not available")
    if find_by is not None and not _findable(store, find_by):
        raise refusal(400, "INVALID_DATA", "find_by is not a unique field", api_name=find_by)
    return find_by


def _names_mandatory(store: CrmStore, mapped: Sequence[Mapped]) -> bool:
    names = {mapping.api_name for mapping in mapped}
    return names.issuperset(f.api_name for f in store.fields.values() if f.mandatory)


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


def _mapped(store: CrmStore, mapping: object) -> Mapped:
    described = mapping if isinstance(mapping, dict) else {}
    name, index = str(described.get("api_name")), described.get("index")
    if name not in store.fields:
        text = f"invalid mapping. invalid api_name {name}."
        raise refusal(400, "INVALID_FIELD", text)
    if not isinstance(index, int) or index < 0:
        text = f"required key index for field {name} is not found in request body."
        raise refusal(400, "COLUMN_INDEX_NOT_FOUND", text)
    return Mapped(name, index, str(described.get("format") or "MM/dd/yyyy"))


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
