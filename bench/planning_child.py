"""Make one plan and say what it took: `python -m bench.planning_child URL crm,billing`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from psycopg_pool import ConnectionPool

from trueup.clock import SystemClock
from trueup.domain.changes import Change
from trueup.domain.errors import RecordError
from trueup.domain.guards import GuardLimits
from trueup.domain.records import (
    KINDS_OF,
    FieldSpec,
    Intent,
    Kind,
    RemoteRecord,
    Schema,
    TargetName,
)
from trueup.domain.runs import Trigger
from trueup.planner.due import LADDER
from trueup.planner.mapping import DEFAULT_RULES, FieldMap
from trueup.planner.reading import CatalogueRules
from trueup.ports import Target, Written
from trueup.postgres.catalogue import PostgresCatalogue
from trueup.postgres.guardbook import PostgresGuardbook
from trueup.postgres.lease import PostgresLease
from trueup.postgres.ledger import PostgresLedger
from trueup.postgres.pool import open_pool
from trueup.reconcile.scope import Limits, Scope, Workshop
from trueup.reconcile.survey import survey

READING = "bench"
_MAPPING = FieldMap(DEFAULT_RULES)


def _spec(kind: Kind, name: str) -> FieldSpec:
    return FieldSpec(name, "currency" if name in _MAPPING.money(kind) else "text")


class ReadAlready:
    """A target whose records lie in the ledger already: nothing is listed."""

    def __init__(self, name: TargetName) -> None:
        self.name = name

    def schema(self) -> Schema:
        """Every field of the mapping."""
        return Schema(
            {
                kind: {name: _spec(kind, name) for name in _MAPPING.managed(kind)}
                for kind in KINDS_OF[self.name]
            }
        )

    def records(self, kind: Kind) -> Iterator[RemoteRecord]:
        """Nothing more."""
        del kind
        return iter(())

    def find(self, intents: Sequence[Intent]) -> list[RemoteRecord]:
        """Nothing was lost."""
        del intents
        return []

    def group(self, changes: Sequence[Change]) -> list[list[Change]]:
        """A plan sends nothing."""
        raise NotImplementedError(changes)

    def apply(self, changes: Sequence[Change], remote_id: Any) -> list[Written | RecordError]:
        """A plan sends nothing."""
        raise NotImplementedError(changes, remote_id)


class KeptLedger(PostgresLedger):
    """The ledger, with a reading that stays for the next round."""

    def forget(self, reading: str) -> None:
        """Keep it."""


def catalogue_of(pool: ConnectionPool[Any]) -> PostgresCatalogue:
    """The catalogue as the default settings read it."""
    return PostgresCatalogue(pool, digest_salt=_MAPPING.digest())


def main() -> None:
    """Plan, and print one JSON object."""
    url, names = sys.argv[1:]
    targets = tuple(TargetName(name) for name in names.split(","))
    pool = open_pool(url, 8)
    try:
        told = _plan(pool, targets)
    finally:
        pool.close()
    print(json.dumps(told))


def _plan(pool: ConnectionPool[Any], targets: tuple[TargetName, ...]) -> dict[str, Any]:
    catalogue, clock = catalogue_of(pool), SystemClock()
    there: dict[TargetName, Target] = {name: ReadAlready(name) for name in targets}
    shop = Workshop(
        catalogue=catalogue,
        targets=there,
        ledger=KeptLedger(pool, ladder=LADDER, catalogue_ids=catalogue.ids),
        guardbook=PostgresGuardbook(pool),
        lock=PostgresLease(pool, "bench", owner="bench", seconds=30),
        clock=clock,
        mapping=_MAPPING,
        rules=CatalogueRules("ZAR", ZoneInfo("Africa/Johannesburg")),
        limits=Limits(),
        guards=GuardLimits(),
        new_run_id=lambda trigger, _: str(Trigger(trigger)),
    )
    began = time.monotonic()
    seen = survey(shop, Scope(targets), READING)
    plan = seen.plan(batch_size=100, rate=1.5)
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": peak_megabytes(),
        "looked": plan.looked,
        "edited": len({change.sku for change in plan.changes}),
        "changes": len(plan.changes),
    }


def peak_megabytes() -> float:
    """The most that this program had resident; what it was started from does not count."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024  # bytes on macOS
    lines = (line.split() for line in status.read_text(encoding="ascii").splitlines())
    return next(int(words[1]) / 1024 for words in lines if words and words[0] == "VmHWM:")


if __name__ == "__main__":
    main()
