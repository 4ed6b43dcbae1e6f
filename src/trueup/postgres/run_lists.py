"""Lists of runs, and of the changes of one, a page at a time; read-only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from trueup.domain.changes import Action, Reason, Status
from trueup.domain.records import Kind, RecordKey, TargetName
from trueup.domain.runs import Run, RunState, Trigger
from trueup.postgres.jsonfields import load_deltas
from trueup.postgres.ledger_rows import Row, key_of, to_run
from trueup.postgres.queries import load_queries
from trueup.postgres.reports import PastChange, Said

_SQL: Final[Mapping[str, sql.SQL]] = load_queries("run_lists")


BY_PERSON: Final = " by a person"  # the end of a status that somebody gave a change


@dataclass(frozen=True, slots=True)
class CountedRun:
    """A run with the changes that were written and that failed."""

    run: Run
    applied: int
    failed: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of runs ends: the next one begins behind this run."""

    started_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the changes of a run at one target."""

    target: TargetName
    written: Mapping[Action, int]
    statuses: Mapping[str, int]


def page(
    connection: Connection[Any],
    *,
    states: Sequence[RunState] = (),
    triggers: Sequence[Trigger] = (),
    after: Place | None = None,
    limit: int = 30,
    within: tuple[datetime, datetime] | None = None,
) -> list[CountedRun]:
    """Runs behind a place, the newest first; without states or triggers, of all of them.

    `within` is the time in which they began, its end excluded.
    """
    given = {
        "states": [one.value for one in states] or None,
        "triggers": [one.value for one in triggers] or None,
        "before": after and after.started_at,
        "after_id": after.run_id if after else "",
        "since": within and within[0],
        "until": within and within[1],
        "limit": limit,
    }
    rows = connection.execute(_SQL["page"], given)
    return [CountedRun(to_run(row), applied, failed) for *row, applied, failed in rows]


def counts(connection: Connection[Any], run_id: str) -> list[Counts]:
    """What became of the changes of a run, by target."""
    written: dict[TargetName, Counter[Action]] = {}
    statuses: dict[TargetName, Counter[str]] = {}
    for target, action, status, decided, number in connection.execute(
        _SQL["counts"], {"run_id": run_id}
    ):
        place = TargetName(target)
        word = f"{status}{BY_PERSON}" if decided and status != "applied" else status
        statuses.setdefault(place, Counter())[word] += number
        if status == "applied":
            written.setdefault(place, Counter())[Action(action)] += number
    return [
        Counts(one, written.get(one, Counter()), statuses[one])
        for one in TargetName
        if one in statuses
    ]


def changes(
    connection: Connection[Any],
    run_id: str,
    *,
    statuses: Sequence[str] = (),
    sku: str = "",
    after: int = 0,
    limit: int = 50,
) -> list[tuple[int, PastChange]]:
    """Changes of a run in their order behind a number, each with its own.

    `held` among the statuses stands for all that a guard held, whatever people decided; `sku` may
    be the beginning of one.
    """
    given = {
        "run_id": run_id,
        "statuses": list(statuses) or None,
        "sku_key": key_of(sku) or None,
        "after": after,
        "limit": limit,
    }
    return [_numbered(row) for row in connection.execute(_SQL["changes"], given)]


def failing(connection: Connection[Any], run_id: str, limit: int) -> list[str]:
    """SKUs of products that failed in a run and do not agree yet."""
    rows = connection.execute(_SQL["failing"], {"run_id": run_id, "limit": limit})
    return [sku for (sku,) in rows]


def _numbered(row: Row) -> tuple[int, PastChange]:
    number, run_id, at, target, kind, code, sku, owner, action, reason, deltas, word, *rest = row
    remote_id, error_code, detail, actor, editor = rest
    # Targets reject too; only what a person rejected has an actor.
    said = word in (Said.HELD, Said.APPROVED) or (word == Said.REJECTED and bool(actor))
    return number, PastChange(
        run_id,
        at,
        TargetName(target),
        RecordKey(Kind(kind), code),
        sku,
        owner,
        Action(action),
        Reason(reason),
        load_deltas(deltas),
        Said(word) if said else Status(word),
        remote_id,
        error_code,
        detail,
        actor,
        editor,
    )
