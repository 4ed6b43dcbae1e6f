"""What earlier runs wrote, as far as taking it back needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trueup.domain.changes import Action, FieldDelta, Reason
from trueup.domain.records import FieldValue, Kind, RecordKey

Place = tuple[Kind, str]  # a remote record, by its kind and the id that the target gave it


@dataclass(frozen=True, slots=True)
class PastWrite:
    """One change that a run wrote, or may have written.

    One that is not `certain` was sent and its answer lost; a create of that sort has no
    `remote_id`.
    """

    key: RecordKey
    action: Action
    reason: Reason
    deltas: Mapping[str, FieldDelta]
    remote_id: str
    owner: str
    sku: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class LastWrite:
    """The last value that any run wrote on one field of a remote record, and why."""

    run_id: str
    reason: Reason
    value: FieldValue
