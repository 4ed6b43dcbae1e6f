"""What people did, as lines to read and rows to export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from trueup.domain.cells import harmless
from trueup.domain.people import Deed
from trueup.domain.plan import value_as_json
from trueup.domain.waiting import Waiting
from trueup.planner.explain import counted
from trueup.views.held import steps_of
from trueup.views.times import BusinessTime

COLUMNS = ("at", "who", "via", "workspace", "action", "subject", "change", "reason")
_NAMED: Final = 10  # SKUs that a deed names
_LISTED: Final = 50  # changes that a deed tells field by field


def changes(deed: Deed) -> Sequence[tuple[str, str, str]]:
    """What was otherwise afterwards: its name, before, after."""
    names = dict.fromkeys((*deed.before, *deed.after))
    pairs = [(name, _text(deed.before.get(name)), _text(deed.after.get(name))) for name in names]
    return [one for one in pairs if one[1] != one[2]]


def rows(deeds: Sequence[Deed], time: BusinessTime) -> Iterator[Sequence[str]]:
    """For a spreadsheet: no text of ours or anybody's is a formula in it."""
    for deed in deeds:
        said = "; ".join(f"{name}: {old or '-'} → {new or '-'}" for name, old, new in changes(deed))
        at = time.iso(deed.at) or ""
        texts = (deed.who, deed.via, deed.workspace, deed.action, deed.subject, said, deed.reason)
        yield (at, *map(harmless, texts))


def subject_of(skus: Sequence[str]) -> str:
    """What a deed is about, in words: these products, the first of them by name, or everything."""
    if not skus:
        return "everything"
    more = f" and {len(skus) - _NAMED} more" if len(skus) > _NAMED else ""
    return f"{', '.join(skus[:_NAMED])}{more}"


def subject_of_changes(changes: Sequence[Waiting]) -> str:
    """`2 changes of FIB-100, FIB-200`."""
    skus = sorted({one.sku for one in changes})
    return f"{counted(len(changes), 'change')} of {subject_of(skus)}"


def states_of(changes: Sequence[Waiting]) -> Mapping[str, Mapping[str, Any]]:
    """`before` and `after` of a decision: what moves in the first changes, named by its record."""
    deltas = {
        f"{one.key} {name}": step
        for one in changes[:_LISTED]
        for name, step in steps_of(one).items()
    }
    return {
        "before": {name: value_as_json(delta.before) for name, delta in deltas.items()},
        "after": {name: value_as_json(delta.after) for name, delta in deltas.items()},
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
