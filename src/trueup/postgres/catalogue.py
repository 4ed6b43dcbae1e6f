"""The product catalogue in Postgres, streamed.

Each row travels as one JSON document in a COPY and is decoded straight into its type: no number
passes through a float and memory does not grow with the catalogue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.package import DATED, OutlineRow, PackageRow, UnreadableRow
from trueup.domain.records import ACTIVE, TargetName
from trueup.domain.states import ProductState
from trueup.ports import CatalogueEntry, Glance
from trueup.postgres.catalogue_source import OUTLINE, CatalogueSource
from trueup.postgres.dated_source import DatedSource
from trueup.postgres.queries import load_queries

# Neither sign occurs in the JSON that Postgres writes, so no document is ever quoted.
_COLUMN: Final = "\x02"
_DIGEST_BYTES: Final = 16

_COPY: Final = sql.SQL("copy ({query}) to stdout (format csv, quote e'\\x01', delimiter e'\\x02')")
_OUTLINE: Final = sql.SQL("select row_to_json(q) from ({rows}) as q order by q.id")
_DATED: Final = sql.SQL("""
    select listed.*, dated.prices as {name}
    from ({rows}) as listed left join ({dated}) as dated on dated.id = listed.id""")
_NOT_DATED: Final = sql.SQL("select listed.*, null::json as {name} from ({rows}) as listed")
_SKUS: Final = sql.SQL("select json_build_array(q.id, q.sku) from ({rows}) as q")
# What is remembered of a product is joined as one document per target, empty where there is none.
_ENTRIES: Final = sql.SQL("""
    select row_to_json(q),
           case when crm.target is not null then json_build_object({crm}) end,
           case when billing.target is not null then json_build_object({billing}) end,
           {targets}
    from ({rows}) as q
    left join trueup.product_state as crm
        on crm.offering_id = q.id and crm.target = 'crm'
    left join trueup.product_state as billing
        on billing.offering_id = q.id and billing.target = 'billing'
    {intact}
    {some}
    order by q.id""")
_INTACT: Final = load_queries("intact")["intact"]
_STATE_COLUMNS: Final = {"standing": "status", "revision": "row_revision"}
_STATE_FIELDS: Final = (
    "standing",
    "revision",
    "verified_at",
    "last_success_at",
    "last_attempt_at",
    "failures",
    "next_attempt_at",
    "quarantined",
    "last_error",
)

# How the intact targets of a row are written: one set each, for a million rows.
_TARGETS: Final = {
    b"": frozenset[TargetName](),
    b"crm": frozenset({TargetName.CRM}),
    b"billing": frozenset({TargetName.BILLING}),
    b"crm,billing": frozenset(TargetName),
}

_AMOUNTS: Final = ("price", "base_price_zar", "promotion_price")

_row: Final = msgspec.json.Decoder(PackageRow, float_hook=Decimal)
_outline: Final = msgspec.json.Decoder(OutlineRow, float_hook=Decimal)
_state: Final = msgspec.json.Decoder(ProductState)
_pair: Final = msgspec.json.Decoder(tuple[str, str | None])
_loose: Final = msgspec.json.Decoder()


class PostgresCatalogue:
    """The catalogue; read-only.

    `columns` maps a column of ours to the column or SQL expression that it comes from; those left
    out carry the same name. `dated` is where dated prices come from. `digest_salt` goes into every
    revision: with another mapping, every row counts as changed.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        *,
        table: str = "service_packages",
        columns: Mapping[str, str] | None = None,
        dated: DatedSource | None = None,
        digest_salt: str = "",
    ) -> None:
        self._pool = pool
        self._source = CatalogueSource(table, dict(columns or {}))
        self._dated = DatedSource() if dated is None else dated
        self._salt = digest_salt.encode()

    @property
    def ids(self) -> sql.Composable:
        """A select of all ids, for the ledger, which must know who is missing."""
        return self._source.ids

    def check(self) -> None:
        """Raise `CatalogueError` when the table or one of the columns is missing."""
        with self._pool.connection() as connection:
            self._source.check(connection)
            self._dated.select(connection)

    def count(self) -> int:
        """How many rows there are."""
        query = sql.SQL("select count(*) from {}").format(self._source.name)
        with self._pool.connection() as connection:
            self._source.check(connection)
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def outline(self) -> Iterator[OutlineRow]:
        """The few columns of every row that facts about the whole catalogue need, by id."""
        query = _OUTLINE.format(rows=self._source.select(OUTLINE))
        for line in self._lines(query):
            yield _read_outline(line)

    def entries(
        self, skus: Collection[str] = (), glance: Glance | None = None
    ) -> Iterator[CatalogueEntry]:
        """Every row, or those with these SKUs (trimmed, case-folded), in order of id.

        The rows are those of one moment, with what a glance at a reading tells; one that cannot be
        read is told as such. Raises `CatalogueError` naming a column that the table lacks.
        """
        query = _ENTRIES.format(
            rows=self._whole_rows(),
            crm=_state_document("crm"),
            billing=_state_document("billing"),
            targets=sql.SQL("null" if glance is None else "intact.targets"),
            intact=_join_intact(glance),
            some=self._only(skus),
        )
        for line in self._lines(query, whole=glance is not None):
            row, crm, billing, intact = line.split(_COLUMN.encode())
            states = {TargetName.CRM: crm, TargetName.BILLING: billing}
            yield CatalogueEntry(
                _read_row(row),
                blake2b(row + self._salt, digest_size=_DIGEST_BYTES).hexdigest(),
                {target: _state.decode(text) for target, text in states.items() if text},
                _TARGETS[intact],
            )

    def offering_ids(self, skus: Collection[str]) -> dict[str, list[str]]:
        """The ids of the rows that carry each of these SKUs; an unknown SKU has none."""
        wanted: dict[str, list[str]] = {_key_of(sku): [] for sku in skus}
        query = _SKUS.format(rows=self._source.select(("id", "sku")))
        for line in self._lines(query):
            offering_id, sku = _pair.decode(line)
            if sku is not None and (found := wanted.get(_key_of(sku))) is not None:
                found.append(offering_id)
        return {sku: sorted(wanted[_key_of(sku)]) for sku in skus}

    def _whole_rows(self) -> sql.Composable:
        """The rows, each with its dated prices."""
        with self._pool.connection() as connection:
            self._source.check(connection)
            dated = self._dated.select(connection)
        rows, name = self._source.select(), sql.Identifier(DATED)
        if dated is None:
            return _NOT_DATED.format(rows=rows, name=name)
        return _DATED.format(rows=rows, dated=dated, name=name)

    def _only(self, skus: Collection[str]) -> sql.Composable:
        if not skus:
            return sql.SQL("")
        ids = sorted({i for found in self.offering_ids(skus).values() for i in found})
        return sql.SQL("where q.id = any({}::uuid[])").format(sql.Literal(ids))

    def _lines(self, query: sql.Composable, *, whole: bool = True) -> Iterator[bytes]:
        """The rows of a query as COPY sends them, one at a time, without the line's end.

        Unless the `whole` answer is wanted, the first rows come at once: along the key, unsorted.
        """
        with self._pool.connection() as connection:
            self._source.check(connection)
            with connection.transaction(), connection.cursor() as cursor:
                # A digest over a row must not depend on the zone in which its times are written.
                connection.execute("set local time zone 'UTC'")
                if whole:
                    # Fresh tables have no statistics yet: whole ones are never joined row by row.
                    connection.execute("set local enable_nestloop = off")
                else:
                    connection.execute("set local enable_sort = off")
                    connection.execute("set local enable_hashjoin = off")
                with cursor.copy(_COPY.format(query=query)) as copy:
                    for line in copy:
                        yield bytes(line).rstrip(b"\n")


def _state_document(alias: str) -> sql.Composable:
    """The arguments of json_build_object for a product's state."""
    parts: list[sql.Composable] = []
    for name in _STATE_FIELDS:
        column = sql.Identifier(alias, _STATE_COLUMNS.get(name, name))
        parts.extend((sql.Literal(name), column))
    return sql.SQL(", ").join(parts)


def _join_intact(glance: Glance | None) -> sql.Composable:
    if glance is None:
        return sql.SQL("")
    fields = [
        sql.SQL("({}, {}, {}::text[], {}::text[])").format(
            sql.Literal(kind.value),
            sql.Literal(ACTIVE[kind]),
            sql.Literal(list(names)),
            sql.Literal(list(glance.filled[kind])),
        )
        for kind, names in glance.enforced.items()
    ]
    query = _INTACT.format(fields=sql.SQL(", ").join(fields), reading=sql.Literal(glance.reading))
    return sql.SQL("left join ({}) as intact on intact.id = q.id").format(query)


def _key_of(sku: str) -> str:
    return sku.strip().casefold()


def _read_outline(line: bytes) -> OutlineRow:
    """A row in outline; what cannot be read of it counts as not there."""
    try:
        return _outline.decode(line)
    except msgspec.ValidationError:
        document: dict[str, Any] = _loose.decode(line)
        return OutlineRow(
            **_identity(document),
            valid_from=None,
            valid_to=None,
            metadata=_object(document.get("metadata")),
            provider_specific_config=_object(document.get("provider_specific_config")),
        )


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _read_row(line: bytes) -> PackageRow | UnreadableRow:
    """A row, read whole or not at all."""
    try:
        row = _row.decode(line)
    except msgspec.ValidationError as error:
        # The message ends in the path of what was wrong.
        problem, _, path = str(error).partition(" - at `$.")
        column = path.rstrip("`").split(".")[0].split("[")[0] or "?"
        return _unreadable(line, column, problem)
    amounts = [(column, getattr(row, column)) for column in _AMOUNTS]
    amounts += [(DATED, p) for d in row.dated_prices or () for p in (d.old_price, d.new_price)]
    for column, amount in amounts:
        if amount is not None and not amount.is_finite():
            # What Postgres calls NaN or infinite compares as nothing sensible.
            return _unreadable(line, column, f"{amount} is not an amount")
    return row


def _unreadable(line: bytes, column: str, problem: str) -> UnreadableRow:
    return UnreadableRow(**_identity(_loose.decode(line)), column=column, problem=problem)


def _identity(document: Mapping[str, Any]) -> dict[str, Any]:
    names = ("sku", "name", "status")
    return {"id": str(document["id"]), **{name: document.get(name) for name in names}}
