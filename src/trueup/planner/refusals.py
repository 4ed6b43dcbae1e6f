"""When a person's no has been overtaken by what the catalogue wants now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueup.domain.changes import Action, Change
from trueup.domain.guards import FieldKey, Refusal
from trueup.domain.threeway import same


def outgrown(planned: Iterable[Change], refused: Mapping[FieldKey, Refusal]) -> frozenset[FieldKey]:
    """The fields on which these changes want another value than the one that was refused.

    A change that is made whole or not at all is another change when one of these fields moves:
    then nothing of its record is refused any more.
    """
    by_key: dict[object, dict[str, Refusal]] = {}
    for (key, name), refusal in refused.items():
        by_key.setdefault(key, {})[name] = refusal
    found: set[FieldKey] = set()
    for change in planned if by_key else ():
        known = by_key.get(change.key, {})
        moved = {
            name
            for name, refusal in known.items()
            if name in change.deltas and not same(change.deltas[name].after, refusal.value)
        }
        if moved and change.action is not Action.UPDATE:
            moved = set(known)
        found |= {(change.key, name) for name in moved}
    return frozenset(found)
