"""The criteria language of search: `((Product_Code:equals:FIB-1)and(Unit_Price:less_than:9))`.

`equals` on text acts like *contains* on words: `sales-team` finds `sales_team` and `the sales team
of …`; pick lists compare whole (zoho-facts §2.9).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from zoho_emulator.crm.errors import refusal
from zoho_emulator.crm.fields import Field
from zoho_emulator.crm.values import moment_of
from zoho_emulator.wire import ServiceError

if TYPE_CHECKING:
    from zoho_emulator.crm.store import CrmStore

# A criterion asks for a record's values by field name.
Criterion = Callable[[Callable[[str], Any]], bool]

LONGEST = 3_000
MOST_CRITERIA = 15  # the documentation says 10, the error message 15 (zoho-facts §2.9)
MOST_IN_VALUES = 100
_ENDS = 2  # of a `between`

_EXACT = frozenset({"equals", "not_equal", "in"})
_ORDERED = frozenset({"greater_than", "less_than", "greater_equal", "less_equal", "between"})
_OPERATORS: Mapping[str, frozenset[str]] = {
    "text": _EXACT | {"starts_with"},
    "textarea": _EXACT | {"starts_with"},
    "picklist": _EXACT,
    "boolean": frozenset({"equals", "not_equal"}),
    "integer": _EXACT | _ORDERED,
    "double": _EXACT | _ORDERED,
    "currency": _EXACT | _ORDERED,
    "date": _EXACT | _ORDERED,
    "datetime": _EXACT | _ORDERED,
    "bigint": _EXACT | _ORDERED,
    "ownerlookup": _EXACT,
    "userlookup": _EXACT,
    "lookup": _EXACT,
}
_NUMBERS = frozenset({"integer", "double", "currency", "bigint"})
_PIECE = re.compile(r"(?:[^()\\]|\\.)+", re.DOTALL)


def words(text: str) -> str:
    """Text as the index keeps it: letters and digits, everything else a blank."""
    return " ".join(re.findall(r"\w+", text.replace("_", " ").casefold()))


def text_of(value: object) -> str:
    """An indexed value as searchable words."""
    return words(str(value))


def parse_criteria(store: CrmStore, text: str) -> Criterion:
    """The test that a criteria string states; raises `ServiceError` (INVALID_QUERY and limits)."""
    if len(text) > LONGEST:
        raise _invalid(reason="criteria too long", limit=str(LONGEST))
    return _Reader(store, text).everything()


def _invalid(**details: str) -> ServiceError:
    return refusal(400, "INVALID_QUERY", "Invalid query formed", **details)


class _Reader:
    """Reads nested brackets from left to right."""

    def __init__(self, store: CrmStore, text: str) -> None:
        self._store = store
        self._text = text.strip()
        self._at = 0
        self._count = 0

    def everything(self) -> Criterion:
        criterion = self._connected()
        if self._at < len(self._text):
            raise _invalid(reason=f"unexpected {self._text[self._at :][:20]}")
        return criterion

    def _connected(self) -> Criterion:
        parts, connectives = [self._group()], set()
        while match := re.compile(r"\s*(and|or)\s*(?=\()", re.IGNORECASE).match(
            self._text, self._at
        ):
            connectives.add(match[1].lower())
            self._at = match.end()
            parts.append(self._group())
        if len(parts) == 1:
            return parts[0]
        if len(connectives) > 1:
            raise _invalid(reason="mixed and/or without brackets")
        combine = all if connectives == {"and"} else any
        return lambda cell: combine(part(cell) for part in parts)

    def _group(self) -> Criterion:
        self._expect("(")
        if self._text.startswith("(", self._at):
            criterion = self._connected()
        else:
            match = _PIECE.match(self._text, self._at)
            if match is None:
                raise _invalid(reason="empty criterion")
            self._at = match.end()
            criterion = self._criterion(match[0])
        self._expect(")")
        return criterion

    def _expect(self, symbol: str) -> None:
        if not self._text.startswith(symbol, self._at):
            raise _invalid(reason=f"{symbol} expected")
        self._at += 1

    def _criterion(self, piece: str) -> Criterion:
        self._count += 1
        if self._count > MOST_CRITERIA:
            text = f"no of criterium that can be given exceed the limit {MOST_CRITERIA}"
            raise refusal(400, "CRITERIA_LIMIT_EXCEEDED", text)
        name, _, rest = piece.partition(":")
        operator, colon, value = rest.partition(":")
        field = self._store.fields.get(name.strip())
        if field is None or not colon:
            raise _invalid(reason="the field is not available for search", api_name=name.strip())
        if operator not in _OPERATORS.get(field.data_type, ()):
            raise _invalid(reason="unsupported operator", api_name=name, operator=operator)
        return _test(field, operator, _split(value, several=operator in {"in", "between"}))


def _split(value: str, *, several: bool) -> list[str]:
    """Operand texts: a comma separates unless a backslash protects it."""
    pieces = re.findall(r"(?:[^,\\]|\\.)+", value, flags=re.DOTALL) if several else [value]
    texts = [re.sub(r"\\(.)", r"\1", piece, flags=re.DOTALL) for piece in pieces]
    if len(texts) > MOST_IN_VALUES:
        text = 'Only 100 values are allowed in "IN" criteria'
        raise refusal(400, "INVALID_QUERY", text, limit=str(MOST_IN_VALUES))
    return texts


def _test(field: Field, operator: str, texts: list[str]) -> Criterion:
    if operator == "between" and len(texts) != _ENDS:
        raise _invalid(reason="between wants two values", api_name=field.api_name)
    wanted = [_comparable(field, text, operator) for text in texts]

    def test(cell: Callable[[str], Any]) -> bool:
        value = cell(field.api_name)
        if value is None:
            return False
        return _holds(field, operator, _comparable(field, value, operator), wanted)

    return test


def _comparable(field: Field, value: Any, operator: str) -> Any:
    """A cell or an operand in the form in which the two are compared."""
    kind = field.data_type
    if kind in {"text", "textarea"}:
        return text_of(value)
    if kind in _NUMBERS:
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise _invalid(
                reason="number expected", api_name=field.api_name, operator=operator
            ) from None
    if kind == "datetime":
        moment = moment_of(value) if isinstance(value, str) else value
        if moment is None:
            raise _invalid(reason="time expected", api_name=field.api_name, operator=operator)
        return moment
    return str(value).casefold()


def _holds(field: Field, operator: str, value: Any, wanted: list[Any]) -> bool:
    contains = field.data_type in {"text", "textarea"}
    if operator == "between":
        return bool(wanted[0] <= value <= wanted[1])
    if operator == "in":
        return any(_same(value, one, contains=contains) for one in wanted)
    return _HOLDS[operator](value, wanted[0], contains)


def _same(value: Any, wanted: Any, *, contains: bool) -> bool:
    return bool(wanted in value if contains else wanted == value)


_HOLDS: Mapping[str, Callable[[Any, Any, bool], bool]] = {
    "equals": lambda value, wanted, contains: _same(value, wanted, contains=contains),
    "not_equal": lambda value, wanted, _contains: value != wanted,
    "starts_with": lambda value, wanted, _contains: value.startswith(wanted),
    "greater_than": lambda value, wanted, _contains: value > wanted,
    "less_than": lambda value, wanted, _contains: value < wanted,
    "greater_equal": lambda value, wanted, _contains: value >= wanted,
    "less_equal": lambda value, wanted, _contains: value <= wanted,
}
