"""Which remote ids are remembered, and for whom: by the ledger, and by the older screens' table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL

from trueup.domain.records import Binding, Kind, RecordKey, Slot
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("bound_ids")


def bound_ids(connection: Connection[Any]) -> Iterator[Binding]:
    """Every binding of the ledger, without what was last written: that is wide, and not asked."""
    return map(_to_binding, connection.execute(_SQL["bound"]))


def shared_stored_ids(connection: Connection[Any]) -> Iterator[Binding]:
    """The ids in `product_integrations` that several products remember, one binding per product.

    A predecessor that trusted the first row of a filtered list stored one item's id for them all.
    """
    return map(_to_binding, connection.execute(_SQL["stored"]))


def _to_binding(row: tuple[Any, ...]) -> Binding:
    kind, code, slot, remote_id, owner, sku = row
    return Binding(RecordKey(Kind(kind), code), Slot(slot), remote_id, owner, sku, {})
