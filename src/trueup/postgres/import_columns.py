"""The columns of the catalogue and what each of them takes.

Everything is checked before the database sees it, so that a person gets all the errors of a file
at once, by row and column. Money stays the decimal that was written: no binary fraction is ever
made of it, and what has more than two places is refused instead of rounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

INT4 = 2**31 - 1
MONEY_LIMIT = Decimal(10) ** 8  # numeric(10, 2)
WRITTEN_MONEY = re.compile(r"-?\d{1,20}(\.\d+)?")
CENTS = 2

_json = msgspec.json.Encoder(decimal_format="number")


class WrongValueError(ValueError):
    """The value is not what the column takes; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `read` turns a value of the file into one for the database, or refuses it."""

    name: str
    read: Callable[[Any], Any]
    structured: bool = False  # an array or a document: written as JSON in a CSV cell
    required: bool = False
    has_default: bool = False


def text(limit: int | None = None) -> Callable[[Any], str]:
    """Text, at most `limit` characters."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise WrongValueError("text")
        _refuse_unstorable(value)
        if limit is not None and len(value) > limit:
            raise WrongValueError(f"at most {limit} characters, not {len(value)}")
        return value

    return read


def one_of(*choices: str) -> Callable[[Any], str]:
    """One of a few words."""

    def read(value: Any) -> str:
        if value not in choices:
            raise WrongValueError(f"one of {', '.join(choices)}")
        return str(value)

    return read


def integer(value: Any) -> int:
    """A whole number that fits into four bytes."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongValueError("a whole number")
    if not -INT4 <= value <= INT4:
        raise WrongValueError(f"a whole number between -{INT4} and {INT4}")
    return value


def money(value: Any) -> Decimal:
    """An amount with at most two decimal places."""
    if isinstance(value, str) and WRITTEN_MONEY.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise WrongValueError("an amount such as 899.00")
    amount = Decimal(value)
    if not -MONEY_LIMIT < amount < MONEY_LIMIT:
        raise WrongValueError(f"an amount below {MONEY_LIMIT}")
    if amount != amount.quantize(Decimal("0.01")):
        raise WrongValueError(f"at most {CENTS} decimal places")
    return amount


def boolean(value: Any) -> bool:
    """True or false."""
    words = {"true": True, "t": True, "yes": True, "1": True}
    words |= {"false": False, "f": False, "no": False, "0": False}
    if isinstance(value, str):
        value = words.get(value.lower())
    if not isinstance(value, bool):
        raise WrongValueError("true or false")
    return value


def instant(value: Any) -> datetime:
    """A point in time; without a zone it could be any of two dozen."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise WrongValueError("a time with its zone, such as 2026-03-01T00:00:00+02:00")
    return at


def identifier(value: Any) -> UUID:
    """A UUID."""
    try:
        return UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise WrongValueError("a UUID") from None


def texts(value: Any) -> list[str]:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise WrongValueError('a list of texts, such as ["a", "b"]')
    for part in value:
        _refuse_unstorable(part)
    return value


def document(value: Any) -> str:
    """Any JSON document; its numbers stay as they were written."""
    try:
        encoded = _json.encode(value).decode()
    except (TypeError, ValueError, OverflowError):
        raise WrongValueError("a JSON document with numbers of a sensible size") from None
    _refuse_nul_in(value)
    return encoded


def pricing(value: Any) -> str:
    """A document with the monthly price and the setup fee."""
    if not isinstance(value, Mapping) or not {"monthly", "setup"} <= value.keys():
        raise WrongValueError("a JSON object with monthly and setup")
    return document(value)


def _refuse_unstorable(value: str) -> None:
    if "\0" in value:
        raise WrongValueError("text without NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WrongValueError("text without halves of characters") from None


def _refuse_nul_in(value: Any) -> None:
    if isinstance(value, str):
        _refuse_unstorable(value)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _refuse_nul_in(key)
            _refuse_nul_in(part)
    elif isinstance(value, list):
        for part in value:
            _refuse_nul_in(part)


COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("id", identifier),
        Column("name", text(100), required=True),
        Column("service_type", text(50), required=True),
        Column("speed_down", integer, required=True),
        Column("speed_up", integer, required=True),
        Column("price", money, required=True),
        Column("promotion_price", money),
        Column("promotion_months", integer),
        Column("description", text()),
        Column("features", texts, structured=True),
        Column("active", boolean, has_default=True),
        Column("sort_order", integer, has_default=True),
        Column("created_at", instant, has_default=True),
        Column("updated_at", instant, has_default=True),
        Column("product_category", text(50)),
        Column("customer_type", one_of("consumer", "business", "both", "soho"), has_default=True),
        Column("network_provider_id", identifier),
        Column("requires_fttb_coverage", boolean, has_default=True),
        Column("compatible_providers", texts, structured=True, has_default=True),
        Column("provider_specific_config", document, structured=True, has_default=True),
        Column("provider_priority", integer, has_default=True),
        Column("pricing", pricing, structured=True),
        Column("slug", text()),
        Column("sku", text()),
        Column("metadata", document, structured=True, has_default=True),
        Column("is_featured", boolean, has_default=True),
        Column("is_popular", boolean, has_default=True),
        Column("status", one_of("active", "inactive", "archived", "draft"), has_default=True),
        Column("bundle_components", document, structured=True, has_default=True),
        Column("base_price_zar", money),
        Column("cost_price_zar", money),
        Column("customer_friendly_features", document, structured=True),
        Column("marketing_copy", text()),
        Column("source_admin_product_id", identifier),
        Column("valid_from", instant),
        Column("valid_to", instant),
        Column("market_segment", text()),
        Column("provider", text()),
        Column("logical_key", text()),
        Column("price_history", document, structured=True, has_default=True),
    )
}
