"""Field values in jsonb columns, typed both ways.

    text, true/false, null     as they are
    int                        a number without a fraction
    Decimal (money)            a number with two places, so that it comes back as a Decimal
    Ref                        {"ref": "billing_product/FIB-100"}

No number passes through a float. Postgres keeps no NUL in text: it becomes the replacement sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from trueup.domain.changes import FieldDelta
from trueup.domain.records import Fields, FieldValue, Kind, RecordKey, Ref

_TWO_PLACES: Final = Decimal("0.01")

_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


def plain(value: FieldValue) -> Any:
    """One field value as JSON knows it."""
    if isinstance(value, Decimal):
        return _with_places(value)
    if isinstance(value, Ref):
        return {"ref": str(value.key)}
    return clean(value) if isinstance(value, str) else value


def typed(value: Any) -> FieldValue:
    """One field value as it was before `plain`."""
    if isinstance(value, dict):
        kind, _, code = value["ref"].partition("/")
        return Ref(RecordKey(Kind(kind), code))
    found: FieldValue = value
    return found


def plain_fields(fields: Fields) -> dict[str, Any]:
    """Fields for a jsonb column; pass the result, or something around it, to `dump`."""
    return {name: plain(value) for name, value in fields.items()}


def plain_deltas(deltas: Mapping[str, FieldDelta]) -> dict[str, list[Any]]:
    """Deltas for a jsonb column: {"field": [before, after]}."""
    return {name: [plain(before), plain(after)] for name, (before, after) in deltas.items()}


def dump(document: Any) -> str:
    """Plain values as JSON text."""
    return _encoder.encode(document).decode()


def dump_fields(fields: Fields) -> str:
    """Fields as JSON text."""
    return dump(plain_fields(fields))


def load(text: str | bytes) -> Any:
    """JSON text as plain values; numbers with a fraction as Decimals."""
    return _decoder.decode(text)


def load_fields(text: str | bytes) -> dict[str, FieldValue]:
    """Fields from the text of a jsonb column."""
    found: dict[str, Any] = load(text)
    for name, value in found.items():
        if isinstance(value, dict):
            found[name] = typed(value)
    return found


def load_deltas(text: str | bytes) -> dict[str, FieldDelta]:
    """Deltas from the text of a jsonb column."""
    return {
        name: FieldDelta(typed(before), typed(after))
        for name, (before, after) in load(text).items()
    }


def clean(text: str) -> str:
    """Text that Postgres can keep."""
    return text.replace("\x00", "\ufffd")


def _with_places(value: Decimal) -> Decimal:
    """The same number, written with a fraction: a whole one would come back as an int."""
    if not value.is_finite():
        raise ValueError(f"not an amount: {value}")
    rounded = value.quantize(_TWO_PLACES)
    return rounded if rounded == value else value
