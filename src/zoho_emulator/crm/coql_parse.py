"""The text of a COQL query as a tree (zoho-facts §2.10).

query      := select NAME, … from NAME where criteria [order by …] [limit …]
criteria   := term [(and | or) term]          one connective per pair of brackets
term       := ( criteria ) | comparison
comparison := NAME (= != < <= > >=) VALUE | NAME [not] in (VALUE, …)
            | NAME [not] like STRING | NAME between VALUE and VALUE | NAME is [not] null
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from zoho_emulator.crm.coql_tokens import Token, syntax_error, tokens
from zoho_emulator.crm.errors import refusal
from zoho_emulator.wire import ServiceError

_One = TypeVar("_One")
DEFAULT_LIMIT = 200
MOST_CRITERIA = 25
MOST_COLUMNS = 50
MOST_IN_VALUES = 50
MOST_ORDER_BY = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """One criterion; `operator` is lower case, such as `not in`."""

    column: str
    operator: str
    operands: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Connected:
    """Two or more criteria under one connective."""

    connective: str
    parts: tuple[Criteria, ...]


Criteria = Comparison | Connected


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; `order_by` holds pairs of column and descending."""

    columns: tuple[str, ...]
    module: str
    where: Criteria
    order_by: tuple[tuple[str, bool], ...] = ()
    offset: int = 0
    limit: int = DEFAULT_LIMIT


def parse(text: str, *, bracket_pairs: bool = True) -> Query:
    """The tree of `text`; raises `ServiceError` (SYNTAX_ERROR, LIMIT_EXCEEDED).

    With `bracket_pairs`, `a and b and c` is refused: it has to be `((a and b) and c)`.
    """
    return _Parser(text, bracket_pairs=bracket_pairs).query()


def over_limit(limit: int, clause: str) -> ServiceError:
    """LIMIT_EXCEEDED in a clause; Zoho states the limit as a string (zoho-facts §2.10)."""
    return refusal(400, "LIMIT_EXCEEDED", "limit exceeded", limit=str(limit), clause=clause)


class _Parser:
    """Recursive descent over the tokens of one query."""

    def __init__(self, text: str, *, bracket_pairs: bool) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._next = 0
        self._criteria = 0
        self._bracket_pairs = bracket_pairs

    def query(self) -> Query:
        self._clause("select")
        columns = self._list(lambda: self._take("name").text)
        if len(columns) > MOST_COLUMNS:
            raise over_limit(MOST_COLUMNS, "select")
        self._clause("from")
        module = self._take("name").text
        self._clause("where")
        where = self._connected()
        order_by = self._order_by()
        offset, limit = self._limit()
        self._take("end")
        return Query(tuple(columns), module, where, order_by, offset, limit)

    def _connected(self) -> Criteria:
        parts = [self._term()]
        connectives: list[str] = []
        while self._peek("keyword", "and", "or"):
            if connectives and self._bracket_pairs:
                raise syntax_error(self._text, self._here().at)
            connectives.append(self._take("keyword").text)
            parts.append(self._term())
        if not connectives:
            return parts[0]
        return _by_precedence(parts, connectives)

    def _term(self) -> Criteria:
        if self._skip("symbol", "("):
            inside = self._connected()
            self._take("symbol", ")")
            return inside
        self._criteria += 1
        if self._criteria > MOST_CRITERIA:
            raise over_limit(MOST_CRITERIA, "where")
        return self._comparison(self._take("name").text)

    def _comparison(self, column: str) -> Comparison:
        if self._skip("keyword", "is"):
            negated = "not " if self._skip("keyword", "not") else ""
            self._take("keyword", "null")
            return Comparison(column, f"is {negated}null")
        negated = "not " if self._skip("keyword", "not") else ""
        if self._skip("keyword", "in"):
            return Comparison(column, f"{negated}in", self._in_values())
        if self._skip("keyword", "like"):
            return Comparison(column, f"{negated}like", (self._take("string"),))
        if negated:
            raise syntax_error(self._text, self._here().at)
        if self._skip("keyword", "between"):
            low = self._value()
            self._take("keyword", "and")
            return Comparison(column, "between", (low, self._value()))
        operator = self._take("symbol", "=", "!=", "<", "<=", ">", ">=").text
        return Comparison(column, operator, (self._value(),))

    def _in_values(self) -> tuple[Token, ...]:
        self._take("symbol", "(")
        values = self._list(self._value)
        self._take("symbol", ")")
        if len(values) > MOST_IN_VALUES:
            raise over_limit(MOST_IN_VALUES, "in")
        return tuple(values)

    def _order_by(self) -> tuple[tuple[str, bool], ...]:
        if not self._skip("keyword", "order"):
            return ()
        self._take("keyword", "by")
        terms = self._list(self._order_term)
        if len(terms) > MOST_ORDER_BY:
            raise over_limit(MOST_ORDER_BY, "order by")
        return tuple(terms)

    def _order_term(self) -> tuple[str, bool]:
        column = self._take("name").text
        descending = self._skip("keyword", "desc")
        if not descending:
            self._skip("keyword", "asc")
        return column, descending

    def _limit(self) -> tuple[int, int]:
        """`limit count`, `limit offset, count` or `limit count offset offset`."""
        if not self._skip("keyword", "limit"):
            return 0, DEFAULT_LIMIT
        first = self._whole_number()
        if self._skip("symbol", ","):
            return first, self._whole_number()
        return (self._whole_number() if self._skip("keyword", "offset") else 0), first

    def _whole_number(self) -> int:
        token = self._take("number")
        if not token.text.isdecimal():
            raise syntax_error(self._text, token.at)
        return int(token.text)

    def _value(self) -> Token:
        token = self._here()
        is_flag = token.kind == "name" and token.text.lower() in {"true", "false"}
        if token.kind not in {"string", "number"} and not is_flag:
            raise syntax_error(self._text, token.at)
        self._next += 1
        return token

    def _list(self, one: Callable[[], _One]) -> list[_One]:
        found = [one()]
        while self._skip("symbol", ","):
            found.append(one())
        return found

    def _clause(self, keyword: str) -> None:
        if not self._skip("keyword", keyword):
            raise refusal(400, "SYNTAX_ERROR", "missing clause", clause=keyword)

    def _here(self) -> Token:
        return self._tokens[self._next]

    def _peek(self, kind: str, *texts: str) -> bool:
        token = self._here()
        return token.kind == kind and (not texts or token.text in texts)

    def _skip(self, kind: str, *texts: str) -> bool:
        found = self._peek(kind, *texts)
        self._next += found
        return found

    def _take(self, kind: str, *texts: str) -> Token:
        token = self._here()
        if not self._peek(kind, *texts):
            raise syntax_error(self._text, token.at)
        self._next += 1
        return token


def _by_precedence(parts: list[Criteria], connectives: list[str]) -> Criteria:
    """`and` binds tighter than `or`, as everywhere."""
    alternatives: list[list[Criteria]] = [[parts[0]]]
    for connective, part in zip(connectives, parts[1:], strict=True):
        if connective == "and":
            alternatives[-1].append(part)
        else:
            alternatives.append([part])
    joined = [both[0] if len(both) == 1 else Connected("and", tuple(both)) for both in alternatives]
    return joined[0] if len(joined) == 1 else Connected("or", tuple(joined))
