"""What was read at the targets, kept in Postgres while a run compares it.

A reading has a name and holds every record of every kind that was listed. A million records go in
with COPY, piece by piece, so that neither memory nor a transaction grows with the listing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from psycopg.sql import SQL
from psycopg_pool import ConnectionPool

from trueup.domain.records import (
    NAME,
    Binding,
    DesiredRecord,
    Kind,
    RemoteRecord,
    Slot,
    is_named_apart,
)
from trueup.postgres.jsonfields import clean, dump, dump_fields, load_fields
from trueup.postgres.ledger_rows import Row, key_of
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("observed")
_PIECE: Final = 5_000
# In these slots a renamed product keeps its record (`Slot`).
_ONE_PER_OWNER: Final = frozenset({Slot.PRODUCT, Slot.INSTALLATION})
# From this many on, the planner should know how many there are.
_WORTH_COUNTING: Final = 10_000


class Readings:
    """The readings in a database."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def observe(self, reading: str, kind: Kind, records: Iterable[RemoteRecord]) -> int:
        """Keep more records of a kind; one that was kept before is superseded.

        When `records` raises, nothing of this call is kept: half a listing is no listing.
        """
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["open_reading"], {"reading": reading}).fetchone()
        if row is None:
            raise AssertionError("an upsert returns its row")
        number, around = row
        try:
            count = self._copy_pieces(number, around, kind, iter(records))
        except BaseException:
            with self._pool.connection() as connection:
                connection.execute(_SQL["forget_round"], {"id": number, "round": around})
            raise
        if count >= _WORTH_COUNTING:
            with self._pool.connection() as connection:
                connection.execute(_SQL["analyze"])
        return count

    def candidates(
        self, reading: str, desired: Sequence[DesiredRecord], bindings: Sequence[Binding]
    ) -> list[RemoteRecord]:
        """The records of a reading that could be these, each once.

        Where a bound record is still there, it is the one, and nothing else is looked for.
        """
        remembered = self._bound(reading, bindings)
        known = _Known(bindings, remembered)
        open_questions = [record for record in desired if not known.settles(record)]
        if open_questions:
            others = self._candidates(reading, open_questions)
            remembered = {(r.kind, r.remote_id): r for r in others} | remembered
        return [remembered[place] for place in sorted(remembered)]

    def _bound(
        self, reading: str, bindings: Sequence[Binding]
    ) -> dict[tuple[Kind, str], RemoteRecord]:
        # As one JSON document: adapting a list value by value takes longer than the look-up.
        bound = dump([{"kind": b.key.kind.value, "remote_id": b.remote_id} for b in bindings])
        found = self._records("bound", {"reading": reading, "bound": bound})
        return {(r.kind, r.remote_id): r for r in found}

    def _candidates(self, reading: str, desired: Sequence[DesiredRecord]) -> list[RemoteRecord]:
        wanted = [
            {
                "kind": record.key.kind.value,
                "code": clean(record.key.code),
                "owner": record.owner or None,
                "name_key": _name_key(record),
            }
            for record in desired
        ]
        return self._records("candidates", {"reading": reading, "wanted": dump(wanted)})

    def _records(self, name: str, given: Mapping[str, Any]) -> list[RemoteRecord]:
        with self._pool.connection() as connection:
            return [_to_record(row) for row in connection.execute(_SQL[name], given).fetchall()]

    def forget(self, reading: str) -> None:
        """Drop a reading."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["forget"], {"reading": reading})

    def forget_old(self) -> None:
        """Drop what dead processes left behind more than a day ago."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["forget_old"])

    def _copy_pieces(
        self, number: int, around: int, kind: Kind, records: Iterator[RemoteRecord]
    ) -> int:
        # Listing means waiting for Zoho: between two pieces no connection is held.
        count = 0
        while piece := list(islice(records, _PIECE)):
            with (
                self._pool.connection() as connection,
                connection.cursor() as cursor,
                cursor.copy(_SQL["copy_in"]) as copy,
            ):
                for record in piece:
                    copy.write_row((number, around, kind.value, *_to_row(record)))
            count += len(piece)
        return count


class _Known:
    """Which records need no search: what is bound to them was read.

    One that carries its code in its name is searched for all the same: whether it may give the
    code up depends on who else has the name.
    """

    def __init__(
        self, bindings: Sequence[Binding], read: Mapping[tuple[Kind, str], RemoteRecord]
    ) -> None:
        there = [b for b in bindings if (b.key.kind, b.remote_id) in read]
        self._names = {b.key: read[b.key.kind, b.remote_id].name for b in there}
        self._by_key = {b.key: b.owner for b in there}
        self._by_slot = {(b.key.kind, b.slot, b.owner) for b in there if b.slot in _ONE_PER_OWNER}

    def settles(self, record: DesiredRecord) -> bool:
        """Whether its own binding leads to a record that was read."""
        if is_named_apart(record, self._names.get(record.key, "")):
            return False
        if record.owner and (record.key.kind, record.slot, record.owner) in self._by_slot:
            return True
        return self._by_key.get(record.key) in {"", record.owner}


def _to_row(record: RemoteRecord) -> Row:
    name = clean(record.name)
    return (
        record.remote_id,
        clean(record.code),
        clean(record.own_id),
        record.parent_id,
        name,
        key_of(name),
        record.version,
        dump_fields(record.fields),
        clean(record.editor),
    )


def _to_record(row: Row) -> RemoteRecord:
    kind, remote_id, code, fields, *more = row
    return RemoteRecord(Kind(kind), remote_id, code, load_fields(fields), *more)


def _name_key(record: DesiredRecord) -> str | None:
    """The name under which others may be in the way; a retiring record needs none."""
    if record.retiring:
        return None
    return key_of(str(record.fields.get(NAME[record.key.kind]) or "")) or None
