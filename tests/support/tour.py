"""A walk through all pages by their links alone, without scripts: what is there, what is not."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import httpx2

from support.links import Reading, pattern, read

_OF_A_ROUTE = 6  # addresses of one route whose own links are followed
_ASKED = 2  # of these, such as ask for something: `?sort=…`


@dataclass
class Tour:
    """Where the links led. `pages` has an address of each route; `troubles` are for people."""

    address: str
    pages: dict[str, str] = field(default_factory=dict)
    said: dict[str, Reading] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    _followed: Counter[str] = field(default_factory=Counter)

    def walk(self, client: httpx2.Client, start: str, routes: Sequence[str]) -> None:
        """From one page on, everywhere."""
        patterns = sorted(routes, key=lambda path: (path.count("{"), path))
        parts: dict[tuple[str, str], str] = {}
        sources, waiting = {start: "the start"}, deque([start])
        while waiting:
            at = waiting.popleft()
            for link in self._visit(client, at, sources[at], patterns):
                there, part = urldefrag(urljoin(f"{self.address}{at}", link))
                path = there.removeprefix(self.address)
                if not there.startswith(self.address):
                    continue
                if part:
                    parts.setdefault((path, unquote(part)), at)
                if path not in sources:
                    sources[path] = at
                    waiting.append(path)
        for (path, part), source in parts.items():
            if path in self.said and part not in self.said[path].parts:
                self.troubles.append(f"{source} leads to {path}#{part}, which has no such part")

    def _visit(
        self, client: httpx2.Client, at: str, source: str, patterns: Sequence[str]
    ) -> list[str]:
        """Open one; its links, when they are to be followed."""
        answer, route = client.get(at), ""
        if answer.status_code >= 400:
            self.troubles.append(f"{source} leads to {at}: {answer.status_code}")
            return []
        for hop in (*answer.history, answer):
            route = _route(hop.url.path, patterns)
            self.pages.setdefault(route, at)
        if not answer.headers["content-type"].startswith("text/html"):
            return []
        found = self.said.setdefault(at, read(answer.text))
        if len(found.headings) != 1:
            self.troubles.append(f"{at} has {len(found.headings)} first headings")
        self._followed[route] += 1
        most = _ASKED if urlsplit(at).query else _OF_A_ROUTE
        return found.links if self._followed[route] <= most else []


def _route(path: str, patterns: Sequence[str]) -> str:
    return next((route for route in patterns if pattern(route).match(path)), path)
