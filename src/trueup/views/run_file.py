"""The changes of a run as a file, for a spreadsheet: a line for each field that was to change."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from trueup.domain.cells import harmless
from trueup.domain.plan import value_as_json
from trueup.views.outcomes import why_it_failed

if TYPE_CHECKING:
    from trueup.domain.records import FieldValue
    from trueup.domain.runs import Run
    from trueup.postgres.reports import PastChange
    from trueup.views.desk import Desk

_PIECE: Final = 500  # changes
COLUMNS: Final = (
    "at", "sku", "target", "kind", "code", "action", "reason", "field", "before", "after",
    "status", "why", "decided_by", "edited_by", "remote_id",
)  # fmt: skip


def csv_pieces(desk: Desk, run: Run) -> Iterator[str]:
    """The whole record, read while it is sent; memory does not grow with it."""
    from trueup.postgres import reports

    # Spreadsheets take text for UTF-8 only with the mark in front.
    yield "\ufeff" + _csv([COLUMNS])
    changes = reports.outcomes(desk.connection, run.run_id)
    while piece := list(islice(changes, _PIECE)):
        yield _csv([line for change in piece for line in _lines(change, desk)])


def _lines(change: PastChange, desk: Desk) -> Iterator[Sequence[str]]:
    before = (
        desk.time.iso(change.at) or "",
        *(change.sku or "", change.target.value, change.key.kind.value, change.key.code),
        *(change.action.value, change.reason.value),
    )
    after = (
        *(change.status.value, why_it_failed(change), change.actor, change.editor),
        change.remote_id,
    )
    for name, delta in change.deltas.items():
        yield (*before, name, _text(delta.before), _text(delta.after), *after)
    if not change.deltas:
        yield (*before, "", "", "", *after)


def _text(value: FieldValue) -> str:
    plain = value_as_json(value)
    return "" if plain is None else str(plain)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([[harmless(cell) for cell in row] for row in rows])
    return written.getvalue()
