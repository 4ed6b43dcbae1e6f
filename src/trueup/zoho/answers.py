"""What Zoho answered so far, counted by target and by kind of answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueup.zoho.wire import RequestEvent


class Answers:
    """The counts of one app; requests are told of from several threads."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._throttled: Counter[str] = Counter()
        self._guard = Lock()

    def note(self, event: RequestEvent) -> None:
        """One request was answered, or given up."""
        with self._guard:
            self._counts[event.target, event.verdict] += 1
            self._throttled[event.target] += event.status == HTTPStatus.TOO_MANY_REQUESTS

    def throttles(self, target: str) -> int:
        """How often a target said that there were too many."""
        return self._throttled[target]

    def counts(self) -> dict[str, dict[str, int]]:
        """Answers by target and kind, as they are named in `trueup.zoho.verdict`."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        with self._guard:
            for (target, kind), number in self._counts.items():
                found[target][kind] = number
        return dict(found)
