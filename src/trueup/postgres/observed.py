"""What was read at the targets, kept in Postgres while a run compares it.

A reading has a name and holds every record of every kind that was listed. A million records go in
with COPY, piece by piece, so that neither memory nor a transaction grows with the listing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from psycopg.sql import SQL
from psycopg_pool import ConnectionPool

from trueup.domain.records import NAME, Binding, DesiredRecord, Kind, RemoteRecord
from trueup.postgres.jsonfields import clean, dump_fields, load_fields
from trueup.postgres.ledger_rows import Row, key_of
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("observed")
_PIECE: Final = 5_000
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
        """The records of a reading that could be these, each once, in order of kind and id."""
        given = {
            "reading": reading,
            "kinds": [d.key.kind.value for d in desired],
            "codes": [d.key.code for d in desired],
            "owners": [d.owner or None for d in desired],
            "name_keys": [_name_key(d) for d in desired],
            "bound_kinds": [b.key.kind.value for b in bindings],
            "bound_ids": [b.remote_id for b in bindings],
        }
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["candidates"], given).fetchall()
        return [_to_record(row) for row in rows]

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
    )


def _to_record(row: Row) -> RemoteRecord:
    kind, remote_id, code, fields, own_id, parent_id, version = row
    return RemoteRecord(
        Kind(kind), remote_id, code, load_fields(fields), own_id, parent_id, version
    )


def _name_key(record: DesiredRecord) -> str | None:
    """The name under which others may be in the way; a retiring record needs none."""
    if record.retiring:
        return None
    return key_of(str(record.fields.get(NAME[record.key.kind]) or "")) or None
