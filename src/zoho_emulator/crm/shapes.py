"""How a stored record looks in an answer (zoho-facts §2.1, §2.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.store import Record, User
from zoho_emulator.wire import JsonDocument

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore

_USER_TYPES = frozenset({"ownerlookup", "userlookup"})


def shown(store: CrmStore, record: Record, names: Iterable[str] | None) -> JsonDocument:
    """The record with the fields asked for, always with its id; None means all, `$` keys included.

    Names that the organisation lacks are passed over in silence, the worst case for a client.
    """
    if names is None:
        every = {name: _shown_field(store, record, name) for name in store.fields}
        return every | _DOLLAR_KEYS
    wanted = [name for name in names if name in store.fields and name != "id"]
    return {name: _shown_field(store, record, name) for name in wanted} | {"id": record.id}


# A selection of what real answers carry beside the fields (zoho-facts §2.1).
_DOLLAR_KEYS: dict[str, Any] = {
    "$approval_state": "approved",
    "$editable": True,
    "$in_merge": False,
    "$review_process": None,
}


def column(store: CrmStore, record: Record, name: str) -> Any:
    """The plain value behind a field, as queries compare it: ids for lookups, aware times."""
    system: Mapping[str, Any] = {
        "id": record.id,
        "Created_Time": record.created_at,
        "Modified_Time": record.modified_at,
        "Created_By": record.created_by.id,
        "Modified_By": record.modified_by.id,
        "Record_Status__s": "Available",
        "Locked__s": False,
    }
    return system[name] if name in system else record.values.get(name, _absent(store, name))


def _absent(store: CrmStore, name: str) -> Any:
    """An untouched checkbox is false, everything else untouched is null."""
    return False if store.fields[name].data_type == "boolean" else None


def _shown_field(store: CrmStore, record: Record, name: str) -> Any:
    value = column(store, record, name)
    kind = store.fields[name].data_type
    if isinstance(value, datetime):
        return store.stamp(value)
    if kind in _USER_TYPES and value is not None:
        return _user(store, record, value).reference()
    if kind == "lookup" and value is not None:
        return {"name": store.options.vendors.get(value, ""), "id": value}
    return [] if kind == "tag" and value is None else value


def _user(store: CrmStore, record: Record, user_id: str) -> User:
    everybody = (*store.users(), record.created_by, record.modified_by)
    return next(user for user in everybody if user.id == user_id)
