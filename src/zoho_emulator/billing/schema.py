"""Which fields a request body may hold, and of what type: Billing is strict (zoho-facts §3.3-3.7).

Missing or empty required values answer code 4, wrong types, nulls and unknown keys code 2, values
that are too long code 15.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from zoho_emulator.billing.dialect import refuse, refuse_value
from zoho_emulator.billing.options import BillingOptions
from zoho_emulator.wire import JsonDocument, Request

Kind = Literal["text", "money", "whole", "flag", "rows", "text_or_number"]
_TYPES: Mapping[Kind, tuple[type, ...]] = {
    "text": (str,),
    "money": (int, float),
    "whole": (int,),
    "flag": (bool,),
    "rows": (list,),
    "text_or_number": (str, int),
}
CODE_LENGTH = 99
NAME_LENGTH = 99
ITEM_NAME_LENGTH = 100
TEXT_LENGTH = 2000
_MOST_MONEY = 1e13


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request body.

    `default` is what a new record gets, and what a resetting PUT returns it to; None stores
    nothing. `choices` are the only values allowed; `longest` is in characters.
    """

    name: str
    kind: Kind = "text"
    default: Any = None
    longest: int | None = None
    choices: tuple[str, ...] = ()
    least: float | None = None


TAX_FIELDS = (
    Field("tax_id"),
    Field("product_type", choices=("goods", "service")),
    Field("hsn_or_sac"),
    Field("sat_item_key_code"),
    Field("unitkey_code"),
    Field("item_tax_preferences", "rows"),
    Field("tax_exemption_id"),
)


def read_body(
    request: Request, fields: Sequence[Field], required: Sequence[str], options: BillingOptions
) -> JsonDocument:
    """The body, checked field by field; raises `ServiceError` with Billing's refusal."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        refuse_value("JSONString", 4)
    known = {field.name: field for field in fields}
    for name in body:
        if name not in known and options.unknown_fields == "refuse":
            refuse_value(name)
    for name in required:
        if name not in body or _is_empty(body[name]):
            refuse_value(name, 4)
    return {
        name: _checked(known[name], value, options) for name, value in body.items() if name in known
    }


def _is_empty(value: object) -> bool:
    return value == [] or (isinstance(value, str) and not value.strip())


def _checked(field: Field, value: object, options: BillingOptions) -> Any:
    """The value as it is stored: text trimmed, money rounded half up to the price precision."""
    # JSON's true is not a number, although Python's True is an int; null is never taken (§3.7).
    is_flag = isinstance(value, bool)
    if is_flag != (field.kind == "flag") or not isinstance(value, _TYPES[field.kind]):
        refuse_value(field.name)
    if isinstance(value, str):
        return _checked_text(field, value)
    if field.least is not None and isinstance(value, int | float) and value < field.least:
        refuse_value(field.name)
    if field.kind == "money" and isinstance(value, int | float):
        return _rounded(field.name, value, options.price_precision)
    if isinstance(value, list) and not all(isinstance(row, dict) for row in value):
        refuse_value(field.name)
    return value


def _checked_text(field: Field, value: str) -> str:
    text = value.strip()
    if field.longest is not None and len(text) > field.longest:
        # Codes and names of plans have "fewer than 100", others "up to" (§3.4, §3.6).
        most = 100 if field.longest == NAME_LENGTH else field.longest
        refuse(400, 15, f"Please ensure that the {field.name} has less than {most} characters.")
    if field.choices and text not in field.choices:
        refuse_value(field.name)
    return text


def _rounded(name: str, value: float, places: int) -> float:
    # JSON as Python reads it knows NaN and Infinity; no price is one of them, nor that large.
    if not abs(value) < _MOST_MONEY:
        refuse_value(name)
    step = Decimal(1).scaleb(-places)
    return float(Decimal(str(value)).quantize(step, rounding=ROUND_HALF_UP))
