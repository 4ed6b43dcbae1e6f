"""What is remembered of one product: its records, what was read of them, who shares its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import Connection
from psycopg.sql import SQL

from trueup.domain.changes import FieldDelta
from trueup.domain.package import OutlineRow
from trueup.domain.records import Binding, Kind, RecordKey, TargetName
from trueup.postgres.catalogue_source import OUTLINE, CatalogueSource
from trueup.postgres.jsonfields import load, load_deltas
from trueup.postgres.ledger_rows import to_binding
from trueup.postgres.product_lists import along_indexes
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("product_sheet")
_outline: Final = msgspec.json.Decoder(OutlineRow, float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A record of a product, and when a run last wrote it."""

    binding: Binding
    applied_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A change that was not carried out: `word` says how it stands, the deltas what was read."""

    key: RecordKey
    deltas: Mapping[str, FieldDelta]
    read_at: datetime
    word: str
    why: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The last look at a product that somebody asked for: a plan, as a document."""

    job_id: int
    at: datetime
    plan: Mapping[str, Any]


def remembered(connection: Connection, owner: str, devices: Sequence[str]) -> list[Remembered]:
    """The records of a product, and these shared devices, in the order of their kinds."""
    given = {"owner": owner, "devices": list(devices)}
    found = [
        Remembered(to_binding(row[:-2]), *row[-2:])
        for row in connection.execute(_SQL["remembered"], given)
    ]
    return sorted(
        found, key=lambda one: (list(Kind).index(one.binding.key.kind), one.binding.key.code)
    )


def tried(connection: Connection, owner: str) -> list[Tried]:
    """What was held or refused last of each of its records; creates have read nothing."""
    return [
        Tried(RecordKey(Kind(kind), code), load_deltas(deltas), *rest)
        for kind, code, deltas, *rest in connection.execute(_SQL["seen"], {"owner": owner})
    ]


def undecided(connection: Connection, owner: str) -> set[TargetName]:
    """The targets at which a change of it waits for a decision."""
    return {TargetName(name) for (name,) in connection.execute(_SQL["undecided"], {"owner": owner})}


def last_look(home: Connection, workspace: str, sku: str) -> Looked | None:
    """The last plan that was drawn up for this product alone, in the home database."""
    row = home.execute(_SQL["last_look"], {"workspace": workspace, "sku": sku}).fetchone()
    return None if row is None else Looked(row[0], row[1], load(row[2]))


def kin(
    connection: Connection, source: CatalogueSource, sku: str | None, name: str | None
) -> list[OutlineRow]:
    """The rows that carry this SKU or this name, exactly; found along their indexes."""
    query = _SQL["same_sku_or_name"].format(rows=source.select(OUTLINE))
    given = {"sku": sku or "", "name": name or ""}
    found: list[OutlineRow] = []
    for (text,) in connection.execute(query, given):
        try:
            found.append(_outline.decode(text))
        except msgspec.ValidationError:
            continue  # a row that cannot be read shares nothing
    return found


def ids_of_sku(connection: Connection, source: CatalogueSource, sku: str) -> list[str]:
    """The products with this SKU, as it is written; also one that left the catalogue."""
    query = _SQL["ids_of_sku"].format(rows=source.select(("id", "sku")))
    return [offering_id for (offering_id,) in connection.execute(query, {"sku": sku})]


def near_skus(connection: Connection, source: CatalogueSource, text: str) -> list[tuple[str, str]]:
    """SKUs, with their products, among which a person may find what they meant by this one."""
    query = _SQL["near_skus"].format(rows=source.select(("id", "sku", "name")))
    plain = "".join(sign for sign in text if sign not in "\\%_\x00")[:100]
    given = {"begins": f"{plain[:4]}%", "contains": f"%{plain}%"}
    with along_indexes(connection):
        found = connection.execute(query, given).fetchall()
    return [(sku, offering_id) for sku, offering_id in found if sku]
