"""Finding the operation that a request asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from zoho_emulator.wire import Route


@dataclass(frozen=True, slots=True)
class Found:
    """An operation with its path parameters, decoded."""

    route: Route
    parameters: dict[str, str]


def find(routes: Sequence[Route], method: str, path: str) -> Found | str | None:
    """The operation; None when no operation has the path; the path when only the method is wrong.

    Templates are matched segment by segment on the encoded path, in order of declaration.
    """
    segments = tuple(path.rstrip("/").split("/"))
    known = False
    for route in routes:
        parameters = _fit(route.template, segments)
        if parameters is None:
            continue
        if route.method == method:
            return Found(route, parameters)
        known = True
    return path if known else None


def _fit(template: str, segments: tuple[str, ...]) -> dict[str, str] | None:
    pattern = _pattern(template)
    if len(pattern) != len(segments):
        return None
    parameters = {}
    for (name, literal), segment in zip(pattern, segments, strict=True):
        if name and segment:
            parameters[name] = unquote(segment)
        elif literal != unquote(segment):
            return None
    return parameters


@cache
def _pattern(template: str) -> tuple[tuple[str, str], ...]:
    """Each segment as (parameter name, "") or ("", literal text)."""
    return tuple(
        (part[1:-1], "") if part.startswith("{") else ("", part) for part in template.split("/")
    )
