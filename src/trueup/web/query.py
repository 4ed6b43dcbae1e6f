"""The query of the cron endpoint, read strictly: what is not understood is refused, not guessed.

An unknown parameter is refused too: `?dryrun=true` must not become a real run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from trueup.web.refusals import Refusal

MOST_PRODUCTS: Final = 10_000
LONGEST_NAME: Final = 100
_WHOLE = re.compile(r"[1-9][0-9]{0,4}")  # of ASCII digits alone
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call of the endpoint asks for."""

    dry_run: bool = False
    max_products: int | None = None
    wait: bool = True
    workspace: str | None = None


def read_query(pairs: Iterable[tuple[str, str]]) -> Asked:
    """Read the parameters; raises the `Refusal` that says what is expected."""
    given = list(pairs)
    known = ("dryRun", "maxProducts", "wait", "workspace")
    for name, times in Counter(name for name, _ in given).items():
        if name not in known:
            meant = next((one for one in known if one.casefold() == name.casefold()), None)
            hint = f"did you mean {meant}?" if meant else f"expected are {', '.join(known)}"
            raise Refusal(HTTPStatus.BAD_REQUEST, "there is an unknown parameter", hint)
        if times > 1:
            raise _bad(name, "expected once")
    found = dict(given)
    return Asked(
        dry_run=_flag(found, "dryRun", default=False),
        max_products=_products(found.get("maxProducts")),
        wait=_flag(found, "wait", default=True),
        workspace=_name(found.get("workspace")),
    )


def _flag(found: dict[str, str], name: str, *, default: bool) -> bool:
    if name not in found:
        return default
    value = _WORDS.get(found[name].lower()) if found[name].isascii() else None
    if value is None:
        raise _bad(name, "expected true or false")
    return value


def _products(text: str | None) -> int | None:
    if text is None:
        return None
    number = int(text) if _WHOLE.fullmatch(text) else 0
    if not 1 <= number <= MOST_PRODUCTS:
        raise _bad("maxProducts", f"expected a whole number from 1 to {MOST_PRODUCTS}")
    return number


def _name(text: str | None) -> str | None:
    if text is not None and not 1 <= len(text) <= LONGEST_NAME:
        raise _bad("workspace", "expected the name of a workspace")
    return text


def _bad(name: str, expected: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, f"{name}: {expected}", "nothing was started")


def _parameter(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


PARAMETERS: Final = [
    _parameter("dryRun", {"type": "boolean", "default": False}, "Plan only; nothing is written."),
    _parameter(
        "maxProducts",
        {"type": "integer", "minimum": 1, "maximum": MOST_PRODUCTS},
        "Most products written by this run; without it TRUEUP_MAX_PRODUCTS.",
    ),
    _parameter("wait", {"type": "boolean", "default": True}, "Answer when the run has ended."),
    _parameter(
        "workspace",
        {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        "Which catalogue; needed where there are several.",
    ),
]
