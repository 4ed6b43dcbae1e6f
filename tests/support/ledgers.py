"""Both ledgers behind one bench, and the values that tests of a ledger are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool

from support.memory_ledger import LADDER, MemoryLedger
from trueup.domain.changes import Action, Change, FieldDelta, Outcome, Reason, Status
from trueup.domain.records import (
    ACTIVE,
    DesiredRecord,
    Fields,
    Kind,
    RecordKey,
    RemoteRecord,
    Slot,
    TargetName,
)
from trueup.domain.runs import ProductResult, ProductStatus, Run, RunState, Trigger, Verdict
from trueup.ports import Fence
from trueup.postgres.ledger import PostgresLedger

LOCK = "run"
NOW = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


@dataclass
class MemoryBench:
    """The ledger in memory and the world around it."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def take_over(self) -> Fence:
        """Another process takes the run lock; the fences before are void."""
        self.ledger.epochs[LOCK] = self.ledger.epochs.get(LOCK, 0) + 1
        return Fence(LOCK, self.ledger.epochs[LOCK])

    def add_products(self, *offering_ids: str) -> None:
        self.ledger.catalogue.update(offering_ids)

    def remove_product(self, offering_id: str) -> None:
        self.ledger.catalogue.discard(offering_id)

    def history(self) -> list[tuple[str, str, str]]:
        """Run, key and status of each change written down."""
        return [(run, str(o.change.key), o.status.value) for run, o in self.ledger.history]


class PostgresBench:
    """The ledger in Postgres, with the same methods."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection]) -> None:
        self.pool = pool
        self.ledger = PostgresLedger(pool, ladder=LADDER)

    def take_over(self) -> Fence:
        self.sql("update trueup.lease set expires_at = clock_timestamp() where name = %s", LOCK)
        [(epoch,)] = self.sql("select trueup.take_lease(%s, 'a', 300, 'r', 'h', 1)", LOCK)
        return Fence(LOCK, epoch)

    def add_products(self, *offering_ids: str) -> None:
        for offering_id in offering_ids:
            self.sql(
                "insert into service_packages"
                " (id, name, service_type, speed_down, speed_up, price, sku, status)"
                " values (%s, 'Line', 'fibre', 10, 5, 100, %s, 'active')",
                offering_id,
                f"SKU-{offering_id[-4:]}",
            )

    def remove_product(self, offering_id: str) -> None:
        self.sql("delete from service_packages where id = %s", offering_id)

    def history(self) -> list[tuple[str, str, str]]:
        return self.sql(
            "select run_id, kind || '/' || code, status from trueup.change_history order by id"
        )

    def sql(self, query: str, *given: Any) -> list[Any]:
        """Run a statement and return its rows, if it has any."""
        with self.pool.connection() as connection:
            cursor = connection.execute(query, given)
            return cursor.fetchall() if cursor.description else []


Bench: TypeAlias = MemoryBench | PostgresBench


def offering(number: int) -> str:
    """The id of an invented product."""
    return str(UUID(int=0xABC0_0000_0000_4000_8000_0000_0000_0000 + number))


def key(code: str, kind: Kind = Kind.CRM_PRODUCT) -> RecordKey:
    """A record's key."""
    return RecordKey(kind, code)


def a_change(
    record: RecordKey,
    action: Action = Action.CREATE,
    *,
    owner: str = "",
    fields: Fields | None = None,
    **more: Any,
) -> Change:
    """A change of an invented record."""
    wanted: Mapping[str, Any] = {"name": "Line"} if fields is None else fields
    if action is Action.RETIRE:
        wanted = {ACTIVE[record.kind]: False}
    deltas = {name: FieldDelta(None, value) for name, value in wanted.items()}
    given = {"slot": Slot.PRODUCT, "users": (owner,), "sku": record.code, **more}
    return Change(record, action, Reason.MISSING, deltas, owner=owner, fields=wanted, **given)


def an_outcome(change: Change, status: Status = Status.APPLIED, remote_id: str = "") -> Outcome:
    """What became of it."""
    return Outcome(change, status, remote_id=remote_id, at=NOW)


def a_result(
    offering_id: str, status: ProductStatus, *, error: str | None = None, **more: Any
) -> ProductResult:
    """What was decided about a product, the same for both targets unless `targets` says else."""
    targets: Sequence[TargetName] = more.pop("targets", tuple(TargetName))
    verdict = Verdict(status, error, more.pop("permanent", False))
    revision = more.pop("revision", "r1")
    return ProductResult(offering_id, "SKU-1", "Line", revision, dict.fromkeys(targets, verdict))


def a_run(run_id: str, state: RunState = RunState.RUNNING, **more: Any) -> Run:
    """A run."""
    return Run(run_id, Trigger.CLI, state, more.pop("started_at", NOW), **more)


def a_record(
    remote_id: str, code: str = "", kind: Kind = Kind.CRM_PRODUCT, **more: Any
) -> RemoteRecord:
    """A record as it was read."""
    return RemoteRecord(kind, remote_id, code, more.pop("fields", {}), **more)


def a_desired(record: RecordKey, owner: str = "", **more: Any) -> DesiredRecord:
    """A record as it is wanted."""
    fields = more.pop("fields", {})
    given = {"slot": Slot.PRODUCT, "users": (owner,), "sku": record.code, **more}
    return DesiredRecord(record, fields=fields, owner=owner, **given)
