"""What runs wrote, read back as typed values, and the decisions that go with taking it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.changes import Action, Reason
from trueup.domain.guards import FieldKey
from trueup.domain.past import LastWrite, PastWrite, Place
from trueup.domain.records import FieldValue, Kind, RecordKey
from trueup.ports import Fence
from trueup.postgres.fences import fence_values, fenced
from trueup.postgres.jsonfields import clean, dump, load, load_deltas, typed
from trueup.postgres.ledger_rows import Row
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("past")


class PostgresPast:
    """The past as `trueup.change_history` keeps it."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def writes(self, run_id: str) -> list[PastWrite]:
        """What a run wrote, in order, also where an answer was lost or it died before hearing it.

        A create of unknown outcome is left out when another attempt has made the record since.
        """
        return [_to_write(row) for row in self._rows("writes", {"run_id": run_id})]

    def last_writes(self, records: Collection[Place]) -> dict[tuple[Place, str], LastWrite]:
        """The last write of each field of these remote records, whatever run it was in."""
        asked = [{"kind": kind.value, "remote_id": remote_id} for kind, remote_id in records]
        rows = self._rows("last_writes", {"records": dump(asked)})
        return {
            ((Kind(kind), remote_id), name): LastWrite(run_id, Reason(reason), _value(value))
            for kind, remote_id, name, run_id, reason, value in rows
        }

    def refused(self, keys: Collection[RecordKey]) -> dict[FieldKey, FieldValue]:
        """The values that people do not want on the fields of these records."""
        rows = self._rows("refused", {"keys": dump([_key(key) for key in keys])})
        return {
            (RecordKey(Kind(kind), code), name): _value(value) for kind, code, name, value in rows
        }

    def lift(self, fields: Collection[FieldKey], fence: Fence) -> None:
        """People want what they refused on these fields after all."""
        listed = [{**_key(key), "field": name} for key, name in fields]
        self._write("lift", {"fields": dump(listed)}, fence)

    def sign(self, run_id: str, by: str, fence: Fence) -> None:
        """A person had this run made: its changes carry the name from now on."""
        self._write("sign", {"run_id": run_id, "by": clean(by)}, fence)

    def _rows(self, name: str, given: Mapping[str, Any]) -> list[Row]:
        with self._pool.connection() as connection:
            return connection.execute(_SQL[name], given).fetchall()

    def _write(self, name: str, given: Mapping[str, Any], fence: Fence) -> None:
        values = {**given, **fence_values(fence)}
        with self._pool.connection() as connection, fenced(), connection.transaction():
            connection.execute(_SQL["fence"], values)
            connection.execute(_SQL[name], values)


def _to_write(row: Row) -> PastWrite:
    kind, code, action, reason, deltas, remote_id, owner, sku, certain = row
    return PastWrite(
        RecordKey(Kind(kind), code),
        Action(action),
        Reason(reason),
        load_deltas(deltas),
        remote_id,
        owner,
        sku,
        certain=certain,
    )


def _key(key: RecordKey) -> dict[str, str]:
    return {"kind": key.kind.value, "code": clean(key.code)}


def _value(document: str) -> FieldValue:
    return typed(load(document)["value"])
