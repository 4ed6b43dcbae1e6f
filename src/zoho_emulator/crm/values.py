"""From a JSON value to what a field keeps, or why it cannot (zoho-facts §2.1, §2.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.fields import Field

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INTEGER_DIGITS = 9  # zoho-facts §2.1: integer ≤ 9 digits
_ID = re.compile(r"\d{1,19}")


class ValueFaultError(Exception):
    """A value that its field cannot take; `details` go into the answer's INVALID_DATA."""

    def __init__(self, message: str = "invalid data", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


def accepted(store: CrmStore, field: Field, value: object) -> Any:
    """What `field` keeps of `value`; None clears (zoho-facts §2.3), and so does an empty string.

    JSON types are taken strictly: a number as a string is INVALID_DATA. Raises `ValueFaultError`.
    """
    if value is None or value == "":
        return None
    return _ACCEPT[field.data_type](store, field, value)


def _wrong_type(expected: str) -> ValueFaultError:
    return ValueFaultError(expected_data_type=expected)


def _text(store: CrmStore, field: Field, value: object) -> str | None:
    if not isinstance(value, str):
        raise _wrong_type("text")
    text = value.strip() if store.options.trims_text else value
    if len(text) > field.length:
        raise ValueFaultError(maximum_length=field.length)
    return text or None


def _picklist(store: CrmStore, field: Field, value: object) -> str | None:
    text = _text(store, field, value)
    if text == "-None-":
        return None
    strict = store.options.unlisted_picklist == "strict"
    if strict and text is not None and text not in field.pick_list_values:
        raise ValueFaultError(supported_values=list(field.pick_list_values))
    return text


def _decimal(_store: CrmStore, field: Field, value: object) -> float:
    """Rounded half-up to the field's decimal places; the way Zoho rounds is zoho-facts §2.1 [U]."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type("double")
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise _wrong_type("double")
    cent = Decimal(1).scaleb(-(field.decimal_place or 0))
    if exact.adjusted() + 1 + (field.decimal_place or 0) > field.length:
        raise ValueFaultError(maximum_length=field.length)
    return float(exact.quantize(cent, rounding=ROUND_HALF_UP))


def _integer(_store: CrmStore, field: Field, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type("integer")
    if len(str(abs(value))) > min(field.length, _INTEGER_DIGITS):
        raise ValueFaultError(maximum_length=_INTEGER_DIGITS)
    return value


def _boolean(_store: CrmStore, _field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type("boolean")
    return value


def _date(_store: CrmStore, _field: Field, value: object) -> str:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise _wrong_type("date")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise _wrong_type("date") from None


def _datetime(store: CrmStore, _field: Field, value: object) -> str:
    moment = moment_of(value)
    if moment is None:
        raise _wrong_type("datetime")
    return store.stamp(moment)


def moment_of(value: object) -> datetime | None:
    """An ISO 8601 time with an offset, or None when `value` is anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _reference(value: object) -> str:
    """The id inside a lookup; the official SDK writes ids as JSON numbers, so both are read."""
    if not isinstance(value, Mapping):
        raise _wrong_type("jsonobject")
    record_id = str(value.get("id", ""))
    if not _ID.fullmatch(record_id):
        raise ValueFaultError("the id given seems to be invalid")
    return record_id


def _user(store: CrmStore, _field: Field, value: object) -> str:
    user_id = _reference(value)
    if user_id not in {user.id for user in store.users()}:
        raise ValueFaultError("the id given seems to be invalid")
    return user_id


def _lookup(store: CrmStore, _field: Field, value: object) -> str:
    record_id = _reference(value)
    if record_id not in store.options.vendors:
        raise ValueFaultError("the id given seems to be invalid")
    return record_id


def _choices(_store: CrmStore, _field: Field, value: object) -> list[Any] | None:
    """Strings as in v2, or objects with a `value`: which one v8 wants is zoho-facts §2.1 [U]."""
    if not isinstance(value, list):
        raise _wrong_type("jsonarray")
    for choice in value:
        named = isinstance(choice, Mapping) and ("value" in choice or "id" in choice)
        if not isinstance(choice, str) and not named:
            raise _wrong_type("jsonobject")
    return value or None


def _tags(store: CrmStore, _field: Field, value: object) -> list[dict[str, Any]] | None:
    if not isinstance(value, list):
        raise _wrong_type("jsonarray")
    tags = []
    for tag in value:
        if not isinstance(tag, Mapping) or not isinstance(tag.get("name"), str):
            raise _wrong_type("jsonobject")
        tags.append({"name": tag["name"], "id": store.ids.next(), "color_code": None})
    return tags or None


_ACCEPT: Mapping[str, Callable[[CrmStore, Field, object], Any]] = {
    "text": _text,
    "textarea": _text,
    "profileimage": _text,
    "bigint": _text,
    "picklist": _picklist,
    "double": _decimal,
    "currency": _decimal,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "ownerlookup": _user,
    "userlookup": _user,
    "lookup": _lookup,
    "multiselectpicklist": _choices,
    "tag": _tags,
}
