"""The ledger in Postgres: bindings, intents, outcomes, standings, runs.

Every write of a run names its fence and stops with `LeaseLostError` when the run lock is somebody
else's by now, in the transaction of the write itself (laws 8 and 9). What happens between two
requests is one statement: a function of `migrations/0003_ledger.sql`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.changes import Action, Change, Outcome
from trueup.domain.records import (
    Binding,
    DesiredRecord,
    Intent,
    Kind,
    RecordKey,
    RemoteRecord,
    TargetName,
)
from trueup.domain.runs import ProductResult, Run
from trueup.domain.states import ProductState
from trueup.ports import Fence
from trueup.postgres.fences import fence_values, fenced
from trueup.postgres.jsonfields import clean, dump
from trueup.postgres.ledger_rows import (
    Row,
    intent_values,
    outcome_values,
    run_values,
    to_binding,
    to_intent,
    to_run,
    to_state,
)
from trueup.postgres.observed import Readings
from trueup.postgres.queries import load_queries
from trueup.postgres.settlement import settlement_values

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("ledger")
_PIECE: Final = 10_000

CATALOGUE_IDS: Final = sql.SQL("select id::text from public.service_packages")


class PostgresLedger:
    """The ledger.

    `ladder` is the back-off after the first, second, … failure in a row, in seconds.
    `catalogue_ids` selects the ids that the catalogue has (`PostgresCatalogue.ids`).
    """

    def __init__(
        self,
        pool: ConnectionPool,
        *,
        ladder: Sequence[float],
        catalogue_ids: sql.Composable = CATALOGUE_IDS,
    ) -> None:
        self._pool = pool
        self._ladder = list(ladder)
        self._ids = catalogue_ids
        self._readings = Readings(pool)

    # --- runs ------------------------------------------------------------------------------

    def begin(self, run: Run, fence: Fence) -> None:
        """Write a run down before it does anything.

        Runs that never finished are marked as interrupted, here and in the predecessor's log, and
        the last of them is the one that this run resumes.
        """
        given = run_values(run) | fence_values(fence)
        with self._pool.connection() as connection, fenced(), connection.transaction():
            connection.execute(_SQL["fence"], given)
            dead = connection.execute(_SQL["interrupt"], given).fetchone()
            given["resumes"] = run.resumes or (dead[0] if dead else "")
            connection.execute(_SQL["begin"], given)
            connection.execute(_SQL["begin_log"], given)
        self._readings.forget_old()

    def finish(self, run: Run, fence: Fence) -> None:
        """Write down how a run ended, also in the predecessor's log."""
        given = run_values(run) | fence_values(fence)
        with self._pool.connection() as connection, fenced(), connection.transaction():
            connection.execute(_SQL["fence"], given)
            connection.execute(_SQL["finish"], given)
            connection.execute(_SQL["finish_log"], given)

    def last_run(self) -> Run | None:
        """The newest run that came to an end of its own, good or bad."""
        rows = self._rows("last_run", {})
        return to_run(rows[0]) if rows else None

    # --- what is remembered of records -----------------------------------------------------

    def bindings(self, owners: Collection[str], codes: Collection[RecordKey]) -> list[Binding]:
        """The bindings of these offerings, and those with these keys, in order of key."""
        given = {
            "owners": dump(list(owners)),
            "keys": dump([{"kind": key.kind.value, "code": clean(key.code)} for key in codes]),
        }
        return [to_binding(row) for row in self._rows("bindings", given)]

    def some_bindings(self, kind: Kind, most: int) -> list[Binding]:
        """A few of the bindings of a kind, whichever; none when there are none."""
        given = {"kind": kind.value, "most": most}
        return [to_binding(row) for row in self._rows("some_bindings", given)]

    def shared_bindings(self) -> list[Binding]:
        """The bindings of shared devices."""
        return [to_binding(row) for row in self._rows("shared_bindings", {})]

    def missing_owners(self) -> Iterator[tuple[str, int, list[Binding]]]:
        """Offerings with records, that the catalogue no longer has: id, runs missed, bindings.

        A create whose outcome is not known counts: its binding has no remote id.
        """
        query = _SQL["missing_owners"].format(catalogue_ids=self._ids)
        with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor("missing_owners") as cursor,
        ):
            # All of it is wanted: a plan for the first rows would look a million owners up singly.
            connection.execute("set local cursor_tuple_fraction = 1")
            cursor.itersize = _PIECE
            found = ((int(row[0]), to_binding(row[1:])) for row in cursor.execute(query))
            for owner, group in groupby(found, key=lambda pair: pair[1].owner):
                pairs = list(group)
                yield owner, pairs[0][0], [binding for _, binding in pairs]

    def note_absences(self, run_id: str, fence: Fence) -> None:
        """Count one more run for each missing offering; those that came back start anew."""
        given = {"run_id": run_id} | fence_values(fence)
        with self._pool.connection() as connection, fenced(), connection.transaction():
            connection.execute(_SQL["fence"], given)
            for name in ("forget_absences", "note_absences"):
                connection.execute(_SQL[name].format(catalogue_ids=self._ids), given)

    def intents(self, kinds: Collection[Kind]) -> list[Intent]:
        """The creates whose answers are unknown."""
        rows = self._rows("intents", {"kinds": [kind.value for kind in kinds]})
        return [to_intent(row) for row in rows]

    def remote_id(self, key: RecordKey) -> str | None:
        """The remote id bound to a key."""
        rows = self._rows("remote_id", {"kind": key.kind.value, "code": key.code})
        return str(rows[0][0]) if rows else None

    # --- readings --------------------------------------------------------------------------

    def observe(self, reading: str, kind: Kind, records: Iterable[RemoteRecord]) -> int:
        """Keep what was read of a kind, all of it or nothing; returns how many."""
        return self._readings.observe(reading, kind, records)

    def candidates(
        self, reading: str, desired: Sequence[DesiredRecord], bindings: Sequence[Binding]
    ) -> list[RemoteRecord]:
        """The observed records that could be these, each once."""
        return self._readings.candidates(reading, desired, bindings)

    def forget(self, reading: str) -> None:
        """Drop a reading."""
        self._readings.forget(reading)

    # --- what a run writes -----------------------------------------------------------------

    def intend(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        """Write down the creates about to be sent, and that these products are not yet decided."""
        creates = [intent_values(c) for c in changes if c.action is Action.CREATE]
        others = [c for c in changes if c.action is not Action.CREATE]
        if creates:
            self._write("write_intents", {"run_id": run_id, "intents": dump(creates)}, fence)
        if others or not creates:
            places = {
                "owners": [change.owner for change in others],
                "targets": [change.target.value for change in others],
            }
            self._write("touch_products", places, fence)

    def record(self, outcomes: Sequence[Outcome], run_id: str, fence: Fence) -> None:
        """Make outcomes durable: history, bindings, intents, remote ids for the old screens."""
        documents = [outcome_values(place, outcome) for place, outcome in enumerate(outcomes)]
        self._write("record_outcomes", {"run_id": run_id, "outcomes": dump(documents)}, fence)

    def settle(
        self, results: Sequence[ProductResult], run_id: str, fence: Fence, at: datetime
    ) -> None:
        """Remember how products stand, with back-off, also in the predecessor's columns.

        A deferred product changes nothing; held and skipped ones read `pending` there.
        """
        given = {"run_id": run_id, "at": at, "ladder": self._ladder}
        for start in range(0, len(results), _PIECE):
            values = settlement_values(results[start : start + _PIECE])
            self._write("settle", given | values, fence)

    # --- what people do --------------------------------------------------------------------

    def release(
        self,
        owners: Collection[str],
        targets: Collection[TargetName] = tuple(TargetName),
        *,
        due: bool = True,
    ) -> int:
        """Lift back-off and quarantine of offerings; with `due` they are due at once.

        Returns how many standings were touched.
        """
        given = {"owners": list(owners), "targets": [t.value for t in targets], "due": due}
        with self._pool.connection() as connection:
            return connection.execute(_SQL["release"], given).rowcount

    def rate_limited(self, owners: Collection[str], target: TargetName, message: str) -> None:
        """Write down that a target refused for too many requests while these were its turn."""
        given = {"owners": list(owners), "target": target.value, "message": clean(message)}
        with self._pool.connection() as connection:
            connection.execute(_SQL["rate_limited"], given)

    def states(self, owners: Collection[str]) -> dict[str, dict[TargetName, ProductState]]:
        """How these offerings stand; those never decided are left out."""
        found: dict[str, dict[TargetName, ProductState]] = defaultdict(dict)
        for owner, target, *state in self._rows("states", {"owners": list(owners)}):
            found[owner][TargetName(target)] = to_state(tuple(state))
        return dict(found)

    def _rows(self, name: str, given: Mapping[str, Any]) -> list[Row]:
        with self._pool.connection() as connection:
            return connection.execute(_SQL[name], given).fetchall()

    def _write(self, name: str, given: Mapping[str, Any], fence: Fence) -> None:
        with self._pool.connection() as connection, fenced():
            connection.execute(_SQL[name], {**given, **fence_values(fence)})
