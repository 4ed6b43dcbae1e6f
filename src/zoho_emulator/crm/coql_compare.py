"""A COQL criterion as a test of a record, typed by its column (zoho-facts §2.10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.coql_parse import Comparison, Criteria
from zoho_emulator.crm.coql_tokens import Token
from zoho_emulator.crm.errors import refusal
from zoho_emulator.crm.fields import Field
from zoho_emulator.crm.shapes import column
from zoho_emulator.crm.store import Record
from zoho_emulator.crm.values import moment_of
from zoho_emulator.wire import ServiceError

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore

Test = Callable[[Record], bool]

_EXACT = frozenset({"=", "!=", "in", "not in", "is null", "is not null"})
_LIKE = frozenset({"like", "not like"})
_ORDERED = frozenset({"<", "<=", ">", ">=", "between"})
_OPERATORS: Mapping[str, frozenset[str]] = {
    "text": _EXACT | _LIKE,
    "picklist": _EXACT | _LIKE,
    "boolean": frozenset({"=", "!="}),
    "integer": _EXACT | _ORDERED,
    "double": _EXACT | _ORDERED,
    "currency": _EXACT | _ORDERED,
    "bigint": _EXACT | _ORDERED,
    "date": _EXACT | _ORDERED,
    "datetime": _EXACT | _ORDERED,
    "lookup": _EXACT,
    "ownerlookup": _EXACT,
    "userlookup": _EXACT,
}
_NUMBERS = frozenset({"integer", "double", "currency"})
_IDS = frozenset({"bigint", "lookup", "ownerlookup", "userlookup"})


def invalid_column(name: str) -> ServiceError:
    """INVALID_QUERY about a column that does not exist or cannot stand here."""
    text = "column given seems to be invalid"
    return refusal(400, "INVALID_QUERY", text, column_name=name)


def predicate(store: CrmStore, criteria: Criteria) -> Test:
    """The test that `criteria` states; raises `ServiceError` for what its columns cannot take."""
    if isinstance(criteria, Comparison):
        return _comparison(store, criteria)
    tests = [predicate(store, part) for part in criteria.parts]
    combine = all if criteria.connective == "and" else any
    return lambda record: combine(test(record) for test in tests)


def _comparison(store: CrmStore, criterion: Comparison) -> Test:
    field = store.fields.get(criterion.column)
    # Multi-line fields may not be used in criteria (zoho-facts §2.10).
    if field is None or field.data_type not in _OPERATORS:
        raise invalid_column(criterion.column)
    operator = criterion.operator
    if operator not in _OPERATORS[field.data_type]:
        text = "the operator given seems to be invalid for the column"
        raise refusal(400, "INVALID_QUERY", text, column_name=field.api_name, operator=operator)
    if operator in _LIKE:
        wanted: tuple[Any, ...] = (_pattern(criterion.operands[0]),)
    else:
        wanted = tuple(_operand(field, operator, token) for token in criterion.operands)
    test = _TESTS[operator.removeprefix("not ")]
    negated = operator.startswith("not ")

    def matches(record: Record) -> bool:
        value = _cell(store, record, field)
        if value is None:
            return operator == "is null"
        return test(value, wanted) is not negated

    return matches


def _operand(field: Field, operator: str, token: Token) -> Any:
    """A literal as its column compares it."""
    value: Any = None
    kind, text = field.data_type, token.value() if token.kind == "string" else token.text
    if kind in _NUMBERS and token.kind == "number":
        value = Decimal(text)
    elif kind == "boolean" and text.lower() in {"true", "false"}:
        value = text.lower() == "true"
    elif kind in _IDS and text.isdecimal():
        value = int(text)
    elif token.kind == "string" and kind == "datetime":
        value = moment_of(text)
    elif token.kind == "string" and kind == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        value = text
    elif token.kind == "string" and kind in {"text", "picklist"}:
        value = text.casefold()
    if value is None:
        message = "value given seems to be invalid for the column"
        raise refusal(
            400,
            "INVALID_QUERY",
            message,
            column_name=field.api_name,
            operator=operator,
            value=text,
        )
    return value


def _cell(store: CrmStore, record: Record, field: Field) -> Any:
    """A record's value in the form that operands have."""
    value = column(store, record, field.api_name)
    if value is None:
        return None
    if field.data_type in _NUMBERS:
        return Decimal(str(value))
    if field.data_type in _IDS:
        return int(value)
    if field.data_type == "datetime" and isinstance(value, str):
        return moment_of(value)
    return value.casefold() if isinstance(value, str) else value


def _pattern(token: Token) -> re.Pattern[str]:
    """`%` stands for anything, and for itself after a backslash."""
    words = re.findall(r"\\.|[^\\]", token.text[1:-1], flags=re.DOTALL)
    parts = [".*" if word == "%" else re.escape(word.removeprefix("\\")) for word in words]
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


_TESTS: Mapping[str, Callable[[Any, tuple[Any, ...]], bool]] = {
    "=": lambda value, wanted: value == wanted[0],
    "!=": lambda value, wanted: value != wanted[0],
    "<": lambda value, wanted: value < wanted[0],
    "<=": lambda value, wanted: value <= wanted[0],
    ">": lambda value, wanted: value > wanted[0],
    ">=": lambda value, wanted: value >= wanted[0],
    "between": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "in": lambda value, wanted: value in wanted,
    "like": lambda value, wanted: wanted[0].fullmatch(value) is not None,
    "is null": lambda _value, _wanted: False,
    "is not null": lambda _value, _wanted: True,
}
