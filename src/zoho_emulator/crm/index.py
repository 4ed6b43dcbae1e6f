"""Look-ups by value beside the records: uniqueness as it is, and search as it lags behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from zoho_emulator.crm.fields import Field

Values = Mapping[str, Any]


class ValueIndex:
    """Which records carry a value, for each field that anybody asks about.

    Fields that uniqueness or an upsert needs are covered from the start, others from the first
    query on.
    """

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields: dict[str, Field] = {}
        # The inner mapping is an ordered set: cheap to leave, first come first.
        self._ids: dict[str, dict[str, dict[str, None]]] = {}
        for field in fields:
            if field.matchable or field.enforced:
                self.cover(field, ())

    def covers(self, field: Field) -> bool:
        """Whether `holders` can be asked about `field`."""
        return field.api_name in self._fields

    def cover(self, field: Field, records: Iterable[tuple[str, Values]]) -> None:
        """Follow `field` from now on, beginning with `records` as they are."""
        self._fields[field.api_name], self._ids[field.api_name] = field, {}
        for record_id, values in records:
            self._enter(field, record_id, values.get(field.api_name))

    def replace(self, record_id: str, before: Values, after: Values) -> None:
        """Follow one record's change; an empty mapping stands for "does not exist"."""
        for name, field in self._fields.items():
            old, new = before.get(name), after.get(name)
            if old != new:
                self._leave(field, record_id, old)
                self._enter(field, record_id, new)

    def holders(self, field: Field, value: object) -> list[str]:
        """Ids of the records whose `field` has `value`, first come first."""
        if value is None:
            return []
        return list(self._ids[field.api_name].get(field.folded(value), ()))

    def _enter(self, field: Field, record_id: str, value: object) -> None:
        if value is not None:
            self._ids[field.api_name].setdefault(field.folded(value), {})[record_id] = None

    def _leave(self, field: Field, record_id: str, value: object) -> None:
        if value is None:
            return
        holders = self._ids[field.api_name][field.folded(value)]
        del holders[record_id]
        if not holders:
            del self._ids[field.api_name][field.folded(value)]


class SearchIndex:
    """What search knows: every change, `delay` emulated seconds late (zoho-facts §2.9)."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._known: dict[str, Values] = {}
        self._pending: deque[tuple[float, str, Values | None]] = deque()

    def note(self, at: float, record_id: str, values: Values | None) -> None:
        """A record changed at emulated second `at`; None says that it is gone."""
        self._pending.append((at + self._delay, record_id, values))
        self.known(at)  # what is due is taken in, also where nobody ever searches

    def known(self, now: float) -> Mapping[str, Values]:
        """Records by id, as search sees them at emulated second `now`."""
        while self._pending and self._pending[0][0] <= now:
            _, record_id, values = self._pending.popleft()
            if values is None:
                self._known.pop(record_id, None)
            else:
                self._known[record_id] = values
        return self._known
