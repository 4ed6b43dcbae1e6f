"""Every address that the web application answers, found by walking its routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_BY_ITSELF = frozenset({"HEAD", "OPTIONS"})
# What stands for a parameter where nothing of that name has to be there.
SOMETHING = {
    "digest": "0",
    "job_id": "1",
    "name": "style.css",
    "number": "1",
    "offering_id": "00000000-0000-4000-8000-000000000001",
    "person_id": "1",
    "rule": "price_fall",
    "run_id": "no-such-run",
    "sku": "NONE-1",
    "target": "crm",
    "token": "no-such-link",
    "what": "disable",
    "workspace": "default",
}
# Known without a session: what lets people in, and what every page is made of.
FOR_STRANGERS = ("/login", "/logout", "/welcome/", "/static/")
FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json")


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """A method and a path with its parameters."""

    path: str
    method: str

    def at(self, **values: str) -> str:
        """The address with something for every parameter."""
        return _PARAMETER.sub(lambda found: (SOMETHING | values)[found[1]], self.path)

    @property
    def parameters(self) -> list[str]:
        """The names in the path but the workspace's."""
        return [name for name in _PARAMETER.findall(self.path) if name != "workspace"]

    @property
    def is_page(self) -> bool:
        """Whether only somebody who is signed in may see it."""
        return not self.path.startswith((*FOR_STRANGERS, *FOR_PROGRAMS))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def ways(app: FastAPI) -> list[Way]:
    """All of them, in order."""
    return sorted({Way(path, method) for path, method in _walk(app.routes)})


def _walk(routes: Any) -> Iterator[tuple[str, str]]:
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if hasattr(route, "methods"):
            yield from ((route.path, one) for one in route.methods - _BY_ITSELF)
        elif hasattr(inner, "routes"):
            yield from _walk(inner.routes)
        else:
            raise AssertionError(f"nobody knows what lies behind {route!r}")
