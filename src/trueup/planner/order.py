"""In which order work is done, and how much of it: fairness between products.

Changed prices and retirements go first, then what failed before, then new products, other changes
and the rest; within a class the product whose last attempt is oldest. Failed work takes at most a
quarter of a run while other work waits, so that products that always fail starve nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from trueup.domain.changes import Action, Change, Reason
from trueup.domain.records import Kind, RecordKey

_PRICES = frozenset({"Unit_Price", "recurring_price", "rate", "ct_installation_fee"})
_FAILED_SHARE = 4
_ALWAYS = datetime.min.replace(tzinfo=UTC)

_CREATION_ORDER = {kind: place for place, kind in enumerate(Kind)}


class Class(IntEnum):
    """The classes of work, first one first."""

    PRICE_OR_RETIREMENT = 0
    FAILED = 1
    NEW = 2
    CHANGED = 3
    VERIFY = 4


@dataclass(frozen=True, slots=True)
class Work:
    """All changes of one product, and what decides its place in the queue."""

    owner: str
    sku: str
    changes: tuple[Change, ...]
    failed_before: bool = False
    last_attempt_at: datetime | None = None

    @property
    def rank(self) -> Class:
        """The class of this work."""
        if self.failed_before:
            return Class.FAILED
        if any(_is_urgent(change) for change in self.changes):
            return Class.PRICE_OR_RETIREMENT
        if any(change.action is Action.CREATE for change in self.changes):
            return Class.NEW
        return Class.CHANGED if any(change.writes for change in self.changes) else Class.VERIFY


def _is_urgent(change: Change) -> bool:
    if change.action is Action.RETIRE:
        return True
    if change.action is Action.CREATE:
        return change.reason is Reason.REPRICED
    return bool(_PRICES & change.deltas.keys())


def choose(work: Iterable[Work], most: int | None) -> tuple[list[Work], list[Work]]:
    """Split work into what this run writes, in order, and what it defers.

    `most` bounds the products written; work that only binds records costs nothing and is not
    counted. Without a bound everything is written.
    """
    queue = sorted(work, key=lambda w: (w.rank, w.last_attempt_at or _ALWAYS, w.sku, w.owner))
    free = [w for w in queue if not any(change.writes for change in w.changes)]
    costly = [w for w in queue if any(change.writes for change in w.changes)]
    if most is None or len(costly) <= most:
        return _interleave(costly) + free, []
    failed = [w for w in costly if w.failed_before]
    others = [w for w in costly if not w.failed_before]
    room_for_failed = max(most // _FAILED_SHARE, most - len(others))
    taken = failed[:room_for_failed]
    taken += others[: most - len(taken)]
    chosen = {id(w) for w in taken}
    now = [w for w in costly if id(w) in chosen]
    return _interleave(now) + free, [w for w in costly if id(w) not in chosen]


def _interleave(work: Sequence[Work]) -> list[Work]:
    """At most one failed product among every three others, so that they cannot block the head."""
    failed = [w for w in work if w.failed_before]
    others = [w for w in work if not w.failed_before]
    if not failed or not others:
        return list(work)
    mixed: list[Work] = []
    waiting = iter(failed)
    for place, each in enumerate(others, start=1):
        mixed.append(each)
        if place % (_FAILED_SHARE - 1) == 0 and (one := next(waiting, None)) is not None:
            mixed.append(one)
    return mixed + list(waiting)


def order_changes(changes: Iterable[Change]) -> list[Change]:
    """Referenced records before those that refer to them; retirements last, in reverse order."""
    listed = list(changes)
    alive = [c for c in listed if c.action is not Action.RETIRE]
    retired = [c for c in listed if c.action is Action.RETIRE]
    alive.sort(key=_creation_place)
    retired.sort(key=_creation_place, reverse=True)
    return alive + retired


def _creation_place(change: Change) -> tuple[int, str]:
    key: RecordKey = change.key
    return _CREATION_ORDER[key.kind], key.code
