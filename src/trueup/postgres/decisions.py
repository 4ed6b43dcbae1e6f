"""What people decide about held changes, in Postgres.

A decision needs no run lock: it only says what later runs may do. It counts where the held change
still stands as the person saw it, so that two people never decide over each other's heads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.changes import Action, Reason
from trueup.domain.guards import Rule
from trueup.domain.records import Kind, RecordKey
from trueup.domain.waiting import HeldState, Waiting, refused_values
from trueup.ports import Decision
from trueup.postgres.jsonfields import clean, dump, load_deltas, load_fields, plain
from trueup.postgres.ledger_rows import Row
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("decisions")
COLUMNS: Final = sql.SQL(
    "id, kind, code, sku, owner, action, reason, deltas::text, fingerprint, rules, why, state,"
    " first_run, last_run, held_at, applied::text, remote_id, decided_by, decided_at, note,"
    " expires_at, subscriptions"
)


class PostgresDecisions:
    """The held changes, and what people say to them."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def waiting(self) -> list[Waiting]:
        """What is open or approved, the oldest first."""
        return self._read("waiting", {})

    def of_run(self, run_id: str) -> list[Waiting]:
        """What a run held, whatever became of it; what was rejected only while that counts."""
        return self._read("of_run", {"run_id": run_id})

    def find(self, numbers: Collection[int]) -> list[Waiting]:
        """These held changes, as they stand now."""
        return self._read("find", {"numbers": list(numbers)})

    def newest_run(self) -> str | None:
        """The newest run that holds something which is open or approved."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["newest"]).fetchone()
        return None if row is None else str(row[0])

    def approve(self, seen: Sequence[Waiting], decision: Decision) -> frozenset[int]:
        """Let them pass; what stands otherwise than it was seen is left alone."""
        with self._writing() as connection:
            decided = self._decide(connection, "approve", seen, decision)
            connection.execute(_SQL["lift"], {"numbers": list(decided)})
        return decided

    def reject(self, seen: Sequence[Waiting], decision: Decision) -> frozenset[int]:
        """Refuse their values until the catalogue wants others."""
        with self._writing() as connection:
            decided = self._decide(connection, "reject", seen, decision)
            rejected = [one for one in seen if one.number in decided]
            run_of = {one.key: one.last_run for one in rejected}
            refused = [
                {
                    "kind": key.kind.value,
                    "code": key.code,
                    "field": name,
                    "value": plain(value),
                    "run_id": run_of[key],
                }
                for (key, name), value in refused_values(rejected).items()
            ]
            said = {"by": clean(decision.by), "note": clean(decision.note)}
            connection.execute(_SQL["refuse"], {"values": dump(refused), **said})
        return decided

    def outdate(self, numbers: Collection[int]) -> None:
        """These were approved, and there is no such change any more."""
        if numbers:
            with self._writing() as connection:
                connection.execute(_SQL["outdate"], {"numbers": list(numbers)})

    def _decide(
        self,
        connection: psycopg.Connection[Any],
        verb: str,
        seen: Sequence[Waiting],
        decision: Decision,
    ) -> frozenset[int]:
        given = {
            "seen": dump([_as_seen(one) for one in seen]),
            "by": clean(decision.by),
            "note": clean(decision.note),
            "expires_at": decision.expires_at,
        }
        decided = [number for (number,) in connection.execute(_SQL[verb], given)]
        connection.execute(_SQL["note"], {"numbers": decided})
        return frozenset(decided)

    @contextmanager
    def _writing(self) -> Iterator[psycopg.Connection[Any]]:
        with self._pool.connection() as connection, connection.transaction():
            yield connection

    def _read(self, name: str, given: Mapping[str, Any]) -> list[Waiting]:
        query = _SQL[name].format(columns=COLUMNS)
        with self._pool.connection() as connection:
            return [to_waiting(row) for row in connection.execute(query, given)]


def _as_seen(one: Waiting) -> dict[str, Any]:
    decided = None if one.decided_at is None else one.decided_at.isoformat()
    return {"id": one.number, "state": one.state.value, "decided_at": decided}


def to_waiting(row: Row) -> Waiting:
    """A held change from the columns above."""
    number, kind, code, sku, owner, action, reason, deltas, fingerprint, rules, why, *rest = row
    state, first_run, last_run, held_at, applied, *decided = rest
    return Waiting(
        number,
        RecordKey(Kind(kind), code),
        sku,
        owner,
        Action(action),
        Reason(reason),
        load_deltas(deltas),
        fingerprint,
        tuple(Rule(rule) for rule in rules),
        why,
        HeldState(state),
        first_run,
        last_run,
        held_at,
        load_fields(applied),
        *decided,
    )
