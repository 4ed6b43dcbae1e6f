"""What was asked of the emulator, in order: for assertions, the console and the demo."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

MOST_ENTRIES = 20_000
MOST_TEXT = 32 * 1024 * 1024  # characters of all bodies together
FORGOTTEN = "(no longer kept)"


@dataclass(slots=True)
class Entry:
    """One request: when it came (emulated time, ISO 8601), what it asked, what it got.

    `records` is the number of records that an answer or a write batch holds; `cut` says how the
    connection ended when it did not end with an answer; `token` is a digest, never the token.
    """

    number: int
    at: str
    service: str
    method: str
    path: str
    query: dict[str, str]
    body: str
    token: str
    status: int = 0
    records: int = 0
    fault: str = ""
    cut: str = ""


class Journal:
    """The last 20,000 requests, and counts of all that ever came.

    Bodies are kept up to `MOST_TEXT` characters together; the oldest are forgotten first.
    """

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self.counts: Counter[tuple[str, str, int]] = Counter()
        self.total = 0
        self._with_body: deque[Entry] = deque()
        self._text = 0

    def open(self, **facts: Any) -> Entry:
        """Write down a request that has just arrived."""
        self.total += 1
        entry = Entry(number=self.total, **facts)
        self.entries.append(entry)
        self._keep_body(entry)
        return entry

    def close(self, entry: Entry) -> None:
        """Count a request whose outcome is known."""
        self.counts[entry.service, entry.method, entry.status] += 1

    def _keep_body(self, entry: Entry) -> None:
        if entry.body:
            self._with_body.append(entry)
            self._text += len(entry.body)
        gone = self.total - MOST_ENTRIES
        while self._with_body and (self._with_body[0].number <= gone or self._text > MOST_TEXT):
            oldest = self._with_body.popleft()
            self._text -= len(oldest.body)
            oldest.body = FORGOTTEN

    def since(self, number: int = 0) -> list[Entry]:
        """Entries with a number above `number`, oldest first."""
        return [entry for entry in self.entries if entry.number > number]

    def by_service(self) -> dict[str, int]:
        """Requests per service, among all that ever came."""
        totals: Counter[str] = Counter()
        for (service, _method, _status), count in self.counts.items():
            totals[service] += count
        return dict(totals)

    def table(self) -> list[dict[str, Any]]:
        """Counts by service, method and status, as rows."""
        return [
            {"service": service, "method": method, "status": status, "count": count}
            for (service, method, status), count in sorted(self.counts.items())
        ]


def entry_document(entry: Entry) -> dict[str, Any]:
    """An entry as a JSON object."""
    return asdict(entry)
