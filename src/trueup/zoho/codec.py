"""Zoho's JSON and our fields, both ways, without I/O.

Equality of fields is `==`, so each value has one form here: money is a Decimal with two places
and never passes through a float; text is never None; a date is `YYYY-MM-DD`; a whole number is an
int whatever its field is called; ids are strings (zoho-facts §2.1, §3.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import msgspec

from trueup.domain.errors import TrueupError
from trueup.domain.money import amount_of, cents
from trueup.domain.records import FieldSpec, FieldValue, Ref

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_Known: TypeAlias = str | Decimal | int | bool
_MAX_WHOLE_DIGITS = 30  # beyond it a number stays what it was; Zoho's longest has 19 digits


class UnreadableError(ValueError):
    """The bytes are no JSON document."""


def decode_json(content: bytes) -> Any:
    """JSON with every fractional number as an exact Decimal; raises `UnreadableError`."""
    try:
        return _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError) as error:
        raise UnreadableError("no JSON document") from error


def encode_json(document: object) -> bytes:
    """JSON with Decimals as plain numbers: 899.00 leaves as 899.00."""
    return _ENCODER.encode(document)


# --- reading -------------------------------------------------------------------------------


def text(value: object) -> str:
    """Text; null is the empty one, and `-None-` is how a picklist says so."""
    if value is None or value == "-None-":
        return ""
    if isinstance(value, Mapping):
        return str(value.get("id") or value.get("name") or "")
    if isinstance(value, list):
        return "; ".join(text(part) for part in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def identifier(value: object) -> str:
    """An id as text, whether Zoho wrote a string or a bare number (zoho-facts §3.1)."""
    return "" if value is None or isinstance(value, bool) else str(value)


def money(value: object) -> FieldValue:
    """An amount with two places, or None; what is no amount stays visible as text."""
    amount = amount_of(value)
    if amount is None:
        return _as_text(value)
    try:
        return cents(amount)
    except InvalidOperation:
        return amount


def number(value: object) -> FieldValue:
    """A number: an int where it is whole, else a Decimal without trailing zeros."""
    amount = amount_of(value)
    if amount is None:
        return _as_text(value)
    if amount.adjusted() > _MAX_WHOLE_DIGITS or amount.adjusted() < -_MAX_WHOLE_DIGITS:
        return amount
    return int(amount) if amount == amount.to_integral_value() else amount.normalize()


def flag(value: object) -> FieldValue:
    """True or false, also from "true" and "false" (zoho-facts §3.1)."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower(), value or None)
    return value if isinstance(value, bool) else _as_text(value)


def _as_text(value: object) -> str | None:
    """A value of another type than its field's: visible, so that it differs from what we want."""
    return None if isinstance(value, list | Mapping) else text(value) or None


def day(value: object) -> FieldValue:
    """A date; a time of day, where the field keeps one, is cut off."""
    written = text(value)
    match = _DATE.match(written)
    return match.group() if match else written or None


def _untouched(value: object) -> FieldValue:
    return value if isinstance(value, bool | int | Decimal) or value is None else text(value)


_READ: Mapping[str, Callable[[object], FieldValue]] = {
    "text": text,
    "textarea": text,
    "picklist": text,
    "website": text,
    "email": text,
    "phone": text,
    "currency": money,
    "double": number,
    "decimal": number,
    "integer": number,
    "bigint": number,
    "boolean": flag,
    "date": day,
    "datetime": day,
    "reference": identifier,
}


def read(value: object, data_type: str) -> FieldValue:
    """A value of Zoho in our form, by the type of its field."""
    return _READ.get(data_type, _untouched)(value)


def same(one: FieldValue, other: FieldValue) -> bool:
    """Whether two values say the same; an empty text and no value do, true and 1 do not."""
    if one in (None, "") and other in (None, ""):
        return True
    return isinstance(one, bool) is isinstance(other, bool) and one == other


# --- writing -------------------------------------------------------------------------------


def write(value: FieldValue, data_type: str) -> Any:
    """A value of ours as Zoho wants it in JSON, by the type of its field; None stays None."""
    if isinstance(value, Ref):
        raise TrueupError(f"{value} was to be sent before it is known")
    return None if value is None else _WRITE.get(data_type, _as_it_is)(value)


def _as_it_is(value: _Known) -> Any:
    return value


def _amount(value: _Known) -> Any:
    amount = amount_of(value)
    return value if amount is None else cents(amount)


def _number(value: _Known) -> Any:
    amount = amount_of(value)
    return value if amount is None else amount


def _whole(value: _Known) -> Any:
    amount = amount_of(value)
    if amount is None or amount != amount.to_integral_value():
        return value
    return int(amount)


def _long(value: _Known) -> Any:
    """64-bit numbers travel as strings (zoho-facts §0)."""
    return identifier(_whole(value))


def _moment(value: _Known) -> Any:
    """Noon UTC is the same date in nearly every time zone that an organisation can have."""
    return f"{value}T12:00:00+00:00" if _DATE.fullmatch(str(value)) else value


_WRITE: Mapping[str, Callable[[_Known], Any]] = {
    "currency": _amount,
    "double": _number,
    "decimal": _number,
    "integer": _whole,
    "bigint": _long,
    "boolean": flag,
    "datetime": _moment,
} | dict.fromkeys(
    ("text", "textarea", "picklist", "date", "reference", "website", "email", "phone"), text
)


# --- CRM -----------------------------------------------------------------------------------


def read_crm(
    row: Mapping[str, Any], specs: Mapping[str, FieldSpec], names: list[str]
) -> dict[str, FieldValue]:
    """The managed fields of a CRM record. A field that the row lacks was not read: left out."""
    return {name: read(row[name], specs[name].data_type) for name in names if name in row}


def write_crm(
    values: Mapping[str, FieldValue], specs: Mapping[str, FieldSpec], *, creating: bool
) -> dict[str, Any]:
    """The body of one CRM record.

    A field that becomes empty is cleared with null (zoho-facts §2.3), and left out at creation.
    """
    body: dict[str, Any] = {}
    for name, value in values.items():
        spec = specs.get(name, FieldSpec(name))
        if value in (None, ""):
            if not creating or spec.mandatory:
                body[name] = None
        else:
            body[name] = write(value, spec.data_type)
    return body


def crm_specs(document: Mapping[str, Any]) -> dict[str, FieldSpec]:
    """What `settings/fields` says about each field (zoho-facts §2.2); `{}` means not set."""
    return {
        str(raw["api_name"]): _crm_spec(raw)
        for raw in document.get("fields") or []
        if isinstance(raw, Mapping) and raw.get("api_name")
    }


def _crm_spec(raw: Mapping[str, Any]) -> FieldSpec:
    operations = raw.get("operation_type")
    operations = operations if isinstance(operations, Mapping) else {}
    read_only = bool(flag(raw.get("read_only"))) or bool(flag(raw.get("field_read_only")))
    allowed = all(flag(operations.get(o, True)) for o in ("api_create", "api_update"))
    length = number(raw.get("length"))
    options = raw.get("pick_list_values")
    return FieldSpec(
        name=str(raw["api_name"]),
        data_type=str(raw.get("data_type") or "text"),
        max_length=length if isinstance(length, int) else None,
        writable=allowed and not read_only,
        unique=bool(raw.get("unique")),
        mandatory=bool(flag(raw.get("system_mandatory"))),
        options=tuple(
            str(o.get("actual_value") or o.get("display_value") or "")
            for o in (options if isinstance(options, list) else [])
            if isinstance(o, Mapping)
        ),
    )
