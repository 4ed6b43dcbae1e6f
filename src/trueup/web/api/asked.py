"""Parameters of the API: one description, from which a request is read and documented.

Read strictly, as those of the cron endpoint are: what is not known is refused, not passed over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from trueup.web.refusals import Refusal

LONGEST_TEXT: Final = 200
NO_NUL: Final = r"^[^\x00]*$"  # Postgres keeps none in a text
_WHOLE: Final = re.compile(r"[1-9][0-9]{0,17}")
_PATH_NAME: Final = re.compile(r"\{(\w+)\}")

Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query; `read` raises ValueError, whose words say what is expected."""

    name: str
    text: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    default: Any = None

    def as_openapi(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {
            "name": self.name,
            "in": "query",
            "required": False,
            "schema": dict(self.schema),
            "description": self.text,
        }


def whole(name: str, text: str, *, most: int, default: int | None = None) -> Parameter:
    """A whole number from 1 on."""

    def read(given: str) -> int:
        number = int(given) if _WHOLE.fullmatch(given) else 0
        if not 1 <= number <= most:
            raise ValueError(f"a whole number from 1 to {most}")
        return number

    schema: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": most}
    schema |= {} if default is None else {"default": default}
    return Parameter(name, text, schema, read, default)


def word(name: str, text: str, words: Iterable[StrEnum | str]) -> Parameter:
    """One of these words."""
    known = [str(one) for one in words]

    def read(given: str) -> str:
        if given not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return given

    return Parameter(name, text, {"type": "string", "enum": known}, read)


def words_of(name: str, text: str) -> Parameter:
    """Any text of a bearable length."""

    def read(given: str) -> str:
        if len(given) > LONGEST_TEXT or "\x00" in given:
            raise ValueError(f"at most {LONGEST_TEXT} characters, none of them NUL")
        return given

    schema = {"type": "string", "maxLength": LONGEST_TEXT, "pattern": NO_NUL}
    return Parameter(name, text, schema, read)


LIMIT: Final = whole("limit", "At most so many.", default=100, most=1000)


def read_query(pairs: Iterable[tuple[str, str]], known: Sequence[Parameter]) -> dict[str, Any]:
    """The value of every parameter; raises the `Refusal` (400) that says what is expected."""
    given = list(pairs)
    names = [one.name for one in known]
    for name, times in Counter(name for name, _ in given).items():
        if name not in names:
            hint = f"expected are {', '.join(names)}" if names else "none is expected"
            raise Refusal(HTTPStatus.BAD_REQUEST, "there is an unknown parameter", hint)
        if times > 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{name}: expected once", "nothing was done")
    found = dict(given)
    return {one.name: _read(one, found) for one in known}


def _read(one: Parameter, found: Mapping[str, str]) -> Any:
    if one.name not in found:
        return one.default
    try:
        return one.read(found[one.name])
    except ValueError as error:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, f"{one.name}: expected {error}", "nothing was done"
        ) from None


_IN_PATHS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "workspace": (
        "Which catalogue: one of `GET /api/v1/workspaces`.",
        {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT, "example": "default"},
    ),
    "run_id": (
        "The id of a run, the beginning of it, or `last`.",
        {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
    ),
    "product_id": (
        "As `offering_id` in the list of products: the id of its row in the catalogue.",
        {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
    ),
    "job_id": (
        "As `job_id` of a job.",
        {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    ),
}


def path_parameters(path: str) -> list[dict[str, Any]]:
    """Those of a path, for the OpenAPI document."""
    return [
        {"name": name, "in": "path", "required": True, "schema": dict(schema), "description": text}
        for name in _PATH_NAME.findall(path)
        for text, schema in [_IN_PATHS[name]]
    ]


def in_path(parameters: Mapping[str, Any], name: str) -> str:
    """A text of the path; raises the `Refusal` 404 for one that nothing can be called."""
    given = str(parameters[name])
    if "\x00" in given or len(given) > LONGEST_TEXT:
        raise Refusal(HTTPStatus.NOT_FOUND, f"there is no such {name.partition('_')[0]}")
    return given


def number_in_path(parameters: Mapping[str, Any], name: str) -> int:
    """A number of the path; raises the `Refusal` 404 for what is none."""
    given = str(parameters[name])
    if not _WHOLE.fullmatch(given):
        raise Refusal(HTTPStatus.NOT_FOUND, f"there is no such {name.partition('_')[0]}")
    return int(given)
