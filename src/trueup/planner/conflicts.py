"""Two products may speak about one record: the one that wants it on sale has the word.

It happens when a product carries the SKU of another on: an archived version, a row that was
deleted and inserted again, a rename to a code that was given up. The predecessor still remembers
the record as its own and would switch it off.
"""

from __future__ import annotations

from collections.abc import Iterable

from trueup.domain.changes import Action, Change
from trueup.domain.records import Kind

Claims = frozenset[tuple[Kind, str]]


def claims(changes: Iterable[Change]) -> Claims:
    """The existing records that some change keeps on sale."""
    return frozenset(
        (change.key.kind, change.remote_id)
        for change in changes
        if change.action is not Action.RETIRE and change.remote_id
    )


def without_claimed(changes: Iterable[Change], claimed: Claims) -> list[Change]:
    """The changes but the retirements of records that another product claims."""
    return [
        change
        for change in changes
        if change.action is not Action.RETIRE or (change.key.kind, change.remote_id) not in claimed
    ]
