"""Runs as people are shown them: lists, one on its way, and one that is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from trueup.domain.changes import Status
from trueup.domain.progress import Finished, Lane, Line, RunProgress
from trueup.domain.records import TargetName
from trueup.domain.runs import Run, RunState, Trigger
from trueup.postgres.run_lists import BY_PERSON
from trueup.views.outcomes import Told, tell

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from trueup.ports import BudgetUsage
    from trueup.postgres.attention import Writer
    from trueup.postgres.call_figures import RunCount
    from trueup.postgres.reports import DayFigures
    from trueup.postgres.run_lists import CountedRun, Counts, Place
    from trueup.postgres.run_progress import LateChange
    from trueup.views.desk import Desk

RUNS: Final = 30  # on a page
CHANGES: Final = 50  # on a page
FIRST_FAILURES: Final = 5
AGAIN: Final = 500  # products that are tried again at once

ASKED_BY: Final[Mapping[Trigger, str]] = {
    Trigger.CLI: "a person",
    Trigger.SCHEDULE: "the schedule",
    Trigger.CRON: "the cron endpoint",
    Trigger.BACKFILL: "a backfill",
    Trigger.RESYNC: "a re-sync",
    Trigger.REPAIR: "a repair",
    Trigger.DEMO: "the demo",
    Trigger.APPROVAL: "an approval",
    Trigger.REVERT: "a revert",
    Trigger.ADOPT: "an adoption",
    Trigger.WATCH: "a change in the catalogue",
}
MEANING: Final[Mapping[RunState, str]] = {
    RunState.RUNNING: "It is on its way.",
    RunState.SUCCEEDED: "Everything that it looked at agrees.",
    RunState.PARTIAL: "Done in part: something failed or was left for the next run.",
    RunState.FAILED: "It failed.",
    RunState.HELD: "Done, but for what a person must decide.",
    RunState.INTERRUPTED: "It was interrupted; another run continued it.",
    RunState.ALREADY_RUNNING: "Another run was writing, so it did nothing.",
}
ANSWERED: Final[Mapping[str, str]] = {
    "ok": "answered",
    "empty": "nothing there",
    "gone": "no such record",
    "throttled": "too many",
    "quota": "quota used up",
    "server": "server error",
    "unreadable": "no answer",
    "token": "token refused",
    "scope": "permission missing",
    "permission": "permission missing",
    "configuration": "wrong address",
    "duplicate": "duplicate",
    "stale": "record moved",
    "busy": "record locked",
    "refused": "refused",
    "unknown": "refused",
}
FAILED: Final = tuple(status.value for status in Status if status.is_failure)
SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "all": (),
    "written": (Status.APPLIED.value,),
    "failed": FAILED,
    "held": ("held",),  # with what a person decided about
}


@dataclass(frozen=True, slots=True)
class RunList:
    """A page of runs, the newest first; `after` is where the next one begins."""

    runs: tuple[CountedRun, ...]
    after: Place | None


@dataclass(frozen=True, slots=True)
class Live:
    """A run on its way. `tells` is false for one that says nothing about itself.

    `seconds` have passed since it began, `writing` of them since it had a plan.

    `writer` holds the run lock for it; without one its process has died.
    """

    run: Run
    seconds: int
    writing: int
    progress: RunProgress
    tells: bool
    late: tuple[LateChange, ...]
    usage: BudgetUsage
    writer: Writer | None
    cancelled_by: str

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.run.state is not RunState.RUNNING

    @property
    def seconds_left(self) -> float | None:
        """About how long it will still take; None where nobody knows."""
        return self.progress.seconds_left(self.usage.limit, self.usage.window, self.writing)

    @property
    def lanes(self) -> Mapping[str, Lane]:
        """What became of the changes, by target."""
        known = self.progress.lanes
        return {target.value: known[target] for target in TargetName if target in known}

    @property
    def phase(self) -> str:
        """What it is doing, as the beginning of a sentence."""
        text = self.progress.phase.replace("_", " ") or "at work"
        return text[0].upper() + text[1:]

    @property
    def finished(self) -> Sequence[Finished]:
        """The last products that were decided, the newest first."""
        return self.progress.finished


@dataclass(frozen=True, slots=True)
class Account:
    """What a run told of itself. `answers` counts what came back, by target and by `ANSWERED`."""

    answers: Mapping[str, Mapping[str, int]]
    log: Sequence[Line]
    cancelled_by: str


@dataclass(frozen=True, slots=True)
class Record:
    """A run that is over, with a page of its changes; `after` is where the next one begins.

    `again` are the products that failed, and do not agree yet.
    """

    run: Run
    counts: tuple[Counts, ...]
    requests: tuple[RunCount, ...]
    failures: tuple[Told, ...]
    changes: tuple[Told, ...]
    after: int | None
    removed_at: datetime | None
    account: Account
    again: tuple[str, ...]

    @property
    def written(self) -> int:
        """Changes that were carried out."""
        return sum(sum(one.written.values()) for one in self.counts)

    @property
    def failed(self) -> int:
        """Changes that were tried in vain."""
        return sum(one.statuses.get(word, 0) for one in self.counts for word in FAILED)

    @property
    def shown(self) -> dict[str, int]:
        """How many changes each word of `SHOWN` shows."""
        words = Counter[str]()
        for one in self.counts:
            words.update(one.statuses)
        waits = sum(n for word, n in words.items() if word == "held" or word.endswith(BY_PERSON))
        return {
            "all": words.total(),
            "written": self.written,
            "failed": self.failed,
            "held": waits,
        }

    @property
    def can_be_reverted(self) -> bool:
        """Whether there is something to take back, and it is still known."""
        return bool(self.written) and self.removed_at is None


def find(desk: Desk, run_id: str) -> Run | None:
    """A run by its id; raises `UsageError` when it is the beginning of several."""
    from trueup.postgres import reports

    return reports.find_run(desk.connection, run_id) if run_id else None


def listed(
    desk: Desk,
    states: Sequence[RunState] = (),
    triggers: Sequence[Trigger] = (),
    after: Place | None = None,
    day: date | None = None,
    limit: int = RUNS,
) -> RunList:
    """A page of runs behind a place, of all days or of a local one."""
    from trueup.postgres import run_lists

    found = run_lists.page(
        desk.connection,
        states=states,
        triggers=triggers,
        after=after,
        limit=limit + 1,
        within=None if day is None else _length_of(day, desk.time.zone),
    )
    shown = tuple(found[:limit])
    return RunList(shown, _place_of(shown[-1].run) if len(found) > limit else None)


def _length_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From midnight to midnight, which is an hour less or more where clocks are changed."""
    begins = datetime(day.year, day.month, day.day, tzinfo=zone)
    after = min(day, date.max - timedelta(days=2)) + timedelta(days=1)
    return begins, datetime(after.year, after.month, after.day, tzinfo=zone)


def _place_of(run: Run) -> Place:
    from trueup.postgres.run_lists import Place

    return Place(run.started_at, run.run_id)


def live(desk: Desk, run_id: str) -> Live | None:
    """How far a run has come; None when there is no such run."""
    from trueup.bootstrap import WORKSPACE
    from trueup.postgres import attention, run_progress

    run = find(desk, run_id)
    if run is None:
        return None
    told = run_progress.told(desk.connection, run.run_id)
    late = () if told else tuple(run_progress.latest(desk.connection, run.run_id))
    writer = attention.writer(desk.connection, f"{WORKSPACE}/run")
    progress = told.progress if told else RunProgress()
    return Live(
        run,
        _seconds_since(desk, run.started_at),
        _seconds_since(desk, progress.planned_at or desk.time.now),
        progress,
        told is not None,
        late,
        desk.app.budget.usage(),
        writer if writer is not None and writer.run_id == run.run_id else None,
        run_progress.cancelled_by(desk.connection, run.run_id),
    )


def _seconds_since(desk: Desk, instant: datetime) -> int:
    return max(0, int((desk.time.now - instant).total_seconds()))


def record(desk: Desk, run: Run, *, show: str = "all", sku: str = "", after: int = 0) -> Record:
    """A run that is over, with one page of its changes: `show` is a key of `SHOWN`."""
    from trueup.bootstrap import WORKSPACE
    from trueup.postgres import run_lists
    from trueup.postgres.call_figures import CallFigures
    from trueup.postgres.prune import changes_removed_at

    connection, run_id = desk.connection, run.run_id
    found = run_lists.changes(
        connection, run_id, statuses=SHOWN[show], sku=sku, after=after, limit=CHANGES + 1
    )
    counts = tuple(run_lists.counts(connection, run_id))
    failures = run_lists.changes(connection, run_id, statuses=FAILED, limit=FIRST_FAILURES)
    return Record(
        run,
        counts,
        tuple(CallFigures(desk.app.pool, WORKSPACE).by_run(run_id)),
        tell(desk, [change for _, change in failures]),
        tell(desk, [change for _, change in found[:CHANGES]]),
        found[CHANGES - 1][0] if len(found) > CHANGES else None,
        changes_removed_at(connection, run_id),
        account(desk, run),
        tuple(run_lists.failing(connection, run_id, AGAIN)) if failures else (),
    )


def account(desk: Desk, run: Run) -> Account:
    """What a run told of itself; nothing for one that could not."""
    from trueup.postgres import run_progress

    told = run_progress.told(desk.connection, run.run_id)
    by = run_progress.cancelled_by(desk.connection, run.run_id)
    return Account(told.progress.answers, told.progress.log, by) if told else Account({}, (), by)


@dataclass(frozen=True, slots=True)
class Night:
    """A local day and what its runs did; None where there was none."""

    day: date
    figures: DayFigures | None


def last_nights(desk: Desk, number: int) -> list[Night]:
    """The last local days, the oldest first, those without a run too."""
    from trueup.postgres import reports

    time = desk.time
    today = time.now.astimezone(time.zone).date()
    first = today - timedelta(days=number - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=time.zone)
    known = {one.day: one for one in reports.day_trends(desk.connection, since, time.zone)}
    days = (first + timedelta(days=n) for n in range(number))
    return [Night(day, known.get(day)) for day in days]


def guards_of(run: Run) -> list[dict[str, Any]]:
    """The guards that a run broke, each with its rule and its measure in words."""
    from trueup.domain.guards import Rule
    from trueup.planner.explain import RULES, explain_measure

    return [
        {**one, "words": RULES[Rule(one["rule"])], "measured": explain_measure(one)}
        for one in run.violations
    ]
