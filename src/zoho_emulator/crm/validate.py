"""One record of a write, judged field by field (zoho-facts §2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.errors import failure, invalid
from zoho_emulator.crm.layouts import layout_of
from zoho_emulator.crm.store import Record
from zoho_emulator.crm.values import ValueFaultError, accepted
from zoho_emulator.wire import JsonDocument

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore

# Keys of a record that are instructions, not fields (zoho-facts §2.3).
_INSTRUCTIONS = frozenset({"id", "Layout"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The accepted values of one record, and every fault found in it."""

    values: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[JsonDocument, ...] = ()

    def error(self) -> JsonDocument | None:
        """The record's one error: its only fault, or a list of several (zoho-facts §2.4)."""
        if len(self.faults) <= 1:
            return self.faults[0] if self.faults else None
        several = {"errors": list(self.faults)}
        return failure("MULTIPLE_OR_MULTI_ERRORS", "Multiple errors in the request", several)


def judge(store: CrmStore, given: Mapping[str, Any], path: str, *, creates: bool) -> Verdict:
    """Check one record; `path` is its JSON path, such as `$.data[1]`.

    `creates` says whether a mandatory field may be left out: an update names only what changes.
    """
    values: dict[str, Any] = {}
    faults: list[JsonDocument] = []
    for name, value in given.items():
        if name in _INSTRUCTIONS or name.startswith("$"):
            continue
        fault = _judge_field(store, name, value, f"{path}.{name}", values)
        if fault is not None:
            faults.append(fault)
    layout = layout_of(store, given)
    if layout is None:
        faults.append(invalid("Layout", f"{path}.Layout"))
    demanded = store.layouts.get(layout or "", frozenset())
    faulty = {fault["details"].get("api_name") for fault in faults}
    faults.extend(
        mandatory(missing, f"{path}.{missing}")
        for missing in _missing(store, values, demanded, creates=creates)
        if missing not in faulty
    )
    return Verdict(values, tuple(faults))


def duplicate(
    store: CrmStore, values: Mapping[str, Any], path: str, own_id: str | None
) -> JsonDocument | None:
    """DUPLICATE_DATA when another record holds a value that must be unique (zoho-facts §2.5)."""
    conflict = store.conflicting(values, own_id)
    if conflict is None:
        return None
    clashing, other_id = conflict
    holders = store.index.holders(clashing, values[clashing.api_name])
    details = {
        "api_name": clashing.api_name,
        "json_path": f"{path}.{clashing.api_name}",
        "id": other_id,
        "more_records": len(holders) > 1,
        "duplicate_record": _described(store, store.records[other_id]),
    }
    text = "The external field contains duplicate data." if clashing.external else "duplicate data"
    return failure("DUPLICATE_DATA", text, details)


def mandatory(name: str, path: str) -> JsonDocument:
    """MANDATORY_NOT_FOUND for one field."""
    details = {"api_name": name, "json_path": path}
    return failure("MANDATORY_NOT_FOUND", "required field not found", details)


def _judge_field(
    store: CrmStore, name: str, value: object, path: str, values: dict[str, Any]
) -> JsonDocument | None:
    """Put the accepted value into `values`, or answer with the fault."""
    known = store.fields.get(name)
    if known is None:
        # Rejected per record or silently dropped: both are reported (zoho-facts §2.1 [U]).
        if store.options.unknown_fields == "ignore":
            return None
        text = "the field api name given seems to be invalid"
        return failure("INVALID_DATA", text, {"api_name": name, "json_path": path})
    if known.read_only:
        return None if store.options.read_only_fields == "ignore" else invalid(name, path)
    try:
        values[name] = accepted(store, known, value)
    except ValueFaultError as fault:
        details = {**fault.details, "api_name": name, "json_path": path}
        return failure("INVALID_DATA", fault.message, details)
    return None


def _missing(
    store: CrmStore, values: Mapping[str, Any], demanded: frozenset[str], *, creates: bool
) -> list[str]:
    """Fields that are mandatory, or `demanded` by the layout, and left out or cleared."""
    return [
        known.api_name
        for known in store.fields.values()
        if (known.mandatory or known.api_name in demanded)
        and (creates or known.api_name in values)
        and values.get(known.api_name) is None
    ]


def _described(store: CrmStore, record: Record) -> JsonDocument:
    owner = next(u for u in store.users() if u.id == record.values["Owner"])
    return {
        "id": record.id,
        "Owner": {**owner.signature(), "zuid": owner.id[:9]},
        "module": {"api_name": "Products", "id": store.module_ids["Products"]},
    }
