"""What guards know, what waits for a person, and what people decided, in Postgres."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from trueup.domain.changes import Action, Change
from trueup.domain.guards import Evidence, FieldKey, Flips, GuardLimits, Held, Refusal, Rule
from trueup.domain.plan import mark_of
from trueup.domain.records import FieldValue, Kind, RecordKey, TargetName
from trueup.ports import Decision, Fence
from trueup.postgres.fences import fence_values, fenced
from trueup.postgres.jsonfields import clean, dump, load, plain, plain_deltas, plain_fields, typed
from trueup.postgres.ledger_rows import Row, key_of
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("guardbook")
_TAKEN_OVER: Final = (Action.ADOPT, Action.RETIRE)


class PostgresGuardbook:
    """The guardbook. What a run writes names its fence, as everything a run writes does."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    # --- what guards must know --------------------------------------------------------------

    def evidence(self, changes: Sequence[Change], now: datetime, limits: GuardLimits) -> Evidence:
        """What judging these changes needs to know; approvals that have expired do not count."""
        if not changes:
            return Evidence()
        given = {
            "keys": dump([_key(change.key) for change in changes]),
            "records": dump(_taken_over(changes)),
            "now": now,
            "since": now - timedelta(days=limits.flip_days),
        }
        with self._pool.connection() as connection:

            def rows(name: str) -> list[Row]:
                return connection.execute(_SQL[name], given).fetchall()

            held = rows("waiting")
            return Evidence(
                products={TargetName(target): count for target, count in rows("products")},
                established=frozenset(TargetName(row[0]) for row in rows("established")),
                written=frozenset((Kind(kind), remote_id) for kind, remote_id in rows("written")),
                approved=frozenset(row[0] for row in rows("approved")),
                refused=dict(_to_refusal(row) for row in rows("refused")),
                flips=dict(_to_flips(row) for row in rows("flips")),
                waiting={row[2]: frozenset(map(Rule, row[3])) for row in held},
                paused=frozenset(_paused(held)),
            )

    # --- what a run writes ------------------------------------------------------------------

    def approve(self, held: Sequence[Held], run_id: str, fence: Fence, decision: Decision) -> None:
        """A person let these changes pass in this very run, also those rejected before."""
        given: dict[str, Any] = {
            "marks": [mark_of(one.change) for one in held],
            "by": clean(decision.by),
            "note": clean(decision.note),
            "expires_at": decision.expires_at,
            "run_id": run_id,
            "status": "approved",
            "detail": clean(decision.note) or f"approved by {clean(decision.by)}",
            "actor": clean(decision.by),
        }
        with self._writing(fence) as connection:
            connection.execute(_SQL["reopen"], given)
            given["numbers"] = self._keep(connection, held, run_id)
            for name in ("approve", "lift_refusals", "note"):
                connection.execute(_SQL[name], given)

    def hold(self, held: Sequence[Held], run_id: str, fence: Fence) -> None:
        """Keep what waits for a person; what is new among it goes into the history."""
        waiting = [one for one in held if not one.rejected]
        if waiting:
            with self._writing(fence) as connection:
                self._keep(connection, waiting, run_id)

    def _keep(
        self, connection: psycopg.Connection[Any], held: Sequence[Held], run_id: str
    ) -> list[int]:
        """Keep held changes; approvals that have expired are open again. Returns their numbers."""
        given = {"held": dump([_held_values(one) for one in held]), "run_id": run_id}
        expired = [number for (number,) in connection.execute(_SQL["expire"], given)]
        connection.execute(_SQL["supersede"], given)
        kept = connection.execute(_SQL["keep"], given).fetchall()
        note = {"run_id": run_id, "status": "held", "actor": ""}
        new = [number for number, is_new in kept if is_new]
        for numbers, detail in ((new, ""), (expired, "its approval has expired")):
            if numbers:
                connection.execute(_SQL["note"], {**note, "numbers": numbers, "detail": detail})
        return [number for number, _ in kept]

    def passed(self, changes: Sequence[Change], run_id: str, fence: Fence) -> None:
        """These changes were carried out: what waited on the same fields is done with."""
        done = [{**_key(c.key), "fields": sorted(c.deltas)} for c in changes]
        if done:
            self._write(("passed",), {"done": dump(done), "run_id": run_id}, fence)

    def tidy(self, since: datetime, fence: Fence) -> None:
        """What waits for, or was refused of, products that are in order since then is done with."""
        self._write(("tidy", "tidy_refusals"), {"since": since}, fence)

    def lift(self, fields: Collection[FieldKey], fence: Fence) -> None:
        """Nothing is refused on these fields any more."""
        named = [{**_key(key), "field": name} for key, name in fields]
        self._write(("lift",), {"fields": dump(named)}, fence)

    def establish(self, targets: Collection[TargetName], run_id: str, fence: Fence) -> None:
        """All that was wanted at these targets has been created."""
        named = [target.value for target in targets]
        self._write(("establish",), {"targets": named, "run_id": run_id}, fence)

    def refuse(
        self,
        values: Mapping[FieldKey, FieldValue],
        run_id: str,
        fence: Fence,
        decision: Decision,
    ) -> None:
        """A person does not want these values: a change that would write one is held."""
        if not values:
            return
        rows = [
            {**_key(key), "field": name, "value": plain(value)}
            for (key, name), value in values.items()
        ]
        given = {
            "values": dump(rows),
            "by": clean(decision.by),
            "note": clean(decision.note),
            "run_id": run_id,
        }
        self._write(("refuse",), given, fence)

    def _write(self, names: Iterable[str], given: Mapping[str, Any], fence: Fence) -> None:
        with self._writing(fence) as connection:
            for name in names:
                connection.execute(_SQL[name], given)

    @contextmanager
    def _writing(self, fence: Fence) -> Iterator[psycopg.Connection[Any]]:
        """One transaction that only the holder of the run lock gets through."""
        with self._pool.connection() as connection, fenced(), connection.transaction():
            connection.execute(_SQL["fence"], fence_values(fence))
            yield connection


def _key(key: RecordKey) -> dict[str, str]:
    return {"kind": key.kind.value, "code": clean(key.code)}


def _taken_over(changes: Sequence[Change]) -> list[dict[str, str]]:
    return [{**_key(c.key), "remote_id": c.remote_id} for c in changes if c.action in _TAKEN_OVER]


def _to_refusal(row: Row) -> tuple[FieldKey, Refusal]:
    kind, code, name, value, by, note = row
    place = (RecordKey(Kind(kind), code), name)
    return place, Refusal(typed(load(value)["value"]), by, note)


def _to_flips(row: Row) -> tuple[FieldKey, Flips]:
    kind, code, name, count, editors = row
    return (RecordKey(Kind(kind), code), name), Flips(count, tuple(e for e in editors if e))


def _paused(held: Iterable[Row]) -> Iterator[FieldKey]:
    """The fields that wait because somebody else writes them as well."""
    for kind, code, _, rules, names in held:
        if Rule.SECOND_WRITER in rules:
            yield from ((RecordKey(Kind(kind), code), name) for name in names)


def _held_values(held: Held) -> dict[str, Any]:
    change = held.change
    return {
        **_key(change.key),
        "target": change.target.value,
        "sku": clean(change.sku),
        "sku_key": key_of(change.sku),
        "owner": change.owner,
        "action": change.action.value,
        "reason": change.reason.value,
        "deltas": plain_deltas(change.deltas),
        "applied": plain_fields({n: v for n, v in change.applied.items() if n in change.deltas}),
        "remote_id": change.remote_id,
        "fingerprint": mark_of(change),
        "rules": [rule.value for rule in held.rules],
        "why": clean(held.why),
        "subscriptions": change.subscriptions,
    }
