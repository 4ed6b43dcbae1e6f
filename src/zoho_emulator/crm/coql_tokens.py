"""The words of a COQL query (zoho-facts §2.10).

Strings stand in single quotes; a backslash protects the character after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zoho_emulator.crm.errors import refusal
from zoho_emulator.wire import ServiceError

_KEYWORDS = frozenset(
    {"select", "from", "where", "and", "or", "not", "in", "like", "between", "is", "null"}
    | {"order", "by", "asc", "desc", "limit", "offset"}
)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_$][\w.$]*)
    | (?P<symbol><=|>=|!=|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the query and where it stands."""

    kind: str  # string, number, name, keyword, symbol or end
    text: str
    at: int

    def value(self) -> str:
        """A string without its quotes, a backslash taken off what it protects."""
        return re.sub(r"\\(.)", r"\1", self.text[1:-1], flags=re.DOTALL)


def tokens(text: str) -> Iterator[Token]:
    """The words of a query, closed by an `end`; raises `ServiceError` for what is none."""
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise syntax_error(text, at)
        word, start = match[match.lastgroup], match.start(match.lastgroup)
        if match.lastgroup == "name" and word.lower() in _KEYWORDS:
            yield Token("keyword", word.lower(), start)
        else:
            yield Token(match.lastgroup, word, start)
        at = match.end()
    yield Token("end", "", len(text))


def syntax_error(text: str, at: int) -> ServiceError:
    """SYNTAX_ERROR at position `at` of the query."""
    before = text[:at]
    return refusal(
        400,
        "SYNTAX_ERROR",
        "error occurred while parsing query",
        near=text[at : at + 40].strip(),
        line=before.count("\n") + 1,
        column=at - before.rfind("\n"),
    )
