"""Search the targets for records that are one thing twice, and say what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from trueup.domain.errors import TrueupError
from trueup.domain.plan import value_as_json
from trueup.domain.records import KINDS_OF, Kind, RemoteRecord, TargetName
from trueup.planner.duplicate_advice import advise
from trueup.planner.duplicates import Found, Group, Member, Memory, Why, find_duplicates, remember
from trueup.planner.reading import clean_sku
from trueup.postgres.bound_ids import bound_ids, shared_stored_ids

if TYPE_CHECKING:
    from trueup.bootstrap import App
    from trueup.ports import Target
    from trueup.reconcile.observing import WhyStop
    from trueup.reconcile.scope import Watcher

_STEP = 200  # records between two words to the watcher: a page
_ORDER = list(Why)


@dataclass(frozen=True, slots=True)
class Search:
    """What was found in every kind that was read."""

    kinds: Mapping[Kind, Found]

    @property
    def groups(self) -> list[Group]:
        """All groups, the strongest reason first."""
        found = [group for kind in self.kinds.values() for group in kind.groups]
        return sorted(found, key=lambda group: _ORDER.index(group.why))

    @property
    def settled(self) -> int:
        """Groups with which nothing is left to do."""
        return sum(found.settled for found in self.kinds.values())

    @property
    def read(self) -> int:
        """Records that were read."""
        return sum(found.read for found in self.kinds.values())


def search(
    app: App,
    targets: Sequence[TargetName],
    watcher: Watcher,
    *,
    near: bool = True,
    why_stop: WhyStop = lambda: None,
) -> Search:
    """Read one kind after the other, so that only one has to be kept in memory.

    Raises `TrueupError` when a target cannot be read, or `why_stop` has a reason before all is.
    """
    memory = _memory(app)
    found: dict[Kind, Found] = {}
    for name in targets:
        for kind in KINDS_OF[name]:
            watcher.phase(f"reading {kind.value}")
            records = _watched(app.targets[name], kind, watcher, why_stop)
            found[kind] = find_duplicates(kind, records, memory, near=near)
    return Search(found)


def _memory(app: App) -> Memory:
    skus = {row.id: sku for row in app.catalogue.outline() if (sku := clean_sku(row.sku))}
    with app.pool.connection() as connection:
        return remember(bound_ids(connection), shared_stored_ids(connection), skus)


def _watched(
    target: Target, kind: Kind, watcher: Watcher, why_stop: WhyStop
) -> Iterator[RemoteRecord]:
    count = 0
    for count, record in enumerate(target.records(kind), start=1):
        if count % _STEP == 1 and (reason := why_stop()) is not None:
            raise TrueupError(f"{reason} while reading")
        if count % _STEP == 0:
            watcher.read(kind, count)
        yield record
    watcher.read(kind, count)


def search_as_json(found: Search, limit: int, zone: tzinfo) -> dict[str, Any]:
    """The document of a search: so many groups with their proposals, counts of all."""
    counts = Counter(group.why for group in found.groups)
    return {
        "groups": [_group(group, zone) for group in found.groups[:limit]],
        "found": {why.value: counts[why] for why in Why},
        "settled": found.settled,
        "read": {kind.value: one.read for kind, one in found.kinds.items()},
    }


def _group(group: Group, zone: tzinfo) -> dict[str, Any]:
    advice = advise(group)
    return {
        "kind": group.kind.value,
        "why": group.why.value,
        "certainty": group.certainty.value,
        "shared": group.shared,
        "records": [_member(member, zone) for member in group.members],
        "differs": {
            name: [value_as_json(value) for value in values]
            for name, values in group.differs.items()
        },
        "products": [
            {"offering_id": use.owner, "sku": use.sku or None, "slot": use.slot.value}
            for use in group.users
        ],
        "proposal": advice.text,
        "keep": advice.keep,
        "commands": list(advice.commands),
    }


def _member(member: Member, zone: tzinfo) -> dict[str, Any]:
    record, binding, modified = member.record, member.binding, member.modified_at
    return {
        "remote_id": record.remote_id,
        "name": record.name or None,
        "code": record.code or None,
        "own_id": record.own_id or None,
        "sku": member.sku or None,
        "price": value_as_json(member.price),
        "active": member.active,
        "modified_at": None if modified is None else modified.astimezone(zone).isoformat(),
        "bound_to": binding.key.code if binding else None,
    }
