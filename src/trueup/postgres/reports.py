"""What people ask about runs and products; read-only, one function per question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Any, Final, TypeAlias

from psycopg import Connection
from psycopg.sql import SQL

from trueup.domain.changes import Action, FieldDelta, Reason, Status
from trueup.domain.errors import UsageError
from trueup.domain.records import Kind, RecordKey, TargetName
from trueup.domain.runs import Run, RunState
from trueup.domain.states import Standing
from trueup.postgres.jsonfields import load, load_deltas
from trueup.postgres.ledger_rows import Row, key_of, to_run
from trueup.postgres.queries import load_queries

_SQL: Final[Mapping[str, SQL]] = load_queries("reports")
_PIECE: Final = 1_000
PATIENCE: Final = 3  # a product that fails more often in a row needs a person

Reader: TypeAlias = Connection  # whoever may only read; so that a command can name its type


@dataclass(frozen=True, slots=True)
class StandingCount:
    """How many products stand so at CRM and at Billing."""

    crm: Standing
    billing: Standing
    products: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of everything at a glance."""

    standings: tuple[StandingCount, ...]
    runs: tuple[Run, ...]
    oldest_verification: datetime | None
    quarantined: int
    stubborn: int = 0  # products that go on failing, see `PATIENCE`

    @property
    def total(self) -> int:
        """The products that were ever decided."""
        return sum(count.products for count in self.standings)

    @property
    def agreeing(self) -> int:
        """Those that agree at both targets."""
        ok = Standing.OK
        return sum(c.products for c in self.standings if (c.crm, c.billing) == (ok, ok))

    def products(self, target: TargetName, standing: Standing) -> int:
        """How many products stand so at one target."""
        return sum(
            c.products
            for c in self.standings
            if (c.crm if target is TargetName.CRM else c.billing) is standing
        )


@dataclass(frozen=True, slots=True)
class TroubledProduct:
    """A product that does not agree at a target, and what happens next."""

    offering_id: str
    sku: str
    name: str
    target: TargetName
    error: str
    failures: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    quarantined: bool
    last_success_at: datetime | None
    standing: Standing = Standing.FAILED
    failing_since: datetime | None = None


class Said(StrEnum):
    """What happened to a change that a guard held: nobody tried it at the target."""

    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"  # by a person, unlike the outcome of this name


@dataclass(frozen=True, slots=True)
class PastChange:
    """One change that was tried or held, with the fields before and after.

    `actor` is the person who decided about it, `editor` who had changed the record at Zoho.
    """

    run_id: str
    at: datetime
    target: TargetName
    key: RecordKey
    sku: str
    owner: str
    action: Action
    reason: Reason
    deltas: Mapping[str, FieldDelta]
    status: Status | Said
    remote_id: str
    error_code: str
    detail: str
    actor: str = ""
    editor: str = ""

    @property
    def failed(self) -> bool:
        """Whether it was tried and did not get through."""
        return isinstance(self.status, Status) and self.status.is_failure


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One run in numbers; durations in milliseconds."""

    run_id: str
    started_at: datetime
    state: RunState
    duration_ms: int
    changes: int
    failures: int
    requests: int
    rate_limit_hits: int


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The runs of one local day in numbers; durations in milliseconds."""

    day: date
    runs: int
    duration_ms: int
    changes: int
    failures: int
    requests: int
    rate_limit_hits: int


@dataclass(frozen=True, slots=True)
class FrequentFailure:
    """A product whose changes fail often."""

    sku: str
    owner: str
    failures: int
    last_at: datetime
    last_error: str


def standings(connection: Connection) -> tuple[tuple[StandingCount, ...], datetime | None]:
    """Counts by standing at both targets, and the oldest verification. Reads all products."""
    rows = _rows(connection, "standings")
    counts = tuple(
        StandingCount(Standing(crm), Standing(billing), n) for crm, billing, n, _ in rows
    )
    return counts, min((verified for *_, verified in rows if verified is not None), default=None)


def persistent(connection: Connection) -> tuple[int, int]:
    """How many products are in quarantine, and how many others go on failing."""
    [(quarantined, stubborn)] = _rows(connection, "persistent", {"patience": PATIENCE})
    return quarantined, stubborn


def overview(connection: Connection, *, runs: int = 5) -> Overview:
    """Counts by standing at both targets, the last runs, the oldest verification."""
    counts, oldest = standings(connection)
    last = tuple(last_runs(connection, runs))
    return Overview(counts, last, oldest, *persistent(connection))


def troubled_products(
    connection: Connection,
    standings: Sequence[Standing] = (Standing.FAILED,),
    *,
    targets: Sequence[TargetName] = tuple(TargetName),
    limit: int = 100,
) -> list[TroubledProduct]:
    """The failing products (or those held or refused), the longest-failing first."""
    given = {"statuses": [s.value for s in standings], "targets": _words(targets), "limit": limit}
    found = []
    for row in _rows(connection, "failing", given):
        offering_id, sku, name, target, error, *rest, standing, since = row
        place = TargetName(target)
        trouble = TroubledProduct(offering_id, sku, name, place, error or "", *rest)
        found.append(replace(trouble, standing=Standing(standing), failing_since=since))
    return found


def trouble_counts(
    connection: Connection, targets: Sequence[TargetName] = tuple(TargetName)
) -> dict[Standing, int]:
    """How often a product fails, is held or is refused at one of these targets."""
    counts = dict.fromkeys((Standing.FAILED, Standing.HELD, Standing.SKIPPED), 0)
    for status, number in _rows(connection, "trouble_counts", {"targets": _words(targets)}):
        counts[Standing(status)] = number
    return counts


def last_runs(connection: Connection, limit: int = 20) -> list[Run]:
    """The newest runs, the newest first."""
    return [to_run(row) for row in _rows(connection, "runs", {"limit": limit})]


def last_success(connection: Connection) -> Run | None:
    """The newest run that reached agreement."""
    return next((to_run(row) for row in _rows(connection, "last_success")), None)


def find_run(connection: Connection, run_id: str) -> Run | None:
    """A run by its id, or by the beginning of it.

    Raises `UsageError` when several runs begin so.
    """
    found = [to_run(row) for row in _rows(connection, "find_runs", {"run_id": run_id})]
    if len(found) > 1 and found[0].run_id != run_id:
        raise UsageError(f"several runs begin with {run_id}", remedy="give more of the id")
    return found[0] if found else None


def violations_of(
    connection: Connection, run_ids: Collection[str]
) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """The guards that these runs broke, as they showed them, by run, rule and target."""
    rows = _rows(connection, "violations", {"run_ids": list(run_ids)})
    return {
        (run_id, one["rule"], one["target"]): one for run_id, text in rows for one in load(text)
    }


def outcomes(connection: Connection, run_id: str) -> Iterator[PastChange]:
    """Every change that a run tried, in order; streamed, a backfill tries many."""
    with connection.transaction(), connection.cursor("outcomes") as cursor:
        cursor.itersize = _PIECE
        for row in cursor.execute(_SQL["outcomes"], {"run_id": run_id}):
            yield _to_change(row)


def history(connection: Connection, sku: str, *, limit: int = 1000) -> list[PastChange]:
    """Every change of the product with this SKU, the newest first.

    Changes under other SKUs that the same offering had are part of its history.
    """
    given = {"sku_key": key_of(sku), "limit": limit}
    return [_to_change(row) for row in _rows(connection, "history", given)]


def run_trends(connection: Connection, since: datetime) -> list[RunFigures]:
    """The runs since a moment in numbers, the oldest first."""
    return [
        RunFigures(run_id, started_at, RunState(state), *figures)
        for run_id, started_at, state, *figures in _rows(connection, "trends", {"since": since})
    ]


def day_trends(connection: Connection, since: datetime, zone: tzinfo) -> list[DayFigures]:
    """The same by local day; days without a run are left out."""
    days: dict[date, list[RunFigures]] = defaultdict(list)
    for run in run_trends(connection, since):
        days[run.started_at.astimezone(zone).date()].append(run)
    return [
        DayFigures(
            day,
            len(runs),
            sum(run.duration_ms for run in runs),
            sum(run.changes for run in runs),
            sum(run.failures for run in runs),
            sum(run.requests for run in runs),
            sum(run.rate_limit_hits for run in runs),
        )
        for day, runs in sorted(days.items())
    ]


def most_failing(
    connection: Connection, since: datetime, *, limit: int = 10
) -> list[FrequentFailure]:
    """The products whose changes failed most often since a moment."""
    given = {"since": since, "limit": limit}
    return [FrequentFailure(*row) for row in _rows(connection, "most_failing", given)]


def _words(targets: Sequence[TargetName]) -> list[str]:
    return [target.value for target in targets]


def _rows(connection: Connection, name: str, given: Mapping[str, Any] | None = None) -> list[Row]:
    return connection.execute(_SQL[name], given).fetchall()


def _to_change(row: Row) -> PastChange:
    run_id, at, target, kind, code, sku, owner, action, reason, deltas, status, *rest = row
    return PastChange(
        run_id,
        at,
        TargetName(target),
        RecordKey(Kind(kind), code),
        sku,
        owner,
        Action(action),
        Reason(reason),
        load_deltas(deltas),
        _to_status(status, actor=rest[3]),
        *rest,
    )


def _to_status(word: str, *, actor: str) -> Status | Said:
    """Targets reject too; only what a person rejected has one."""
    said = word in (Said.HELD, Said.APPROVED) or (word == Said.REJECTED and bool(actor))
    return Said(word) if said else Status(word)
