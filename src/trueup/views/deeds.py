"""What people did, as lines to read and rows to export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trueup.domain.people import Deed
from trueup.views.times import BusinessTime

COLUMNS = ("at", "who", "via", "workspace", "action", "subject", "change", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would carry out


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
        yield (at, *(f"'{one}" if one.startswith(_FORMULA) else one for one in texts))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
